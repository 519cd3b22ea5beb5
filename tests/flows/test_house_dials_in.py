"""Calls that come in to the running house: answered with the memory of earlier calls, which only its owner hears of.

The files of the house run in the order of their names: this one before the logs are read and the house ends.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from calling.domain.disclosure import AI_NOTICE
from tests.flows.house_story import SARAH, Story
from tests.flows.house_world import Running, eventually

NOBODY = "+447386172412"
WELCOME = "Brightside Dental, this is Maya. How can I help?"
BACK: dict[str, Any] = {
    "lines": ["Hello, I have a question.", "It is Sarah speaking.", "Thank you."],
    "after_lines": "hangup",
}
UNNAMED: dict[str, Any] = {
    "lines": ["Hello, when is my appointment?", "I would rather not say."],
    "after_lines": "hangup",
}


@dataclass(slots=True)
class Inbound:
    """Records of the calls, and what the carrier knows of them."""

    story: Story
    running: Running
    number: str
    named: dict[str, Any]
    unnamed: dict[str, Any]
    at_carrier: dict[str, dict[str, Any]]


def call_in(
    running: Running, caller: str, called: str, *, shown: dict[str, str] | None = None, **behaviour: Any
) -> str:
    """Call one of our numbers; the SID. `shown`: what the network says of the caller."""
    running.person(caller, **behaviour)
    body = {"from": caller, "to": called, **(shown or {})}
    answer = running.http.post(f"{running.house['carrier_url']}/_sim/calls/inbound", json=body)
    answer.raise_for_status()
    return str(answer.json()["sid"])


def of_sid(running: Running, sid: str) -> dict[str, Any]:
    """The call with this SID, as the API lists inbound calls."""

    def look() -> dict[str, Any] | None:
        return next((c for c in running.get("/calls?direction=inbound") if c["twilio_call_sid"] == sid), None)

    return eventually(look, 30)


@pytest.fixture(scope="module")
def inbound(story: Story) -> Inbound:
    """Sarah calls back, and then somebody else does from her telephone."""
    running = story.running
    number = running.house["from_number"]
    assert running.api("PUT", f"/agents/{story.agent_id}", {"welcome_message": WELCOME}).status_code == 200
    first = call_in(running, SARAH, number, **BACK)
    named = running.ended(of_sid(running, first)["call_id"])
    second = call_in(running, SARAH, number, **UNNAMED)
    unnamed = running.ended(of_sid(running, second)["call_id"])
    calls = {c["sid"]: c for c in running.http.get(f"{running.house['carrier_url']}/_sim/calls").json()}
    return Inbound(story, running, number, named, unnamed, {"named": calls[first], "unnamed": calls[second]})


def test_it_is_answered_with_the_welcome_word_for_word(inbound: Inbound) -> None:
    for record in (inbound.named, inbound.unnamed):
        first = next(turn for turn in record["turns"] if turn["role"] == "agent")
        assert first["text"] == f"{AI_NOTICE} {WELCOME}"


def test_memory_is_spoken_of_after_the_caller_has_said_who_they_are(inbound: Inbound) -> None:
    named = inbound.named["turns"]
    confirmed = next(n for n, turn in enumerate(named) if "Sarah" in turn["text"] and turn["role"] == "caller")
    before = " ".join(t["text"] for t in named[:confirmed] if t["role"] == "agent")
    after = " ".join(t["text"] for t in named[confirmed:] if t["role"] == "agent")
    assert "Sarah" not in before
    assert "Thursday" not in before
    assert "Thursday" in after


def test_nothing_is_said_to_who_does_not_say_who_they_are(inbound: Inbound) -> None:
    heard = " ".join(inbound.at_carrier["unnamed"]["heard"])
    assert heard
    assert "Thursday" not in heard
    assert "Sarah" not in heard


def test_who_calls_from_a_number_nobody_vouches_for_is_a_stranger(inbound: Inbound) -> None:
    """Anybody may say that they are Sarah and show her number; attestation C says no more than that somebody calls."""
    running = inbound.running
    shown = {"stir_verstat": "TN-Validation-Passed-C"}
    sid = call_in(running, SARAH, inbound.number, shown=shown, **BACK)
    record = running.ended(of_sid(running, sid)["call_id"])
    assert (record["from_number"], record["stir_verstat"]) == (SARAH, "TN-Validation-Passed-C")
    said = " ".join(turn["text"] for turn in record["turns"] if turn["role"] == "agent")
    assert said
    assert "Thursday" not in said
    past = [call["call_id"] for call in running.get(f"/history/{SARAH.replace('+', '%2B')}")["calls"]]
    assert record["call_id"] not in past, "nor is it remembered"


def test_it_is_recorded_and_charged_and_ends_as_the_callers(inbound: Inbound) -> None:
    record = inbound.named
    assert (record["call_status"], record["ended_reason"]) == ("completed", "caller_hangup")
    assert (record["call_direction"], record["from_number"], record["to_number"]) == ("inbound", SARAH, inbound.number)
    assert record["charged_minutes"] == 1
    assert record["recording_url"]
    assert record["call_summary"]
    assert record["answered_at"] >= record["start_timestamp"]
    assert {"ringing", "media_opened", "carrier_completed"} <= set(inbound.running.events(record["call_id"]))


def test_the_carrier_is_answered_and_heard_out(inbound: Inbound) -> None:
    call = inbound.at_carrier["named"]
    assert [(c["event"], c["answer_status"]) for c in call["callbacks"]] == [("completed", 204)]


def test_the_customer_is_told_and_it_is_remembered(inbound: Inbound) -> None:
    running, record = inbound.running, inbound.named
    [hook] = running.customer.terminal(record["call_id"])
    told = {name: hook.event[name] for name in ("event", "direction", "from", "to", "ended_reason", "summary")}
    assert told == {
        "event": "call.completed",
        "direction": "inbound",
        "from": SARAH,
        "to": inbound.number,
        "ended_reason": "caller_hangup",
        "summary": record["call_summary"],
    }
    assert len(running.customer.of(record["call_id"], "call.started")) == 1
    past = [call["call_id"] for call in running.get(f"/history/{SARAH.replace('+', '%2B')}")["calls"]]
    assert {inbound.story.ids[SARAH], record["call_id"]} <= set(past)


def test_a_number_that_is_switched_off_is_given_back_and_its_callers_are_no_business_of_ours(inbound: Inbound) -> None:
    running, path = inbound.running, f"/phone-numbers/{inbound.number.replace('+', '%2B')}"
    assert running.api("PATCH", path, {"inbound_enabled": False}).status_code == 200
    sid = call_in(running, NOBODY, inbound.number)

    def ended() -> Any:
        calls = running.http.get(f"{running.house['carrier_url']}/_sim/calls").json()
        return next((c for c in calls if c["sid"] == sid and c["ended_at"]), None)

    call = eventually(ended, 30)
    assert call["callbacks"] == call["other_callbacks"] == [], "nobody of ours is told"
    assert running.api("PATCH", path, {"inbound_enabled": True}).status_code == 200
    assert all(c["twilio_call_sid"] != sid for c in running.get("/calls?direction=inbound"))
