"""The carrier's REST API, asked by Twilio's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from infra.local.carrier.resources import TERMINAL
from tests.contracts.carrier_world import (
    ACCOUNT,
    CALLER_ID,
    OURS,
    OURS_TOO,
    TEXTS_ONLY,
    THEIRS,
    LocalTwilio,
    World,
    carrier_world,
)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with carrier_world() as world:
        yield world


async def test_a_created_call_is_queued_and_can_be_fetched(world: World) -> None:
    await world.person(ring_seconds=30)
    call = await world.create()

    assert call.sid.startswith("CA")
    assert (call.status, call.direction, call.to, call._from) == ("queued", "outbound-api", THEIRS, OURS)
    assert call.start_time is None
    assert isinstance(call.date_created, datetime)
    assert (call.price, call.queue_time, call.api_version) == (None, "0", "2010-04-01")
    assert call.subresource_uris["events"].endswith(f"{call.sid}/Events.json")

    await world.reaches(call.sid, "ringing")
    fetched = await world.ask(world.client.calls(call.sid).fetch)
    assert fetched.status == "ringing"
    assert isinstance(fetched.start_time, datetime)


async def test_the_controls_tell_all_of_a_call(world: World) -> None:
    await world.person(answers="busy")
    call = await world.create(status_callback=f"{world.receiver.url}/status")
    record = await world.reaches(call.sid, "busy")

    expected = {
        "sid", "direction", "to", "from", "status", "created_at", "ringing_at", "answered_at", "ended_at",
        "parameters", "callbacks", "audio_seconds", "heard", "said",
    }  # fmt: skip
    assert expected <= record.keys()
    assert record["parameters"]["To"] == [THEIRS]
    assert record["created_at"] <= record["ringing_at"] <= record["ended_at"]
    assert record["answered_at"] is None
    assert record["audio_seconds"] == {"from_agent": 0.0, "to_agent": 0.0}


@pytest.mark.parametrize(
    ("person", "status", "sip"),
    [
        ({"answers": "busy"}, "busy", 486),
        ({"answers": "fail"}, "failed", 404),
        ({"answers": "fail", "sip_code": 603}, "failed", 603),
    ],
)
async def test_calls_that_are_not_answered(world: World, person: dict[str, Any], status: str, sip: int) -> None:
    await world.person(**person)
    call = await world.create()
    record = await world.reaches(call.sid, status)
    assert record["sip_code"] == sip
    fetched = await world.ask(world.client.calls(call.sid).fetch)
    assert (fetched.status, fetched.duration) == (status, None)
    assert fetched.end_time is None, "of completed calls alone"
    assert isinstance(fetched.date_updated, datetime)


async def test_nobody_answers_within_the_timeout(world: World) -> None:
    await world.person(answers="no-answer")
    assert (await world.reaches((await world.create(timeout=0)).sid, "no-answer"))["sip_code"] == 487
    await world.person(ring_seconds=5)
    await world.reaches((await world.create(timeout=0)).sid, "no-answer")


async def test_a_refused_number(world: World) -> None:
    await world.person(answers="refuse", error_code=21215)
    with pytest.raises(TwilioRestException) as caught:
        await world.create()
    assert (caught.value.status, caught.value.code) == (400, 21215)
    assert (await world.sim.get("/_sim/calls")).json() == []


WRONG: list[tuple[dict[str, object], int]] = [
    ({"to": "12345"}, 21211),
    ({"to": "+0123456789"}, 21211),
    ({"from_": "Redial"}, 21212),
    ({"from_": "+15005559999"}, 21210),
    ({"twiml": ""}, 21205),
    ({"url": "ftp://example.com/x"}, 21205),
    ({"twiml": "<Response>" + "x" * 4000}, 20001),
    ({"timeout": 601}, 21208),
    ({"time_limit": 0}, 20001),
    ({"machine_detection": "Maybe"}, 21234),
    ({"machine_detection": "Enable", "machine_detection_timeout": 60}, 21234),
    ({"status_callback": "http://under_score.example/x"}, 21609),
    ({"status_callback_event": ["answered", "hungup"]}, 21626),
    ({"record": True}, 20001),
    ({"application_sid": "AP1"}, 20001),
]


async def test_wrong_parameters(world: World) -> None:
    for wrong, code in WRONG:
        with pytest.raises(TwilioRestException) as caught:
            await world.create(**wrong)
        assert (caught.value.status, caught.value.code) == (400, code), wrong
    assert (await world.sim.get("/_sim/calls")).json() == []


async def test_an_error_has_twilios_shape(world: World) -> None:
    response = await world.sim.get(f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", auth=(ACCOUNT, "wrong"))
    assert response.status_code == 401
    assert response.json() == {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }


async def test_wrong_credentials_and_unknown_things(world: World) -> None:
    http = LocalTwilio(world.carrier_url)
    try:
        stranger = Client(ACCOUNT, "wrong", http_client=http)
        with pytest.raises(TwilioRestException) as caught:
            await world.ask(stranger.calls.create, to=THEIRS, from_=OURS, twiml="<Response/>")
        assert (caught.value.status, caught.value.code) == (401, 20003)
    finally:
        http.session.close()
    for asked in (world.client.calls("CA" + "0" * 32).fetch, world.client.api.accounts("AC2").calls("CA0").fetch):
        with pytest.raises(TwilioRestException) as caught:
            await world.ask(asked)
        assert (caught.value.status, caught.value.code) == (404, 20404)


async def test_cancel_before_the_answer(world: World) -> None:
    await world.person(ring_seconds=30)
    call = await world.create()
    updated = await world.ask(world.client.calls(call.sid).update, status="canceled")
    assert updated.status == "canceled"
    with pytest.raises(TwilioRestException) as caught:
        await world.ask(world.client.calls(call.sid).update, status="completed")
    assert caught.value.code == 21220


async def test_complete_after_the_answer(world: World) -> None:
    await world.person()
    call = await world.create()
    await world.reaches(call.sid, "in-progress")
    with pytest.raises(TwilioRestException) as caught:
        await world.ask(world.client.calls(call.sid).update, status="canceled")
    assert caught.value.code == 21220
    updated = await world.ask(world.client.calls(call.sid).update, status="completed")
    assert (updated.status, updated.duration) == ("completed", "1")


async def test_a_redirect_needs_a_live_call(world: World) -> None:
    await world.person(ring_seconds=30)
    call = await world.create()
    with pytest.raises(TwilioRestException) as caught:
        await world.ask(world.client.calls(call.sid).update, twiml="<Response><Hangup/></Response>")
    assert caught.value.code == 21220


async def test_lists_are_filtered(world: World) -> None:
    await world.sim.put("/_sim/people", json={"default": {"answers": "busy", "ring_seconds": 0}})
    first = await world.create()
    second = await world.create(to="+447700900124", from_=OURS_TOO)
    await world.reaches(first.sid, "busy")
    await world.reaches(second.sid, "busy")
    await world.person(ring_seconds=30)
    third = await world.create()
    await world.reaches(third.sid, "ringing")

    async def listed(**filters: object) -> list[str]:
        return [call.sid for call in await world.ask(world.client.calls.list, **filters)]

    assert await listed() == [third.sid, second.sid, first.sid]
    assert await listed(to=THEIRS) == [third.sid, first.sid]
    assert await listed(to=THEIRS, from_=OURS, status="busy") == [first.sid]
    today = datetime.now(UTC).date()
    assert len(await listed(start_time=today)) == 3
    assert await listed(start_time=date(2020, 1, 1)) == []
    assert await listed(start_time_before=today - timedelta(days=1)) == []
    assert len(await listed(start_time_after=today - timedelta(days=1))) == 3


async def test_lists_have_pages(world: World) -> None:
    await world.sim.put("/_sim/people", json={"default": {"answers": "fail"}})
    sids = [(await world.create()).sid for _ in range(5)]
    page = await world.ask(world.client.calls.page, page_size=2)
    assert [call.sid for call in page] == [sids[4], sids[3]]
    later = (await world.create()).sid
    second = await world.ask(page.next_page)
    assert [call.sid for call in second] == [sids[2], sids[1]]
    assert await world.ask((await world.ask(second.next_page)).next_page) is None
    everything = await world.ask(world.client.calls.list, page_size=2)
    assert [call.sid for call in everything] == [later, *reversed(sids)]


async def test_incoming_numbers(world: World) -> None:
    numbers = await world.ask(world.client.incoming_phone_numbers.list)
    assert [number.phone_number for number in numbers] == [OURS, OURS_TOO]
    found = await world.ask(world.client.incoming_phone_numbers.list, phone_number=OURS_TOO)
    assert [number.phone_number for number in found] == [OURS_TOO]
    assert await world.ask(world.client.incoming_phone_numbers.list, phone_number="+15005551234") == []

    context = world.client.incoming_phone_numbers(found[0].sid)
    updated = await world.ask(context.update, voice_url="https://example.com/in", voice_method="POST")
    assert (updated.voice_url, updated.status_callback) == ("https://example.com/in", "")
    updated = await world.ask(context.update, status_callback="https://example.com/status")
    assert (updated.voice_url, updated.status_callback) == ("https://example.com/in", "https://example.com/status")
    with pytest.raises(TwilioRestException) as caught:
        await world.ask(context.update, voice_url="nowhere")
    assert caught.value.code == 21402


async def test_an_application_or_a_trunk_goes_before_the_voice_url_and_unsets_the_other(world: World) -> None:
    (number,) = await world.ask(world.client.incoming_phone_numbers.list, phone_number=OURS)
    application, trunk = f"AP{1:032}", f"TK{1:032}"
    voice_url = f"{world.receiver.url}/in"
    world.receiver.pages["/in"] = "<Response><Hangup/></Response>"
    set_ = await world.ask(number.update, voice_url=voice_url, voice_application_sid=application)
    assert (set_.voice_application_sid, set_.trunk_sid) == (application, None)
    set_ = await world.ask(number.update, trunk_sid=trunk)
    assert (set_.voice_application_sid, set_.trunk_sid) == ("", trunk)

    async def asked() -> bool:
        called = (await world.sim.post("/_sim/calls/inbound", json={"from": THEIRS, "to": OURS})).json()
        await world.reaches(called["sid"], *TERMINAL)
        return any(request.path == "/in" for request in world.receiver.requests)

    assert not await asked()
    set_ = await world.ask(number.update, voice_application_sid=application)
    assert (set_.voice_application_sid, set_.trunk_sid) == (application, None)
    assert not await asked()
    await world.ask(number.update, voice_application_sid="", trunk_sid="")
    assert await asked()


async def test_calls_come_from_numbers_with_a_voice_or_verified_ones() -> None:
    numbers = {"numbers": (OURS, TEXTS_ONLY), "without_voice": (TEXTS_ONLY,), "caller_ids": (CALLER_ID,)}
    async with carrier_world(**numbers) as world:
        verified = await world.ask(world.client.outgoing_caller_ids.list, phone_number=CALLER_ID)
        assert [one.phone_number for one in verified] == [CALLER_ID]
        assert (await world.create(from_=CALLER_ID)).sid
        with pytest.raises(TwilioRestException) as caught:
            await world.create(from_=TEXTS_ONLY)
        assert caught.value.code == 21210


async def test_ended_calls_can_be_forgotten(world: World) -> None:
    await world.person(answers="busy")
    gone = await world.create()
    await world.reaches(gone.sid, "busy")
    await world.person(ring_seconds=30)
    living = await world.create()
    await world.sim.delete("/_sim/calls")
    assert [call["sid"] for call in (await world.sim.get("/_sim/calls")).json()] == [living.sid]
