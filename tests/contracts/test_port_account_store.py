"""AccountStore: the dictionaries and DynamoDB keep the same promises."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from calling.adapters.dynamodb.accounts import DynamoAccountStore
from calling.domain.account import Account, ApiKey
from calling.ports import AccountStore, AlreadyExists, StaleRecord
from tests.contracts.conftest import TABLE
from tests.fakes.stores import MemoryAccountStore

HASH = "hash"


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> AccountStore:
    if request.param == "memory":
        return MemoryAccountStore()
    return DynamoAccountStore(request.getfixturevalue("dynamodb"), TABLE)


def add_key(store: AccountStore, key: ApiKey) -> None:
    store.add_account(Account(key.account_id, 1, "ciphertext"))
    account = store.get_account(key.account_id)
    assert account is not None
    store.change_keys(account, add=key)


def test_an_account_is_added_once_and_read(store: AccountStore, account_id: str) -> None:
    account = Account(account_id, 1, "ciphertext")
    assert store.get_account(account_id) is None
    store.add_account(account)
    assert store.get_account(account_id) == account
    store.add_account(account)
    with pytest.raises(AlreadyExists):
        store.add_account(replace(account, created_at=2))


def test_keys_are_listed_added_and_removed(store: AccountStore, account_id: str) -> None:
    old, young = ApiKey(account_id, "key_b", HASH, 1, scopes=("admin",)), ApiKey(account_id, "key_a", HASH, 2, name="x")
    add_key(store, old)
    account = store.get_account(account_id)
    assert account is not None
    store.change_keys(account, add=young)
    assert store.keys(account_id) == (old, young)
    assert store.keys(f"{account_id}0") == ()
    with pytest.raises(StaleRecord):  # the account as it was before
        store.change_keys(account, remove=[old, young])
    account = store.get_account(account_id)
    assert account is not None
    third = ApiKey(account_id, "key_c", HASH, 3)
    store.change_keys(account, add=third, remove=[old, young])
    assert store.keys(account_id) == (third,)
    assert store.spend(account_id, "key_b", secret_hash=HASH, window=7, write=True) is None
    with pytest.raises(StaleRecord):
        store.rotate_key(old, "back again")
    assert store.keys(account_id) == (third,)
    with pytest.raises(StaleRecord):
        store.change_keys(Account("acct_nobody", 1, "ciphertext"), add=third)


def test_an_account_of_before_keys_were_counted(dynamodb: Any, account_id: str) -> None:
    store, key = DynamoAccountStore(dynamodb, TABLE), ApiKey(account_id, "key_1", HASH, 1)
    add_key(store, key)
    where = {"pk": {"S": account_id}, "sk": {"S": "account"}}
    dynamodb.update_item(TableName=TABLE, Key=where, UpdateExpression="REMOVE keys_version")
    account = store.get_account(account_id)
    assert account is not None
    store.change_keys(account, remove=[key])
    with pytest.raises(StaleRecord):
        store.change_keys(account, add=key)


def test_requests_are_counted_by_minute(store: AccountStore, account_id: str) -> None:
    key = ApiKey(account_id, "key_1", HASH, 1, scopes=("calls", "admin"))
    add_key(store, key)
    assert store.spend(account_id, "key_1", secret_hash=HASH, window=7, write=False) == replace(key, window=7, reads=1)
    assert store.spend(account_id, "key_1", secret_hash=HASH, window=7, write=True) == replace(
        key, window=7, reads=1, writes=1
    )
    assert store.spend(account_id, "key_1", secret_hash=HASH, window=7, write=False) == replace(
        key, window=7, reads=2, writes=1
    )
    assert store.spend(account_id, "key_1", secret_hash=HASH, window=8, write=True) == replace(key, window=8, writes=1)


def test_a_late_clock_counts_into_the_newer_minute(store: AccountStore, account_id: str) -> None:
    key = ApiKey(account_id, "key_1", HASH, 1, window=8, reads=3)
    add_key(store, key)
    assert store.spend(account_id, "key_1", secret_hash=HASH, window=7, write=False) == replace(key, reads=4)


def test_an_unknown_key_spends_nothing(store: AccountStore, account_id: str) -> None:
    assert store.spend(account_id, "key_1", secret_hash=HASH, window=7, write=True) is None
    assert store.spend(account_id, "key_1", secret_hash=HASH, window=7, write=True) is None


def test_a_rotated_key_replaces_the_old_one(store: AccountStore, account_id: str) -> None:
    key = ApiKey(account_id, "key_1", "old", 1, name="CRM")
    add_key(store, key)
    store.spend(account_id, "key_1", secret_hash="old", window=7, write=False)
    store.rotate_key(key, "new")
    (rotated,) = store.keys(account_id)
    assert rotated == replace(key, secret_hash="new", window=7, reads=1)
    with pytest.raises(StaleRecord):
        store.rotate_key(key, "a thief's")
    assert store.spend(account_id, "key_1", secret_hash="old", window=7, write=False) is None
    assert store.spend(account_id, "key_1", secret_hash="new", window=7, write=False) is not None


@pytest.mark.parametrize("window", [7, 8])
def test_a_wrong_secret_spends_nothing(store: AccountStore, account_id: str, window: int) -> None:
    add_key(store, ApiKey(account_id, "key_1", HASH, 1, window=7))
    assert store.spend(account_id, "key_1", secret_hash="guess", window=window, write=True) is None
    spent = store.spend(account_id, "key_1", secret_hash=HASH, window=window, write=True)
    assert spent is not None
    assert spent.writes == 1


def test_no_request_of_many_at_once_goes_uncounted(dynamodb: object, account_id: str) -> None:
    store = DynamoAccountStore(dynamodb, TABLE)  # type: ignore[arg-type]  # a client
    add_key(store, ApiKey(account_id, "key_1", HASH, 1))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: store.spend(account_id, "key_1", secret_hash=HASH, window=7, write=True), range(24)))
    last = store.spend(account_id, "key_1", secret_hash=HASH, window=7, write=False)
    assert last is not None
    assert (last.writes, last.reads) == (24, 1)
