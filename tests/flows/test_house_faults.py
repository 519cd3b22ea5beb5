"""Single calls under each of the carrier's faults, and one whose media process dies, in a house of their own.

Faults hold for the whole carrier, so calls are placed under one after the other and live side by side; the house has
just enough places for that, so a place that is not given back is one that the last calls wait for.
"""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from calling.domain.disclosure import AI_NOTICE
from tests.flows.house_world import TERMINAL, Customer, HouseProcess, Running, eventually, some_ports

pytestmark = pytest.mark.timeout(240)  # the whole story is one fixture: a minute and a half, more on a busy machine
CAP = 6
FAST_SECONDS = 10  # from the carrier's end to the call's
HOOK_SECONDS = 15  # and from there to its webhook
MEDIA_GRACE_SECONDS = 20  # how long settling waits for the last words of a media process that may be dead
BRIEF = {"ring_seconds": 0.5, "talk_seconds": 3}
MARKED_PROMPT = "Quillfeather is the watchword of this deployment."
PURPOSE = "Say hello to Xylotomous."
SAID = ["Hello?", "Yes, Tuesday at two suits me very well. Goodbye."]
LIVED = {"completed": "completed", "busy": "busy", "fail": "failed"}


@dataclass(slots=True)
class Trouble:
    """The calls by what was done to them."""

    running: Running
    agent_id: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    hooked_at: dict[str, float] = field(default_factory=dict)

    def faults(self, **plan: Any) -> None:
        url = f"{self.running.house['carrier_url']}/_sim/faults"
        self.running.http.put(url, json=plan).raise_for_status()

    def place(self, name: str, **behaviour: Any) -> None:
        """Call a person of their own."""
        number = f"+4473861725{len(self.ids):02}"
        self.running.person(number, **(behaviour or BRIEF))
        body = {"agent_id": self.agent_id, "to_number": number, "prompt": PURPOSE}
        self.ids[name] = self.running.place(body)

    def calls(self, name: str) -> list[dict[str, Any]]:
        """All calls the carrier has placed for one of ours."""
        found = self.running.http.get(f"{self.running.house['carrier_url']}/_sim/calls").json()
        return [call for call in found if self.ids[name] in str(call["parameters"].get("StatusCallback"))]

    def placed(self, *names: str) -> None:
        for name in names:
            eventually(lambda name=name: self.calls(name), 20, every=0.1)  # type: ignore[misc]  # its default binds it

    def heard_of(self, name: str, event: str, times: int = 1) -> None:
        eventually(lambda: self.running.events(self.ids[name]).count(event) >= times, 20, every=0.2)

    def ended(self, *names: str, seconds: float = 60) -> None:
        """Wait for records and webhooks."""

        def look() -> bool:
            for name in names:
                call_id = self.ids[name]
                if name not in self.hooked_at and self.running.customer.terminal(call_id):
                    self.hooked_at[name] = time.time()
                if name not in self.records:
                    record = self.running.record(call_id)
                    if record["call_status"] in TERMINAL:
                        self.records[name] = record
            return all(name in self.records and name in self.hooked_at for name in names)

        eventually(look, seconds, every=0.3)
        self.records.update({name: self.running.record(self.ids[name]) for name in names})

    def settled_after(self, name: str) -> float:
        """Seconds from the carrier's end of a call to ours."""
        settled = next(e for e in self.running.timeline(self.ids[name]) if e["event"] == "settled")
        return float(settled["timestamp"]) / 1000 - float(self.calls(name)[0]["ended_at"])

    # The trouble, in the order it is made.

    def begin(self) -> None:
        self.agent_id = self.running.agent(self.running.house["from_number"], system_prompt=MARKED_PROMPT)
        self.killed_lambda()
        self.create_call_faults()
        self.lost_callbacks()
        self.confused_callbacks()
        self.busy_model()
        self.lost_streams()
        self.dead_media()
        self.all_places()

    def killed_lambda(self) -> None:
        """The Lambda that dials dies while it waits for the carrier's answer: the call is placed, nobody knows its SID.

        One point, to see that Step Functions and the wires do what the virtual house assumes of them; every point of
        every Lambda is hit in tests/unit/usecases/test_way_of_a_call.py, with the same code and state machine.
        """
        self.faults(create_call={"delay_ms": 8000}, callbacks={"delay_ms": [1500, 1500]})
        self.place("dial killed, completed")
        self.placed("dial killed, completed")
        own = self.running.own
        others = [pid for pid, line in own.living().items() if "-m media" in line]
        for pid in own.connected_to(int(own.ports["CARRIER_PORT"])) - set(others):  # the API's idle one with it
            os.kill(pid, signal.SIGKILL)
        self.faults()

    def create_call_faults(self) -> None:
        self.faults(create_call={"http_500": 1})
        self.place("500, nothing placed")
        self.heard_of("500, nothing placed", "answer_lost")
        self.faults(create_call={"accept_then_drop": 1}, list_lag_ms=3000)
        self.place("answer lost, completed")
        self.place("answer lost, busy", answers="busy")
        self.placed("answer lost, completed", "answer lost, busy")
        self.faults(create_call={"http_500_accepted": 1})
        self.place("500 but placed, completed")
        self.placed("500 but placed, completed")
        self.faults(create_call={"http_429": 1})
        self.place("429 twice, completed")
        self.heard_of("429 twice, completed", "throttled", times=2)
        self.faults()
        self.ended(*(name for name in self.ids if name != "500, nothing placed"))

    def lost_callbacks(self) -> None:
        lost = {"callbacks": {"drop": 1}, "list_lag_ms": 3000}
        self.faults(create_call={"accept_then_drop": 1}, **lost)
        self.place("everything lost, busy", answers="busy", ring_seconds=6)
        self.placed("everything lost, busy")
        self.faults(**lost)
        self.place("callbacks lost, completed")
        self.place("callbacks lost, busy", answers="busy")
        self.place("callbacks lost, fail", answers="fail")
        self.place("callbacks lost, canceled", ring_seconds=40)
        eventually(lambda: self.running.record(self.ids["callbacks lost, canceled"])["twilio_call_sid"], 20, every=0.2)
        hangup = self.running.api("POST", f"/calls/{self.ids['callbacks lost, canceled']}/hangup")
        assert hangup.status_code == 200, hangup.text
        self.ended(*(name for name in self.ids if "lost," in name))

    def confused_callbacks(self) -> None:
        """And a recogniser that loses each stream after 2.5 s (it refuses none: that would hold all dials)."""
        confused = {"duplicate": 1, "reorder": 1, "delay_ms": [100, 1500]}
        self.faults(callbacks=confused, speech={"drop_after_ms": 2500}, seed=5)
        self.place("recogniser cut, completed", ring_seconds=0.5, lines=SAID, after_lines="hangup")
        self.place("confused, completed")
        self.place("confused, busy", answers="busy")
        self.placed("confused, completed", "confused, busy")
        eventually(lambda: all(self.calls(n)[0]["ended_at"] for n in self.ids if "confused" in n), 20, every=0.2)
        self.ended("confused, completed", "confused, busy", "recogniser cut, completed")

    def busy_model(self) -> None:
        """The model answers 529 for as long as the person is on the line; it is well again for the summary."""
        self.faults(model={"fail": 1})
        self.place("model busy, completed", ring_seconds=0.5, lines=["Hello?"])
        self.heard_of("model busy, completed", "media_closed")
        self.faults()
        self.ended("model busy, completed")

    def lost_streams(self) -> None:
        self.faults(media={"drop_after_ms": 1500, "jitter_ms": 60, "bunch": 3, "first_timestamp_ms": 40})
        self.place("stream lost, completed", ring_seconds=0.5, talk_seconds=30)
        self.ended("stream lost, completed")
        self.faults()

    def dead_media(self) -> None:
        self.place("media killed, completed", ring_seconds=0.5, silent=True)
        self.heard_of("media killed, completed", "media_opened")
        (pid,) = [pid for pid, line in self.running.own.living().items() if line.split()[1:3] == ["-m", "media"]]
        os.kill(pid, signal.SIGKILL)
        self.ended("media killed, completed")

    def all_places(self) -> None:
        """All places but that of the call nobody knows the end of are taken at the same time."""
        names = [f"last {n}, busy" for n in range(CAP - 1)]
        with ThreadPoolExecutor() as together:
            list(together.map(self.place_last, names))
        self.placed(*names)

    def place_last(self, name: str) -> None:
        number = f"+44738617260{name.split()[1][0]}"
        self.running.person(number, answers="busy", ring_seconds=8)
        self.ids[name] = self.running.place({"agent_id": self.agent_id, "to_number": number, "prompt": PURPOSE})


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    own = HouseProcess.start(tmp_path_factory.mktemp("faults"), some_ports() | {"CAP": str(CAP), "RECOGNISER": "sdk"})
    customer = Customer()
    customer.start()
    try:
        running = Running(own, own.published(), customer)
        trouble = Trouble(running)
        trouble.begin()
        yield trouble
        running.http.close()
    finally:
        own.destroy()
        customer.stop()


def test_each_call_has_one_call_at_the_carrier_one_end_and_one_terminal_event(trouble: Trouble) -> None:
    for name, record in trouble.records.items():
        calls = trouble.calls(name)
        assert len(calls) == 1, f"{name}: {len(calls)} calls at the carrier"
        word = name.split(", ")[1]
        assert record["call_status"] == calls[0]["status"] == LIVED.get(word, word), name
        assert {hook.event["event_id"] for hook in trouble.running.customer.terminal(trouble.ids[name])} == {
            f"{trouble.ids[name]}#terminal"
        }


def test_each_end_is_known_soon_and_told_soon_after(trouble: Trouble) -> None:
    late = {}
    for name in trouble.records:
        after = trouble.settled_after(name)
        told = trouble.hooked_at[name] - trouble.calls(name)[0]["ended_at"] - after
        grace = MEDIA_GRACE_SECONDS if "media killed" in name else 0
        if after > FAST_SECONDS + grace or told > HOOK_SECONDS:
            late[name] = (round(after, 1), round(told, 1))
    assert late == {}


def test_a_lost_answer_is_noted_and_adopted(trouble: Trouble) -> None:
    for name in ("answer lost, completed", "500 but placed, completed", "everything lost, busy"):
        assert "answer_lost" in trouble.running.events(trouble.ids[name])
        assert trouble.records[name]["twilio_call_sid"] == trouble.calls(name)[0]["sid"]


def test_a_lambda_killed_in_its_request_leaves_a_call_that_is_found(trouble: Trouble) -> None:
    events = trouble.running.events(trouble.ids["dial killed, completed"])
    assert "dialing" in events
    assert not {"accepted", "answer_lost"} & set(events), "it died before it could write anything"
    assert trouble.records["dial killed, completed"]["twilio_call_sid"]


def test_what_was_perhaps_never_placed_is_not_dialled_again(trouble: Trouble) -> None:
    name = "500, nothing placed"
    assert trouble.calls(name) == []
    assert trouble.running.record(trouble.ids[name])["call_status"] == "dialing"
    assert trouble.running.events(trouble.ids[name]).count("dialing") == 1


def test_a_429_is_no_attempt(trouble: Trouble) -> None:
    events = trouble.running.events(trouble.ids["429 twice, completed"])
    assert events.count("throttled") >= 2
    assert events.count("accepted") == 1


def test_nobody_calls_back_and_still_all_is_known(trouble: Trouble) -> None:
    for name in (n for n in trouble.records if n.startswith(("callbacks lost", "everything lost"))):
        assert trouble.calls(name)[0]["callbacks"] == []
        timeline = trouble.running.timeline(trouble.ids[name])
        assert {e["details"]["source"] for e in timeline if e["event"].startswith("carrier_")} <= {"asked", "stream"}
    assert trouble.records["callbacks lost, canceled"]["ended_reason"] == "canceled"


def test_doubles_and_disorder_change_nothing(trouble: Trouble) -> None:
    for name in ("confused, completed", "confused, busy"):
        sequences = [callback["sequence"] for callback in trouble.calls(name)[0]["callbacks"]]
        assert sequences != sorted(set(sequences)), "it was confused"
        events = trouble.running.events(trouble.ids[name])
        assert len([e for e in events if e.startswith("carrier_")]) == len({e for e in events if "carrier_" in e})
    started = trouble.running.customer.of(trouble.ids["confused, completed"], "call.started")
    assert len({hook.event["event_id"] for hook in started}) == 1


def test_a_person_who_meets_a_busy_model_is_told_so_and_then_the_truth(trouble: Trouble) -> None:
    record = trouble.records["model busy, completed"]
    said = " ".join(turn["text"] for turn in record["turns"] if turn["role"] == "agent")
    last_words = "I'm sorry, something is wrong on my side and I can't go on. Goodbye."
    assert said == f"{AI_NOTICE} One moment, please. {last_words}"
    assert (record["ended_reason"], record["call_summary"] is not None) == ("error", True)


def test_a_lost_stream_and_a_dead_media_process_are_no_hangup_of_the_callee(trouble: Trouble) -> None:
    for name in ("stream lost, completed", "media killed, completed"):
        assert trouble.records[name]["ended_reason"] == "error", name
        (at_carrier,) = trouble.calls(name)
        assert "I am sorry, our connection has failed" in at_carrier["heard"][-1], "no click"
        record = trouble.running.record(trouble.ids[name])
        assert record["stream_error"] == "the call's audio connection was closed (Twilio 31921)"
        assert record["failure_reason"] == record["stream_error"]
    events = trouble.running.events(trouble.ids["media killed, completed"])
    assert "media_opened" in events
    assert "media_closed" not in events


def test_who_talks_to_a_recogniser_that_breaks_off_is_understood_word_for_word(trouble: Trouble) -> None:
    turns = trouble.records["recogniser cut, completed"]["turns"]
    assert [turn["text"] for turn in turns if turn["role"] == "caller"] == SAID
    lost = [line for _, line in trouble.running.log_lines() if "transcription stream lost" in line]
    assert len(lost) >= 2


def test_every_place_came_back(trouble: Trouble) -> None:
    last = [name for name in trouble.ids if name.startswith("last")]
    lives = [trouble.calls(name)[0] for name in last]
    assert max(call["created_at"] for call in lives) < min(call["ended_at"] or 1e12 for call in lives)
    assert [name for name in last if "waiting" in trouble.running.events(trouble.ids[name])] == []


def test_trouble_makes_no_log_tell_what_must_not_be_told(trouble: Trouble) -> None:
    """What goes wrong is logged on other lines than what goes right; see also test_house_discretion."""
    house = trouble.running.house
    tokens = [trouble.running.stream_token(i) for name, i in trouble.ids.items() if name != "500, nothing placed"]
    secrets = {house["api_key"].partition(":")[2], house["webhook_secret"].removeprefix("whsec_"), house["auth_token"]}
    numbers = {"7386172", house["from_number"].removeprefix("+")}
    spoken = {turn["text"].lower() for record in trouble.records.values() for turn in record["turns"]}
    words = {"quillfeather", "xylotomous"} | {text for text in spoken if len(text) > 10}
    forbidden = secrets | set(tokens) | numbers
    assert words & spoken, "somebody said something"
    found = {
        (name, text)
        for name, line in trouble.running.log_lines()
        for text in forbidden | words
        if text in (line.lower() if text in words else line)
    }
    assert found == set()
