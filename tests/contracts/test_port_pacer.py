"""Pacer and LineLock: memory and DynamoDB keep the same promises."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from calling.adapters.dynamodb.lines import DynamoLineLock
from calling.adapters.dynamodb.pacing import DynamoPacer
from calling.domain.phone_number import PhoneNumber
from calling.ports import LineLock, Pacer
from tests.contracts.conftest import TABLE
from tests.fakes.pools import MemoryLineLock, MemoryPacer

T0 = 1_795_260_000_000
OURS, THEIRS, OTHER = PhoneNumber("+15550100001"), PhoneNumber("+447700900123"), PhoneNumber("+447700900124")


@pytest.fixture(params=["memory", "dynamodb"])
def pacer(request: pytest.FixtureRequest) -> Pacer:
    return MemoryPacer() if request.param == "memory" else DynamoPacer(request.getfixturevalue("dynamodb"), TABLE)


@pytest.fixture(params=["memory", "dynamodb"])
def lines(request: pytest.FixtureRequest) -> LineLock:
    return MemoryLineLock() if request.param == "memory" else DynamoLineLock(request.getfixturevalue("dynamodb"), TABLE)


def test_slots_are_on_pace_and_the_first_is_now(pacer: Pacer, account_id: str) -> None:
    slots = [pacer.reserve(account_id, "AC1", now=T0 + n, calls_per_second=2) for n in range(3)]
    assert slots == [T0, T0 + 500, T0 + 1000]


def test_an_idle_account_starts_anew_without_a_burst(pacer: Pacer, account_id: str) -> None:
    pacer.reserve(account_id, "AC1", now=T0, calls_per_second=1)
    later = [pacer.reserve(account_id, "AC1", now=T0 + 60_000, calls_per_second=1) for _ in range(2)]
    assert later == [T0 + 60_000, T0 + 61_000]


def test_a_slot_due_exactly_now_is_given(pacer: Pacer, account_id: str) -> None:
    pacer.reserve(account_id, "AC1", now=T0, calls_per_second=1)
    assert pacer.reserve(account_id, "AC1", now=T0 + 1000, calls_per_second=1) == T0 + 1000


def test_carrier_accounts_are_paced_apart(pacer: Pacer, account_id: str) -> None:
    slots = [pacer.reserve(account_id, sid, now=T0, calls_per_second=1) for sid in ("AC1", "AC2")]
    assert slots == [T0, T0]


def test_no_limit_is_no_wait(pacer: Pacer, account_id: str) -> None:
    assert [pacer.reserve(account_id, "AC1", now=T0, calls_per_second=0) for _ in range(3)] == [T0] * 3


def test_a_pace_that_is_lifted_leaves_no_wait(pacer: Pacer, account_id: str) -> None:
    for _ in range(3):
        pacer.reserve(account_id, "AC1", now=T0, calls_per_second=1)
    assert pacer.reserve(account_id, "AC1", now=T0, calls_per_second=0) == T0


@pytest.mark.parametrize("calls_per_second", [0, 2])
def test_no_slot_is_given_before_the_carriers_pause_is_over(
    pacer: Pacer, account_id: str, calls_per_second: float
) -> None:
    pacer.slow_down(account_id, "AC1", until=T0 + 5000, reason="too many requests")
    assert pacer.reserve(account_id, "AC1", now=T0, calls_per_second=calls_per_second) == T0 + 5000
    assert pacer.reserve(account_id, "AC2", now=T0, calls_per_second=calls_per_second) == T0
    assert pacer.reserve(account_id, "AC1", now=T0 + 9000, calls_per_second=calls_per_second) == T0 + 9000


def test_after_a_pause_the_pace_goes_on(pacer: Pacer, account_id: str) -> None:
    assert pacer.reserve(account_id, "AC1", now=T0, calls_per_second=2) == T0
    pacer.slow_down(account_id, "AC1", until=T0 + 5000, reason="too many requests")
    slots = [pacer.reserve(account_id, "AC1", now=T0 + n, calls_per_second=2) for n in range(3)]
    assert slots == [T0 + 5000, T0 + 5500, T0 + 6000]


def test_a_pause_that_ends_among_reserved_slots_moves_none(pacer: Pacer, account_id: str) -> None:
    for _ in range(4):
        pacer.reserve(account_id, "AC1", now=T0, calls_per_second=1)
    pacer.slow_down(account_id, "AC1", until=T0 + 1500, reason="too many requests")
    assert pacer.slowed(account_id, "AC1") == (T0 + 1500, "too many requests")
    assert pacer.reserve(account_id, "AC1", now=T0, calls_per_second=1) == T0 + 4000


def test_the_carriers_last_pause_is_known(pacer: Pacer, account_id: str) -> None:
    pacer.reserve(account_id, "AC1", now=T0, calls_per_second=1)
    assert pacer.slowed(account_id, "AC1") is None
    assert pacer.slowed(account_id, "AC2") is None
    pacer.slow_down(account_id, "AC1", until=T0 + 5000, reason="too many requests")
    pacer.slow_down(account_id, "AC1", until=T0 + 3000, reason="earlier")
    assert pacer.slowed(account_id, "AC1") == (T0 + 5000, "too many requests")
    pacer.slow_down(account_id, "AC1", until=T0 + 9000, reason="queue full")
    assert pacer.slowed(account_id, "AC1") == (T0 + 9000, "queue full")
    assert pacer.slowed("acct_other_" + account_id, "AC1") is None


def test_no_slot_is_given_twice_to_many_at_once(dynamodb: Any, account_id: str) -> None:
    pacer = DynamoPacer(dynamodb, TABLE)
    with ThreadPoolExecutor(8) as threads:
        slots = list(threads.map(lambda _: pacer.reserve(account_id, "AC1", now=T0, calls_per_second=4), range(24)))
    assert sorted(slots) == [T0 + 250 * n for n in range(24)]


def test_a_campaigns_calls_are_let_through_a_few_seconds_ahead_of_the_pace(pacer: Pacer, account_id: str) -> None:
    def through(now: int) -> bool:
        room = pacer.has_room(account_id, "AC1", now=now, calls_per_second=1, ahead_ms=3000)
        assert pacer.admit(account_id, "AC1", now=now, calls_per_second=1, ahead_ms=3000) == room
        return room

    assert [through(T0) for _ in range(6)] == [True, True, True, True, False, False]
    assert [through(T0 + 1000) for _ in range(2)] == [True, False]
    assert through(T0 + 60_000)
    assert pacer.reserve(account_id, "AC1", now=T0, calls_per_second=1) == T0, "the pace of dials is another"


def test_nobody_is_let_through_while_the_carrier_asks_for_a_pause(pacer: Pacer, account_id: str) -> None:
    pacer.slow_down(account_id, "AC1", until=T0 + 5000, reason="too many requests")
    for calls_per_second in (0, 1):
        rules = {"calls_per_second": calls_per_second, "ahead_ms": 3000}
        assert not pacer.has_room(account_id, "AC1", now=T0, **rules)
        assert pacer.has_room(account_id, "AC1", now=T0 + 5000, **rules)
        assert pacer.has_room(account_id, "AC2", now=T0, **rules)


def test_without_a_limit_everybody_is_let_through(pacer: Pacer, account_id: str) -> None:
    assert all(pacer.admit(account_id, "AC1", now=T0, calls_per_second=0, ahead_ms=0) for _ in range(9))


def test_no_more_are_let_through_to_many_at_once(dynamodb: Any, account_id: str) -> None:
    pacer = DynamoPacer(dynamodb, TABLE)

    def admit(_: int) -> bool:
        return pacer.admit(account_id, "AC1", now=T0, calls_per_second=2, ahead_ms=3000)

    assert admit(0)
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(admit, range(24))) == 6


def test_a_line_has_one_holder(lines: LineLock, account_id: str) -> None:
    assert lines.acquire(account_id, THEIRS, "call_1")
    assert lines.acquire(account_id, THEIRS, "call_1")
    assert not lines.acquire(account_id, THEIRS, "call_2")
    assert lines.acquire(account_id, OTHER, "call_3")
    assert lines.acquire("acct_other" + account_id, THEIRS, "call_4")


def test_only_its_holder_gives_a_line_back(lines: LineLock, account_id: str) -> None:
    lines.release(account_id, THEIRS, "call_1")
    assert lines.acquire(account_id, THEIRS, "call_1")
    lines.release(account_id, THEIRS, "call_2")
    assert not lines.acquire(account_id, THEIRS, "call_2")
    lines.release(account_id, THEIRS, "call_1")
    assert lines.acquire(account_id, THEIRS, "call_2")


def test_who_joins_a_line_is_on_it_beside_the_others(lines: LineLock, account_id: str) -> None:
    assert lines.acquire(account_id, THEIRS, "call_1")
    lines.join(account_id, THEIRS, "call_2")
    lines.join(account_id, THEIRS, "call_2")
    assert not lines.acquire(account_id, THEIRS, "call_1"), "it has the line no more to itself"
    assert lines.is_shared(account_id, THEIRS, "call_1")
    lines.release(account_id, THEIRS, "call_1")
    assert not lines.acquire(account_id, THEIRS, "call_3"), "until the last has left"
    lines.release(account_id, THEIRS, "call_2")
    assert lines.acquire(account_id, THEIRS, "call_3")


def test_a_line_nobody_is_on_can_be_joined_and_is_held(lines: LineLock, account_id: str) -> None:
    assert not lines.is_shared(account_id, THEIRS, "call_1")
    lines.join(account_id, THEIRS, "call_1")
    assert not lines.is_shared(account_id, THEIRS, "call_1")
    assert lines.is_shared(account_id, THEIRS, "call_2")
    assert lines.acquire(account_id, THEIRS, "call_1")
    assert not lines.acquire(account_id, THEIRS, "call_2")
    lines.release(account_id, THEIRS, "call_1")
    assert lines.acquire(account_id, THEIRS, "call_2")
