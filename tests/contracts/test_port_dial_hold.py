"""DialHold: memory and DynamoDB keep the same promises."""

from collections.abc import Iterator

import pytest

from calling.adapters.dynamodb import codec, keys
from calling.adapters.dynamodb.hold import DynamoDialHold
from calling.ports import DialHold
from tests.contracts.conftest import TABLE
from tests.fakes.pools import MemoryDialHold

T0 = 1_795_260_000_000


@pytest.fixture(params=["memory", "dynamodb"])
def hold(request: pytest.FixtureRequest) -> Iterator[DialHold]:
    if request.param == "memory":
        yield MemoryDialHold()
        return
    client = request.getfixturevalue("dynamodb")
    yield DynamoDialHold(client, TABLE)
    client.delete_item(TableName=TABLE, Key=codec.texts(keys.dial_hold()))  # there is one, whatever the account


def test_nobody_is_held_at_first(hold: DialHold) -> None:
    assert hold.until() == 0


def test_a_refusal_hears_of_the_one_before_it_and_holds_nobody_by_itself(hold: DialHold) -> None:
    assert [hold.note_refusal(T0), hold.note_refusal(T0 + 5), hold.note_refusal(T0 + 9)] == [None, T0, T0 + 5]
    assert hold.until() == 0


def test_a_hold_begins_once_and_is_extended(hold: DialHold) -> None:
    assert hold.extend(T0 + 60_000, now=T0)
    assert hold.until() == T0 + 60_000
    assert not hold.extend(T0 + 90_000, now=T0 + 30_000)
    assert hold.until() == T0 + 90_000


def test_an_earlier_end_changes_nothing(hold: DialHold) -> None:
    hold.extend(T0 + 60_000, now=T0)
    assert not hold.extend(T0 + 59_000, now=T0)
    assert not hold.extend(T0 + 60_000, now=T0), "the store's own retry of a write whose answer was lost"
    assert hold.until() == T0 + 60_000


def test_after_its_end_another_begins(hold: DialHold) -> None:
    hold.extend(T0 + 60_000, now=T0)
    assert hold.extend(T0 + 120_000, now=T0 + 60_000)
