"""The event bus. Events carry ids; what they tell of is read from the record when it is delivered."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from calling.domain.events import Event, EventName

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE = "redial"
_BATCH = 10  # PutEvents takes no more


class EventBridgeBus:
    """Fulfils EventBus. DetailType is the event's name, Detail all of the event's fields."""

    def __init__(self, client: "EventBridgeClient", bus_name: str) -> None:
        self._client = client
        self._bus = bus_name

    def publish(self, events: Sequence[Event]) -> Collection[str]:
        """Publish; see the port."""
        failed: list[str] = []
        for start in range(0, len(events), _BATCH):
            batch = events[start : start + _BATCH]
            answers = self._client.put_events(Entries=[self._entry(e) for e in batch])["Entries"]
            failed += [e.event_id for e, answer in zip(batch, answers, strict=True) if "ErrorCode" in answer]
        return failed

    def _entry(self, event: Event) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": event.name.value,
            "Time": datetime.fromtimestamp(event.at / 1000, UTC),
            "Detail": json.dumps(asdict(event)),
        }


def event_of(message: Mapping[str, Any]) -> Event:
    """Read an event out of the message a rule sends to a queue. Raises KeyError, TypeError, ValueError."""
    detail = dict(message["detail"])
    return Event(**{**detail, "name": EventName(detail["name"])})
