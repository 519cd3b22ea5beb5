"""Lambda: states SettleCall and SettleWithoutSummary → settle_call."""

from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.ceilings import DynamoCeilingStore
from calling.adapters.dynamodb.contacts import DynamoContactStore
from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.adapters.dynamodb.limits import DynamoLimitsStore
from calling.adapters.dynamodb.lines import DynamoLineLock
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow
from calling.settings import PaceSettings, RetentionSettings, TableSettings, load
from calling.startup import at_start
from calling.telemetry import call_keys, logger, traced
from calling.usecases.settle_call import SettlePorts, settle_call

log = logger("settle_call")


@at_start
def _ports() -> SettlePorts:
    dynamodb, table = client("dynamodb"), load(TableSettings).table_name
    clock, keep = SystemClock(), load(RetentionSettings)
    return SettlePorts(
        calls=DynamoCallStore(dynamodb, table),
        contacts=DynamoContactStore(dynamodb, table),
        campaigns=DynamoCampaignStore(dynamodb, table, Retention(keep.retention_days, keep.history_days, clock)),
        limits=DynamoLimitsStore(dynamodb, table, load(PaceSettings).limits),
        leases=DynamoLeasePool(dynamodb, table),
        ceilings=DynamoCeilingStore(dynamodb, table),
        lines=DynamoLineLock(dynamodb, table),
        campaign_workflow=StepFunctionsCampaignWorkflow(client("stepfunctions"), ""),
        clock=clock,
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Settle; the state machine reads `result` and `seconds`."""
    with call_keys(log, event["account_id"], event["call_id"]):
        ids = (event["account_id"], event["call_id"])
        settled = settle_call(*ids, summary_failed=event["summary_failed"], ports=_ports())
        answer = {"seconds": 0, **settled}
        log.info("settled", extra=answer)
    return answer
