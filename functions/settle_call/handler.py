"""Lambda: states SettleCall and SettleWithoutSummary → settle_call."""

from functools import cache, partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.adapters.dynamodb.lines import DynamoLineLock
from calling.settings import TableSettings, load
from calling.telemetry import call_keys, logger, traced
from calling.usecases.settle_call import settle_call

log = logger("settle_call")


@cache
def _settle() -> Any:  # noqa: ANN401  the use case with its ports filled in
    dynamodb, table = client("dynamodb"), load(TableSettings).table_name
    return partial(
        settle_call,
        calls=DynamoCallStore(dynamodb, table),
        leases=DynamoLeasePool(dynamodb, table),
        lines=DynamoLineLock(dynamodb, table),
        clock=SystemClock(),
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Settle; the state machine reads `result` and `seconds`."""
    with call_keys(log, event["account_id"], event["call_id"]):
        settled = _settle()(event["account_id"], event["call_id"], summary_failed=event["summary_failed"])
        answer = {"seconds": 0, **settled}
        log.info("settled", extra=answer)
    return answer
