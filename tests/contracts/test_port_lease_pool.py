"""LeasePool: the dictionary and DynamoDB keep the same promises, whatever the order of what is asked of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.ports import LeasePool
from tests.contracts.conftest import TABLE
from tests.fakes.pools import MemoryLeasePool

POOL = "all"
SHARDED = 52  # one full shard and one of two places


@pytest.fixture(params=["memory", "dynamodb"])
def pool(request: pytest.FixtureRequest) -> LeasePool:
    if request.param == "memory":
        return MemoryLeasePool()
    return DynamoLeasePool(request.getfixturevalue("dynamodb"), TABLE)


@pytest.fixture(params=[50, 2], ids=["one shard", "three shards"])
def cap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Five places: in one shard, or in shards of two, two and one."""
    monkeypatch.setattr("calling.domain.lease.SHARD_PLACES", request.param)
    return 5


def test_places_are_given_up_to_the_cap(pool: LeasePool, account_id: str, cap: int) -> None:
    given = [pool.take(account_id, POOL, f"call_{n}", cap=cap, expires_at=n) for n in range(cap + 2)]
    assert given == [True] * cap + [False] * 2
    assert pool.holders(account_id, POOL) == {f"call_{n}": n for n in range(cap)}
    assert pool.release(account_id, POOL, f"call_{cap - 1}")
    assert pool.take(account_id, POOL, "call_late", cap=cap, expires_at=1)
    assert not pool.take(account_id, POOL, "call_later", cap=cap, expires_at=1)


def test_ones_own_place_is_kept_with_the_later_expiry(pool: LeasePool, account_id: str, cap: int) -> None:
    holders = [f"call_{n}" for n in range(cap)]
    for holder in holders:
        assert pool.take(account_id, POOL, holder, cap=cap, expires_at=100)
    for holder in (holders[0], holders[-1]):
        assert pool.take(account_id, POOL, holder, cap=cap, expires_at=50)
        assert pool.holders(account_id, POOL)[holder] == 100
        assert pool.take(account_id, POOL, holder, cap=cap, expires_at=200)
        assert pool.holders(account_id, POOL)[holder] == 200
    assert len(pool.holders(account_id, POOL)) == cap


def test_renewing_and_releasing_need_the_holder(pool: LeasePool, account_id: str, cap: int) -> None:
    assert not pool.renew(account_id, POOL, "call_1", expires_at=1)
    assert not pool.release(account_id, POOL, "call_1")
    assert pool.holders(account_id, POOL) == {}
    for n in range(cap):
        assert pool.take(account_id, POOL, f"call_{n}", cap=cap, expires_at=1)
    last = f"call_{cap - 1}"
    assert pool.renew(account_id, POOL, last, expires_at=9)
    assert pool.holders(account_id, POOL)[last] == 9
    assert pool.release(account_id, POOL, last)
    assert not pool.release(account_id, POOL, last)
    assert not pool.renew(account_id, POOL, last, expires_at=10)
    assert last not in pool.holders(account_id, POOL)


def test_no_cap_gives_no_place(pool: LeasePool, account_id: str) -> None:
    assert not pool.take(account_id, POOL, "call_1", cap=0, expires_at=1)


def test_pools_and_accounts_are_apart(pool: LeasePool, account_id: str) -> None:
    assert pool.take(account_id, POOL, "call_1", cap=1, expires_at=1)
    assert pool.take(account_id, "camp_1", "call_2", cap=1, expires_at=1)
    assert pool.take("acct_other" + account_id, POOL, "call_3", cap=1, expires_at=1)
    assert pool.holders(account_id, POOL) == {"call_1": 1}


def test_only_what_has_expired_is_reaped(pool: LeasePool, account_id: str, cap: int) -> None:
    for n in range(cap):
        assert pool.take(account_id, POOL, f"call_{n}", cap=cap, expires_at=100 + n)
    assert not pool.reap(account_id, POOL, "call_2", now=102)
    assert not pool.reap(account_id, POOL, "call_other", now=999)
    assert pool.reap(account_id, POOL, "call_2", now=103)
    assert not pool.reap(account_id, POOL, "call_2", now=103)
    assert "call_2" not in pool.holders(account_id, POOL)
    assert pool.reap(account_id, POOL, f"call_{cap - 1}", now=999)


def test_pools_are_found_without_knowing_their_accounts(pool: LeasePool, account_id: str, cap: int) -> None:
    for n in range(cap):
        assert pool.take(account_id, POOL, f"call_{n}", cap=cap, expires_at=1)
    assert pool.take(account_id, "camp_1", "call_1", cap=1, expires_at=1)
    for n in range(cap):
        assert pool.release(account_id, POOL, f"call_{n}")
    mine = [found for found in pool.pools() if found[0] == account_id]
    assert sorted(mine) == [(account_id, POOL), (account_id, "camp_1")], "each once, empty ones too"


def test_after_the_cap_was_lowered_nobody_new_gets_in_until_fewer_are_held(
    pool: LeasePool, account_id: str, cap: int
) -> None:
    for n in range(cap):
        assert pool.take(account_id, POOL, f"call_{n}", cap=cap, expires_at=1)
    low = cap - 2
    assert not pool.take(account_id, POOL, "call_new", cap=low, expires_at=1)
    assert pool.take(account_id, POOL, "call_0", cap=low, expires_at=2), "one's own place is kept"
    for n in range(2):
        assert pool.release(account_id, POOL, f"call_{n}")
        assert not pool.take(account_id, POOL, "call_new", cap=low, expires_at=1)
    assert pool.release(account_id, POOL, "call_2")
    assert pool.take(account_id, POOL, "call_new", cap=low, expires_at=1)
    assert not pool.take(account_id, POOL, "call_newer", cap=low, expires_at=1)
    assert pool.take(account_id, POOL, "call_newer", cap=cap, expires_at=1)


def test_what_is_kept_for_others_is_not_taken(pool: LeasePool, account_id: str, cap: int) -> None:
    """Two callers of one pool under different caps: whoever has the lower one stops there, whoever came first."""
    for n in range(cap - 1):
        assert pool.take(account_id, POOL, f"single_{n}", cap=cap, expires_at=1)
    assert not pool.take(account_id, POOL, "campaign", cap=cap - 1, expires_at=1)
    assert pool.release(account_id, POOL, "single_0")
    assert pool.take(account_id, POOL, "campaign", cap=cap - 1, expires_at=1)
    assert pool.take(account_id, POOL, "single_0", cap=cap, expires_at=1)


def test_a_pool_nobody_is_in_is_forgotten(pool: LeasePool, account_id: str, cap: int) -> None:
    for n in range(cap):
        assert pool.take(account_id, POOL, f"call_{n}", cap=cap, expires_at=n)
    pool.forget(account_id, POOL)
    assert len(pool.holders(account_id, POOL)) == cap
    for n in range(cap - 1):
        assert pool.release(account_id, POOL, f"call_{n}")
    pool.forget(account_id, POOL)
    assert (account_id, POOL) in pool.pools()
    assert pool.holders(account_id, POOL) == {f"call_{cap - 1}": cap - 1}
    assert pool.release(account_id, POOL, f"call_{cap - 1}")
    for _ in range(2):
        pool.forget(account_id, POOL)
    assert (account_id, POOL) not in pool.pools()
    assert pool.take(account_id, POOL, "call_again", cap=1, expires_at=1)


class Counted:
    """A client that counts the writes asked of it."""

    def __init__(self, client: Any) -> None:
        self._client, self.writes = client, 0

    def __getattr__(self, name: str) -> Any:
        self.writes += name in ("update_item", "put_item", "delete_item")
        return getattr(self._client, name)


def test_waiting_at_a_full_pool_writes_nothing(dynamodb: Any, account_id: str, cap: int) -> None:
    client = Counted(dynamodb)
    pool = DynamoLeasePool(client, TABLE)  # type: ignore[arg-type]  # a client
    for n in range(cap):
        assert pool.take(account_id, POOL, f"call_{n}", cap=cap, expires_at=1)
    before = client.writes
    assert before >= cap
    assert not pool.take(account_id, POOL, "call_late", cap=cap, expires_at=1)
    assert not pool.take(account_id, POOL, "call_late", cap=1, expires_at=1)
    assert client.writes == before


def test_many_at_once_under_two_caps_never_get_more_than_the_higher(dynamodb: Any, account_id: str, cap: int) -> None:
    pool = DynamoLeasePool(dynamodb, TABLE)

    def take(n: int) -> bool:
        return pool.take(account_id, POOL, f"call_{n}", cap=cap - n % 2, expires_at=1)

    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(take, range(2 * cap + 4)))
    assert sum(given) == len(pool.holders(account_id, POOL)) == cap


@pytest.mark.parametrize("places", [4, SHARDED])
def test_many_at_once_never_get_more_than_the_cap(dynamodb: Any, account_id: str, places: int) -> None:
    pool = DynamoLeasePool(dynamodb, TABLE)

    def take(n: int) -> bool:
        return pool.take(account_id, POOL, f"call_{n % (places + 6)}", cap=places, expires_at=n)

    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(take, range(places + 6)))
    assert sum(given) == places
    assert len(pool.holders(account_id, POOL)) == places


def machine(make: Callable[[], LeasePool], cap: int) -> type[RuleBasedStateMachine]:
    """A pool beside a plain dictionary of who must hold what; each take comes with a cap of its own."""
    holders = st.sampled_from([f"call_{n}" for n in range(cap + 3)])

    class Leases(RuleBasedStateMachine):
        @initialize()
        def fresh(self) -> None:
            self.account, self.pool = f"acct_{uuid4().hex[:12]}", make()
            self.model: dict[str, int] = {}

        @rule(holder=holders, expires_at=st.integers(1, 9), places=st.integers(0, cap))
        def take(self, holder: str, expires_at: int, places: int) -> None:
            may = holder in self.model or len(self.model) < places
            assert self.pool.take(self.account, POOL, holder, cap=places, expires_at=expires_at) == may
            if may:
                self.model[holder] = max(expires_at, self.model.get(holder, 0))

        @rule(holder=holders, expires_at=st.integers(1, 9))
        def renew(self, holder: str, expires_at: int) -> None:
            held = holder in self.model
            assert self.pool.renew(self.account, POOL, holder, expires_at=expires_at) == held
            if held:
                self.model[holder] = expires_at

        @rule(holder=holders)
        def release(self, holder: str) -> None:
            held = self.model.pop(holder, None) is not None
            assert self.pool.release(self.account, POOL, holder) == held

        @rule()
        def forget(self) -> None:
            self.pool.forget(self.account, POOL)

        @invariant()
        def holds_what_it_must(self) -> None:
            if hasattr(self, "model"):
                assert self.pool.holders(self.account, POOL) == self.model
                assert len(self.model) <= cap

    return Leases


def test_any_order_in_memory() -> None:
    run_state_machine_as_test(machine(MemoryLeasePool, 5), settings=settings(max_examples=40, deadline=None))


@pytest.mark.parametrize("shard_places", [50, 2])
def test_any_order_in_dynamodb(dynamodb: Any, monkeypatch: pytest.MonkeyPatch, shard_places: int) -> None:
    """Also with shards of two places, so that five places are a pool of three shards."""
    monkeypatch.setattr("calling.domain.lease.SHARD_PLACES", shard_places)
    few = settings(max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(machine(lambda: DynamoLeasePool(dynamodb, TABLE), 5), settings=few)
