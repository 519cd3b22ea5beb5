"""GET /v1/usage: what the account used, by the calls themselves."""

from datetime import UTC, datetime

from calling.domain.usage import Usage
from tests.unit.api.conftest import Api, World

NOTHING = {
    "total_calls": 0,
    "total_minutes": 0,
    "total_cost": 0.0,
    "max_concurrent": 20,
    "peak_concurrent_this_month": 0,
    "rejected_at_cap_this_month": 0,
    "rate_limit_per_minute": 600,
}


def test_nothing_was_used(api: Api, world: World) -> None:
    assert api.get("/usage").json() == NOTHING
    world.limits.change(world.owner.account_id, {"max_concurrent_calls": 7})
    assert api.get("/usage").json() == NOTHING | {"max_concurrent": 7}


def test_months_add_up_and_this_one_stands_alone(api: Api, other: Api, world: World) -> None:
    now = datetime.fromtimestamp(world.clock.now() / 1000, UTC)
    used = (Usage("2025-12", 3, 4, 500_000, 2, 9), Usage(now.strftime("%Y-%m"), 1, 2, 123_456, 1, 4))
    world.calls.used = {(world.owner.account_id, usage.month): usage for usage in used}
    assert api.get("/usage").json() == NOTHING | {
        "total_calls": 4,
        "total_minutes": 6,
        "total_cost": 0.623456,
        "peak_concurrent_this_month": 4,
        "rejected_at_cap_this_month": 1,
    }
    assert other.get("/usage").json() == NOTHING
