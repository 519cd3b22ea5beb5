"""A message that is faster than its record: place_call queues first and stores after."""

from calling.usecases.dispatch_dial import Dispatched
from tests.fakes.clock import ManualClock
from tests.fakes.world import ACCOUNT, World


class SlowStorage(ManualClock):
    """A clock during whose second sleep the records of a world are stored at last."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock.now_ms)
        self._calls, self._late = world.calls.calls, dict(world.calls.calls)
        self._calls.clear()

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if len(self.slept) == 2:
            self._calls.update(self._late)


def test_a_record_that_comes_a_moment_later_is_waited_for() -> None:
    world = World()
    world.accept("call_1")
    world.clock = SlowStorage(world)
    assert world.dispatch("call_1") is Dispatched.STARTED
    assert world.workflow.started == [(ACCOUNT, "call_1")]


def test_a_record_that_never_comes_is_missing_after_a_bounded_wait() -> None:
    world = World()
    assert world.dispatch("call_1") is Dispatched.MISSING
    assert sum(world.clock.slept) < 2
    assert world.workflow.started == []
