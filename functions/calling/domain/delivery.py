"""One event on its way to one URL of a customer."""

from dataclasses import dataclass
from enum import StrEnum

GIVE_UP_AFTER_MS = 24 * 3600 * 1000
MAX_DELAY_SECONDS = 900  # SQS delays a message by no more


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event and a URL: how often it was tried, with what answer. Times are epoch ms."""

    account_id: str
    delivery_id: str
    call_id: str
    event_id: str
    event: str
    url: str
    created_at: int
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    last_attempt_at: int | None = None
    last_status: int | None = None  # HTTP status of the last answer, None where there was none
    last_error: str | None = None


def next_delay(delivery: Delivery, now: int) -> int | None:
    """Say how many seconds to wait before trying again: 5 s, doubling up to 15 min; None once 24 h have passed."""
    if now - delivery.created_at >= GIVE_UP_AFTER_MS:
        return None
    return int(min(5 * 2 ** max(0, delivery.attempts - 1), MAX_DELAY_SECONDS))
