"""The carrier's own controls: people, inbound calls and faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from infra.local.carrier.exchange import PLACEHOLDERS
from infra.local.carrier.program import APPLICATION_ERROR
from infra.local.speech.server import HouseFaults
from tests.contracts.carrier_world import ACCOUNT, OURS, THEIRS, TOKEN, World, carrier_world

ALL = ["initiated", "ringing", "answered", "completed"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with carrier_world() as world:
        yield world


async def test_health(world: World) -> None:
    assert (await world.sim.get("/_sim/health")).status_code == 200


async def test_people_have_the_documented_defaults(world: World) -> None:
    person = (await world.sim.put("/_sim/people/%2B447700900123", json={})).json()
    assert person["greeting"]
    del person["greeting"]
    assert person == {
        "answers": "human", "ring_seconds": 1.0, "lines": ["Hello?"], "after_lines": "wait",
        "hangs_up_after_lines": None, "talk_seconds": None, "interrupts_after_ms": None, "silent": False,
        "beep": True, "amd": None, "amd_after_ms": 2500.0, "sip_code": 404, "error_code": 21211,
    }  # fmt: skip


MISTAKES: list[tuple[str, object, str]] = [
    ("/_sim/people/%2B447700900123", {"answer": "busy"}, "answer"),
    ("/_sim/people/%2B447700900123", {"answers": "dog"}, "answers"),
    ("/_sim/people/%2B447700900123", {"ring_seconds": "1"}, "ring_seconds"),
    ("/_sim/people/nobody", {}, "E.164"),
    ("/_sim/people", {"default": {}, THEIRS: {"lines": "Hello?"}}, "lines"),
    ("/_sim/people", [], "object"),
    ("/_sim/faults", {"create_call": {"http_501": 1}}, "create_call.http_501"),
    ("/_sim/faults", {"callbacks": {"drop": 2}}, "callbacks.drop"),
    ("/_sim/faults", {"callbacks": {"delay_ms": [1]}}, "callbacks.delay_ms"),
    ("/_sim/faults", {"speech": {"streams": -1}}, "speech.streams"),
    ("/_sim/faults", {"model": {"stop_reason": "bored"}}, "model.stop_reason"),
    ("/_sim/faults", {"carrier": {"last_word": "goodbye"}}, "carrier.last_word"),
    ("/_sim/faults", {"carrier": {"concurrency": -1}}, "carrier.concurrency"),
    ("/_sim/faults", {"media": {"bunch": 0}}, "media.bunch"),
]


async def test_mistakes_are_named(world: World) -> None:
    for path, body, named in MISTAKES:
        response = await world.sim.put(path, json=body)
        assert response.status_code == 400
        assert named in response.json()["error"]


async def test_people_are_forgotten(world: World) -> None:
    await world.sim.put("/_sim/people", json={"default": {"answers": "busy"}, THEIRS: {"answers": "fail"}})
    assert (await world.sim.get("/_sim/people")).json().keys() == {"default", THEIRS}
    await world.sim.delete("/_sim/people")
    assert (await world.sim.get("/_sim/people")).json() == {}


async def _has_voice_url(world: World) -> None:
    number = (await world.ask(world.client.incoming_phone_numbers.list, phone_number=OURS))[0]
    await world.ask(
        world.client.incoming_phone_numbers(number.sid).update,
        voice_url=f"{world.receiver.url}/inbound",
        status_callback=f"{world.receiver.url}/status",
    )


async def test_an_inbound_call(world: World) -> None:
    await _has_voice_url(world)
    world.receiver.pages["/inbound"] = world.twiml()
    await world.person(lines=["Hi there"])
    response = await world.sim.post("/_sim/calls/inbound", json={"from": THEIRS, "to": OURS})
    assert response.status_code == 201
    sid = response.json()["sid"]
    stream = await world.stream()
    await world.until(lambda: stream.words == ["Hi", "there"])
    await stream.say("Is this Sarah?", mark="said")
    await world.until(lambda: stream.marks() == ["said"])
    await stream.socket.close()
    record = await world.reaches(sid, "completed")
    assert (record["direction"], record["from"], record["to"]) == ("inbound", THEIRS, OURS)
    assert record["heard"] == ["Is this Sarah?"]
    asked = next(request for request in world.receiver.requests if request.path == "/inbound")
    assert (asked.form["CallStatus"], asked.form["Direction"]) == ("ringing", "inbound")
    url = f"{world.receiver.url}/inbound"
    assert RequestValidator(TOKEN).validate(url, asked.form, asked.headers["x-twilio-signature"])
    await world.until(lambda: world.receiver.forms("/status"))
    assert world.receiver.forms("/status")[0]["CallStatus"] == "completed"


@pytest.mark.parametrize("withheld", ["restricted", "blocked", "anonymous", "unknown", "unavailable"])
async def test_a_caller_may_withhold_their_number(world: World, withheld: str) -> None:
    await _has_voice_url(world)
    world.receiver.pages["/inbound"] = "<Response><Reject/></Response>"
    asked = {"from": THEIRS, "to": OURS, "anonymous": withheld, "stir_verstat": "TN-Validation-Passed-C"}
    call = (await world.sim.post("/_sim/calls/inbound", json=asked)).json()
    await world.until(lambda: world.receiver.forms("/inbound"))
    form = world.receiver.forms("/inbound")[0]
    assert form["From"] == form["Caller"] == call["from"] == PLACEHOLDERS[withheld]
    assert form["StirVerstat"] == "TN-Validation-Passed-C"
    fetched = await world.ask(world.client.calls(call["sid"]).fetch)
    assert (fetched.stir_verstat, fetched._from) == ("TN-Validation-Passed-C", form["From"])


async def test_who_calls_in_is_checked(world: World) -> None:
    for body, named in (
        ({"to": OURS}, "from"),
        ({"to": OURS, "anonymous": "shy"}, "anonymous"),
        ({"to": OURS, "from": THEIRS, "colour": "red"}, "colour"),
    ):
        response = await world.sim.post("/_sim/calls/inbound", json=body)
        assert (response.status_code, named in response.json()["error"]) == (400, True)
    assert (await world.sim.post("/_sim/calls/inbound", json={"to": OURS, "anonymous": "unknown"})).status_code == 201


async def test_a_number_that_gives_no_answer_has_a_fallback(world: World) -> None:
    await _has_voice_url(world)
    number = (await world.ask(world.client.incoming_phone_numbers.list, phone_number=OURS))[0]
    context = world.client.incoming_phone_numbers(number.sid)
    retried = f"{world.receiver.url}/inbound#rc=2&rp=5xx"
    await world.ask(context.update, voice_url=retried, voice_fallback_url=f"{world.receiver.url}/fallback")
    world.receiver.status = 500
    world.receiver.pages["/fallback"] = "<Response><Say>Later</Say></Response>"
    await world.person(lines=[])
    sid = (await world.sim.post("/_sim/calls/inbound", json={"from": THEIRS, "to": OURS})).json()["sid"]
    record = await world.reaches(sid, "completed")
    assert record["heard"] == ["Later"]
    assert len(world.receiver.forms("/inbound")) == 3
    (asked,) = world.receiver.forms("/fallback")
    assert (asked["ErrorCode"], asked["ErrorUrl"]) == ("11200", retried)


async def test_a_caller_nobody_answers_hears_of_an_application_error(world: World) -> None:
    await _has_voice_url(world)
    world.receiver.status = 500
    await world.person(lines=[])
    sid = (await world.sim.post("/_sim/calls/inbound", json={"from": THEIRS, "to": OURS})).json()["sid"]
    assert (await world.reaches(sid, "completed"))["heard"] == [APPLICATION_ERROR]


async def test_inbound_calls_can_be_rejected_or_unwanted(world: World) -> None:
    body = {"from": THEIRS, "to": OURS}
    nowhere = (await world.sim.post("/_sim/calls/inbound", json=body)).json()["sid"]
    await world.reaches(nowhere, "failed", "completed")
    await _has_voice_url(world)
    world.receiver.pages["/inbound"] = '<Response><Reject reason="busy"/></Response>'
    rejected = (await world.sim.post("/_sim/calls/inbound", json=body)).json()["sid"]
    assert (await world.reaches(rejected, "busy"))["answered_at"] is None
    assert (await world.sim.post("/_sim/calls/inbound", json={"from": THEIRS, "to": THEIRS})).status_code == 400


async def test_faults_of_the_speech_servers_are_passed_on(world: World) -> None:
    for plan in ({"cps": 5.0}, {"speech": {"streams": 3}, "seed": 7}, {"speech": {"streams": 3}, "cps": 5.0}):
        assert (await world.sim.put("/_sim/faults", json=plan)).status_code == 200
    assert (await world.sim.delete("/_sim/faults")).status_code == 204
    passed_on = [json.loads(request.body) for request in world.speech.requests if request.path == "/_sim/faults"]
    assert [(plan["seed"], plan["speech"]["streams"]) for plan in passed_on] == [(7, 3), (0, 3), (0, None)]
    assert all(HouseFaults.model_validate(plan) for plan in passed_on)


async def test_faults_the_speech_servers_do_not_take_are_not_taken(world: World) -> None:
    world.speech.status = 500
    assert (await world.sim.put("/_sim/faults", json={"speech": {"streams": 3}})).status_code == 400
    assert (await world.sim.get("/_sim/faults")).json()["speech"]["streams"] is None


async def test_faults_of_create_call(world: World) -> None:
    await world.person(answers="fail")

    async def faulty(**faults: float) -> int:
        assert (await world.sim.put("/_sim/faults", json={"create_call": faults})).status_code == 200
        await world.sim.delete("/_sim/calls")
        before = len((await world.sim.get("/_sim/calls")).json())
        with pytest.raises((TwilioRestException, requests.ConnectionError)) as caught:
            await world.create()
        placed = len((await world.sim.get("/_sim/calls")).json()) - before
        status = caught.value.status if isinstance(caught.value, TwilioRestException) else 0
        return int(status) + placed

    assert await faulty(http_500=1) == 500
    assert await faulty(http_500_accepted=1) == 501
    assert await faulty(http_429=1) == 429
    assert await faulty(accept_then_drop=1) == 1
    assert (await world.sim.delete("/_sim/faults")).status_code == 204
    await world.create()


async def test_a_lagging_fetch_shows_a_call_as_it_was(world: World) -> None:
    await world.person(answers="busy")
    call = await world.create()
    await world.reaches(call.sid, "busy")
    assert (await world.ask(world.client.calls(call.sid).fetch)).status == "busy"
    await world.sim.put("/_sim/faults", json={"fetch_lag_ms": 60_000})
    late = await world.ask(world.client.calls(call.sid).fetch)
    assert (late.status, late.start_time) == ("queued", None)
    assert [c.status for c in await world.ask(world.client.calls.list)] == ["busy"], "lists have a lag of their own"


@pytest.mark.parametrize("asked", ["canceled", "completed"])
@pytest.mark.parametrize("last_word", ["canceled", "completed"])
async def test_the_last_word_on_a_ringing_call(world: World, asked: str, last_word: str) -> None:
    """What Twilio says of one that was completed before the answer is not documented: both are tried."""
    await world.sim.put("/_sim/faults", json={"carrier": {"last_word": last_word}})
    await world.person(ring_seconds=30)
    call = await world.create(status_callback=f"{world.receiver.url}/status")
    await world.reaches(call.sid, "ringing")
    became = "canceled" if asked == "canceled" else last_word
    assert (await world.ask(world.client.calls(call.sid).update, status=asked)).status == became
    await world.until(lambda: world.receiver.forms("/status"))
    (form,) = world.receiver.forms("/status")
    assert (form["CallStatus"], form["CallDuration"], form["SipResponseCode"]) == (became, "0", "487")


async def test_a_call_is_billed_some_time_after_its_end(world: World) -> None:
    await world.sim.put("/_sim/faults", json={"carrier": {"price_after_ms": 300}})
    await world.person(silent=True, talk_seconds=0.1)
    call = await world.create()
    await world.reaches(call.sid, "completed")
    assert (await world.ask(world.client.calls(call.sid).fetch)).price is None

    async def price() -> str | None:
        return str((await world.ask(world.client.calls(call.sid).fetch)).price or "")

    assert await world.until(price) == "-0.01400"
    await world.sim.put("/_sim/faults", json={"carrier": {"price_after_ms": 0}})
    await world.person(answers="busy")
    free = await world.create()
    await world.reaches(free.sid, "busy")
    assert (await world.ask(world.client.calls(free.sid).fetch)).price is None, "nobody was connected"


async def test_a_token_is_rotated_as_by_a_promotion(world: World) -> None:
    """The one before opens nothing and signs nothing from that moment on."""

    async def tokens(**faults: object) -> str:
        if faults:
            assert (await world.sim.put("/_sim/faults", json={"carrier": faults})).status_code == 200
        return str((await world.sim.get("/_sim/account")).json()["auth_token"])

    assert await tokens() == TOKEN
    await world.create()
    new = await tokens(rotate_token=True)
    assert await tokens(rotate_token=False) == new
    with pytest.raises(TwilioRestException) as refused:
        await world.create()
    assert (refused.value.status, refused.value.code) == (401, 20003)
    world.client.auth = (ACCOUNT, new)
    await world.person(answers="busy")
    sid = (await world.create(status_callback=f"{world.receiver.url}/status")).sid
    await world.reaches(sid, "busy")
    await world.until(lambda: world.receiver.forms("/status"))
    (told,) = world.receiver.requests
    url, given = f"{world.receiver.url}/status", told.headers["x-twilio-signature"]
    assert RequestValidator(new).validate(url, told.form, given)
    assert not RequestValidator(TOKEN).validate(url, told.form, given)
    await world.sim.delete("/_sim/faults")
    assert await tokens() == TOKEN


async def test_a_lagging_list(world: World) -> None:
    await world.person(answers="fail")
    await world.sim.put("/_sim/faults", json={"list_lag_ms": 60000})
    call = await world.create()
    assert await world.ask(world.client.calls.list) == []
    assert (await world.ask(world.client.calls(call.sid).fetch)).sid == call.sid
    await world.sim.delete("/_sim/faults")
    assert len(await world.ask(world.client.calls.list)) == 1


@pytest.mark.parametrize(
    ("faults", "sequences"),
    [
        ({"drop": 1}, []),
        ({"duplicate": 1}, ["0", "0", "1", "1", "2", "2"]),
        ({"reorder": 1}, ["1", "0", "2"]),
        ({"delay_ms": [10, 20]}, ["0", "1", "2"]),
    ],
)
async def test_faults_of_callbacks(world: World, faults: dict[str, object], sequences: list[str]) -> None:
    await world.sim.put("/_sim/faults", json={"callbacks": faults, "seed": 7})
    await world.person(answers="busy")
    call = await world.create(status_callback=f"{world.receiver.url}/status", status_callback_event=ALL)
    await world.reaches(call.sid, "busy")
    await world.until(lambda: not world.exchange.alive(call.sid))
    assert [form["SequenceNumber"] for form in world.receiver.forms("/status")] == sequences


async def test_a_lost_media_stream(world: World) -> None:
    await world.sim.put("/_sim/faults", json={"media": {"drop_after_ms": 100}})
    await world.person(lines=[])
    call = await world.create()
    stream = await world.stream()
    await asyncio.wait_for(stream.closed.wait(), 5)
    assert stream.named("stop") == []
    await world.reaches(call.sid, "completed")


async def test_calls_queue_above_the_calls_per_second(world: World) -> None:
    await world.sim.put("/_sim/faults", json={"cps": 0.01})
    await world.person(ring_seconds=30)
    first, second, third = [await world.create() for _ in range(3)]
    assert first.queue_time == "0"
    assert 95_000 < int(second.queue_time) <= 100_000
    assert 190_000 < int(third.queue_time) <= 200_000
    await world.reaches(first.sid, "ringing")
    fetched = await world.ask(world.client.calls(second.sid).fetch)
    assert (fetched.status, fetched.start_time) == ("queued", None)
    assert (await world.ask(world.client.calls(second.sid).update, status="canceled")).status == "canceled"


async def test_so_many_calls_may_live_at_once_in_and_out_together(world: World) -> None:
    await world.person(talk_seconds=30)
    await world.sim.put("/_sim/faults", json={"carrier": {"concurrency": 2}})
    await _has_voice_url(world)
    world.receiver.pages["/inbound"] = world.twiml()
    inbound = (await world.sim.post("/_sim/calls/inbound", json={"from": THEIRS, "to": OURS})).json()["sid"]
    first = await world.create()
    with pytest.raises(TwilioRestException) as refused:
        await world.create()
    assert (refused.value.code, refused.value.status) == (10004, 400)
    await world.reaches(inbound, "in-progress")
    await world.ask(world.client.calls(inbound).update, status="completed")
    await world.reaches(inbound, "completed")
    second = await world.create()
    assert {first.status, second.status} == {"queued"}
    await world.sim.delete("/_sim/faults")
    assert (await world.create()).status == "queued"


@pytest.mark.parametrize("limits", [{"concurrency": 1, "concurrency_late": True}, {"concurrency_late": 1}])
async def test_a_call_too_many_may_be_accepted_and_then_fail(world: World, limits: dict[str, object]) -> None:
    await world.person(talk_seconds=30)
    await world.sim.put("/_sim/faults", json={"carrier": limits})
    lives = await world.create()
    late = await world.create(status_callback=f"{world.receiver.url}/late", status_callback_event=ALL)
    assert late.status == "queued"
    record = await world.reaches(late.sid, "failed")
    assert record["ringing_at"] is None
    await world.until(lambda: len(world.receiver.forms("/late")) == 2)
    last = world.receiver.forms("/late")[-1]
    assert last["CallStatus"] == "failed"
    assert "ErrorCode" not in last
    for sid, codes in ((late.sid, ["10004"]), (lives.sid, [])):
        told = await world.ask(world.client.calls(sid).notifications.list, log=0)
        assert [n.error_code for n in told] == codes
        assert not await world.ask(world.client.calls(sid).notifications.list, log=1)
    assert (await world.reaches(lives.sid, "ringing", "in-progress"))["ended_at"] is None
