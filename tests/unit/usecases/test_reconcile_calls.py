"""The hourly comparison with the carrier's books: what one side missed is found; no status that was told changes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from calling.domain.agent import Agent, Number
from calling.domain.call import Call, CallStatus, CarrierStatus, Direction, EndedReason
from calling.domain.errors import CarrierAmbiguous
from calling.domain.phone_number import PhoneNumber
from calling.ports import CarrierAccount, CarrierCall, ExecutionState
from calling.usecases.reconcile_calls import (
    LOOK_BACK_MS,
    MAX_SECONDS,
    UNKNOWN_AFTER_MS,
    Reconciled,
    ReconcilePorts,
    reconcile_calls,
)
from tests.fakes.outside import MemoryCredentials
from tests.fakes.world import ACCOUNT, FROM, Plan, World
from tests.unit.usecases.test_way_of_a_call import check_invariants

S = CarrierStatus
SARAH = PhoneNumber("+447386172392")
HOUR = 3600
LOST = CarrierAmbiguous("timeout")
CONNECTED = Plan(((1, S.RINGING), (3, S.IN_PROGRESS), (12, S.COMPLETED)), ("drop",) * 9, media=False)


def compare(world: World) -> Reconciled:
    ports = ReconcilePorts(
        resolve=world._resolve_ports(), settle=world.settle_ports(), workflow=world.mortal("workflow")
    )
    found: Reconciled = world.lambda_("reconcile_calls", lambda: reconcile_calls(ports=ports))
    return found


def talked(world: World, call_id: str = "call_1", to: str = SARAH.e164) -> Call:
    world.accept(call_id, to=to)
    world.run()
    return world.call(call_id)


def lost(world: World) -> Call:
    """Its answer was lost and the carrier's lists showed nothing until its deadline: it is `unknown`."""
    world.carrier.script = [("accepted", LOST)]
    find = world.carrier.find
    world.carrier.find = lambda *_, **__: ()  # type: ignore[method-assign]  # a list that lags for ever
    world.accept("call_1", max_duration_seconds=60)
    world.run()
    world.carrier.find = find  # type: ignore[method-assign]  # as it was
    call = world.call("call_1")
    assert (call.status, call.twilio_call_sid, call.carrier_status) == (CallStatus.UNKNOWN, None, None)
    return call


def test_what_both_sides_know_is_left_alone() -> None:
    world = World()
    before = talked(world)
    assert compare(world) == Reconciled(looked=1)
    assert world.call("call_1") == before


def test_nobody_who_never_dialled_is_asked_about() -> None:
    world = World()
    world.carrier.error = LOST
    assert compare(world) == Reconciled()


def test_the_carriers_price_is_stored_once() -> None:
    world = World()
    talked(world)
    (sid,) = world.carrier.calls
    world.carrier.set(sid, S.COMPLETED, price=0.014)
    assert compare(world) == Reconciled(looked=1, priced=1)
    assert world.call("call_1").carrier_price == 0.014
    assert compare(world) == Reconciled(looked=1)
    assert world.call("call_1").timeline[-1].event != "reconciled"


def test_an_unknown_call_learns_what_the_carrier_says_and_stays_unknown() -> None:
    world = World(CONNECTED)
    before = lost(world)
    told = list(world.calls.outbox)
    assert compare(world) == Reconciled(looked=1, mended=1)
    call = world.call("call_1")
    (sid,) = world.carrier.calls
    assert (call.status, call.ended_reason) == (CallStatus.UNKNOWN, before.ended_reason)
    assert (call.twilio_call_sid, call.carrier_status, call.carrier_duration_seconds) == (sid, S.COMPLETED, 9)
    assert call.carrier_ended_at == world.carrier.calls[sid].ended_at
    assert call.answered_at == (call.carrier_ended_at or 0) - 9_000
    note = call.timeline[-1]
    assert (note.event, note.details) == ("reconciled", {"status": "unknown", "carrier_status": "completed"})
    assert note.reason == "the carrier says: completed; what was told of the call stays"
    assert world.calls.outbox == told, "its event has been sent"
    assert compare(world) == Reconciled(looked=1), "once"


@pytest.mark.parametrize("end", [S.BUSY, S.NO_ANSWER, S.FAILED, S.CANCELED])
def test_a_last_word_other_than_ours(end: CarrierStatus) -> None:
    world = World()
    talked(world)
    (sid,) = world.carrier.calls
    world.carrier.set(sid, end)
    assert compare(world).mended == 1
    call = world.call("call_1")
    assert (call.status, call.carrier_status) == (CallStatus.COMPLETED, end)
    assert compare(world).mended == 0


def test_a_duration_that_was_missing_is_filled_in_without_a_word() -> None:
    world = World()
    call = talked(world)
    world.calls.change(call, {"carrier_duration_seconds": None})
    assert compare(world) == Reconciled(looked=1)
    assert world.call("call_1").carrier_duration_seconds == 9


def stuck(world: World, *, ended: bool = True) -> None:
    """Dialled, over at the carrier, past its deadline; its state machine is dead and the reaper never saw it."""
    world.accept("call_1", max_duration_seconds=60)
    world.queue.sent.clear()
    world.dispatch("call_1")
    world._dial_call("call_1", "token-1")
    (sid,) = world.carrier.calls
    world.carrier.set(sid, S.COMPLETED if ended else S.IN_PROGRESS, ended_at=world.clock.now() if ended else None)
    world.told[sid] = 9
    world.seen.add(sid)
    world.looks.clear()
    world.workflow.states["call_1"] = ExecutionState.OVER
    world.clock.advance(HOUR)


def test_a_call_that_ended_at_the_carrier_alone_is_ended_with_us() -> None:
    world = World()
    stuck(world)
    assert compare(world) == Reconciled(looked=1, mended=1)
    check_invariants(world, "call_1")
    assert world.call("call_1").status is CallStatus.COMPLETED
    assert compare(world) == Reconciled(looked=1)


def test_a_campaigns_call_that_is_ended_ends_its_recipients_try() -> None:
    world = World(cap=5)
    world.add_campaign(SARAH.e164)
    call_id = world.begin()
    world._dial_call(call_id, "token-1")
    (sid,) = world.carrier.calls
    world.carrier.set(sid, S.BUSY, ended_at=world.clock.now())
    world.workflow.states[call_id] = ExecutionState.OVER
    world.clock.advance(HOUR)
    assert compare(world).mended == 1
    assert world.recipient().state.value == "busy"
    assert world.leases.holders(ACCOUNT, "camp_1") == {}


@pytest.mark.parametrize("why", ["it runs", "before its deadline", "it lives at the carrier"])
def test_a_call_that_is_not_ours_to_end_is_left_alone(why: str) -> None:
    world = World()
    stuck(world, ended=why != "it lives at the carrier")
    if why == "it runs":
        world.workflow.states["call_1"] = ExecutionState.RUNNING
    if why == "before its deadline":
        world.clock.advance(60 - HOUR)
    assert compare(world) == Reconciled(looked=1)
    assert world.call("call_1").settled_at is None
    assert world.carrier.hung_up == []


def foreign(world: World, *, seconds_ago: float, from_number: PhoneNumber = FROM) -> CarrierCall:
    """A call that another program made from this number."""
    at = world.clock.now() - round(seconds_ago * 1000)
    return world.carrier.place(from_number, PhoneNumber("+447386172399"), created_at=at)


def test_a_call_that_no_record_owns_is_counted_and_never_hung_up() -> None:
    world = World()
    talked(world)
    call = foreign(world, seconds_ago=UNKNOWN_AFTER_MS / 1000 + 2)
    found = compare(world)
    assert found == Reconciled(looked=2, unknown_to_us=(call.sid,))
    assert world.carrier.hung_up == []


def test_calls_too_young_too_old_or_from_other_numbers_are_nobodys_business() -> None:
    world = World()
    talked(world)
    world.clock.now_ms += 20 * HOUR * 1000 - world.clock.now() % (24 * HOUR * 1000)  # late in the carrier's day
    foreign(world, seconds_ago=60)
    foreign(world, seconds_ago=LOOK_BACK_MS / 1000 + 60)
    foreign(world, seconds_ago=HOUR, from_number=PhoneNumber("+447700900777"))
    assert compare(world).unknown_to_us == ()


def test_a_call_that_waited_for_hours_before_its_dial_is_found_by_a_search() -> None:
    world = World()
    call = talked(world)
    old = replace(call, created_at=call.created_at - LOOK_BACK_MS - HOUR * 1000)
    world.calls.calls[ACCOUNT, "call_1"] = old
    (sid,) = world.carrier.calls
    world.carrier.set(sid, S.COMPLETED, price=0.014)
    world.clock.advance(HOUR / 2)
    assert compare(world) == Reconciled(looked=1, priced=1)


def test_a_lost_calls_record_is_not_given_a_call_of_another_moment() -> None:
    """The same two numbers, two hours before and after: another program's, or another try's."""
    world = World(CONNECTED)
    world.carrier.script = [LOST]
    world.accept("call_1", max_duration_seconds=60)
    world.run()
    now = world.clock.now()
    world.clock.advance(2 * HOUR)
    asked = world.call("call_1").dial_started_at or 0
    for at in (asked - 2000, asked + 61_000, now + HOUR * 1000):
        world.carrier.place(FROM, SARAH, created_at=at)
    assert len(compare(world).unknown_to_us) == 3
    assert world.call("call_1").twilio_call_sid is None
    world.carrier.set(world.carrier.place(FROM, SARAH, created_at=asked + 3000).sid, S.NO_ANSWER)
    assert compare(world).mended == 1
    assert world.call("call_1").carrier_status is S.NO_ANSWER


def test_an_account_at_the_carrier_is_asked_once_whoever_shares_it() -> None:
    world = World()
    talked(world)
    other = "acct_ba9876543210"
    world.agents.add_agent(Agent(other, "agent_2", 0))
    for last in (701, 702):
        world.agents.add_number(Number(other, "agent_2", PhoneNumber(f"+447700900{last}"), 0))
    world.leases.take(other, "all", "call_x", cap=1, expires_at=0)
    asked: list[str] = []
    listed = world.carrier.started_since

    def started_since(account: CarrierAccount, since: int) -> Iterator[CarrierCall]:
        asked.append(account.sid)
        return listed(account, since)

    world.carrier.started_since = started_since  # type: ignore[method-assign]  # the same, counted
    assert compare(world) == Reconciled(looked=1)
    assert len(asked) == 1


class TwoAccounts(MemoryCredentials):
    """One number's account at the carrier is its own, and another's cannot be read."""

    def of_number(self, number: Number) -> CarrierAccount:
        if number.phone_number.e164.endswith("701"):
            raise ValueError("not to be decrypted")
        return CarrierAccount(f"AC{number.phone_number.e164}", "token")


def test_an_account_that_cannot_be_read_or_asked_does_not_hide_the_others() -> None:
    world = World()
    talked(world)
    for last in (701, 702):
        world.agents.add_number(Number(ACCOUNT, "agent_1", PhoneNumber(f"+447700900{last}"), -1))
    world.credentials = TwoAccounts()
    listed = world.carrier.started_since

    def started_since(account: CarrierAccount, since: int) -> Iterator[CarrierCall]:
        if account.sid.endswith("702"):
            raise LOST
        return listed(account, since)

    world.carrier.started_since = started_since  # type: ignore[method-assign]  # the same, with a hole
    assert compare(world) == Reconciled(looked=1, failures=("ValueError", "CarrierAmbiguous"))


def test_one_record_that_cannot_be_mended_does_not_keep_the_others() -> None:
    world = World()
    for n in (1, 2):
        talked(world, f"call_{n}", to=f"+44738617239{n}")
    for sid in world.carrier.calls:
        world.carrier.set(sid, S.COMPLETED, price=0.014)
    change = world.calls.change

    def broken(call: Call, *args: object, **kwargs: object) -> Call:
        if call.call_id == "call_1":
            raise TimeoutError
        return change(call, *args, **kwargs)  # type: ignore[arg-type]  # as it was called

    world.calls.change = broken  # type: ignore[method-assign]  # the same, with a hole
    assert compare(world) == Reconciled(looked=2, priced=1, failures=("TimeoutError",))


def test_a_run_ends_in_time() -> None:
    world = World()
    for n in (1, 2, 3):
        talked(world, f"call_{n}", to=f"+44738617239{n}")
    for sid in world.carrier.calls:
        world.carrier.set(sid, S.COMPLETED, price=0.014)
    change = world.calls.change

    def slow(call: Call, *args: object, **kwargs: object) -> Call:
        world.clock.advance(MAX_SECONDS - 60)
        return change(call, *args, **kwargs)  # type: ignore[arg-type]  # as it was called

    world.calls.change = slow  # type: ignore[method-assign]  # the same, in minutes
    assert compare(world) == Reconciled(looked=2, priced=2, more=True)
    world.calls.change = change  # type: ignore[method-assign]  # as it was
    assert compare(world) == Reconciled(looked=3, priced=1)


def book(world: World, n: int, at: int, *, from_number: PhoneNumber = FROM, **told: object) -> Call:
    """A call that was settled with the carrier's last word, but for its price."""
    placed = world.carrier.place(from_number, PhoneNumber(f"+447700{n:06}"), created_at=at)
    ended = {"duration_seconds": 9, "ended_at": at + 12_000} | told
    world.carrier.set(placed.sid, S.COMPLETED, **ended)
    call = Call(
        ACCOUNT, f"call_{n}", "agent_1", Direction.OUTBOUND, from_number, PhoneNumber(placed.to_number), at, "Remind.",
        dial_started_at=at, twilio_call_sid=placed.sid, status=CallStatus.COMPLETED, carrier_status=S.COMPLETED,
        carrier_duration_seconds=9, settled_at=at + 15_000,
    )  # fmt: skip
    world.calls.calls[ACCOUNT, call.call_id] = call
    return call


def unpriced(world: World) -> list[str]:
    return [call_id for (_, call_id), call in world.calls.calls.items() if call.carrier_price is None]


def test_every_call_of_a_busy_day_gets_its_price_though_prices_come_late() -> None:
    """Twelve hundred an hour; a price comes five minutes after its call, so the newest never have one."""
    world = World()
    world.leases.take(ACCOUNT, "all", "call_x", cap=1, expires_at=0)
    made: list[Call] = []
    for hour in range(3):
        begin = world.clock.now()
        made += [book(world, hour * 1200 + n, begin + n * 3000) for n in range(1200)]
        world.clock.advance(HOUR)
        for call in made:
            if call.created_at + 5 * 60_000 < world.clock.now():
                world.carrier.set(call.twilio_call_sid or "", S.COMPLETED, price=0.014)
        found = compare(world)
        assert (found.looked, found.failures, found.more) == (len(made), (), False)
    young = {c.call_id for c in made if c.created_at + 5 * 60_000 >= world.clock.now()}
    assert 0 < len(young) <= 100
    assert set(unpriced(world)) == young


def test_what_one_run_does_not_reach_the_next_one_does_oldest_hour_first() -> None:
    world = World()
    world.leases.take(ACCOUNT, "all", "call_x", cap=1, expires_at=0)
    now = world.clock.now()
    for n in range(12):
        book(world, n, now - LOOK_BACK_MS + n * 30 * 60_000, price=0.014)
    change = world.calls.change

    def slow(call: Call, *args: object, **kwargs: object) -> Call:
        world.clock.advance(MAX_SECONDS / 4)
        return change(call, *args, **kwargs)  # type: ignore[arg-type]  # as it was called

    world.calls.change = slow  # type: ignore[method-assign]  # the same, in minutes
    left: list[int] = []
    for _ in range(4):
        world.clock.now_ms = now
        assert compare(world).more is (len(left) < 2)
        left.append(len(unpriced(world)))
        assert all(f"call_{n}" in unpriced(world) for n in range(12 - left[-1], 12)), "the oldest first"
    assert left == [8, 4, 0, 0]


def test_a_carrier_account_that_is_never_done_leaves_the_others_their_time() -> None:
    world = World()
    world.leases.take(ACCOUNT, "all", "call_x", cap=1, expires_at=0)
    other = PhoneNumber("+447700900703")
    world.agents.add_number(Number(ACCOUNT, "agent_1", other, -1))
    world.credentials = TwoAccounts()
    now = world.clock.now()
    for n in range(20):
        book(world, n, now - HOUR * 1000, price=0.014)
        book(world, 100 + n, now - HOUR * 1000, from_number=other, price=0.014)
    change = world.calls.change

    def slow(call: Call, *args: object, **kwargs: object) -> Call:
        world.clock.advance(MAX_SECONDS / 16)
        return change(call, *args, **kwargs)  # type: ignore[arg-type]  # as it was called

    world.calls.change = slow  # type: ignore[method-assign]  # the same, in half a minute
    found = compare(world)
    assert (found.priced, found.more) == (16, True)
    priced = [c.from_number for c in world.calls.calls.values() if c.carrier_price is not None]
    assert (priced.count(FROM), priced.count(other)) == (8, 8)


def test_a_list_without_end_is_read_for_half_of_the_time_and_compared_as_far_as_it_came() -> None:
    world = World()
    world.leases.take(ACCOUNT, "all", "call_x", cap=1, expires_at=0)
    now = world.clock.now()
    for n in range(4):
        book(world, n, now - (4 - n) * 60_000, price=0.014)
    listed = world.carrier.started_since

    def started_since(account: CarrierAccount, since: int) -> Iterator[CarrierCall]:
        for call in listed(account, since):
            yield call
            world.clock.advance(MAX_SECONDS / 4)

    world.carrier.started_since = started_since  # type: ignore[method-assign]  # the same, slowly
    found = compare(world)
    assert (found.priced, found.more, unpriced(world)) == (3, True, ["call_0"])


def test_a_list_that_breaks_off_is_compared_as_far_as_it_came() -> None:
    world = World()
    world.leases.take(ACCOUNT, "all", "call_x", cap=1, expires_at=0)
    now = world.clock.now()
    for n in range(3):
        book(world, n, now - (4 - n) * 60_000, price=0.014)
    listed = world.carrier.started_since

    def started_since(account: CarrierAccount, since: int) -> Iterator[CarrierCall]:
        yield from list(listed(account, since))[:2]
        raise LOST

    world.carrier.started_since = started_since  # type: ignore[method-assign]  # the same, with a hole
    found = compare(world)
    assert (found.priced, found.failures, unpriced(world)) == (2, ("CarrierAmbiguous",), ["call_0"])


def test_as_many_strangers_as_there_are_are_told_from_calls_that_waited_long() -> None:
    world = World()
    world.leases.take(ACCOUNT, "all", "call_x", cap=1, expires_at=0)
    for n in range(30):
        foreign(world, seconds_ago=2 * HOUR - n)
    call = book(world, 1, world.clock.now() - HOUR * 1000, price=0.014)
    world.calls.calls[ACCOUNT, "call_1"] = replace(call, created_at=call.created_at - LOOK_BACK_MS)
    found = compare(world)
    assert (found.looked, found.priced, len(found.unknown_to_us)) == (31, 1, 30)


def test_inbound_calls_are_not_compared() -> None:
    world = World()
    talked(world)
    inbound = Call(
        ACCOUNT,
        "call_in",
        "agent_1",
        Direction.INBOUND,
        SARAH,
        FROM,
        world.clock.now(),
        twilio_call_sid="CAin",
        status=CallStatus.UNKNOWN,
        settled_at=world.clock.now(),
        ended_reason=EndedReason.ERROR,
    )
    world.calls.add(inbound)
    assert compare(world) == Reconciled(looked=1)


def test_a_run_that_is_killed_at_any_moment_is_finished_by_the_next_or_by_the_reaper() -> None:
    def house(kills: frozenset[int] = frozenset()) -> World:
        world = World()
        stuck(world)
        (sid,) = world.carrier.calls
        world.carrier.set(sid, S.COMPLETED, price=0.014)
        world.moments.clear()
        world.kills = kills
        return world

    whole = house()
    compare(whole)
    for number, name in enumerate(list(whole.moments)):
        world = house(frozenset({number}))
        with pytest.raises(BaseException, match=name.removeprefix("reconcile_calls: ")):
            compare(world)
        compare(world)
        world.reap()  # where it was settled and died before it gave the place back
        check_invariants(world, "call_1")
        assert world.call("call_1").carrier_price == 0.014
