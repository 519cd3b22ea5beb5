"""What an account allows itself: its cap, its pace, how often a person is called, when a campaign stops itself."""

from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from api.auth import AdminRoute
from api.schemas.common import PROBLEMS
from api.schemas.settings import SettingsChanges, SettingsOut
from api.services import Key, Ports
from calling.domain.errors import InvalidRequest
from calling.domain.limits import FrequencyCap, Limits

router = APIRouter(route_class=AdminRoute, tags=["settings"], responses=PROBLEMS)
_PLAIN = ("max_concurrent_calls", "single_call_reserve", "calls_per_second")


@router.get("/settings")
def get_settings(ports: Ports, key: Key) -> SettingsOut:
    """Read the settings; what was never set is the deployment's. Needs the scope admin."""
    return _show(ports.limits.get(key.account_id))


@router.put("/settings")
def put_settings(body: SettingsChanges, ports: Ports, key: Key) -> SettingsOut:
    """Change the settings that are sent; the others stay. They hold for calls that are dialled from now on. Needs the
    scope admin.
    """
    before = ports.limits.get(key.account_id)
    changes = _changes(before, body)
    limits = replace(before, **changes)
    if "max_concurrent_calls" in changes and limits.max_concurrent_calls > ports.limits.capacity:
        raise InvalidRequest(
            f"This deployment carries {ports.limits.capacity} calls at once, as its parameter Capacity says.",
            field="max_concurrent_calls",
            maximum=ports.limits.capacity,
        )
    if limits.single_call_reserve >= limits.max_concurrent_calls:
        raise InvalidRequest("single_call_reserve must be below max_concurrent_calls.", field="single_call_reserve")
    if limits.calls_per_second == 0 and not ports.unlimited_pace:
        raise InvalidRequest(
            "calls_per_second must be above 0: this deployment has a limit of its own.", field="calls_per_second"
        )
    return _show(ports.limits.change(key.account_id, changes))


def _changes(limits: Limits, body: SettingsChanges) -> dict[str, Any]:
    sent = body.model_fields_set
    changes: dict[str, Any] = {name: getattr(body, name) for name in _PLAIN if name in sent}
    if "frequency_cap" in sent:
        cap = body.frequency_cap
        changes["frequency_cap"] = cap and replace(limits.frequency_cap or FrequencyCap(), **_given(cap))
    if "breaker" in sent:
        changes["breaker"] = replace(limits.breaker, **_given(body.breaker))
    if "blocked_countries" in sent:
        changes["blocked_countries"] = tuple(sorted(set(body.blocked_countries)))
    return changes


def _given(part: BaseModel) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.model_fields_set}


def _show(limits: Limits) -> SettingsOut:
    return SettingsOut(**asdict(limits) | {"blocked_countries": list(limits.blocked_countries)})
