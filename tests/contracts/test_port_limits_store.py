"""LimitsStore: the dictionary and DynamoDB keep the same promises."""

from collections.abc import Callable

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
        return MemoryLimitsStore
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
        Limits(),
        Limits(5, 0, 0.0, None, Breaker(0.25, 10, 60), ("GB", "FR")),
        Limits(calls_per_second=0.1, frequency_cap=FrequencyCap(1, 7)),
    ],
)
def test_limits_are_read_as_they_were_set(limits: LimitsStore, account_id: str, wanted: Limits) -> None:
    limits.put(account_id, Limits(max_concurrent_calls=99))
    limits.put(account_id, wanted)
    assert limits.get(account_id) == wanted
    assert limits.get("acct_other_" + account_id) == DEFAULTS
