"""Lambda: messages of the calls queue → dispatch_dial. A message that fails alone comes back alone."""

import json
from functools import partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.hold import DynamoDialHold
from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.adapters.dynamodb.limits import DynamoLimitsStore
from calling.adapters.dynamodb.lines import DynamoLineLock
from calling.adapters.lambda_opener import LambdaOpenerTask
from calling.adapters.sqs import SqsDialQueue
from calling.adapters.stepfunctions import StepFunctionsDialWorkflow
from calling.settings import OpenerSettings, PaceSettings, QueueSettings, StateMachineSettings, TableSettings, load
from calling.startup import at_start
from calling.telemetry import call_keys, logger, traced
from calling.usecases.dispatch_dial import Dispatched, dispatch_dial

_RECORD_LATE = 3  # receives after which a message without a record is one whose acceptance failed

log = logger("dispatch_dial")


@at_start
def _dispatch() -> Any:  # noqa: ANN401  the use case with its ports filled in
    table = load(TableSettings).table_name
    dynamodb = client("dynamodb")
    return partial(
        dispatch_dial,
        limits=DynamoLimitsStore(dynamodb, table, load(PaceSettings).limits),
        hold=DynamoDialHold(dynamodb, table),
        campaigns=DynamoCampaignStore(dynamodb, table),
        calls=DynamoCallStore(dynamodb, table),
        leases=DynamoLeasePool(dynamodb, table),
        lines=DynamoLineLock(dynamodb, table),
        queue=SqsDialQueue(client("sqs"), load(QueueSettings).calls_queue_url),
        workflow=StepFunctionsDialWorkflow(client("stepfunctions"), load(StateMachineSettings).dial_state_machine_arn),
        opener=LambdaOpenerTask(client("lambda"), load(OpenerSettings).prepare_opener_function),
        clock=SystemClock(),
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Dispatch each message; answer which of them must come again."""
    failed = [record["messageId"] for record in event["Records"] if not _done(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _done(record: dict[str, Any]) -> bool:
    try:
        message = json.loads(record["body"])
    except ValueError:
        log.error("not a message")  # noqa: TRY400  there is nothing more to say of it
        return False
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    with call_keys(log, message["account_id"], message["call_id"]):
        try:
            what = _dispatch()(message["account_id"], message["call_id"])
        except Exception as error:  # noqa: BLE001  the queue record's door: one bad message must not stop the others
            log.error("dispatch failed", extra={"error": type(error).__qualname__, "receives": receives})  # noqa: TRY400  a library's message may hold a number
            return False
        log.info("dispatched", extra={"result": what.value})
        return what is not Dispatched.MISSING or receives >= _RECORD_LATE
