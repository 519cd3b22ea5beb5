"""Where a number's events go, and what became of those that were sent."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.auth import AuthenticatedRoute
from api.presenters import show_delivery
from api.routers.phone_numbers import find_number
from api.schemas.common import PROBLEMS, DeliveryId
from api.schemas.phone_numbers import WebhookSetting, WebhookUrl
from api.schemas.webhooks import DeliveryFilter, DeliveryOut
from api.services import Key, Ports
from calling.domain.agent import Number
from calling.domain.delivery import DeliveryStatus
from calling.domain.errors import NotFound
from calling.domain.webhook_url import check_webhook_url

router = APIRouter(route_class=AuthenticatedRoute, tags=["webhooks"], responses=PROBLEMS)


@router.get("/webhooks/deliveries")
def list_deliveries(wanted: Annotated[DeliveryFilter, Query()], ports: Ports, key: Key) -> list[DeliveryOut]:
    """List a call's deliveries, oldest first."""
    return [show_delivery(d) for d in ports.deliveries.of_call(key.account_id, wanted.call_id)]


@router.post("/webhooks/deliveries/{delivery_id}/redeliver", status_code=202)
def redeliver(delivery_id: DeliveryId, ports: Ports, key: Key) -> DeliveryOut:
    """Send an event to its URL once more, whatever became of it before."""
    found = ports.deliveries.get(key.account_id, delivery_id)
    if found is None:
        raise NotFound("There is no such delivery.", code="delivery_not_found")
    again = replace(found, status=DeliveryStatus.PENDING)
    # Stored first: the worker leaves a delivery alone that is not pending.
    ports.deliveries.put(again)
    ports.delivery_queue.send(again, delay_seconds=0)
    return show_delivery(again)


def _with(number: Number, slot: str, url: str | None) -> Number:
    changes: dict[str, Any] = {slot: url}
    return replace(number, **changes)


def _show(number: Number, slot: str) -> WebhookSetting:
    url: str | None = getattr(number, slot)
    return WebhookSetting(phone_number=number.phone_number.e164, webhook_url=url, is_set=url is not None)


def _serve(path: str, slot: str) -> None:
    """Serve one of a number's two webhooks; `slot` is its field of Number."""

    def set_webhook(phone_number: str, body: WebhookUrl, ports: Ports, key: Key) -> WebhookSetting:
        """Set where this number's events go."""
        url = check_webhook_url(body.url, allow_loopback=ports.allow_loopback_webhooks, field="url")
        was = find_number(key.account_id, phone_number, ports)
        number = _with(was, slot, url)
        ports.agents.put_number(number, was=was)
        return _show(number, slot)

    def get_webhook(phone_number: str, ports: Ports, key: Key) -> WebhookSetting:
        """Read where this number's events go."""
        return _show(find_number(key.account_id, phone_number, ports), slot)

    def delete_webhook(phone_number: str, ports: Ports, key: Key) -> WebhookSetting:
        """Send this number's events nowhere."""
        was = find_number(key.account_id, phone_number, ports)
        number = _with(was, slot, None)
        ports.agents.put_number(number, was=was)
        return _show(number, slot)

    routes: tuple[tuple[str, Callable[..., WebhookSetting]], ...] = (
        ("PUT", set_webhook),
        ("GET", get_webhook),
        ("DELETE", delete_webhook),
    )
    for method, endpoint in routes:
        name = f"{endpoint.__name__.removesuffix('_webhook')}_{slot.removesuffix('_url')}"
        router.add_api_route(path, endpoint, methods=[method], name=name, operation_id=name)


_serve("/integrations/webhook/number/{phone_number}", "webhook_url")
_serve("/integrations/webhook2/number/{phone_number}", "webhook2_url")
