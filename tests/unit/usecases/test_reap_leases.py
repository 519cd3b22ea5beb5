"""The reaper: whatever died for good, every call ends, and every place and line comes back; never of a living call."""

import pytest

from calling.domain.agent import Number
from calling.domain.call import LOOK_MS, CallStatus, CarrierStatus, EndedReason
from calling.domain.campaign import Campaign
from calling.domain.lease import ACCOUNT_POOL
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import RecipientState
from calling.ports import CarrierAccount, ExecutionState
from calling.usecases.dispatch_dial import Dispatched
from calling.usecases.reap_leases import MAX_CALLS, Reaped
from calling.usecases.take_places import LEASE_SECONDS
from tests.fakes.outside import MemoryCredentials
from tests.fakes.world import ACCOUNT, Plan, World
from tests.unit.usecases.test_way_of_a_call import check_invariants

S = CarrierStatus
NOTHING = Reaped()


def reap_for(world: World, seconds: int) -> None:
    """A run a minute, as scheduled."""
    for _ in range(0, seconds, 60):
        world.pass_time(60)
        world.reap()


def test_a_healthy_house_has_nothing_to_mend() -> None:
    world = World()
    world.accept("call_1")
    world.run()
    check_invariants(world, "call_1")
    assert world.call("call_1").due_at is None
    world.pass_time(4000)
    assert world.reap() == NOTHING


@pytest.mark.parametrize("media", [True, False])
@pytest.mark.parametrize("broken", [{"SettleCall"}, {"SettleCall", "ResolveCall"}])
def test_a_call_whose_settling_fails_for_good_is_settled(broken: set[str], media: bool) -> None:
    world = World(Plan(media=media))
    world.broken = broken
    world.accept("call_1")
    world.run()
    assert world.call("call_1").settled_at is None
    assert not world.holders(), "the carrier's last word gave its place back"
    reap_for(world, 420)
    check_invariants(world, "call_1")
    assert world.call("call_1").due_at is None
    assert world.reap() == NOTHING


def test_a_summary_nobody_makes_is_not_waited_for_for_ever() -> None:
    world = World()
    world.broken = {"SummarizeCall", "SettleWithoutSummary"}
    world.accept("call_1")
    world.run()
    assert world.events("call_1") == ["call_1#started"]
    reap_for(world, 2400)
    check_invariants(world, "call_1")
    assert world.call("call_1").summary is None


def test_a_call_that_lives_at_the_carrier_keeps_its_place() -> None:
    world = World(Plan(((1, S.RINGING), (3, S.IN_PROGRESS), (2000, S.COMPLETED))))
    world.accept("call_1", max_duration_seconds=1800)
    world.dispatch("call_1")
    world._dial_call("call_1", "token-1")
    world.workflow.states["call_1"] = ExecutionState.OVER  # stopped by hand
    for _ in range(20):
        world.pass_time(20)
        call = world.call("call_1")
        world.calls.change(call, {"media_alive_at": world.clock.now()})  # but its conversation goes on
        assert world.reap().places == 0
        assert world.holders(), "its lease expired, and it is the carrier's word that counts"
    assert not world.carrier.hung_up


def test_a_call_whose_media_died_too_is_ended_at_the_carrier_before_its_place_comes_back() -> None:
    world = World(Plan(((1, S.RINGING), (3, S.IN_PROGRESS), (9000, S.COMPLETED))))
    world.accept("call_1", max_duration_seconds=1800)
    world.dispatch("call_1")
    world._dial_call("call_1", "token-1")
    world.workflow.states["call_1"] = ExecutionState.OVER
    reap_for(world, LEASE_SECONDS + 120)
    assert world.carrier.hung_up
    assert not world.holders()
    reap_for(world, 420)
    check_invariants(world, "call_1")


def test_a_call_that_a_state_machine_carries_is_left_to_it() -> None:
    world = World(Plan(((1, S.RINGING), (3, S.IN_PROGRESS), (9000, S.COMPLETED)), media=False))
    world.accept("call_1")
    world.dispatch("call_1")
    world._dial_call("call_1", "token-1")
    world.pass_time(3000)
    assert world.reap() == NOTHING
    assert world.holders()
    assert world.call("call_1").due_at == world.clock.now() + LOOK_MS


def test_a_call_whose_message_was_lost_is_queued_again() -> None:
    world = World()
    world.accept("call_1")
    world.queue.sent.clear()
    world.pass_time(LOOK_MS // 1000 + 1)
    assert world.reap() == Reaped(queued=1)
    assert world.reap() == NOTHING, "once"
    world.run()
    check_invariants(world, "call_1")
    assert world.call("call_1").status is CallStatus.COMPLETED


def test_a_call_that_waits_for_a_place_is_not_queued_twice() -> None:
    world = World(cap=1)
    world.leases.take(ACCOUNT, ACCOUNT_POOL, "call_other", cap=1, expires_at=2**50)
    world.accept("call_1")
    for _ in range(60):
        account_id, call_id, delay = world.queue.sent.pop(0)
        world.pass_time(delay)
        world.deliver_message(account_id, call_id)
        assert world.reap().queued == 0
        assert len(world.queue.sent) == 1
    assert [n.event for n in world.call("call_1").timeline] == ["waiting"]


def test_a_call_whose_execution_ended_before_its_dial_fails() -> None:
    world = World()
    world.accept("call_1")
    world.dispatch("call_1")
    world.workflow.states["call_1"] = ExecutionState.OVER
    reap_for(world, 1800)
    check_invariants(world, "call_1")
    assert (world.call("call_1").status, world.call("call_1").ended_reason) == (CallStatus.FAILED, EndedReason.ERROR)
    assert world.carrier.posts == []


def test_a_place_whose_call_is_gone_comes_back() -> None:
    world = World()
    world.leases.take(ACCOUNT, ACCOUNT_POOL, "call_gone", cap=2, expires_at=world.clock.now() + 1000)
    assert world.reap() == NOTHING
    world.pass_time(2)
    assert world.reap() == Reaped(places=1)
    assert world.holders() == {}


def test_a_run_is_bounded() -> None:
    world = World(cap=MAX_CALLS * 2)
    for n in range(MAX_CALLS + 5):
        world.accept(f"call_{n:03}", to=f"+44738617{n:04}")
    world.queue.sent.clear()
    world.pass_time(LOOK_MS // 1000 + 1)
    assert world.reap().queued == MAX_CALLS
    assert world.reap().queued == 5


def test_a_reaper_killed_at_every_moment_is_finished_by_the_next_run() -> None:
    def broken_house(kills: frozenset[int] = frozenset()) -> World:
        world = World()
        world.broken = {"SettleCall"}
        world.accept("call_1")
        world.run()
        world.pass_time(1800)
        world.moments.clear()
        world.kills = kills
        return world

    whole = broken_house()
    whole.reap()
    moments = list(whole.moments)
    assert "reap_leases: before lines.release" in moments
    for number, name in enumerate(moments):
        world = broken_house(frozenset({number}))
        with pytest.raises(BaseException, match=name.removeprefix("reap_leases: ")):
            world.reap()
        world.reap()
        check_invariants(world, "call_1")
        assert world.call("call_1").due_at is None


class Unreadable(MemoryCredentials):
    """The credentials of one call's carrier account cannot be read."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.asked = world

    def of_number(self, number: object) -> CarrierAccount:
        if number.phone_number == BROKEN:  # type: ignore[attr-defined]  # a Number
            raise ValueError("not to be decrypted")
        return self.account


BROKEN = PhoneNumber("+447700900199")


def test_one_call_that_cannot_be_mended_does_not_keep_the_others_unmended() -> None:
    world = World(Plan(media=False))
    world.agents.add_number(Number(ACCOUNT, "agent_1", BROKEN, 0))
    world.broken = {"SettleCall"}
    for call_id, to in (("call_1", "+447386172301"), ("call_2", "+447386172302")):
        world.accept(call_id, to=to)
        world.run()
    call = world.call("call_1")
    world.calls.change(call, {"from_number": BROKEN, "carrier_status": CarrierStatus.RINGING})
    world.credentials = Unreadable(world)
    world.pass_time(4000)
    done = world.reap()
    assert "ValueError" in done.failures
    assert world.call("call_2").settled_at is not None
    due = world.call("call_1").due_at
    assert due is not None
    assert due > world.clock.now(), "it does not stand at the head of the next run"


SARAH = "+447386172392"


def test_all_places_of_a_campaigns_call_come_back_with_its_end() -> None:
    world = World(cap=5)
    world.add_campaign(SARAH)
    call_id = world.begin()
    assert set(world.leases.holders(ACCOUNT, "camp_1")) == set(world.holders()) == {call_id}
    world._dial_call(call_id, "token-1")
    world.workflow.states[call_id] = ExecutionState.OVER
    reap_for(world, 1800)
    check_invariants(world, call_id)
    assert world.leases.holders(ACCOUNT, "camp_1") == {}
    assert world.recipient().state is RecipientState.COMPLETED


def test_places_of_a_campaigns_call_that_nobody_started_come_back_and_it_is_queued_again() -> None:
    """Whoever made it died before starting it; its ticket does not come again either."""
    world = World(cap=5)
    world.add_campaign(SARAH)
    call_id = world.begin()
    world.workflow.started.clear()
    world.workflow.states.clear()
    world.pass_time(LEASE_SECONDS + 1)
    assert world.reap().places == 2
    assert world.holders() == world.leases.holders(ACCOUNT, "camp_1") == {}
    world.pass_time(LOOK_MS // 1000 - LEASE_SECONDS)
    assert world.reap().queued == 1
    world.run()
    check_invariants(world, call_id)
    assert world.call(call_id).status is CallStatus.COMPLETED
    assert world.leases.holders(ACCOUNT, "camp_1") == {}
    assert len(world.carrier.posts) == 1
    assert world.recipient().state is RecipientState.COMPLETED


def test_a_campaigns_call_that_is_queued_again_waits_for_its_campaigns_places_too() -> None:
    world = World(cap=5)
    world.add_campaign(SARAH, max_concurrent=1)
    call_id = world.begin()
    world.workflow.started.clear()
    world.workflow.states.clear()
    world.pass_time(LOOK_MS // 1000 + 1)
    world.reap()
    world.leases.take(ACCOUNT, "camp_1", "call_other", cap=1, expires_at=2**50)
    assert world.dispatch(call_id) is Dispatched.WAITING
    assert world.holders() == {}
    assert world.call(call_id).timeline[-1].reason == "all 1 places of the campaign are taken"


def test_a_campaign_whose_execution_has_ended_goes_on_in_a_new_one() -> None:
    world = World()
    world.add_campaign(SARAH)
    world.campaign_workflow.start(ACCOUNT, "camp_1", 0)
    world.pass_time(180)
    assert world.reap() == NOTHING, "it runs"
    world.campaign_workflow.states["camp_1-0"] = ExecutionState.OVER
    assert world.reap() == Reaped(campaigns=1)
    assert world.campaign_workflow.started[-1] == (ACCOUNT, "camp_1", 1)
    assert world.reap() == NOTHING


def test_a_campaign_that_cannot_be_read_does_not_keep_the_others_still() -> None:
    world = World()
    for name in ("camp_1", "camp_2"):
        world.add_campaign(SARAH, campaign_id=name)
    world.pass_time(180)
    get = world.campaigns.get

    def broken(account_id: str, campaign_id: str) -> Campaign | None:
        if campaign_id == "camp_1":
            raise ValueError("not to be read")
        return get(account_id, campaign_id)

    world.campaigns.get = broken  # type: ignore[method-assign]  # the same, with a hole
    assert world.reap() == Reaped(campaigns=1, failures=("ValueError",))
