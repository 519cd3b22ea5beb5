"""The gauge the service is scaled by."""

import asyncio
import io
import json

from media.gauge import report
from tests.fakes.clock import ManualClock
from tests.infra.plan import MEDIA_STACK


async def test_it_writes_what_the_scaling_reads() -> None:
    out, clock = io.StringIO(), ManualClock(1_795_260_000_000)
    task = asyncio.create_task(report(lambda: 7, stage="prod", clock=clock, out=out, every=3600))
    await asyncio.sleep(0)
    task.cancel()
    said = json.loads(out.getvalue())
    (metric,) = said["_aws"]["CloudWatchMetrics"]
    policy = MEDIA_STACK["Resources"]["ScalingByCalls"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    read = policy["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["Metrics"][0]["Name"]) == (read["Namespace"], read["MetricName"])
    assert metric["Dimensions"] == [[dimension["Name"] for dimension in read["Dimensions"]]]
    assert (said["stage"], said["LiveCalls"], said["_aws"]["Timestamp"]) == ("prod", 7, clock.now())
