"""Lambda: state AwaitDue → await_due."""

from functools import partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow
from calling.settings import RetentionSettings, TableSettings, load
from calling.startup import at_start
from calling.telemetry import logger, traced
from calling.usecases.await_due import await_due

log = logger("await_due")


@at_start
def _await() -> Any:  # noqa: ANN401  the use case with its ports filled in
    keep = load(RetentionSettings)
    retention = Retention(keep.retention_days, keep.history_days, SystemClock())
    return partial(
        await_due,
        campaigns=DynamoCampaignStore(client("dynamodb"), load(TableSettings).table_name, retention),
        workflow=StepFunctionsCampaignWorkflow(client("stepfunctions"), ""),
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Leave the token where whoever signals the campaign finds it; the answer goes to the token."""
    account_id, campaign_id = event["account_id"], event["campaign_id"]
    with log.append_context_keys(account_id=account_id, campaign_id=campaign_id):
        _await()(account_id, campaign_id, event["token"], signal=event["signal"], until=event["until"])
        log.info("waits", extra={"until": event["until"]})
    return {}
