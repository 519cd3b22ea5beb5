"""DeliveryStore and IdempotencyStore: the dictionaries and DynamoDB keep the same promises."""

from dataclasses import replace
from typing import Any

import pytest

from calling.adapters.dynamodb.deliveries import DynamoDeliveryStore
from calling.adapters.dynamodb.idempotency import DynamoIdempotencyStore
from calling.domain.delivery import Delivery, DeliveryStatus
from calling.ports import DeliveryStore, IdempotencyStore, Remembered
from tests.contracts.conftest import TABLE
from tests.fakes.stores import MemoryDeliveryStore, MemoryIdempotencyStore

T0 = 1_795_260_000_000
DAY = 24 * 3600 * 1000


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> DeliveryStore:
    if request.param == "memory":
        return MemoryDeliveryStore()
    return DynamoDeliveryStore(request.getfixturevalue("dynamodb"), TABLE)


@pytest.fixture(params=["memory", "dynamodb"])
def keys(request: pytest.FixtureRequest) -> IdempotencyStore:
    if request.param == "memory":
        return MemoryIdempotencyStore()
    return DynamoIdempotencyStore(request.getfixturevalue("dynamodb"), TABLE)


def a_delivery(account_id: str, delivery_id: str = "dlv_1", created_at: int = T0) -> Delivery:
    return Delivery(
        account_id, delivery_id, "call_1", "call_1#terminal", "call.completed", "https://x.example", created_at
    )


def test_a_delivery_begun_again_is_the_one_that_is_there(store: DeliveryStore, account_id: str) -> None:
    delivery = a_delivery(account_id)
    assert store.begin(delivery) == delivery
    tried = replace(delivery, attempts=2, status=DeliveryStatus.DELIVERED, last_status=200, last_attempt_at=T0 + 5)
    store.put(tried)
    assert store.begin(delivery) == tried
    assert store.get(account_id, "dlv_1") == tried
    assert store.get(account_id, "dlv_2") is None


def test_a_calls_deliveries_are_listed_oldest_first(store: DeliveryStore, account_id: str) -> None:
    late, early = a_delivery(account_id, "dlv_1", T0 + 9), a_delivery(account_id, "dlv_2", T0)
    store.begin(late)
    store.begin(early)
    store.begin(replace(a_delivery(account_id, "dlv_3"), call_id="call_10"))
    assert store.of_call(account_id, "call_1") == (early, late)
    assert store.of_call("acct_other", "call_1") == ()


def test_a_calls_deliveries_are_forgotten(store: DeliveryStore, account_id: str) -> None:
    store.begin(a_delivery(account_id))
    other = replace(a_delivery(account_id, "dlv_2"), call_id="call_2")
    store.begin(other)
    store.forget(account_id, "call_1")
    store.forget(account_id, "call_1")
    assert store.of_call(account_id, "call_1") == ()
    assert store.get(account_id, "dlv_1") is None
    assert store.of_call(account_id, "call_2") == (other,)


def test_a_key_is_claimed_then_answered_for_a_day(keys: IdempotencyStore, account_id: str) -> None:
    assert keys.begin(account_id, "k", "hash", T0) is None
    assert keys.begin(account_id, "k", "hash", T0 + 10) == Remembered("hash")
    keys.finish(account_id, "k", status=201, body='{"id":1}')
    assert keys.begin(account_id, "k", "other", T0 + DAY - 1) == Remembered("hash", 201, '{"id":1}')
    assert keys.begin("acct_other" + account_id, "k", "hash", T0) is None
    assert keys.begin(account_id, "k", "hash", T0 + DAY) is None


def test_a_claim_is_given_up_after_a_minute(keys: IdempotencyStore, account_id: str) -> None:
    assert keys.begin(account_id, "k", "hash", T0) is None
    assert keys.begin(account_id, "k", "hash", T0 + 59_999) == Remembered("hash")
    assert keys.begin(account_id, "k", "second", T0 + 60_000) is None
    assert keys.begin(account_id, "k", "hash", T0 + 60_001) == Remembered("second")


def test_a_failed_request_gives_its_claim_up_but_no_answer(keys: IdempotencyStore, account_id: str) -> None:
    assert keys.begin(account_id, "k", "hash", T0) is None
    keys.forget(account_id, "k")
    keys.finish(account_id, "k", status=500, body="")
    assert keys.begin(account_id, "k", "hash", T0) is None
    keys.finish(account_id, "k", status=201, body="{}")
    keys.forget(account_id, "k")
    assert keys.begin(account_id, "k", "hash", T0) == Remembered("hash", 201, "{}")


class LosingTheFirstAnswer:
    """A client whose first write is done twice, as by an SDK whose first answer was lost."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def put_item(self, **request: Any) -> Any:
        self._client.put_item(**request)
        return self._client.put_item(**request)


def test_a_claim_written_twice_by_the_sdk_is_still_ours(dynamodb: Any, account_id: str) -> None:
    keys = DynamoIdempotencyStore(LosingTheFirstAnswer(dynamodb), TABLE)  # type: ignore[arg-type]  # what is used of it
    assert keys.begin(account_id, "k", "hash", T0) is None
    assert DynamoIdempotencyStore(dynamodb, TABLE).begin(account_id, "k", "hash", T0) == Remembered("hash")
