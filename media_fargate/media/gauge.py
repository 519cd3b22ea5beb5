"""Lines in the log that CloudWatch reads as metrics, above all how many calls live here, for the service's scaling.

The form is CloudWatch's embedded metric format. Every task writes the same metrics; the average of live
calls is calls a task.
"""

import asyncio
import json
from collections.abc import Callable
from typing import TextIO

from calling.ports import Clock

EVERY = 30.0  # s


async def report(live: Callable[[], int], *, stage: str, clock: Clock, out: TextIO, every: float = EVERY) -> None:
    """Write the number of live calls again and again, until cancelled."""
    while True:
        out.write(measurement("LiveCalls", live(), stage=stage, at=clock.now()) + "\n")
        out.flush()
        await asyncio.sleep(every)


def measurement(name: str, count: int, *, stage: str, at: int) -> str:
    """Write one measurement; `at` is epoch ms."""
    metric = {
        "Namespace": "Redial",
        "Dimensions": [["stage"]],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    return json.dumps({"_aws": {"Timestamp": at, "CloudWatchMetrics": [metric]}, "stage": stage, name: count})
