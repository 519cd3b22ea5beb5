"""Carrier: the fake and Twilio's own package, speaking to the simulated carrier, keep the same promises."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from twilio.base.exceptions import TwilioException

from calling.adapters import twilio
from calling.adapters.twilio import TwilioCarrier
from calling.domain.call import CarrierStatus
from calling.domain.errors import CarrierAmbiguous, CarrierError, CarrierRefused, CarrierThrottled
from calling.domain.phone_number import PhoneNumber
from calling.domain.routing import Routing, ours
from calling.ports import Carrier, CarrierAccount, CarrierCall, CarrierLine, DialRequest
from tests.contracts.carrier_world import ACCOUNT, CALLER_ID, OURS, TEXTS_ONLY, THEIRS, TOKEN, World, carrier_world
from tests.fakes.carrier import FakeCarrier

FROM, TO, STRANGER = PhoneNumber(OURS), PhoneNumber(THEIRS), PhoneNumber("+447700900999")
REQUEST = DialRequest(
    from_number=FROM,
    to_number=TO,
    twiml="<Response><Pause length='60'/></Response>",
    status_callback="http://127.0.0.1:9/status",
    amd_callback=None,
    machine_detection="Enable",
    detection_seconds=30,
    speech_threshold_ms=2400,
    ring_seconds=45,
    time_limit_seconds=600,
)
_FATES: dict[str, tuple[dict[str, Any], CarrierError | tuple[str, CarrierError]]] = {
    "lost": ({"accept_then_drop": 1}, ("accepted", CarrierAmbiguous("lost"))),
    "500": ({"http_500": 1}, CarrierAmbiguous("500")),
    "500 accepted": ({"http_500_accepted": 1}, ("accepted", CarrierAmbiguous("500"))),
    "429": ({"http_429": 1}, CarrierThrottled("429")),
}


@dataclass
class Side:
    """A carrier with the means to arrange what it will do."""

    carrier: Carrier
    account: CarrierAccount
    world: World | None

    async def ask(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(method, *args, **kwargs)

    async def dial(self, request: DialRequest = REQUEST) -> Any:
        return await self.ask(self.carrier.dial, self.account, request)

    async def next_dial(self, fate: str) -> None:
        faults, step = _FATES[fate]
        if self.world:
            assert (await self.world.sim.put("/_sim/faults", json={"create_call": faults})).status_code == 200
        else:
            assert isinstance(self.carrier, FakeCarrier)
            self.carrier.script.append(step)

    async def refuses(self) -> None:
        if self.world:
            await self.world.person(answers="refuse", error_code=21211)
        else:
            assert isinstance(self.carrier, FakeCarrier)
            self.carrier.script.append(CarrierRefused("not valid", twilio_code=21211, http_status=400))


@pytest.fixture(params=["fake", "twilio"])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    if request.param == "fake":
        fake = FakeCarrier(now_ms=time.time_ns() // 1_000_000)
        fake.owned |= {OURS, TEXTS_ONLY}
        fake.voiceless.add(TEXTS_ONLY)
        fake.verified.add(CALLER_ID)
        fake.token = TOKEN
        yield Side(fake, CarrierAccount(ACCOUNT, TOKEN), None)
        return
    numbers = {"numbers": (OURS, TEXTS_ONLY), "without_voice": (TEXTS_ONLY,), "caller_ids": (CALLER_ID,)}
    async with carrier_world(**numbers) as world:
        await world.person(ring_seconds=30)
        yield Side(TwilioCarrier(world.carrier_url), CarrierAccount(ACCOUNT, TOKEN), world)


async def _found(side: Side, created_after: int, **numbers: PhoneNumber) -> list[str]:
    given = {"to_number": TO, "from_number": FROM, **numbers}
    calls = await side.ask(side.carrier.find, side.account, created_after=created_after, **given)
    return [call.sid for call in calls]


async def test_a_dialled_call_is_known(side: Side) -> None:
    before = time.time_ns() // 1_000_000
    placed = await side.dial()
    assert placed.sid.startswith("CA")
    assert placed.status is CarrierStatus.QUEUED
    assert (placed.to_number, placed.from_number) == (THEIRS, OURS)
    assert placed.created_at + 1000 > before
    fetched = await side.ask(side.carrier.fetch, side.account, placed.sid)
    assert (fetched.sid, fetched.ended_at) == (placed.sid, None)
    assert await side.ask(side.carrier.fetch, side.account, "CA" + "f" * 32) is None


async def test_calls_are_found_by_their_numbers_and_time(side: Side) -> None:
    before = time.time_ns() // 1_000_000
    first, second = (await side.dial()).sid, (await side.dial()).sid
    assert set(await _found(side, before)) == {first, second}
    assert await _found(side, before + 60_000) == []
    assert await _found(side, before, to_number=STRANGER) == []


async def _started(side: Side, since: int) -> list[CarrierCall]:
    found = await side.ask(lambda: list(side.carrier.started_since(side.account, since)))
    assert all(isinstance(call, CarrierCall) for call in found)
    return list(found)


async def test_the_calls_of_a_day_are_listed_newest_first(side: Side) -> None:
    """A call that has not begun yet may be missing; what came in is not listed."""
    now = time.time_ns() // 1_000_000
    placed = [(await side.dial()).sid for _ in range(3)]
    if side.world:
        for sid in placed:
            await side.world.reaches(sid, "ringing")
    listed = await _started(side, now)
    assert [c.sid for c in listed] == placed[::-1]
    assert all(c.price is None for c in listed), "not billed yet"
    assert await _started(side, now + 86_400_000) == []


async def test_a_call_is_ended_and_ending_it_again_is_success(side: Side) -> None:
    sid = (await side.dial()).sid
    for answered in (False, False, True):
        await side.ask(side.carrier.hang_up, side.account, sid, answered=answered)
        await side.ask(side.carrier.hang_up, side.account, "CA" + "f" * 32, answered=answered)
    ended = await side.ask(side.carrier.fetch, side.account, sid)
    assert ended.status is CarrierStatus.CANCELED, "nobody had answered"
    assert ended.ended_at is not None


async def test_one_call_too_many_is_refused_for_now_or_says_later_why_it_failed(side: Side) -> None:
    lives = await side.dial()
    if side.world:
        await side.world.sim.put("/_sim/faults", json={"carrier": {"concurrency": 1}})
    else:
        assert isinstance(side.carrier, FakeCarrier)
        side.carrier.script.append(CarrierThrottled("too many", twilio_code=10004))
    with pytest.raises(CarrierThrottled) as refused:
        await side.dial()
    assert refused.value.twilio_code == 10004
    if side.world:
        await side.world.sim.put("/_sim/faults", json={"carrier": {"concurrency_late": 1}})
        late = await side.dial()
        await side.world.reaches(late.sid, "failed")
    else:
        assert isinstance(side.carrier, FakeCarrier)
        late = await side.dial()
        side.carrier.set(late.sid, CarrierStatus.FAILED, error_code=10004)
    for sid, code in ((late.sid, 10004), (lives.sid, None)):
        assert (await side.ask(side.carrier.fetch, side.account, sid)).error_code == code


async def test_a_refused_call_was_not_placed(side: Side) -> None:
    await side.refuses()
    with pytest.raises(CarrierRefused) as refused:
        await side.dial()
    assert (refused.value.twilio_code, refused.value.http_status) == (21211, 400)
    assert await _found(side, 0) == []


@pytest.mark.parametrize(
    ("fate", "error", "placed"),
    [
        ("lost", CarrierAmbiguous, 1),
        ("500", CarrierAmbiguous, 0),
        ("500 accepted", CarrierAmbiguous, 1),
        ("429", CarrierThrottled, 0),
    ],
)
async def test_what_a_failed_dial_means(side: Side, fate: str, error: type[CarrierError], placed: int) -> None:
    """And it was asked once: a second request would have placed a second call."""
    await side.next_dial(fate)
    with pytest.raises(error):
        await side.dial()
    assert len(await _found(side, 0)) == placed


async def test_a_number_is_found_with_what_it_can_do(side: Side) -> None:
    line = side.carrier.line
    owned, texts, verified = [await side.ask(line, side.account, PhoneNumber(n)) for n in (OURS, TEXTS_ONLY, CALLER_ID)]
    assert (owned.voice, owned.routing) == (True, Routing())
    assert (texts.voice, texts.routing) == (False, Routing())
    assert (verified.voice, verified.routing) == (True, None)
    assert await side.ask(line, side.account, STRANGER) is None
    with pytest.raises(CarrierRefused) as refused:
        await side.ask(line, replace(side.account, auth_token="x" * 32), FROM)
    assert refused.value.http_status == 401


@pytest.mark.parametrize(
    "routing",
    [
        ours("https://api.example", "acct_1"),
        Routing(voice_url="https://customer.example/in", voice_method="GET", voice_application_sid=f"AP{1:032}"),
        Routing(voice_fallback_url="https://customer.example/sorry", trunk_sid=f"TK{1:032}"),
        Routing(),
    ],
)
async def test_a_line_is_routed_whole(side: Side, routing: Routing) -> None:
    """Whatever stood there before: a trunk, an application, a fallback."""

    async def line() -> CarrierLine:
        found: CarrierLine = await side.ask(side.carrier.line, side.account, FROM)
        return found

    for before in (Routing(trunk_sid=f"TK{2:032}"), Routing("https://a.example", voice_application_sid=f"AP{2:032}")):
        await side.ask(side.carrier.route, side.account, await line(), before)
        assert (await line()).routing == before
        await side.ask(side.carrier.route, side.account, await line(), routing)
        assert (await line()).routing == routing


@pytest.mark.parametrize("side", ["twilio"], indirect=True)
async def test_every_dial_sets_its_limits_and_callbacks(side: Side) -> None:
    assert side.world
    detecting = replace(
        REQUEST,
        amd_callback="http://127.0.0.1:9/amd",
        machine_detection="DetectMessageEnd",
        detection_seconds=59,
        speech_threshold_ms=3600,
    )
    plain = (await side.world.call((await side.dial()).sid))["parameters"]
    detected = (await side.world.call((await side.dial(detecting)).sid))["parameters"]
    assert (plain["Timeout"], plain["TimeLimit"]) == (["45"], ["600"])
    assert plain["StatusCallback"] == ["http://127.0.0.1:9/status"]
    assert plain["StatusCallbackEvent"] == ["initiated", "ringing", "answered", "completed"]
    assert plain["Twiml"] == [REQUEST.twiml]
    assert "MachineDetection" not in plain
    assert detected["MachineDetection"] == ["DetectMessageEnd"]
    assert detected["MachineDetectionTimeout"] == ["59"]
    assert detected["MachineDetectionSpeechThreshold"] == ["3600"]
    assert detected["AsyncAmd"] == ["true"]
    assert detected["AsyncAmdStatusCallback"] == ["http://127.0.0.1:9/amd"]


def listed(sid: str, direction: str = "outbound-api", **fields: Any) -> SimpleNamespace:
    """A call as Twilio's package gives it."""
    names = (
        "date_created",
        "date_updated",
        "start_time",
        "end_time",
        "duration",
        "answered_by",
        "queue_time",
        "price",
        "price_unit",
    )
    known = {"sid": sid, "direction": direction, "status": "completed", "to": THEIRS, "_from": OURS}
    return SimpleNamespace(**{**dict.fromkeys(names), **known, **fields})


@pytest.mark.parametrize(
    ("price", "unit", "means"),
    [
        ("-0.01300", "USD", 0.013),
        ("-0.5", "usd", 0.5),
        ("-0.01300", "EUR", None),
        (None, "USD", None),
        ("", "USD", None),
    ],
)
def test_a_price_is_positive_and_in_dollars(price: str | None, unit: str, means: float | None) -> None:
    assert twilio._call(listed("CA1", price=price, price_unit=unit)).price == means


def test_calls_that_came_in_are_left_out_and_the_day_is_utcs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    late = 1_795_260_000_000  # 2026-11-21 11:20 UTC

    def ago(seconds: int) -> datetime:
        return datetime.fromtimestamp(late / 1000 - seconds, UTC)

    def stream(**filters: Any) -> Iterator[SimpleNamespace]:
        asked.append(filters)
        yield listed("CA3", "inbound")
        yield listed("CA2", "outbound-dial")
        yield listed("CA1", date_created=ago(700), start_time=ago(700), end_time=ago(0))
        yield listed("CA0", date_created=ago(700), start_time=ago(699), end_time=ago(1))
        pytest.fail("more was read than began since then")

    client = SimpleNamespace(calls=SimpleNamespace(stream=stream))
    monkeypatch.setattr(TwilioCarrier, "_client", lambda self, account: client)
    found = TwilioCarrier().started_since(CarrierAccount(ACCOUNT, TOKEN), late)
    assert [call.sid for call in found] == ["CA2", "CA1"]
    assert asked == [{"start_time_after": "2026-11-21", "page_size": 1000}]


async def test_all_pages_of_a_list_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio, "_PAGE", 2)
    async with carrier_world() as world:
        await world.person(ring_seconds=30)
        side = Side(TwilioCarrier(world.carrier_url), CarrierAccount(ACCOUNT, TOKEN), world)
        now = time.time_ns() // 1_000_000
        placed = [(await side.dial()).sid for _ in range(5)]
        for sid in placed:
            await world.reaches(sid, "ringing")
        assert [call.sid for call in await _started(side, now)] == placed[::-1]


def test_a_list_that_breaks_off_has_given_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def stream(**filters: Any) -> Iterator[SimpleNamespace]:
        yield listed("CA1")
        raise TwilioException("cut off")

    client = SimpleNamespace(calls=SimpleNamespace(stream=stream))
    monkeypatch.setattr(TwilioCarrier, "_client", lambda self, account: client)
    found = TwilioCarrier().started_since(CarrierAccount(ACCOUNT, TOKEN), 1_795_260_000_000)
    assert next(found).sid == "CA1"
    with pytest.raises(CarrierAmbiguous):
        next(found)
