"""The way of a call, walked through the real state machine with the real use cases, on fakes in virtual time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain.call import CallStatus, CarrierStatus, EndedReason
from calling.domain.cost import cost
from calling.domain.errors import CarrierAmbiguous, CarrierError, CarrierRefused, CarrierThrottled, ModelError
from calling.domain.events import EventName
from calling.domain.usage import Usage, month_of
from tests.fakes.outside import FakeModel
from tests.fakes.stores import MemoryUsageStore
from tests.fakes.world import ACCOUNT, Plan, World

S = CarrierStatus
BUSY = Plan(((1, S.RINGING), (2, S.BUSY)), media=False)


def check_invariants(world: World, call_id: str) -> None:
    call = world.call(call_id)
    assert call.status.is_terminal
    assert call.settled_at is not None
    assert call.ended_reason is not None
    assert world.events(call_id).count(f"{call_id}#terminal") == 1
    asked = [c for c in world.calls.calls.values() if c.was_asked_of_carrier and c.terminal_event_at is not None]
    used = MemoryUsageStore(world.calls).months(ACCOUNT)
    assert sum(month.calls for month in used) == len(asked), "each call is counted once, whatever died"
    assert sum(month.minutes for month in used) == sum(c.charged_minutes or 0 for c in asked)
    assert world.holders() == {}
    assert world.lines.lines == {}
    placed = [r for _, r in world.carrier.posts if f"/{call_id}/" in r.status_callback and id(r) not in world.refused]
    assert len(placed) <= 1, "an attempt is at most one call at the carrier"


def test_an_answered_call_ends_completed_summarised_and_remembered() -> None:
    world = World()
    world.accept("call_1")
    world.run()
    call = world.call("call_1")
    check_invariants(world, "call_1")
    assert (call.status, call.ended_reason) == (CallStatus.COMPLETED, EndedReason.COMPLETED)
    assert call.summary == "Sarah moved it to Thursday."
    assert call.charged_minutes == 1
    assert [e.name for e in world.calls.outbox] == [EventName.CALL_STARTED, EventName.CALL_COMPLETED]
    assert [s.summary for s in world.people.summaries(ACCOUNT, call.to_number, limit=5)] == [call.summary]
    assert world.opener.started == [(ACCOUNT, "call_1")]


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        (S.BUSY, CallStatus.BUSY, EndedReason.BUSY),
        (S.NO_ANSWER, CallStatus.NO_ANSWER, EndedReason.NO_ANSWER),
        (S.FAILED, CallStatus.FAILED, EndedReason.FAILED),
        (S.CANCELED, CallStatus.CANCELED, EndedReason.CANCELED),
    ],
)
def test_a_call_that_never_connects(end: CarrierStatus, status: CallStatus, reason: EndedReason) -> None:
    world = World(Plan(((1, S.RINGING), (2, end)), media=False))
    world.accept("call_1")
    world.run()
    check_invariants(world, "call_1")
    call = world.call("call_1")
    assert (call.status, call.ended_reason, call.charged_minutes) == (status, reason, 0)
    assert [e.name for e in world.calls.outbox] == [EventName.CALL_FAILED]


def test_what_calls_used_is_counted_as_they_end() -> None:
    """Three calls, and one that is called off before anybody was asked for it."""
    world = World()
    for n in range(3):
        world.accept(f"call_{n}", to=f"+44738617239{n}")
    world.accept("call_late", to="+447386172399", not_after=0)
    world.run()
    check_invariants(world, "call_0")
    calls = [world.call(f"call_{n}") for n in range(3)]
    price = sum(cost(call, world.calls.turns(ACCOUNT, call.call_id)).total for call in calls)
    assert price > 0
    month = month_of(world.clock.now())
    assert MemoryUsageStore(world.calls).months(ACCOUNT) == (Usage(month, 3, 3, round(price * 1_000_000), 0, 1),)


def test_a_refused_number_is_failed_with_the_carriers_code_and_never_asked_again() -> None:
    world = World()
    world.carrier.script = [CarrierRefused("Invalid 'To'", twilio_code=21211, http_status=400)]
    world.accept("call_1")
    world.run()
    check_invariants(world, "call_1")
    assert (world.call("call_1").status, world.call("call_1").dial_error_code) == (CallStatus.FAILED, 21211)
    assert len(world.carrier.posts) == 1


def test_a_429_consumes_nothing_and_is_dialled_later() -> None:
    world = World()
    world.carrier.script = [CarrierThrottled("Too many", twilio_code=20429, http_status=429)] * 2
    world.accept("call_1")
    world.run()
    check_invariants(world, "call_1")
    assert world.call("call_1").status is CallStatus.COMPLETED
    assert len(world.carrier.calls) == 1
    assert [n.event for n in world.call("call_1").timeline].count("throttled") == 2


def test_a_lost_answer_is_adopted_by_its_callback_and_never_redialled() -> None:
    world = World()
    world.carrier.script = [("accepted", CarrierAmbiguous("timeout"))]
    world.accept("call_1")
    world.run()
    check_invariants(world, "call_1")
    assert (world.call("call_1").status, len(world.carrier.posts)) == (CallStatus.COMPLETED, 1)


def test_a_lost_answer_with_all_callbacks_lost_is_found_by_search() -> None:
    world = World(Plan(fates=("drop",) * 5, media=False))
    world.carrier.script = [("accepted", CarrierAmbiguous("timeout"))]
    world.accept("call_1")
    world.run()
    check_invariants(world, "call_1")
    assert (world.call("call_1").status, len(world.carrier.posts)) == (CallStatus.COMPLETED, 1)


def test_a_500_that_placed_nothing_ends_unknown_after_its_deadline_and_is_never_redialled() -> None:
    world = World()
    world.carrier.script = [CarrierAmbiguous("500", http_status=500)]
    world.accept("call_1", max_duration_seconds=60)
    world.run()
    check_invariants(world, "call_1")
    assert (world.call("call_1").status, len(world.carrier.posts)) == (CallStatus.UNKNOWN, 1)


def test_the_carriers_silence_is_not_waited_for() -> None:
    """Every callback lost: the end of the media stream makes resolve_call look."""
    world = World(Plan(fates=("drop",) * 5))
    world.accept("call_1")
    world.run()
    check_invariants(world, "call_1")
    assert world.call("call_1").status is CallStatus.COMPLETED


def test_a_call_without_media_is_ended_not_left_running() -> None:
    world = World(Plan(((1, S.RINGING), (2, S.IN_PROGRESS), (500, S.COMPLETED)), media=False))
    world.accept("call_1")
    world.run()
    check_invariants(world, "call_1")
    assert world.call("call_1").ended_reason is EndedReason.ERROR
    assert world.carrier.hung_up


def test_a_summary_that_fails_leaves_one_terminal_event_without_it() -> None:
    world = World()
    world.model = FakeModel(ModelError("overloaded"))
    world.accept("call_1")
    world.run()
    check_invariants(world, "call_1")
    assert world.call("call_1").summary is None
    assert world.people.summaries(ACCOUNT, world.call("call_1").to_number, limit=5) == ()


def test_the_cap_makes_calls_wait_with_a_reason() -> None:
    world = World(cap=1)
    world.leases.take(ACCOUNT, "all", "call_other", cap=1, expires_at=0)
    world.accept("call_1")
    world.deliver_message(*world.queue.sent.pop(0)[:2])
    world.deliver_message(*world.queue.sent.pop(0)[:2])
    assert len(world.queue.sent) == 1, "it comes again, with a delay"
    assert [n.event for n in world.call("call_1").timeline] == ["waiting"], "noted once"
    assert world.carrier.posts == []


def test_two_calls_between_the_same_numbers_never_live_at_once() -> None:
    world = World(cap=5)
    world.accept("call_1")
    world.accept("call_2")
    world.dispatch("call_1")
    world.dispatch("call_2")
    assert [call_id for _, call_id in world.workflow.started] == ["call_1"]


def test_an_expired_call_is_never_dialled() -> None:
    world = World()
    world.accept("call_1", not_after=world.clock.now() - 1)
    world.run()
    check_invariants(world, "call_1")
    assert world.call("call_1").ended_reason is EndedReason.EXPIRED
    assert world.carrier.posts == []


FATES = st.lists(st.sampled_from(["deliver", "drop", "twice", "late"]), max_size=6).map(tuple)
ENDS = st.sampled_from([S.COMPLETED, S.BUSY, S.NO_ANSWER, S.FAILED])
LOST = CarrierAmbiguous("timeout")
DIALS: list[CarrierError | tuple[str, CarrierError]] = [
    CarrierThrottled("429", twilio_code=20429, http_status=429),
    CarrierRefused("400", twilio_code=21211, http_status=400),
    LOST,
    ("accepted", LOST),
]


@settings(max_examples=150, deadline=None)
@given(
    fates=FATES,
    end=ENDS,
    media=st.booleans(),
    dials=st.lists(st.sampled_from(DIALS), max_size=3),
    kills=st.frozensets(st.integers(0, 140), max_size=5),
)
def test_whatever_fails_every_call_has_one_end_and_one_request(
    fates: tuple[str, ...], end: CarrierStatus, media: bool, dials: list[CarrierError], kills: frozenset[int]
) -> None:
    answered = ((3.0, S.IN_PROGRESS),) if end is S.COMPLETED else ()
    world = World(Plan(((1, S.RINGING), *answered, (12, end)), fates, media), kills=kills)
    world.carrier.script = list(dials)
    world.accept("call_1", max_duration_seconds=60)
    world.run()
    check_invariants(world, "call_1")
    assert world.live_peak <= 1


def test_a_lambda_killed_at_every_moment_of_a_call_changes_nothing_of_its_end() -> None:
    """One run a moment: before and after every write and every call out, from the queue to the summary."""
    whole = World()
    whole.accept("call_1")
    whole.run()
    hit = set()
    for moment, name in enumerate(whole.moments):
        world = World(kills=frozenset({moment}))
        world.accept("call_1")
        world.run()
        check_invariants(world, "call_1")
        assert world.moments[moment] == name, "it was hit"
        hit.add(name)
    assert {name.split(":")[0] for name in hit} == {
        "dispatch_dial",
        "dial_call",
        "record_progress",
        "watch_call",
        "ResolveCall",
        "SettleCall",
        "SummarizeCall",
    }
    assert "dial_call: after carrier.dial" in hit


def test_entering_the_dial_again_never_asks_the_carrier_again() -> None:
    world = World()
    world.accept("call_1")
    world.dispatch("call_1")
    for token in ("token-a", "token-b"):
        world._dial_call("call_1", token)
    assert len(world.carrier.posts) == 1
    assert world.call("call_1").task_token == "token-b"
