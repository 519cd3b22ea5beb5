"""The carrier's callbacks: what they say, that they are signed, and answering machine detection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from tests.contracts.carrier_world import ACCOUNT, OURS, THEIRS, TOKEN, Request, World, carrier_world, http_server

ALL = ["initiated", "ringing", "answered", "completed"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with carrier_world() as world:
        yield world


def signed(world: World, request: Request) -> bool:
    url = world.receiver.url + request.path
    return bool(RequestValidator(TOKEN).validate(url, request.form, request.headers["x-twilio-signature"]))


async def test_the_whole_life_of_a_call_is_reported(world: World) -> None:
    await world.person(hangs_up_after_lines=1)
    call = await world.create(status_callback=f"{world.receiver.url}/status", status_callback_event=ALL)
    await world.until(lambda: len(world.receiver.forms("/status")) == 4)

    forms = world.receiver.forms("/status")
    assert [form["CallStatus"] for form in forms] == ["initiated", "ringing", "in-progress", "completed"]
    assert [form["SequenceNumber"] for form in forms] == ["0", "1", "2", "3"]
    for form in forms:
        assert (form["CallSid"], form["AccountSid"], form["From"], form["To"]) == (call.sid, ACCOUNT, OURS, THEIRS)
        assert (form["Direction"], form["ApiVersion"]) == ("outbound-api", "2010-04-01")
        assert form["CallbackSource"] == "call-progress-events"
        assert parsedate_to_datetime(form["Timestamp"]).utcoffset() is not None
    assert {"CallDuration", "SipResponseCode"} & forms[2].keys() == set()
    assert (forms[3]["CallDuration"], forms[3]["Duration"], forms[3]["SipResponseCode"]) == ("1", "1", "200")
    requests = [request for request in world.receiver.requests if request.path == "/status"]
    assert all(signed(world, request) for request in requests)
    assert len({request.headers["i-twilio-idempotency-token"] for request in requests}) == 4
    await world.until(lambda: world.exchange.calls[call.sid].record.callbacks[-1].answer_status == 204)
    logged = (await world.call(call.sid))["callbacks"]
    assert [(entry["event"], entry["sequence"]) for entry in logged] == list(zip(ALL, range(4), strict=True))


async def test_only_what_was_asked_for(world: World) -> None:
    await world.person(answers="busy")
    await world.create(status_callback=f"{world.receiver.url}/status")
    await world.until(lambda: world.receiver.forms("/status"))
    await world.create(
        status_callback=f"{world.receiver.url}/two?a=1#rc=2", status_callback_event=["ringing", "completed"]
    )
    await world.until(lambda: len(world.receiver.forms("/two")) == 2)
    assert [form["CallStatus"] for form in world.receiver.forms("/status")] == ["busy"]
    two = world.receiver.forms("/two")
    assert [(form["CallStatus"], form["SequenceNumber"]) for form in two] == [("ringing", "0"), ("busy", "1")]
    assert (two[1]["SipResponseCode"], two[1]["CallDuration"]) == ("486", "0")
    assert all(signed(world, request) for request in world.receiver.requests)


async def test_a_bad_answer_is_written_down_and_not_retried(world: World) -> None:
    world.receiver.status = 500
    await world.person(answers="fail")
    call = await world.create(status_callback=f"{world.receiver.url}/status")
    record = world.exchange.calls[call.sid].record
    await world.until(lambda: record.callbacks and record.callbacks[0].answer_status == 500)
    assert len(world.receiver.requests) == 1


async def test_a_retry_can_be_asked_for_in_the_fragment(world: World) -> None:
    world.receiver.status = 503
    await world.person(answers="fail")
    await world.create(status_callback=f"{world.receiver.url}/status#rc=2&rp=5xx")
    await world.until(lambda: len(world.receiver.requests) == 3)
    assert len({request.headers["i-twilio-idempotency-token"] for request in world.receiver.requests}) == 1


async def test_all_tries_together_have_their_time(world: World) -> None:
    """A try that is waited for as long as all together leaves no time for another: `rp=rt` needs a short `rt`."""
    slow = 0

    async def answer(request: Request) -> tuple[int, str, bytes]:
        nonlocal slow
        slow += 1
        await asyncio.sleep(30)
        return 204, "text/plain", b""

    await world.person(answers="fail")
    for fragment, tries in (("rc=2&rp=rt&rt=300&tt=300", 1), ("rc=2&rp=rt&rt=100&tt=5000", 3)):
        slow = 0
        async with http_server(answer) as url:
            call = await world.create(status_callback=f"{url}/status#{fragment}")
            await world.until(lambda: not world.exchange.alive(call.sid))  # noqa: B023  # asked at once
        assert slow == tries


async def test_a_slow_answer_to_one_kind_holds_no_other(world: World) -> None:
    """The verdict does not wait behind a cold Lambda that takes its time over `answered`."""
    answered = asyncio.Event()

    async def answer(request: Request) -> tuple[int, str, bytes]:
        if request.path == "/amd":
            answered.set()
        elif request.form["CallStatus"] == "in-progress":
            await answered.wait()
        return 204, "text/plain", b""

    async with http_server(answer) as url:
        await world.person(amd_after_ms=50)
        await world.create(
            machine_detection="Enable",
            async_amd="true",
            async_amd_status_callback=f"{url}/amd",
            status_callback=f"{url}/status",
            status_callback_event=ALL,
        )
        await asyncio.wait_for(answered.wait(), 5)


async def test_calls_between_american_numbers_are_vouched_for(world: World) -> None:
    american = "+12025550123"
    await world.sim.put("/_sim/people", json={"default": {"answers": "busy"}})
    for to, vouched in ((american, "B"), (THEIRS, None)):
        world.receiver.requests.clear()
        await world.create(to=to, status_callback=f"{world.receiver.url}/status")
        await world.until(lambda: world.receiver.forms("/status"))
        assert world.receiver.forms("/status")[0].get("StirStatus") == vouched


async def test_nobody_to_call_back(world: World) -> None:
    await world.person(answers="fail")
    call = await world.create(status_callback="http://127.0.0.1:9/status")
    record = world.exchange.calls[call.sid].record
    await world.until(lambda: record.callbacks)
    assert record.callbacks[0].answer_status is None


@pytest.mark.parametrize(
    ("person", "mode", "verdict"),
    [
        ({"amd_after_ms": 50}, "Enable", "human"),
        ({"answers": "voicemail", "greeting": "Leave a message", "amd_after_ms": 50}, "Enable", "machine_start"),
        ({"answers": "voicemail", "greeting": "Leave a message"}, "DetectMessageEnd", "machine_end_beep"),
        ({"amd": "fax", "amd_after_ms": 0}, "DetectMessageEnd", "fax"),
    ],
)
async def test_an_asynchronous_verdict(world: World, person: dict[str, Any], mode: str, verdict: str) -> None:
    await world.person(**person)
    call = await world.create(
        machine_detection=mode,
        async_amd="true",
        async_amd_status_callback=f"{world.receiver.url}/amd",
        status_callback=f"{world.receiver.url}/status",
    )
    stream = await world.stream()  # it does not wait for the verdict
    await world.until(lambda: world.receiver.forms("/amd"))
    form = world.receiver.forms("/amd")[0]
    assert form.keys() == {"CallSid", "AccountSid", "AnsweredBy", "MachineDetectionDuration"}
    assert (form["CallSid"], form["AnsweredBy"]) == (call.sid, verdict)
    assert int(form["MachineDetectionDuration"]) >= 0
    assert all(signed(world, request) for request in world.receiver.requests)
    assert (await world.ask(world.client.calls(call.sid).fetch)).answered_by == verdict
    if verdict == "machine_end_beep":
        await world.until(lambda: stream.sound.count(b"\xff") < len(stream.sound) - 4000)  # greeting and beep
    await stream.socket.close()
    await world.until(lambda: world.receiver.forms("/status"))
    assert world.receiver.forms("/status")[0]["AnsweredBy"] == verdict


async def test_a_synchronous_verdict_holds_the_twiml_back(world: World) -> None:
    await world.person(answers="voicemail", greeting="Hi", amd_after_ms=300)
    world.receiver.pages["/twiml"] = "<Response><Hangup/></Response>"
    call = await world.create(machine_detection="Enable", url=f"{world.receiver.url}/twiml")
    record = await world.reaches(call.sid, "completed")
    asked = world.receiver.forms("/twiml")[0]
    assert (asked["AnsweredBy"], asked["CallStatus"]) == ("machine_start", "in-progress")
    assert record["answered_by"] == "machine_start"
