"""When new dials are held: two refused streams within a minute, whichever task met them."""

from hypothesis import given
from hypothesis import strategies as st

from calling.domain.hold import HOLD_MS, WITHIN_MS, hold_until
from calling.usecases.hold_dials import hold_dials
from tests.fakes.clock import ManualClock
from tests.fakes.pools import MemoryDialHold


def test_one_refusal_alone_holds_nobody() -> None:
    assert hold_until(1, None, 1_000) is None
    assert hold_until(1, 0, WITHIN_MS + 1) is None
    assert hold_until(1, 0, WITHIN_MS) == WITHIN_MS + HOLD_MS
    assert hold_until(2, None, 1_000) == 1_000 + HOLD_MS


def test_two_tasks_that_meet_one_refusal_each_hold_together() -> None:
    hold, clock = MemoryDialHold(), ManualClock()
    assert not hold_dials(1, hold=hold, clock=clock)
    clock.advance(59)
    assert hold_dials(1, hold=hold, clock=clock)
    assert hold.until() == clock.now() + HOLD_MS


def test_a_hold_goes_on_with_the_refusals_and_begins_once() -> None:
    hold, clock = MemoryDialHold(), ManualClock()
    begun = [hold_dials(2, hold=hold, clock=clock)]
    for _ in range(5):
        clock.advance(30)
        begun.append(hold_dials(1, hold=hold, clock=clock))
    assert begun == [True, False, False, False, False, False]
    clock.advance(61)
    assert hold.until() <= clock.now(), "a minute after the last refusal it is over by itself"
    assert not hold_dials(1, hold=hold, clock=clock), "the first one after it proves nothing"
    clock.advance(1)
    assert hold_dials(1, hold=hold, clock=clock), "another hold, another measurement"


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 120)), max_size=30))
def test_it_holds_exactly_while_the_last_two_refusals_are_close(refusals: list[tuple[int, int]]) -> None:
    hold, clock = MemoryDialHold(), ManualClock()
    seen: list[int] = []  # the moment of each refusal
    for count, pause in refusals:
        clock.advance(pause)
        seen += [clock.now()] * count
        hold_dials(count, hold=hold, clock=clock)
        close = len(seen) > 1 and seen[-1] - seen[-2] <= WITHIN_MS
        assert not close or hold.until() == clock.now() + HOLD_MS
        assert hold.until() <= clock.now() + HOLD_MS
