"""Outbox items: events written with the fact they tell of. Their insertion reaches publish_events by the stream."""

from collections.abc import Mapping
from typing import Any

from calling.adapters.dynamodb import codec, keys
from calling.adapters.dynamodb.codec import Item
from calling.domain.events import Event

KIND = "outbox"
KEEP_SECONDS = 7 * 24 * 3600  # the stream holds a day; a week leaves room to look and to republish by hand


def to_item(event: Event) -> Item:
    """Write an event as an item."""
    make_key = keys.outbox if event.call_id else keys.campaign_outbox
    key = make_key(event.account_id, event.subject, event.event_id)
    ttl = event.at // 1000 + KEEP_SECONDS
    return codec.encode(event) | codec.texts(key) | {"kind": codec.text(KIND), "ttl": codec.number(ttl)}


def from_image(image: Mapping[str, Any]) -> Event | None:
    """Read an event out of a stream record's NewImage; None where the item is of another kind."""
    return codec.decode(Event, image) if image.get("kind") == {"S": KIND} else None
