"""All at once: two calls to one person, kills, lost and doubled messages, lists that lag, hangups, dead media."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain.call import CallStatus, CarrierStatus, EndedReason
from calling.domain.errors import CarrierError
from tests.fakes.rough_world import RoughWorld
from tests.fakes.world import MACHINE, Plan
from tests.unit.usecases.test_way_of_a_call import DIALS, ENDS, FATES, check_invariants

S = CarrierStatus
RINGS = ((1, S.RINGING), (200, S.NO_ANSWER))
TALKS = ((1, S.RINGING), (3, S.IN_PROGRESS), (30, S.COMPLETED))
ALL_LOST = ("drop",) * 9


def check(world: RoughWorld, *call_ids: str) -> None:
    for call_id in call_ids:
        check_invariants(world, call_id)
        if world.call(call_id).status is not CallStatus.UNKNOWN:
            sid = world.call(call_id).twilio_call_sid
            assert sid is None or world.carrier.calls[sid].status.is_terminal, "nobody is left on the line"
    assert world.live_peak <= 1, "one call between two numbers at a time"
    assert len({c.twilio_call_sid for c in map(world.call, call_ids)} - {None}) == len(
        [c for c in map(world.call, call_ids) if c.twilio_call_sid]
    ), "no call at the carrier has two owners"


@settings(max_examples=250, deadline=None)
@given(
    fates=FATES,
    end=ENDS,
    ends_after=st.sampled_from([6, 12, 90]),
    media=st.sampled_from(["none", "lives", "dies"]),
    dials=st.lists(st.sampled_from(DIALS), max_size=3),
    kills=st.frozensets(st.integers(0, 220), max_size=5),
    hangups=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["call_1", "call_2"])), max_size=3),
    not_after=st.none() | st.integers(1, 90),
    lag=st.sampled_from([0, 3, 20]),
    doubles=st.integers(0, 12),
)
def test_whatever_fails_at_once_every_call_has_one_end_and_one_request(
    fates: tuple[str, ...],
    end: CarrierStatus,
    ends_after: int,
    media: str,
    dials: list[CarrierError],
    kills: frozenset[int],
    hangups: list[tuple[int, str]],
    not_after: int | None,
    lag: int,
    doubles: int,
) -> None:
    answered = ((3.0, S.IN_PROGRESS),) if end is S.COMPLETED else ()
    plan = Plan(((1, S.RINGING), *answered, (ends_after, end)), fates, media != "none")
    world = RoughWorld(
        plan, kills=kills, hangups=tuple(hangups), lag_seconds=lag, media_dies=media == "dies", doubles=doubles
    )
    world.carrier.script = list(dials)
    limit = None if not_after is None else world.clock.now() + not_after * 1000
    world.accept("call_1", max_duration_seconds=60)
    world.accept("call_2", max_duration_seconds=60, not_after=limit)
    world.run()
    check(world, "call_1", "call_2")
    second = world.call("call_2")
    if limit is not None and second.dial_started_at is not None:
        assert second.dial_started_at < limit


@pytest.mark.parametrize("end", [S.BUSY, S.NO_ANSWER, S.FAILED])
def test_a_lost_last_word_of_a_call_nobody_answered_is_found_within_ten_seconds(end: CarrierStatus) -> None:
    world = RoughWorld(Plan(((1, S.RINGING), (33, end)), ALL_LOST, media=False))
    world.accept("call_1")
    world.run()
    check(world, "call_1")
    call = world.call("call_1")
    assert call.status == end.value
    assert call.dial_started_at is not None
    assert call.settled_at is not None
    assert call.settled_at - (call.dial_started_at + 33_000) <= 10_000


def test_an_answered_call_without_a_stream_is_not_left_to_the_heartbeat() -> None:
    world = RoughWorld(Plan(((1, S.RINGING), (3, S.IN_PROGRESS), (600, S.COMPLETED)), media=False))
    world.accept("call_1")
    world.run()
    check(world, "call_1")
    call = world.call("call_1")
    assert call.ended_reason is EndedReason.ERROR
    assert call.settled_at is not None
    assert call.answered_at is not None
    assert call.settled_at - call.answered_at < MACHINE["States"]["DialCall"]["HeartbeatSeconds"] * 1000


def test_a_hangup_while_it_rings_ends_it_though_nobody_calls_back() -> None:
    world = RoughWorld(Plan(RINGS, ALL_LOST, media=False), hangups=((10, "call_1"),))
    world.accept("call_1")
    world.run()
    check(world, "call_1")
    assert world.hung_up == {"call_1"}
    assert world.call("call_1").status is CallStatus.CANCELED
    assert world.clock.now() - world.began < 30_000


def test_a_media_process_that_dies_is_told_apart_from_a_hangup() -> None:
    world = RoughWorld(Plan(TALKS), media_dies=True)
    world.accept("call_1")
    world.run()
    check(world, "call_1")
    assert world.call("call_1").ended_reason is EndedReason.ERROR


def test_the_second_call_to_a_person_waits_for_the_first() -> None:
    world = RoughWorld(Plan(TALKS), doubles=0)
    world.accept("call_1")
    world.accept("call_2")
    world.run()
    check(world, "call_1", "call_2")
    assert [n.event for n in world.call("call_2").timeline].count("waiting") == 1
    assert len(world.carrier.posts) == 2


def test_a_watch_ends_with_its_call() -> None:
    """One look after the stream has come up, and no more."""
    world = RoughWorld(doubles=0)
    world.accept("call_1")
    world.run()
    assert sum(name.startswith("watch_call: before calls.get") for name in world.moments) == 1
