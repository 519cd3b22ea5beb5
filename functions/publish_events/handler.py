"""Lambda: outbox items of the table's stream → publish_events."""

from typing import Any

from calling.adapters.aws import client
from calling.adapters.dynamodb import outbox
from calling.adapters.eventbridge import EventBridgeBus
from calling.settings import BusSettings, load
from calling.startup import at_start
from calling.telemetry import logger, traced
from calling.usecases.publish_events import publish_events

log = logger("publish_events")


@at_start
def _bus() -> EventBridgeBus:
    return EventBridgeBus(client("events"), load(BusSettings).bus_name)


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publish in order. The first record that was not taken, and all after it, come again."""
    found = [(record["dynamodb"], outbox.from_image(record["dynamodb"]["NewImage"])) for record in event["Records"]]
    events = [(change["SequenceNumber"], item) for change, item in found if item is not None]
    failed = publish_events([item for _, item in events], bus=_bus())
    log.info("published", extra={"events": len(events), "failed": len(failed)})
    first = next((number for number, item in events if item.event_id in failed), None)
    return {"batchItemFailures": [{"itemIdentifier": first}] if first is not None else []}
