"""How long a call that cannot be heard waits for its next stream, and when it gives up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.stt.retrying import TRIES, Failures

CHANCE = st.floats(0, 1, exclude_max=True)


def pauses(chances: list[float], *, each_takes: float = 0.0) -> list[float | None]:
    """What is waited after one failure after another."""
    failures, now, found = Failures(), 0.0, list[float | None]()
    for chance in chances:
        now += each_takes
        failures = failures.another(now, worked=False)
        pause = failures.pause(now, chance)
        found.append(pause)
        now += pause or 0.0
    return found


@given(st.lists(CHANCE, min_size=TRIES, max_size=TRIES))
def test_six_tries_take_at_least_five_seconds_and_no_more_than_eight(chances: list[float]) -> None:
    *waited, last = pauses(chances)
    assert last is None
    assert 5.0 <= sum(pause for pause in waited if pause is not None) <= 8.0
    assert None not in waited


@given(CHANCE, CHANCE)
def test_each_pause_is_longer_than_the_last(one: float, other: float) -> None:
    first, second = pauses([one, other])
    assert first is not None
    assert second is not None
    assert first < second


def test_calls_refused_together_do_not_come_back_together() -> None:
    assert len({pauses([chance])[0] for chance in (0.0, 0.2, 0.4, 0.6, 0.8)}) == 5


@pytest.mark.parametrize("count", range(1, TRIES + 1))
def test_a_stream_that_worked_renews_the_count(count: int) -> None:
    assert Failures(count, 3.0).another(9.0, worked=True) == Failures(1, 9.0)


def test_tries_that_take_long_are_fewer() -> None:
    waited = pauses([0.5] * TRIES, each_takes=5.0)
    assert waited.index(None) < TRIES - 1
