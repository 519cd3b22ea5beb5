"""How many calls live on this task, for the service's scaling: a line in the log that CloudWatch reads as a metric.

The form is CloudWatch's embedded metric format. Every task writes the same metric; its average is calls a task.
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
        out.write(line(live(), stage=stage, at=clock.now()) + "\n")
        out.flush()
        await asyncio.sleep(every)


def line(live_calls: int, *, stage: str, at: int) -> str:
    """Write one measurement; `at` is epoch ms."""
    metric = {
        "Namespace": "Redial",
        "Dimensions": [["stage"]],
        "Metrics": [{"Name": "LiveCalls", "Unit": "Count"}],
    }
    return json.dumps(
        {"_aws": {"Timestamp": at, "CloudWatchMetrics": [metric]}, "stage": stage, "LiveCalls": live_calls}
    )
