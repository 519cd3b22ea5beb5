"""Carry the outbox to the bus."""

from collections.abc import Collection, Sequence

from calling.domain.events import Event
from calling.ports import EventBus

BATCH = 10  # EventBridge takes no more in one request


def publish_events(events: Sequence[Event], *, bus: EventBus) -> Collection[str]:
    """Publish outbox events in order; return the ids the bus did not take, to be handed in again."""
    failed: set[str] = set()
    for start in range(0, len(events), BATCH):
        failed.update(bus.publish(events[start : start + BATCH]))
    return failed
