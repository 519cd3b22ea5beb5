"""LimitsStore: the dictionary and DynamoDB keep the same promises."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from calling.adapters.dynamodb.limits import DynamoLimitsStore
from calling.domain.limits import Breaker, FrequencyCap, Limits
from calling.ports import LimitsStore
from tests.contracts.conftest import TABLE
from tests.fakes.campaigns import MemoryLimitsStore

DEFAULTS = Limits(max_concurrent_calls=7)


@pytest.fixture(params=["memory", "dynamodb"])
def make(request: pytest.FixtureRequest) -> Callable[[Limits], LimitsStore]:
    if request.param == "memory":
        table: dict[str, Any] = {}

        def memory(defaults: Limits) -> LimitsStore:
            store = MemoryLimitsStore(defaults, capacity=defaults.max_concurrent_calls)
            store.set = table
            return store

        return memory
    client = request.getfixturevalue("dynamodb")
    return lambda defaults: DynamoLimitsStore(client, TABLE, defaults)


@pytest.fixture
def limits(make: Callable[[Limits], LimitsStore]) -> LimitsStore:
    return make(DEFAULTS)


def test_the_deployments_defaults_hold_where_nothing_is_set(
    make: Callable[[Limits], LimitsStore], account_id: str
) -> None:
    assert make(DEFAULTS).get(account_id) == DEFAULTS
    assert make(Limits()).get(account_id) == Limits()


@pytest.mark.parametrize(
    "wanted",
    [
        Limits(max_concurrent_calls=7),
        Limits(5, 0, 0.0, None, Breaker(0.25, 10, 60), ("GB", "FR")),
        Limits(max_concurrent_calls=1, calls_per_second=0.1, frequency_cap=FrequencyCap(1, 7)),
    ],
)
def test_limits_are_read_as_they_were_set(limits: LimitsStore, account_id: str, wanted: Limits) -> None:
    limits.change(account_id, {"max_concurrent_calls": 6})
    assert limits.change(account_id, everything(wanted)) == wanted
    assert limits.get(account_id) == wanted
    assert limits.get("acct_other_" + account_id) == DEFAULTS


def test_only_what_was_set_is_kept_and_the_rest_follows_the_deployment(
    make: Callable[[Limits], LimitsStore], account_id: str
) -> None:
    old = make(DEFAULTS)
    assert old.change(account_id, {"frequency_cap": None}) == replace(DEFAULTS, frequency_cap=None)
    assert old.change(account_id, {"blocked_countries": ("FR",)}).frequency_cap is None
    new = Limits(30, 4, 2.5, FrequencyCap(9, 9), Breaker(0.1, 1, 1), ("GB",))
    later = make(new)
    assert later.get(account_id) == replace(new, frequency_cap=None, blocked_countries=("FR",))
    assert later.change(account_id, {"frequency_cap": FrequencyCap(1, 2)}).frequency_cap == FrequencyCap(1, 2)
    assert later.get(account_id) == replace(new, frequency_cap=FrequencyCap(1, 2), blocked_countries=("FR",))


def test_a_cap_is_never_read_as_more_than_the_deployment_carries(
    make: Callable[[Limits], LimitsStore], account_id: str
) -> None:
    assert make(DEFAULTS).capacity == 7
    assert make(DEFAULTS).change(account_id, {"max_concurrent_calls": 99}).max_concurrent_calls == 7
    assert make(DEFAULTS).get(account_id).max_concurrent_calls == 7
    larger = make(Limits(max_concurrent_calls=500))
    assert larger.get(account_id).max_concurrent_calls == 99, "what was set is kept for the day it is carried"
    assert make(Limits(max_concurrent_calls=1)).get(account_id).max_concurrent_calls == 1


def test_nothing_is_changed_where_nothing_is_sent(limits: LimitsStore, account_id: str) -> None:
    assert limits.change(account_id, {}) == DEFAULTS
    with pytest.raises(KeyError):
        limits.change(account_id, {"cap": 5})
    assert limits.get(account_id) == DEFAULTS


def everything(limits: Limits) -> dict[str, Any]:
    return {f.name: getattr(limits, f.name) for f in fields(Limits)}
