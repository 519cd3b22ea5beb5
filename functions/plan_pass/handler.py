"""Lambda: state PlanPass → plan_pass."""

from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.contacts import DynamoContactStore
from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.adapters.dynamodb.limits import DynamoLimitsStore
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.s3 import S3BlobStore
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow
from calling.settings import BucketSettings, CampaignSettings, PaceSettings, RetentionSettings, TableSettings, load
from calling.startup import at_start
from calling.telemetry import logger, traced
from calling.usecases.plan_pass import LastPass, PlanPorts, plan_pass

# The state machine reads all of these, whatever was planned.
_NOTHING = {
    "key": "",
    "bucket": "",
    "count": 0,
    "gone": 0,
    "at": 0,
    "concurrency": 0,
    "seconds": 0,
    "signal": 0,
    "until": 0,
}

log = logger("plan_pass")


@at_start
def _ports() -> PlanPorts:
    dynamodb, table = client("dynamodb"), load(TableSettings).table_name
    clock, keep = SystemClock(), load(RetentionSettings)
    machine = load(CampaignSettings).campaign_state_machine_arn
    return PlanPorts(
        campaigns=DynamoCampaignStore(dynamodb, table, Retention(keep.retention_days, keep.history_days, clock)),
        contacts=DynamoContactStore(dynamodb, table),
        limits=DynamoLimitsStore(dynamodb, table, load(PaceSettings).limits),
        leases=DynamoLeasePool(dynamodb, table),
        blobs=S3BlobStore(client("s3"), load(BucketSettings).bucket_name),
        workflow=StepFunctionsCampaignWorkflow(client("stepfunctions"), machine),
        clock=clock,
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Plan pass `number`; `next` is the number of the one after it."""
    account_id, campaign_id, number = event["account_id"], event["campaign_id"], event["number"]
    with log.append_context_keys(account_id=account_id, campaign_id=campaign_id):
        last = LastPass(**event["last"])
        plan = plan_pass(
            account_id, campaign_id, generation=event["generation"], number=number, last=last, ports=_ports()
        )
        if plan["result"] == "dial":
            plan = {**plan, "bucket": load(BucketSettings).bucket_name}
        answer = {**_NOTHING, **plan, "next": number + 1}
        log.info("planned", extra={"number": number, **plan})
    return answer
