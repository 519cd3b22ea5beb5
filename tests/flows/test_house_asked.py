"""What a caller of the API may ask of a call in the running house: leave a message, hang up, extract, forget."""

from typing import Any

import pytest

from calling.domain.disclosure import AI_NOTICE
from tests.flows.house_story import Story
from tests.flows.house_world import Running, eventually
from tests.flows.test_house_calls import words

AUNT, RINGING, BUYER, TALKER = "+447386172421", "+447386172422", "+447386172423", "+447386172424"
MESSAGE = "Hello {who}, please ring Brightside Dental back today."
PURPOSE = "Remind the caller about their appointment tomorrow at 2pm."
SCHEMA = {"type": "object", "properties": {"appointment_day": {"type": "string", "description": "The day agreed"}}}


@pytest.fixture(scope="module")
def asked(story: Story) -> dict[str, str]:
    """Four calls placed at once; ids by who is called."""
    running = story.running
    # A model that must not be told to think nothing, and on which no tool can be forced.
    changed = {"extraction_schema": SCHEMA, "llm_model": "claude-sonnet-5-5"}
    assert running.api("PUT", f"/agents/{story.agent_id}", changed).status_code == 200
    running.person(AUNT, answers="voicemail")
    running.person(RINGING, answers="no-answer")
    running.person(BUYER, lines=["Hello?", "Could we move it to Wednesday at three?", "No, that is all. Bye."])
    running.person(TALKER, lines=["Hello?", "Wait a moment please."])
    changes: dict[str, dict[str, Any]] = {
        AUNT: {"voicemail_action": "leave_message", "voicemail_message": MESSAGE, "dynamic_vars": {"who": "Auntie"}},
    }
    body = {"agent_id": story.agent_id, "prompt": PURPOSE}
    return {to: running.place(body | {"to_number": to} | changes.get(to, {})) for to in (RINGING, TALKER, AUNT, BUYER)}


def test_a_ringing_call_is_canceled(story: Story, asked: dict[str, str]) -> None:
    running, call_id = story.running, asked[RINGING]
    eventually(lambda: running.record(call_id)["call_status"] == "ringing", 60)
    assert running.api("DELETE", f"/calls/{call_id}").status_code == 409
    assert running.api("POST", f"/calls/{call_id}/hangup").status_code == 200
    record = running.ended(call_id)
    assert (record["call_status"], record["ended_reason"]) == ("canceled", "canceled")
    assert running.api("POST", f"/calls/{call_id}/hangup").json()["error"]["code"] == "call_already_ended"


def test_a_live_call_is_hung_up(story: Story, asked: dict[str, str]) -> None:
    running, call_id = story.running, asked[TALKER]
    eventually(lambda: any(turn["role"] == "agent" for turn in running.record(call_id)["turns"]), 60)
    assert running.api("POST", f"/calls/{call_id}/hangup").status_code == 200
    record = running.ended(call_id)
    assert (record["call_status"], record["ended_reason"]) == ("completed", "canceled")
    assert record["charged_minutes"] == 1
    assert running.at_carrier(call_id)["status"] == "completed"


def test_a_message_is_left_after_the_beep_and_not_charged(story: Story, asked: dict[str, str]) -> None:
    record, call = story.running.ended(asked[AUNT], 90), story.running.at_carrier(asked[AUNT])
    assert (record["call_status"], record["ended_reason"]) == ("completed", "voicemail_left")
    assert record["voicemail_left"] is True
    assert record["voicemail_detected"] is True
    assert record["charged_minutes"] == 0
    assert words(call["heard"]) == words([AI_NOTICE, MESSAGE.replace("{who}", "Auntie")])
    assert call["parameters"]["MachineDetection"] == ["DetectMessageEnd"]


def test_what_the_agents_schema_asks_for_is_extracted(story: Story, asked: dict[str, str]) -> None:
    record = story.running.ended(asked[BUYER], 90)
    assert "Wednesday" in record["extracted_data"]["appointment_day"]
    [hook] = story.running.customer.terminal(asked[BUYER])
    assert hook.event["extracted_data"] == record["extracted_data"]


def test_tokens_are_counted_and_priced_by_the_agents_model(story: Story, asked: dict[str, str]) -> None:
    record = story.running.ended(asked[BUYER], 90)
    lines = {i["item"]: i for i in record["cost"]["items"] if i["model"]}
    assert {line["model"] for line in lines.values()} == {"claude-sonnet-5-5"}
    assert (lines["model_output"]["basis"], lines["model_output"]["unit_price"]) == ("measured", 10 / 1_000_000)


def test_an_agents_model_is_looked_up(story: Story) -> None:
    def answered(model: str) -> Any:
        """Save until the function has answered in time: its first start takes longer than anybody is kept waiting."""
        answer = story.running.api("POST", "/agents", {"llm_model": model})
        return None if "was not checked" in answer.text else answer

    refused = eventually(lambda: answered("gpt-9"), 60, every=1)
    assert refused.json()["error"]["code"] == "model_not_supported"
    leaving = eventually(lambda: answered("claude-sonnet-4-5"), 60, every=1)
    assert "will be gone on 30 November 2026" in str(leaving.json()["warnings"])


def test_an_erased_call_is_gone_with_its_recording_and_its_history(story: Story, asked: dict[str, str]) -> None:
    running, call_id = story.running, asked[BUYER]
    running.ended(call_id, 90)
    url = running.record(call_id)["recording_url"]
    assert running.http.get(url, follow_redirects=True).headers["content-type"] == "audio/wav"
    assert running.api("DELETE", f"/calls/{call_id}").json() == {"call_id": call_id, "deleted": True}
    assert running.http.get(url).status_code == 404
    assert running.api("GET", f"/calls/{call_id}").status_code == 404
    assert remembered(running, BUYER) == []
    assert running.get(f"/webhooks/deliveries?call_id={call_id}") == []
    assert all(call["call_id"] != call_id for call in running.get("/calls?limit=200"))


def remembered(running: Running, number: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.get(f"/history/{number.replace('+', '%2B')}")["calls"]
    return found
