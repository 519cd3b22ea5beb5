"""Dials while the recogniser is full: held at admission and just before the request; calls that come in are taken."""

import pytest

from calling.domain.call import Call, CallStatus, Direction, TimelineEntry
from calling.domain.hold import HOLD_MS, RECOGNISER_FULL
from calling.domain.lease import ACCOUNT_POOL
from calling.domain.limits import Limits
from calling.domain.recipient import RecipientState, Verdict
from calling.usecases.dispatch_dial import Dispatched
from calling.usecases.hold_dials import hold_dials
from tests.fakes.world import ACCOUNT, World
from tests.unit.usecases.test_dial_call import dial


@pytest.fixture
def world() -> World:
    return World()


def fill(world: World) -> int:
    """The recogniser refuses two streams; until when dials are held."""
    assert hold_dials(2, hold=world.hold, clock=world.clock)
    return world.hold.until()


def waits(call: Call) -> list[TimelineEntry]:
    return [entry for entry in call.timeline if entry.event == "waiting"]


def test_a_queued_call_waits_without_a_slot_and_its_record_says_why(world: World) -> None:
    world.accept("call_1")
    fill(world)
    for _ in range(3):
        assert world.dispatch("call_1") is Dispatched.WAITING
        world.clock.advance(10)
    assert (world.holders(), world.workflow.started) == ({}, [])
    assert [entry.reason for entry in waits(world.call("call_1"))] == [RECOGNISER_FULL]
    assert [delay > 0 for _, _, delay in world.queue.sent[1:]] == [True] * 3
    world.clock.advance(HOLD_MS / 1000)
    assert world.dispatch("call_1") is Dispatched.STARTED


def test_a_call_on_its_way_comes_back_when_the_hold_is_over(world: World) -> None:
    world.accept("call_1")
    until = fill(world)
    dial(world, "call_1", "token-1")
    assert world.workflow.answers["token-1"] == {"result": "wait", "seconds": HOLD_MS // 1000}
    call = world.call("call_1")
    assert (call.status, call.dial_started_at, call.dial_slot_at) == (CallStatus.QUEUED, None, None)
    assert [(entry.reason, entry.details["until"]) for entry in waits(call)] == [(RECOGNISER_FULL, until)]
    world.clock.advance(30)
    fill_again = hold_dials(1, hold=world.hold, clock=world.clock)
    assert not fill_again, "it goes on"
    world.clock.advance(30)
    dial(world, "call_1", "token-2")
    assert world.workflow.answers["token-2"] == {"result": "wait", "seconds": 30}
    assert len(waits(world.call("call_1"))) == 1
    assert world.carrier.posts == []
    world.clock.advance(30)
    dial(world, "call_1", "token-3")
    assert len(world.carrier.posts) == 1


def test_a_hold_that_begins_while_the_pace_is_slept_for_is_obeyed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.limits.put(ACCOUNT, Limits(calls_per_second=0.5))
    world.accept("call_1")
    world.pacer.reserve(ACCOUNT, world.credentials.account.sid, now=world.clock.now(), calls_per_second=0.5)
    sleep = world.clock.sleep

    def slept(seconds: float) -> None:
        sleep(seconds)
        fill(world)

    monkeypatch.setattr(world.clock, "sleep", slept)
    dial(world, "call_1", "token-1")
    assert world.carrier.posts == []
    assert world.workflow.answers["token-1"]["result"] == "wait"


def test_a_campaigns_recipient_waits_for_admission_and_pays_nothing(world: World) -> None:
    world.add_campaign("+447386172392")
    fill(world)
    assert world.begin() == ""
    waiting = world.recipient()
    assert (waiting.state, waiting.tries, waiting.attempts) == (RecipientState.PENDING, 0, 0)
    assert (waiting.reason, waiting.decisions[-1].verdict) == (RECOGNISER_FULL, Verdict.WAIT)
    assert world.leases.holders(ACCOUNT, ACCOUNT_POOL) == {}
    world.clock.advance(HOLD_MS / 1000)
    assert world.begin()


def test_a_call_that_came_in_is_kept(world: World) -> None:
    world.accept("call_1")
    stored = world.call("call_1")
    incoming = {"direction": Direction.INBOUND, "status": CallStatus.RINGING, "twilio_call_sid": "CA1"}
    world.calls.change(stored, {**incoming, "dial_started_at": world.clock.now()})
    fill(world)
    dial(world, "call_1", "token-1")
    assert "token-1" not in world.workflow.answers, "its end answers it"
    assert (world.call("call_1").task_token, waits(world.call("call_1"))) == ("token-1", [])
