"""CeilingStore: memory and DynamoDB keep the same promises."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from calling.adapters.dynamodb.ceilings import DynamoCeilingStore
from calling.domain.ceiling import LEARNT_FOR_MS, Ceiling
from calling.ports import CeilingStore
from tests.contracts.conftest import TABLE
from tests.fakes.pools import MemoryCeilingStore

T0 = 1_795_260_000_000


@pytest.fixture(params=["memory", "dynamodb"])
def ceilings(request: pytest.FixtureRequest) -> CeilingStore:
    if request.param == "memory":
        return MemoryCeilingStore()
    return DynamoCeilingStore(request.getfixturevalue("dynamodb"), TABLE)


@pytest.fixture
def sid() -> str:
    return f"AC{uuid4().hex}"


def test_nothing_is_known_of_a_carrier_account_that_refused_nothing(ceilings: CeilingStore, sid: str) -> None:
    assert ceilings.get(sid, now=T0) is None


def test_what_lived_at_a_refusal_is_the_ceiling_for_an_hour(ceilings: CeilingStore, sid: str) -> None:
    until = T0 + LEARNT_FOR_MS
    assert ceilings.learn(sid, 3, now=T0) == Ceiling(3, until)
    assert ceilings.get(sid, now=until - 1) == Ceiling(3, until)
    assert ceilings.get(sid, now=until) is None
    assert ceilings.get(f"{sid}0", now=T0) is None


def test_it_is_lowered_and_never_raised_before_its_hour_is_over(ceilings: CeilingStore, sid: str) -> None:
    ceilings.learn(sid, 5, now=T0)
    assert ceilings.learn(sid, 2, now=T0 + 10) == Ceiling(2, T0 + 10 + LEARNT_FOR_MS)
    assert ceilings.learn(sid, 4, now=T0 + 20) == Ceiling(2, T0 + 10 + LEARNT_FOR_MS)
    late = T0 + 10 + LEARNT_FOR_MS
    assert ceilings.learn(sid, 4, now=late) == Ceiling(4, late + LEARNT_FOR_MS)


def test_a_refusal_while_none_of_ours_lives_teaches_nothing(ceilings: CeilingStore, sid: str) -> None:
    assert ceilings.learn(sid, 0, now=T0) is None
    assert ceilings.get(sid, now=T0) is None
    ceilings.learn(sid, 2, now=T0)
    assert ceilings.learn(sid, 0, now=T0 + 1) == Ceiling(2, T0 + LEARNT_FOR_MS)


def test_of_many_at_once_the_lowest_stays(dynamodb: Any, sid: str) -> None:
    ceilings = DynamoCeilingStore(dynamodb, TABLE)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda live: ceilings.learn(sid, live, now=T0), range(6, 2, -1)))
    assert ceilings.get(sid, now=T0) == Ceiling(3, T0 + LEARNT_FOR_MS)
