"""Lambda: dead letters of the campaigns queue → defer_recipient. A message that fails alone comes back alone."""

import json
from functools import partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.adapters.dynamodb.lines import DynamoLineLock
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.sqs import ticket_of
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow
from calling.settings import RetentionSettings, TableSettings, load
from calling.startup import at_start
from calling.telemetry import logger, traced
from calling.usecases.defer_recipient import defer_recipient

log = logger("defer_recipient")


@at_start
def _defer() -> Any:  # noqa: ANN401  the use case with its ports filled in
    clock, keep = SystemClock(), load(RetentionSettings)
    retention = Retention(keep.retention_days, keep.history_days, clock)
    dynamodb, table = client("dynamodb"), load(TableSettings).table_name
    return partial(
        defer_recipient,
        campaigns=DynamoCampaignStore(dynamodb, table, retention),
        calls=DynamoCallStore(dynamodb, table),
        leases=DynamoLeasePool(dynamodb, table),
        lines=DynamoLineLock(dynamodb, table),
        workflow=StepFunctionsCampaignWorkflow(client("stepfunctions"), ""),
        clock=clock,
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Defer each recipient; answer which messages must come again."""
    failed = [record["messageId"] for record in event["Records"] if not _done(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _done(record: dict[str, Any]) -> bool:
    try:
        ticket = ticket_of(json.loads(record["body"]))
    except (ValueError, KeyError, TypeError):
        log.error("not a ticket")  # noqa: TRY400  there is nothing more to say of it
        return False
    with log.append_context_keys(account_id=ticket.account_id, campaign_id=ticket.campaign_id, recipient=ticket.index):
        try:
            _defer()(ticket)
        except Exception as error:  # noqa: BLE001  the queue record's door: one bad message must not stop the others
            log.error("deferring failed", extra={"error": type(error).__qualname__})  # noqa: TRY400  a library's message may hold a number
            return False
        log.warning("deferred", extra={"number": ticket.number})
        return True
