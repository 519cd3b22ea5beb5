"""The carrier's media streams against a real websocket server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from twilio.request_validator import RequestValidator

from infra.local.carrier.program import APPLICATION_ERROR
from tests.contracts.carrier_world import ACCOUNT, TOKEN, World, carrier_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with carrier_world() as world:
        yield world


async def test_a_stream_begins_as_twilio_begins_it(world: World) -> None:
    await world.person(lines=[])
    call = await world.create(twiml=world.twiml(token="secret", call_id="call_1"))
    stream = await world.stream()

    url = f"{world.media_url}/calls/acct_1/call_1"
    assert RequestValidator(TOKEN).validate(url, {}, stream.headers["x-twilio-signature"])
    assert stream.headers["user-agent"] == "Twilio.TmeWs/1.0"
    assert stream.path == "/calls/acct_1/call_1"
    assert stream.messages[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert stream.messages[1] == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": stream.sid,
        "start": {
            "accountSid": ACCOUNT,
            "streamSid": stream.sid,
            "callSid": call.sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": "secret", "call_id": "call_1"},
        },
    }
    await world.until(lambda: len(stream.named("media")) >= 5)
    frames = stream.named("media")
    assert [frame["media"]["chunk"] for frame in frames[:3]] == ["1", "2", "3"]
    assert [frame["media"]["timestamp"] for frame in frames[:3]] == ["0", "20", "40"]
    assert [int(message["sequenceNumber"]) for message in stream.messages[1:6]] == [1, 2, 3, 4, 5]
    assert {frame["media"]["track"] for frame in frames} == {"inbound"}
    assert all(base64.b64decode(frame["media"]["payload"]) == b"\xff" * 160 for frame in frames)
    await world.until(lambda: world.receiver.forms("/stream"))
    assert world.receiver.forms("/stream")[0]["StreamEvent"] == "stream-started"


async def test_a_conversation_in_turns(world: World) -> None:
    await world.person(lines=["Hello?", "Yes, that is me"], hangs_up_after_lines=2)
    call = await world.create()
    stream = await world.stream()
    await world.until(lambda: stream.words == ["Hello?"])
    await stream.say("Is this Sarah?", mark="one")
    await world.until(lambda: stream.words[1:] == ["Yes,", "that", "is", "me"])
    assert stream.marks() == ["one"]
    await asyncio.wait_for(stream.closed.wait(), 5)

    assert stream.messages[-1]["event"] == "stop"
    assert stream.messages[-1]["stop"] == {"accountSid": ACCOUNT, "callSid": call.sid}
    record = await world.reaches(call.sid, "completed")
    assert record["said"] == ["Hello?", "Yes, that is me"]
    assert record["heard"] == ["Is this Sarah?"]
    assert record["audio_seconds"]["from_agent"] > 0.2
    assert record["audio_seconds"]["to_agent"] > 0.2


async def test_marks_wait_for_the_sound_before_them(world: World) -> None:
    await world.person(lines=[])
    await world.create()
    stream = await world.stream()
    await stream.send("mark", mark={"name": "nothing before"})
    await world.until(lambda: stream.marks() == ["nothing before"])
    await stream.play(b"\x10" * 1600)
    await stream.send("mark", mark={"name": "after 200 ms"})
    frames = len(stream.named("media"))
    await world.until(lambda: "after 200 ms" in stream.marks())
    assert len(stream.named("media")) - frames >= 8


async def test_clear_throws_sound_away_and_returns_its_marks_at_once(world: World) -> None:
    await world.person(lines=[])
    call = await world.create()
    stream = await world.stream()
    await stream.say(" ".join(str(number) for number in range(200)), mark="a")
    await stream.send("mark", mark={"name": "b"})
    await world.until(lambda: world.exchange.calls[call.sid].record.heard)
    assert stream.marks() == []
    await stream.send("clear")
    await world.until(lambda: stream.marks() == ["a", "b"])
    await stream.say("again")
    record = world.exchange.calls[call.sid].record
    await world.until(lambda: record.heard[-1] == "again")
    assert len(record.heard) == 2
    assert len(record.heard[0].split()) < 100


@pytest.mark.parametrize(
    "message",
    ['{"event": "stop", "streamSid": "SID"}', "hello",
     '{"event": "media", "streamSid": "SID", "media": {"payload": "%"}}',
     '{"event": "clear", "streamSid": "MZ0"}', "[]"],
)  # fmt: skip
async def test_anything_else_is_warned_of_and_left_out(world: World, message: str) -> None:
    await world.person(lines=[])
    call = await world.create()
    stream = await world.stream()
    await stream.socket.send(message.replace("SID", stream.sid))
    await stream.say("still here", mark="said")
    await world.until(lambda: stream.marks() == ["said"])
    assert (await world.call(call.sid))["warnings"] == [31951]
    await stream.socket.close()
    await world.until(lambda: len(world.receiver.forms("/stream")) == 2)
    assert world.receiver.forms("/stream")[1]["StreamEvent"] == "stream-stopped"


async def test_what_is_no_websocket_ends_the_stream(world: World) -> None:
    await world.person(lines=[])
    call = await world.create()
    stream = await world.stream()
    stream.socket.transport.write(b"\xff\xff\xff\xff")  # reserved bits and an opcode that does not exist
    await asyncio.wait_for(stream.closed.wait(), 5)
    await world.reaches(call.sid, "completed")
    await world.until(lambda: len(world.receiver.forms("/stream")) == 2)
    report = world.receiver.forms("/stream")[1]
    assert (report["StreamEvent"], report["StreamError"]) == ("stream-error", "31924")


@pytest.mark.parametrize("end", ["close", "lose", "refuse"])
async def test_who_is_named_as_action_says_what_follows(world: World, end: str) -> None:
    await world.person(lines=[])
    world.receiver.pages["/after"] = "<Response><Say>Sorry</Say><Hangup/></Response>"
    inside = '<Stream url="ws://127.0.0.1:1/x"/>' if end == "refuse" else f'<Stream url="{world.media_url}/x"/>'
    action = f'<Connect action="{world.receiver.url}/after">{inside}</Connect><Say>never</Say>'
    call = await world.create(twiml=f"<Response>{action}</Response>")
    if end == "close":
        await (await world.stream()).socket.close()
    elif end == "lose":
        (await world.stream()).socket.transport.abort()
    record = await world.reaches(call.sid, "completed")
    assert record["heard"] == ["Sorry"]
    (asked,) = world.receiver.forms("/after")
    assert (asked["CallSid"], asked["CallStatus"]) == (call.sid, "in-progress")


async def test_nobody_is_asked_what_follows_a_call_that_is_over(world: World) -> None:
    await world.person(lines=[])
    action = f'<Connect action="{world.receiver.url}/after"><Stream url="{world.media_url}/x"/></Connect>'
    call = await world.create(twiml=f"<Response>{action}</Response>")
    await world.stream()
    await world.ask(world.client.calls(call.sid).update, status="completed")
    await world.until(lambda: not world.exchange.alive(call.sid))
    assert world.receiver.forms("/after") == []


async def test_frames_may_come_late_and_in_bunches(world: World) -> None:
    faults = {"media": {"jitter_ms": 60, "bunch": 5, "first_timestamp_ms": 40}}
    assert (await world.sim.put("/_sim/faults", json=faults)).status_code == 200
    await world.person(lines=["one two three"])
    await world.create()
    stream = await world.stream()
    await stream.send("mark", mark={"name": "early"})
    await world.until(lambda: stream.words == ["one", "two", "three"])
    numbers = [int(message["sequenceNumber"]) for message in stream.messages[1:]]
    assert numbers == sorted(numbers), "in order all the same"
    times = [int(frame["media"]["timestamp"]) for frame in stream.named("media")]
    assert times == [40 + 20 * n for n in range(len(times))], "as they were spoken"
    assert stream.marks() == ["early"]


async def test_twiml_goes_on_when_the_server_closes(world: World) -> None:
    await world.person(lines=[])
    call = await world.create(twiml=world.twiml(after="<Say>Thank you</Say>"))
    stream = await world.stream()
    await stream.socket.close()
    record = await world.reaches(call.sid, "completed")
    assert record["heard"] == ["Thank you"]
    await world.until(lambda: [f["StreamEvent"] for f in world.receiver.forms("/stream")][1:] == ["stream-stopped"])


async def test_completing_a_call_stops_its_stream(world: World) -> None:
    await world.person(lines=["one two three four five six seven eight nine ten"])
    call = await world.create(twiml=world.twiml(after="<Say>never said</Say>"))
    stream = await world.stream()
    await world.until(lambda: len(stream.words) >= 3)
    await world.ask(world.client.calls(call.sid).update, status="completed")
    await asyncio.wait_for(stream.closed.wait(), 5)
    assert stream.messages[-1]["event"] == "stop"
    said = await world.until(lambda: world.exchange.calls[call.sid].record.said)
    assert said[0].startswith("one two")
    assert not said[0].endswith("ten")
    await world.until(lambda: not world.exchange.alive(call.sid))
    assert world.exchange.calls[call.sid].record.heard == []


async def test_a_call_is_redirected_to_other_twiml(world: World) -> None:
    await world.person(lines=[])
    call = await world.create()
    stream = await world.stream()
    world.receiver.pages["/more"] = "<Response><Redirect>" + world.receiver.url + "/last</Redirect></Response>"
    world.receiver.pages["/last"] = "<Response><Say>Last words</Say><Hangup/><Say>never</Say></Response>"
    await world.ask(world.client.calls(call.sid).update, url=f"{world.receiver.url}/more")
    await asyncio.wait_for(stream.closed.wait(), 5)
    assert stream.messages[-1]["event"] == "stop"
    record = await world.reaches(call.sid, "completed")
    assert record["heard"] == ["Last words"]
    asked = world.receiver.forms("/last")[0]
    assert (asked["CallSid"], asked["CallStatus"]) == (call.sid, "in-progress")


async def test_keys_are_heard(world: World) -> None:
    await world.person(lines=[])
    call = await world.create()
    stream = await world.stream()
    assert (await world.sim.post(f"/_sim/calls/{call.sid}/dtmf", json={"digits": "1#"})).status_code == 204
    await world.until(lambda: len(stream.named("dtmf")) == 2)
    assert stream.named("dtmf")[0]["dtmf"] == {"track": "inbound_track", "digit": "1"}


@pytest.mark.parametrize(
    "twiml",
    ["<Response><Dial>+1</Dial></Response>", "not xml", "<!DOCTYPE a []><Response/>", "<Response/>",
     '<Response><Connect><Stream url="ws://127.0.0.1:1/x?token=1"/></Connect></Response>',
     '<Response><Connect><Stream url="ws://127.0.0.1:1/x"/></Connect></Response>'],
)  # fmt: skip
async def test_twiml_that_cannot_run_ends_the_call(world: World, twiml: str) -> None:
    await world.person(lines=[])
    call = await world.create(twiml=twiml)
    record = await world.reaches(call.sid, "completed")
    can_run = twiml in ("<Response/>", '<Response><Connect><Stream url="ws://127.0.0.1:1/x"/></Connect></Response>')
    assert record["heard"] == ([] if can_run else [APPLICATION_ERROR])


async def test_a_preamble_comes_before_the_twiml_of_a_trial_account(world: World) -> None:
    await world.person(lines=[], talk_seconds=0.3)
    for trial, streams in ((30, 0), (0, 1)):
        assert (await world.sim.put("/_sim/faults", json={"carrier": {"trial": trial}})).status_code == 200
        call = await world.create()
        assert (await world.reaches(call.sid, "completed"))["answered_at"] is not None
        assert len(world.streams) == streams, "whoever does not wait for its end hears nothing else"


async def test_the_time_limit_ends_a_call(world: World) -> None:
    await world.person(lines=[])
    call = await world.create(time_limit=60)
    stream = await world.stream()
    await world.ask(world.client.calls(call.sid).update, time_limit=1)
    await asyncio.wait_for(stream.closed.wait(), 5)
    record = await world.reaches(call.sid, "completed")
    assert record["ended_at"] - record["answered_at"] < 30


async def test_without_speech_a_call_fails(world: World) -> None:
    world.speech.status = 500
    await world.person()
    call = await world.create()
    assert (await world.reaches(call.sid, "failed"))["sip_code"] == 503


async def test_a_hello_is_synthesised_once_for_all(world: World) -> None:
    await world.sim.put("/_sim/people", json={"default": {"ring_seconds": 0, "hangs_up_after_lines": 1}})
    sids = [(await world.create()).sid for _ in range(3)]
    for sid in sids:
        assert (await world.reaches(sid, "completed"))["said"] == ["Hello?"]
    assert len(world.speech.requests) == 1
