"""Webhook deliveries as the API shows them."""

from api.schemas.common import Answer, Body, CallId
from calling.domain.delivery import DeliveryStatus


class DeliveryFilter(Body):
    """Whose deliveries to list."""

    call_id: CallId


class DeliveryOut(Answer):
    """One event on its way to one URL."""

    delivery_id: str
    call_id: str
    event_id: str
    event: str
    url: str
    status: DeliveryStatus
    attempts: int
    created_at: str
    last_attempt_at: str | None
    last_status: int | None
    last_error: str | None
