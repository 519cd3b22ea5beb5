"""GET and PUT /v1/settings: what an account allows itself."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from calling.domain.limits import Limits
from tests.unit.api.conftest import Api, World, error_of

DEFAULTS = {
    "max_concurrent_calls": 20,
    "single_call_reserve": 2,
    "calls_per_second": 1.0,
    "frequency_cap": {"calls": 3, "days": 1},
    "breaker": {"failure_rate": 0.5, "min_calls": 20, "window_seconds": 120},
    "blocked_countries": [],
}


def put(api: Api, **changes: Any) -> Any:
    return api.request("PUT", "/settings", json=changes)


def test_the_defaults_are_the_deployments(world: World, api: Api) -> None:
    assert api.get("/settings").json() == DEFAULTS
    world.limits.defaults = Limits(max_concurrent_calls=7)
    assert api.get("/settings").json()["max_concurrent_calls"] == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"max_concurrent_calls": 5000},
        {"single_call_reserve": 0},
        {"calls_per_second": 0.5},
        {"frequency_cap": None},
        {"frequency_cap": {"calls": 1, "days": 7}},
        {"breaker": {"failure_rate": 0.9, "min_calls": 5, "window_seconds": 60}},
        {"blocked_countries": ["FR", "GB"]},
        {"max_concurrent_calls": 2, "single_call_reserve": 1},
        {},
    ],
)
def test_what_is_sent_is_changed_and_the_rest_stays(world: World, api: Api, changes: dict[str, Any]) -> None:
    answer = put(api, **changes)
    assert (answer.status_code, answer.json()) == (200, DEFAULTS | changes)
    assert api.get("/settings").json() == DEFAULTS | changes


def test_what_was_never_sent_follows_the_deployment(world: World, api: Api) -> None:
    put(api, max_concurrent_calls=9, frequency_cap=None)
    world.limits.defaults = Limits(max_concurrent_calls=7, single_call_reserve=1, calls_per_second=30)
    shown = api.get("/settings").json()
    assert (shown["single_call_reserve"], shown["calls_per_second"]) == (1, 30), "a later deployment's"
    assert (shown["max_concurrent_calls"], shown["frequency_cap"]) == (9, None), "the account's own"


def test_no_cap_is_above_what_the_deployment_carries(world: World, api: Api) -> None:
    put(api, max_concurrent_calls=50)
    world.limits.capacity = 20
    error = error_of(put(api, max_concurrent_calls=21), 400, "invalid_field", "max_concurrent_calls")
    assert error["details"]["maximum"] == 20
    assert "Capacity" in error["message"]
    assert api.get("/settings").json()["max_concurrent_calls"] == 20, "set when more was carried"
    assert put(api, single_call_reserve=3).json()["max_concurrent_calls"] == 20
    assert put(api, max_concurrent_calls=20).json()["max_concurrent_calls"] == 20


def test_a_reserve_is_judged_together_with_what_the_deployment_says_now(world: World, api: Api) -> None:
    put(api, single_call_reserve=5)
    world.limits.defaults = Limits(max_concurrent_calls=5)
    error_of(put(api, single_call_reserve=5), 400, "invalid_field", "single_call_reserve")
    assert put(api, single_call_reserve=4).json()["max_concurrent_calls"] == 5


def test_parts_of_a_part(world: World, api: Api, other: Api) -> None:
    assert put(api, breaker={"min_calls": 9}).json()["breaker"] == DEFAULTS["breaker"] | {"min_calls": 9}  # type: ignore[operator]
    assert put(api, breaker={"failure_rate": 1}).json()["breaker"]["min_calls"] == 9
    assert put(api, frequency_cap={"days": 2}).json()["frequency_cap"] == {"calls": 3, "days": 2}
    assert put(api, frequency_cap={"calls": 5}).json()["frequency_cap"] == {"calls": 5, "days": 2}
    put(api, frequency_cap=None)
    assert put(api, frequency_cap={"days": 3}).json()["frequency_cap"] == {"calls": 3, "days": 3}
    assert put(api, blocked_countries=["GB", "FR", "GB"]).json()["blocked_countries"] == ["FR", "GB"]
    assert other.get("/settings").json() == DEFAULTS


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"max_concurrent_calls": 0}, "invalid_field", "max_concurrent_calls"),
        ({"max_concurrent_calls": 5001}, "invalid_field", "max_concurrent_calls"),
        ({"max_concurrent_calls": None}, "invalid_field", "max_concurrent_calls"),
        ({"max_concurrent_calls": 2}, "invalid_field", "single_call_reserve"),
        ({"single_call_reserve": -1}, "invalid_field", "single_call_reserve"),
        ({"single_call_reserve": 20}, "invalid_field", "single_call_reserve"),
        ({"calls_per_second": -1}, "invalid_field", "calls_per_second"),
        ({"calls_per_second": 101}, "invalid_field", "calls_per_second"),
        ({"calls_per_second": 0}, "invalid_field", "calls_per_second"),
        ({"frequency_cap": {"calls": 0}}, "invalid_field", "frequency_cap.calls"),
        ({"frequency_cap": {"days": 31}}, "invalid_field", "frequency_cap.days"),
        ({"frequency_cap": {"hours": 1}}, "unknown_field", "frequency_cap.hours"),
        ({"breaker": None}, "invalid_field", "breaker"),
        ({"breaker": {"failure_rate": 0}}, "invalid_field", "breaker.failure_rate"),
        ({"breaker": {"failure_rate": 1.1}}, "invalid_field", "breaker.failure_rate"),
        ({"breaker": {"min_calls": 0}}, "invalid_field", "breaker.min_calls"),
        ({"breaker": {"window_seconds": 3601}}, "invalid_field", "breaker.window_seconds"),
        ({"blocked_countries": ["UK"]}, "invalid_field", "blocked_countries.0"),
        ({"blocked_countries": ["gb"]}, "invalid_field", "blocked_countries.0"),
        ({"blocked_countries": "GB"}, "invalid_field", "blocked_countries"),
        ({"cap": 5}, "unknown_field", "cap"),
    ],
)
def test_refusals(world: World, api: Api, changes: dict[str, Any], code: str, field: str) -> None:
    error_of(put(api, **changes), 400, code, field)
    assert not world.limits.set


def test_no_pace_only_where_the_deployment_has_none(world: World, api: Api) -> None:
    with TestClient(create_app(replace(world.services, unlimited_pace=True))) as client:
        unlimited = Api(client, world.owner.api_key)
        assert put(unlimited, calls_per_second=0).json()["calls_per_second"] == 0


def test_they_need_the_scope_admin(client: TestClient, api: Api) -> None:
    made = api.post("/keys", {"scopes": ["calls"]}).json()
    weak = Api(client, made["api_key"])
    error_of(weak.get("/settings"), 403, "scope_required")
    error_of(put(weak, max_concurrent_calls=3), 403, "scope_required")
    assert weak.get("/calls/batch").status_code == 200
