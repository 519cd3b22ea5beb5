"""UsageStore: what calls used adds up the same in the dictionary and in DynamoDB, each call once."""

from dataclasses import dataclass, replace

import pytest

from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.usage import DynamoUsageStore
from calling.domain.call import Call, Direction
from calling.domain.events import Event, EventName
from calling.domain.phone_number import PhoneNumber
from calling.domain.usage import Usage
from calling.ports import CallStore, StaleRecord, UsageStore
from tests.contracts.conftest import TABLE
from tests.fakes.stores import MemoryCallStore, MemoryUsageStore

FROM, TO = PhoneNumber("+447700900123"), PhoneNumber("+447386172392")
T0 = 1_795_260_000_000
ONE = Usage("2026-11", calls=1, minutes=2, micro_dollars=123_456, waited=1, peak=3)


@dataclass
class Stores:
    calls: CallStore
    usage: UsageStore


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        memory = MemoryCallStore()
        return Stores(memory, MemoryUsageStore(memory))
    client = request.getfixturevalue("dynamodb")
    return Stores(DynamoCallStore(client, TABLE), DynamoUsageStore(client, TABLE))


def over(stores: Stores, account_id: str, call_id: str, usage: Usage) -> Call:
    call = Call(account_id, call_id, "agent_1", Direction.OUTBOUND, FROM, TO, T0)
    stores.calls.add(call)
    event = Event(account_id, f"{call_id}#terminal", EventName.CALL_COMPLETED, 2, call_id, T0)
    stores.calls.change(call, {"terminal_event_at": T0}, outbox=event, usage=usage)
    return call


def test_nothing_was_used(stores: Stores, account_id: str) -> None:
    assert stores.usage.months(account_id) == ()


def test_calls_add_up_by_month_and_account(stores: Stores, account_id: str) -> None:
    for n in range(20):  # more than there are items
        over(stores, account_id, f"call_{n}", replace(ONE, peak=(n * 7) % 20))
    over(stores, account_id, "call_old", replace(ONE, month="2026-10", peak=0, waited=0))
    over(stores, f"{account_id}_other", "call_other", ONE)
    assert stores.usage.months(account_id) == (
        Usage("2026-10", 1, 2, 123_456, 0, 0),
        Usage("2026-11", 20, 40, 20 * 123_456, 20, 19),
    )
    assert stores.usage.months(f"{account_id}_other") == (ONE,)


def test_a_call_counts_once_though_its_end_is_written_twice(stores: Stores, account_id: str) -> None:
    call = over(stores, account_id, "call_1", ONE)
    with pytest.raises(StaleRecord):
        stores.calls.change(call, {"terminal_event_at": T0 + 1}, usage=replace(ONE, peak=9))
    assert stores.usage.months(account_id) == (ONE,)


def test_what_was_used_outlives_the_calls_record(stores: Stores, account_id: str) -> None:
    over(stores, account_id, "call_1", ONE)
    stores.calls.erase(account_id, "call_1")
    assert stores.usage.months(account_id) == (ONE,)
