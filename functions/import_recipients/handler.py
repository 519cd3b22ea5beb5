"""Lambda: states ImportRecipients and GiveUpImport → import_recipients."""

from functools import partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.s3 import S3BlobStore
from calling.settings import BucketSettings, DestinationSettings, RetentionSettings, TableSettings, load
from calling.startup import at_start
from calling.telemetry import logger, traced
from calling.usecases.import_recipients import Progress, import_recipients

_RUNS_FOR_MS = 780_000  # of the 900 s it has: what was begun must still be stored

log = logger("import_recipients")


@at_start
def _clock() -> SystemClock:
    return SystemClock()


@at_start
def _import() -> Any:  # noqa: ANN401  the use case with its ports filled in
    keep = load(RetentionSettings)
    retention = Retention(keep.retention_days, keep.history_days, _clock())
    return partial(
        import_recipients,
        campaigns=DynamoCampaignStore(client("dynamodb"), load(TableSettings).table_name, retention),
        blobs=S3BlobStore(client("s3"), load(BucketSettings).bucket_name),
        clock=_clock(),
        allowed=load(DestinationSettings).prefixes,
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Read on; the state machine reads `result`, and gives `progress` back."""
    with log.append_context_keys(account_id=event["account_id"], campaign_id=event["campaign_id"]):
        answer = _import()(
            event["account_id"],
            event["campaign_id"],
            progress=Progress(**(event["progress"] or {})),
            until=_clock().now() + _RUNS_FOR_MS,
            gave_up=event["gave_up"],
        )
        log.info("imported", extra={"gave_up": event["gave_up"], **answer})
    return {"progress": None, **answer}
