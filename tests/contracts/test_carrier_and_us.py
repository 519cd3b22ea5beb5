"""Our side of the wire against the simulated carrier: real requests and callbacks, signed, served by the real door.

What lies between the two is what Twilio's documents say and no fake of a port can show: who ends a call, what is heard
when a stream is lost, who a caller is, what a call has cost.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from calling.adapters.clock import SystemClock
from calling.adapters.twilio import TwilioCarrier
from calling.domain.call import Call, CallStatus, CarrierStatus, EndedReason
from calling.domain.cost import cost
from calling.domain.lease import ACCOUNT_POOL
from calling.domain.outcome import was_one_too_many
from calling.domain.phone_number import ANONYMOUS
from calling.domain.routing import ours as our_routing
from calling.ports import CarrierAccount
from calling.usecases.answer_inbound import inbound_call_id
from calling.usecases.dial_call import DialPorts, DialSettings, dial_call
from calling.usecases.hang_up import hang_up
from calling.usecases.reconcile_calls import ReconcilePorts, ResolvePorts, reconcile_calls
from calling.usecases.record_media import media_opened
from calling.usecases.resolve_call import resolve_call
from calling.usecases.settle_call import settle_call
from infra.local.carrier.exchange import PLACEHOLDERS
from tests.contracts import carrier_world
from tests.contracts.carrier_world import Request, http_server
from tests.fakes.outside import MemoryCredentials
from tests.fakes.world import ACCOUNT, FROM, World
from twilio_webhooks.handler import Ports, serve

SORRY = "I am sorry, our connection has failed, so I have to end this call here. Goodbye."
PERSON = "+447386172392"


class House(World):
    """A house in memory behind the real door, whose carrier is asked over the wire."""

    def __init__(self, carrier: carrier_world.World) -> None:
        super().__init__()
        self.at = carrier
        self.clock = SystemClock()  # type: ignore[assignment]  # the carrier's is real too
        self.wire = TwilioCarrier(carrier.carrier_url)
        self.credentials = MemoryCredentials(CarrierAccount(carrier_world.ACCOUNT, carrier_world.TOKEN))
        self.api, self.media = "", carrier.media_url
        self.asked: list[str] = []

    async def answer(self, request: Request) -> tuple[int, str, bytes]:
        """Serve a callback as API Gateway would have it served."""
        self.asked.append(request.path.rpartition("/")[2])
        event = {"rawPath": request.path, "headers": request.headers, "body": request.body.decode()}
        stores = (self.calls, self.leases, self.lines, self.agents, self.credentials, self.workflow, self.clock)
        answer = await asyncio.to_thread(serve, event, Ports(*stores, self.api, self.media))
        return answer["statusCode"], answer["headers"]["content-type"], answer["body"].encode()

    async def dial(self, **fields: Any) -> Call:
        """Place a call; the record once the carrier has taken it."""
        self.accept("call_1", PERSON, amd_enabled=False, **fields)
        ports = DialPorts(
            self.calls,
            self.agents,
            self.credentials,
            self.wire,
            self.limits,
            self.hold,
            self.contacts,
            self.campaigns,
            self.pacer,
            self.leases,
            self.lines,
            self.ceilings,
            self.workflow,
            self.watches,
            self.clock,
        )
        settings = DialSettings(self.api, self.media)
        await asyncio.to_thread(dial_call, ACCOUNT, "call_1", "token", ports=ports, settings=settings)
        return self.call("call_1")

    async def connected(self) -> Call:
        """Wait for the call's stream, and take it as the media server does."""
        start = (await self.at.stream()).start
        return media_opened(
            ACCOUNT,
            start["customParameters"]["call_id"],
            stream_sid=start["streamSid"],
            call_sid=start["callSid"],
            calls=self.calls,
            workflow=self.workflow,
            clock=self.clock,
        )

    async def over(self, call_id: str = "call_1") -> Call:
        """The record once the carrier's last word is on it."""
        await self.at.until(lambda: self.call(call_id).carrier_is_done)
        return self.call(call_id)

    async def heard(self) -> list[str]:
        return list((await self.at.sim.get("/_sim/calls")).json()[-1]["heard"])

    def settled(self, call_id: str = "call_1") -> Call:
        settle_call(ACCOUNT, call_id, summary_failed=True, ports=self.settle_ports())
        return self.call(call_id)

    def asking(self) -> ResolvePorts:
        return ResolvePorts(self.calls, self.agents, self.credentials, self.wire, self.clock)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with carrier_world.carrier_world(numbers=(FROM.e164,)) as carrier:
        house = House(carrier)
        async with http_server(house.answer) as house.api:
            await carrier.person(PERSON, lines=[])
            yield house


async def faults(house: House, **groups: Any) -> None:
    assert (await house.at.sim.put("/_sim/faults", json=groups)).status_code == 200


async def test_who_loses_the_agent_hears_why_the_call_ends(house: House) -> None:
    await house.dial()
    await house.connected()
    (await house.at.stream()).socket.transport.abort()  # the task is gone
    call = await house.over()
    assert await house.heard() == [SORRY]
    await house.at.until(lambda: house.call("call_1").stream_error)
    assert house.call("call_1").stream_error == "31921"
    assert [e.event for e in call.timeline].count("connection_lost") == 1
    assert call.twilio_call_sid is not None
    assert house.asked.count("after-stream") == 1


async def test_a_handshake_that_fails_is_told_to_whoever_has_answered(house: House) -> None:
    house.media = "ws://127.0.0.1:1"
    await house.dial()
    await house.over()
    assert await house.heard() == [SORRY]
    await house.at.until(lambda: house.call("call_1").stream_error)
    ended = house.settled()
    assert (ended.stream_error, ended.status, ended.ended_reason) == ("31920", CallStatus.COMPLETED, EndedReason.ERROR)


async def test_our_own_end_is_followed_by_nothing(house: House) -> None:
    await house.dial()
    call = await house.connected()
    account = house.credentials.account
    await asyncio.to_thread(house.wire.hang_up, account, call.twilio_call_sid or "", answered=call.was_answered)
    await house.over()
    assert (await house.heard(), house.asked.count("after-stream")) == ([], 0)


@pytest.mark.parametrize("last_word", ["canceled", "completed"])
async def test_a_call_that_is_hung_up_on_while_it_rings_was_never_answered(house: House, last_word: str) -> None:
    await faults(house, carrier={"last_word": last_word})
    await house.at.person(PERSON, ring_seconds=30)
    await house.dial()
    await house.at.until(lambda: house.call("call_1").ringing_at)
    await asyncio.to_thread(
        hang_up,
        ACCOUNT,
        "call_1",
        calls=house.calls,
        agents=house.agents,
        credentials=house.credentials,
        carrier=house.wire,
        clock=house.clock,
    )
    await house.over()
    ended = house.settled()
    assert (ended.status, ended.answered_at, ended.ended_reason) == (CallStatus.CANCELED, None, EndedReason.CANCELED)
    assert [event.event_id for event in house.calls.outbox] == ["call_1#terminal"]


async def test_times_are_those_of_the_carrier_however_late_its_callbacks_are(house: House) -> None:
    await faults(house, callbacks={"delay_ms": [1_200, 1_200]})
    await house.at.person(PERSON, lines=[], talk_seconds=0.5)
    await house.dial()
    call = await house.over()
    happened = (await house.at.sim.get("/_sim/calls")).json()[0]
    for ours, theirs in (
        (call.ringing_at, happened["ringing_at"]),
        (call.answered_at, happened["answered_at"]),
        (call.carrier_ended_at, happened["ended_at"]),
    ):
        assert ours is not None
        assert abs(ours / 1000 - theirs) < 1, "whole seconds, and never before the step before"


@pytest.mark.parametrize("withheld", PLACEHOLDERS)
async def test_who_withholds_their_number_is_nobody(house: House, withheld: str) -> None:
    account = house.credentials.account
    line = await asyncio.to_thread(house.wire.line, account, FROM)
    assert line is not None
    await asyncio.to_thread(house.wire.route, account, line, our_routing(house.api, ACCOUNT))
    asked = {"from": PERSON, "to": FROM.e164, "anonymous": withheld, "stir_verstat": "TN-Validation-Passed-A"}
    sid = (await house.at.sim.post("/_sim/calls/inbound", json=asked)).json()["sid"]
    call = await house.connected()
    assert (call.call_id, call.from_number, call.person_is_known) == (inbound_call_id(ACCOUNT, sid), ANONYMOUS, False)
    assert call.stir_verstat == "TN-Validation-Passed-A"


async def test_what_a_call_has_cost_is_learnt_from_the_bill(house: House) -> None:
    """From the carrier's book, over the wire, to what the API shows: the price comes after the end."""
    await faults(house, carrier={"price_after_ms": 0})
    await house.at.person(PERSON, lines=[], talk_seconds=0.2)
    await house.dial()
    await house.over()
    house.leases.take(ACCOUNT, ACCOUNT_POOL, "call_0", cap=9, expires_at=1)  # an account that has dialled
    before = house.settled()
    ports = ReconcilePorts(house.asking(), house.settle_ports(), house.workflow)
    found = await asyncio.to_thread(reconcile_calls, ports=ports)
    assert (found.priced, found.unknown_to_us, found.failures) == (1, (), ())
    after = house.call("call_1")
    assert (before.carrier_price, after.carrier_price) == (None, 0.014)
    bases = {item.item: (item.basis, item.amount) for item in cost(after, ()).items}
    assert ("billed", 0.014) in bases.values()
    assert "billed" not in [item.basis for item in cost(before, ()).items]


@pytest.mark.parametrize("told", [True, False], ids=["after its callback", "without one"])
async def test_a_call_that_was_one_too_many_says_so(house: House, told: bool) -> None:
    await faults(house, carrier={"concurrency_late": 1}, callbacks={"drop": 0 if told else 1})
    await house.at.person(talk_seconds=60)
    await house.at.create(from_=FROM.e164)
    dialled = await house.dial()
    await house.at.reaches(dialled.twilio_call_sid or "", "failed")
    if told:  # of its end; its callback does not say why
        assert (await house.over()).carrier_error_code is None
    await asyncio.to_thread(resolve_call, ACCOUNT, "call_1", ports=house.asking())
    call = house.call("call_1")
    assert (call.carrier_status, call.carrier_error_code) == (CarrierStatus.FAILED, 10004)
    assert was_one_too_many(call)
    house.settled()
    known = house.ceilings.get(house.credentials.account.sid, now=house.clock.now())
    assert known is None, "the one that lives there is not ours"


async def test_a_token_that_is_rotated_under_a_live_call_loses_no_callback(house: House) -> None:
    """Twilio signs with the new token at once; our secret follows, and the first check that fails finds it."""
    await house.at.person(PERSON, lines=[], ring_seconds=2, talk_seconds=0.5)
    await house.dial()
    await house.at.until(lambda: house.call("call_1").ringing_at)  # no callback comes before our secret follows
    await faults(house, carrier={"rotate_token": True})
    told = (await house.at.sim.get("/_sim/account")).json()
    house.credentials.rotated = CarrierAccount(told["account_sid"], told["auth_token"])
    await house.over()
    (call,) = (await house.at.sim.get("/_sim/calls")).json()
    assert {callback["answer_status"] for callback in call["callbacks"]} == {204}
    assert house.credentials.renewals == 1
    assert house.credentials.account.auth_token != carrier_world.TOKEN
    line = await asyncio.to_thread(house.wire.line, house.credentials.account, FROM)
    assert line is not None


async def test_what_the_token_before_signed_is_taken_while_ours_is_the_new_one(house: House) -> None:
    account = replace(house.credentials.account, auth_token="new", other_tokens=(carrier_world.TOKEN,))
    await house.at.person(PERSON, lines=[], talk_seconds=0.2)
    await house.dial()
    house.credentials.account = account
    await house.over()
    (call,) = (await house.at.sim.get("/_sim/calls")).json()
    assert {callback["answer_status"] for callback in call["callbacks"]} == {204}
    assert house.credentials.renewals == 0


@pytest.mark.parametrize(("ours", "status"), [(("a shared key",), 204), ((), 403)])
async def test_a_shared_key_signs_in_the_tokens_place(ours: tuple[str, ...], status: int) -> None:
    async with carrier_world.carrier_world(numbers=(FROM.e164,), shared_key="a shared key") as carrier:
        house = House(carrier)
        house.credentials.account = replace(house.credentials.account, shared_keys=ours)
        async with http_server(house.answer) as house.api:
            await carrier.person(PERSON, answers="busy")
            await house.dial()
            sid = (await carrier.sim.get("/_sim/calls")).json()[0]["sid"]
            await carrier.until(lambda: not carrier.exchange.alive(sid))
        (call,) = (await carrier.sim.get("/_sim/calls")).json()
        assert {callback["answer_status"] for callback in call["callbacks"]} == {status}
