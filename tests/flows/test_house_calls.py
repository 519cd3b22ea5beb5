"""Whole calls through the running house, seen from the API, the carrier and the customer's receiver."""

import hmac
import json
import stat
import wave
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from standardwebhooks import Webhook

from infra.local.speech import mulaw
from infra.local.speech.scripted import Decoder
from tests.flows.house_story import AWAY, BUSY, FAILING, MACHINE, PEOPLE, REFUSED, SARAH, STRANGER, Story
from tests.flows.house_world import Hook, Running, eventually

KEYS = {
    "pid",
    "api_url",
    "api_key",
    "account_id",
    "webhook_secret",
    "carrier_url",
    "account_sid",
    "auth_token",
    "from_number",
    "from_number_2",
    "media_url",
    "recordings_dir",
}
SPOKEN = (SARAH, STRANGER, "again")
NEVER_CONNECTED = {
    BUSY: ("busy", "busy", 486),
    FAILING: ("failed", "failed", 404),
    REFUSED: ("failed", "failed", None),
    AWAY: ("no-answer", "no-answer", 487),
}


def test_what_is_published_is_whole_and_works(running: Running) -> None:
    house = running.house
    assert house.keys() == KEYS
    assert all(house.values())
    assert house["pid"] == running.own.process.pid
    assert stat.S_IMODE(running.own.file.stat().st_mode) == 0o600
    assert not list(running.own.file.parent.glob("house*.part"))
    assert running.numbers_at_first == {
        "at the carrier": [house["from_number"], house["from_number_2"]],
        "imported": [],
    }
    assert running.api("GET", "/agents").status_code == 200
    assert running.http.get(f"{house['api_url']}/v1/health").status_code == 200
    assert running.http.get(house["media_url"].replace("ws://", "http://") + "/health").json()["status"] == "ok"
    assert house["webhook_secret"].startswith("whsec_")
    assert Path(house["recordings_dir"]).is_dir()


def test_a_call_goes_from_the_seeds_request_to_its_summary(story: Story) -> None:
    record = story.records[SARAH]
    assert (record["call_status"], record["ended_reason"]) == ("completed", "completed")
    assert record["to_number"] == SARAH
    assert record["from_number"] == story.running.house["from_number"]
    assert record["agent_id"] == story.agent_id
    assert record["start_timestamp"] <= record["answered_at"] < record["end_timestamp"]
    assert record["duration_ms"] > 5000
    assert record["charged_minutes"] == 1
    assert "Thursday" in record["call_summary"]
    assert record["voicemail_detected"] is False
    assert record["cost"]["total"] > 0


@pytest.mark.parametrize("who", SPOKEN)
def test_what_was_said_is_what_was_heard(story: Story, who: str) -> None:
    record, call = story.records[who], story.running.at_carrier(story.ids[who])
    said = {role: [t["text"] for t in record["turns"] if t["role"] == role] for role in ("agent", "caller")}
    assert words(call["heard"]) == words(said["agent"])
    assert words(said["caller"]) in whole_or_without_hello(call["said"])
    lines = [f"{turn['role'].title()}: {turn['text']}" for turn in record["turns"]]
    assert record["transcript"].splitlines() == lines
    assert call["status"] == "completed"
    assert call["sid"] == record["twilio_call_sid"]
    assert [c["answer_status"] for c in call["callbacks"]] == [204] * 4


@pytest.mark.parametrize("who", SPOKEN)
def test_latency_is_measured(story: Story, who: str) -> None:
    record = story.records[who]
    waits = [turn["latency"] for turn in record["turns"] if turn["latency"] is not None]
    assert waits
    assert record["latency"]["answer_to_first_audio_ms"] > 0
    assert record["latency"]["voice_to_voice_ms"]["p50"] in waits
    assert record["latency"]["voice_to_voice_ms"]["p95"] == max(waits)
    assert record["avg_latency_ms"] == round(sum(waits) / len(waits))


@pytest.mark.parametrize("who", SPOKEN)
def test_the_recording_has_the_callee_left_and_the_agent_right(story: Story, who: str) -> None:
    path = Path(story.running.house["recordings_dir"]) / f"{story.ids[who]}.wav"
    eventually(path.exists, 10)
    with wave.open(str(path)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getsampwidth()) == (2, 8000, 2)
        samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").reshape(-1, 2)
    call = story.running.at_carrier(story.ids[who])
    for channel, spoken in ((0, whole_or_without_hello(call["said"])), (1, [words(call["heard"])])):
        assert np.abs(samples[:, channel].astype(np.int32)).max() > 1000
        assert words(Decoder().feed(mulaw.encode(samples[:, channel]))) in spoken


def test_the_timeline_explains_the_call(story: Story) -> None:
    timeline = story.running.timeline(story.ids[SARAH])
    events = [entry["event"] for entry in timeline]
    steps = ["queued", "dispatched", "dialing", "carrier_in-progress", "media_closed", "settled", "summarized"]
    assert [events.index(step) for step in steps] == sorted(events.index(step) for step in steps)
    assert len(events) == len(set(events)), events
    assert {"accepted", "carrier_ringing", "media_opened", "machine_detection", "carrier_completed"} <= set(events)
    times = [entry["timestamp"] for entry in timeline]
    assert times == sorted(times)


def test_the_second_call_remembers_the_first_and_a_strangers_does_not(story: Story) -> None:
    again, stranger = (" ".join(story.running.at_carrier(story.ids[who])["heard"]) for who in ("again", STRANGER))
    assert "Thursday" in again
    assert "Sarah" in again
    assert "Thursday" not in stranger
    assert "Sarah" not in stranger


def test_every_call_is_listed_newest_first(story: Story) -> None:
    listed = story.running.get("/calls?limit=200")
    ids = [call["call_id"] for call in listed]
    assert set(story.ids.values()) <= set(ids)
    assert ids.index(story.ids["again"]) < ids.index(story.ids[SARAH])
    assert all(call["transcript"] is None and "turns" not in call for call in listed)
    sarahs = story.running.get(f"/calls?to_number={SARAH.replace('+', '%2B')}")
    assert [call["call_id"] for call in sarahs] == [story.ids["again"], story.ids[SARAH]]


def test_a_voicemail_is_found_hung_up_on_and_not_charged(story: Story) -> None:
    record, call = story.records[MACHINE], story.running.at_carrier(story.ids[MACHINE])
    assert (record["call_status"], record["ended_reason"]) == ("completed", "voicemail_detected")
    assert record["voicemail_detected"] is True
    assert record["voicemail_detection_method"] in ("carrier", "speech")
    assert record["charged_minutes"] == 0
    assert record["voicemail_left"] is False
    assert call["heard"] == []
    assert call["ended_at"] - call["answered_at"] < 30  # its tape runs for 60


@pytest.mark.parametrize("who", NEVER_CONNECTED)
def test_a_call_that_never_connects_says_why(story: Story, who: str) -> None:
    status, reason, sip = NEVER_CONNECTED[who]
    record = story.records[who]
    assert (record["call_status"], record["ended_reason"], record["sip_response_code"]) == (status, reason, sip)
    assert record["answered_at"] is None
    assert (record["duration_ms"], record["charged_minutes"]) == (0, 0)
    assert record["turns"] == []
    assert record["recording_url"] is None


def test_a_refusal_of_the_carrier_keeps_its_code(story: Story) -> None:
    refused = [entry for entry in story.running.timeline(story.ids[REFUSED]) if entry["event"] == "refused"]
    assert [entry["details"]["twilio_code"] for entry in refused] == [21211]
    assert story.records[REFUSED]["twilio_call_sid"] is None


@pytest.mark.parametrize("who", [*PEOPLE, "again"])
def test_each_call_tells_its_customer_once_that_it_is_over(story: Story, who: str) -> None:
    customer, call_id, record = story.running.customer, story.ids[who], story.records[who]
    [hook] = customer.terminal(call_id)
    started = customer.of(call_id, "call.started")
    connected = who not in NEVER_CONNECTED
    assert hook.event["event"] == ("call.completed" if connected else "call.failed")
    assert len(started) == (1 if connected else 0)
    for one in (hook, *started):
        signed_twice(one, story.running.house["webhook_secret"])
    expected = {
        "status": record["call_status"],
        "ended_reason": record["ended_reason"],
        "to": record["to_number"],
        "from": record["from_number"],
        "agent_id": record["agent_id"],
        "transcript": record["transcript"],
        "summary": record["call_summary"],
        "voicemail_detected": record["voicemail_detected"],
        "metadata": record["metadata"],
        "duration_seconds": record["duration_ms"] // 1000,
    }
    assert {name: hook.event[name] for name in expected} == expected


def signed_twice(hook: Hook, secret: str) -> None:
    assert Webhook(secret).verify(hook.body, hook.headers) == json.loads(hook.body)
    parts = dict(part.split("=", 1) for part in hook.headers["x-nixflex-signature"].split(","))
    signed = f"{parts['t']}.".encode() + hook.body
    assert hmac.compare_digest(parts["v1"], hmac.new(secret.encode(), signed, sha256).hexdigest())


def whole_or_without_hello(said: list[str]) -> list[list[str]]:
    """What of a person's lines can have been heard: the first comes 0.3 s after the answer, the stream maybe later."""
    return [words(said), words(said[1:])]


def words(texts: list[str]) -> list[str]:
    return [word.strip(".,!?").lower() for text in texts for word in text.split()]
