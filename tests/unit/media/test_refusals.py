"""Refused streams become a hold in the table and one measurement, beside the sound."""

import asyncio
import io
import json
import threading
from collections.abc import Callable

from media.refusals import METRIC, Refusals
from tests.contracts.media_world import World
from tests.fakes.pools import MemoryDialHold
from tests.infra.plan import ALARMS


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def begin(world: World, refusals: Refusals, out: io.StringIO) -> asyncio.Task[None]:
    nobody: object = None  # no provider is asked
    house = world.house(nobody, nobody, nobody)  # type: ignore[arg-type]
    return asyncio.create_task(refusals.store(house, stage="prod", out=out, pause=0))


async def test_two_refused_streams_hold_and_are_measured_once() -> None:
    world, refusals, out = World(), Refusals(), io.StringIO()
    task = begin(world, refusals, out)
    refusals.count()
    await until(lambda: world.hold.refused_at is not None)
    assert (world.hold.until(), out.getvalue()) == (0, "")
    refusals.count()
    await until(lambda: bool(out.getvalue()))
    assert world.hold.until() == world.clock.now() + 60_000
    world.clock.advance(20)
    for _ in range(5):
        refusals.count()
    await until(lambda: world.hold.until() == world.clock.now() + 60_000)
    task.cancel()
    (line,) = out.getvalue().splitlines()
    said = json.loads(line)
    (metric,) = said["_aws"]["CloudWatchMetrics"]
    alarm = ALARMS["Resources"]["RecogniserFull"]["Properties"]
    assert (metric["Namespace"], metric["Metrics"][0]["Name"]) == (alarm["Namespace"], alarm["MetricName"])
    assert metric["Dimensions"] == [[dimension["Name"] for dimension in alarm["Dimensions"]]]
    assert (said["stage"], said[METRIC]) == ("prod", 1)


async def test_a_store_that_blocks_or_fails_costs_the_loop_nothing_and_no_refusal() -> None:
    class Stuck(MemoryDialHold):
        goes, failures = threading.Event(), 2

        def note_refusal(self, now: int) -> int | None:
            self.goes.wait(10)
            if self.failures:
                self.failures -= 1
                raise OSError("the table does not answer")
            return super().note_refusal(now)

    stuck = Stuck()
    world, refusals, out = World(hold=stuck), Refusals(), io.StringIO()
    task = begin(world, refusals, out)
    refusals.count()
    refusals.count()
    for _ in range(100):
        await asyncio.sleep(0)  # the loop goes on while the store does not
    stuck.goes.set()
    await until(lambda: world.hold.until() > 0)
    task.cancel()
