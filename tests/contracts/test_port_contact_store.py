"""ContactStore: the dictionary and DynamoDB keep the same promises."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from calling.adapters.dynamodb import keys, table
from calling.adapters.dynamodb.contacts import DynamoContactStore
from calling.domain.contact import DAY_MS, SuppressionSource
from calling.domain.limits import FrequencyCap
from calling.domain.phone_number import PhoneNumber
from calling.ports import ContactStore, StaleRecord
from tests.contracts.conftest import TABLE
from tests.fakes.campaigns import MemoryContactStore

SARAH, TOM = PhoneNumber("+447700900123"), PhoneNumber("+447700900124")
T0 = 1_795_260_000_000
CAP = FrequencyCap(calls=2, days=1)
BY = SuppressionSource.API


@pytest.fixture(params=["memory", "dynamodb"])
def contacts(request: pytest.FixtureRequest) -> ContactStore:
    if request.param == "memory":
        return MemoryContactStore()
    return DynamoContactStore(request.getfixturevalue("dynamodb"), TABLE)


def test_nothing_is_known_of_a_stranger(contacts: ContactStore, account_id: str) -> None:
    assert contacts.get(account_id, SARAH) is None
    assert contacts.many(account_id, [SARAH, TOM]) == {}
    assert contacts.many(account_id, []) == {}
    assert not contacts.allow(account_id, SARAH)


def test_a_person_is_suppressed_once(contacts: ContactStore, account_id: str) -> None:
    said = contacts.suppress(
        account_id, SARAH, at=T0, by=SuppressionSource.CALL, why="asked not to be called", call_id="call_1"
    )
    assert (said.suppressed, said.suppressed_at, said.suppressed_by) == (True, T0, SuppressionSource.CALL)
    assert (said.suppressed_why, said.suppressed_on, said.person) == ("asked not to be called", "call_1", SARAH)
    assert contacts.get(account_id, SARAH) == said
    assert contacts.suppress(account_id, SARAH, at=T0 + 1, by=BY) == said
    assert contacts.get(account_id, SARAH) == said
    assert contacts.get(account_id, TOM) is None
    assert contacts.get("acct_other_" + account_id, SARAH) is None


def test_a_person_is_taken_off_the_list(contacts: ContactStore, account_id: str) -> None:
    contacts.suppress(account_id, SARAH, at=T0, by=BY, why="no")
    assert contacts.allow(account_id, SARAH)
    assert not contacts.allow(account_id, SARAH)
    found = contacts.get(account_id, SARAH)
    assert found is not None
    assert (found.suppressed, found.suppressed_by, found.suppressed_why) == (False, None, None)
    assert contacts.suppress(account_id, SARAH, at=T0 + 5, by=BY).suppressed_at == T0 + 5


def test_several_are_read_at_once(contacts: ContactStore, account_id: str) -> None:
    many = [PhoneNumber(f"+4477009{n:05}") for n in range(110)]
    for person in (many[0], many[105]):
        contacts.suppress(account_id, person, at=T0, by=BY)
    found = contacts.many(account_id, [*many, many[0]])
    assert found == {person: contacts.get(account_id, person) for person in (many[0], many[105])}
    assert all(contact.suppressed for contact in found.values())


def test_dials_are_counted_up_to_the_cap(contacts: ContactStore, account_id: str) -> None:
    assert contacts.count_dial(account_id, SARAH, "call_1", cap=CAP, now=T0) is None
    assert contacts.count_dial(account_id, SARAH, "call_2", cap=CAP, now=T0 + 10) is None
    full = contacts.get(account_id, SARAH)
    assert full is not None
    assert full.dials == {"call_1": T0, "call_2": T0 + 10}
    assert contacts.count_dial(account_id, SARAH, "call_3", cap=CAP, now=T0 + 20) == full
    assert contacts.get(account_id, SARAH) == full
    assert contacts.count_dial(account_id, TOM, "call_3", cap=CAP, now=T0 + 20) is None
    assert contacts.count_dial(account_id, SARAH, "call_4", cap=CAP, now=T0 + DAY_MS) is None
    later = contacts.get(account_id, SARAH)
    assert later is not None
    assert later.dials == {"call_2": T0 + 10, "call_4": T0 + DAY_MS}, "what counts no more is dropped"


def test_a_call_that_was_counted_and_is_dialled_later_counts_from_then_on(
    contacts: ContactStore, account_id: str
) -> None:
    """Its Lambda died between the count and the request. Others have used up the cap meanwhile: it is one of them."""
    for n, call_id in enumerate(("call_1", "call_2")):
        assert contacts.count_dial(account_id, SARAH, call_id, cap=CAP, now=T0 + n) is None
    assert contacts.count_dial(account_id, SARAH, "call_1", cap=CAP, now=T0 + 600_000) is None
    found = contacts.get(account_id, SARAH)
    assert found is not None
    assert found.dials == {"call_1": T0 + 600_000, "call_2": T0 + 1}
    assert contacts.count_dial(account_id, SARAH, "call_3", cap=CAP, now=T0 + DAY_MS) == found
    assert contacts.count_dial(account_id, SARAH, "call_3", cap=CAP, now=T0 + 1 + DAY_MS) is None
    assert contacts.count_dial(account_id, SARAH, "call_4", cap=CAP, now=T0 + 599_999 + DAY_MS) is not None
    assert contacts.count_dial(account_id, SARAH, "call_4", cap=CAP, now=T0 + 600_000 + DAY_MS) is None


def test_a_dial_that_rang_nobody_is_counted_no_more(contacts: ContactStore, account_id: str) -> None:
    for n, call_id in enumerate(("call_1", "call_2")):
        assert contacts.count_dial(account_id, SARAH, call_id, cap=CAP, now=T0 + n) is None
    for _ in range(2):
        contacts.forget_dial(account_id, SARAH, "call_1")
    known = contacts.get(account_id, SARAH)
    assert known is not None
    assert known.dials == {"call_2": T0 + 1}
    assert contacts.count_dial(account_id, SARAH, "call_3", cap=CAP, now=T0 + 2) is None
    contacts.forget_dial(account_id, TOM, "call_1")
    assert contacts.get(account_id, TOM) is None


def test_a_suppressed_person_is_not_dialled(contacts: ContactStore, account_id: str) -> None:
    """Nor is a call that was counted before they said so."""
    assert contacts.count_dial(account_id, SARAH, "call_1", cap=CAP, now=T0) is None
    said = contacts.suppress(account_id, SARAH, at=T0 + 1, by=BY)
    assert said.dials == {"call_1": T0}
    for call_id in ("call_1", "call_2"):
        assert contacts.count_dial(account_id, SARAH, call_id, cap=CAP, now=T0 + 2) == said
    contacts.allow(account_id, SARAH)
    found = contacts.get(account_id, SARAH)
    assert found is not None
    assert found.dials == {"call_1": T0}


# DynamoDB's own


def test_many_at_once_never_pass_the_cap(dynamodb: Any, account_id: str) -> None:
    contacts = DynamoContactStore(dynamodb, TABLE)

    def dial(n: int) -> bool:
        return contacts.count_dial(account_id, SARAH, f"call_{n}", cap=CAP, now=T0 + n) is None

    with ThreadPoolExecutor(6) as threads:
        counted = list(threads.map(dial, range(6)))
    assert sum(counted) == CAP.calls
    found = contacts.get(account_id, SARAH)
    assert found is not None
    assert len(found.dials) == CAP.calls


class Raced:
    """A client beside which somebody else suppresses the person before each of the first writes."""

    def __init__(self, client: Any, account_id: str, times: int) -> None:
        self._client, self._account_id, self.left = client, account_id, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **request: Any) -> Any:
        if self.left:
            self.left -= 1
            other = DynamoContactStore(self._client, TABLE)
            if not other.allow(self._account_id, SARAH):
                other.suppress(self._account_id, SARAH, at=T0, by=BY)
        return self._client.put_item(**request)


def test_who_is_suppressed_meanwhile_is_not_dialled(
    dynamodb: Any, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "pause", lambda seconds: None)
    contacts = DynamoContactStore(Raced(dynamodb, account_id, 1), TABLE)  # type: ignore[arg-type]  # a client
    stands = contacts.count_dial(account_id, SARAH, "call_1", cap=CAP, now=T0)
    assert stands is not None
    assert (stands.suppressed, stands.dials) == (True, {})


def test_a_record_that_moves_each_time_is_stale(
    dynamodb: Any, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "pause", lambda seconds: None)
    quiet = DynamoContactStore(dynamodb, TABLE)
    assert quiet.count_dial(account_id, SARAH, "call_0", cap=CAP, now=T0) is None

    class Counting(Raced):
        def put_item(self, **request: Any) -> Any:
            self.left += 1
            far = replace(CAP, calls=99)
            DynamoContactStore(dynamodb, TABLE).count_dial(account_id, SARAH, f"call_{self.left}", cap=far, now=T0)
            return self._client.put_item(**request)

    contacts = DynamoContactStore(Counting(dynamodb, account_id, 0), TABLE)  # type: ignore[arg-type]  # a client
    with pytest.raises(StaleRecord):
        contacts.suppress(account_id, SARAH, at=T0, by=BY)
    found = quiet.get(account_id, SARAH)
    assert found is not None
    assert not found.suppressed


def test_dials_are_forgotten_and_suppressions_are_not(dynamodb: Any, account_id: str) -> None:
    contacts = DynamoContactStore(dynamodb, TABLE)

    def ttl() -> int | None:
        key = {name: {"S": value} for name, value in keys.contact(account_id, SARAH.e164).items()}
        found = dynamodb.get_item(TableName=TABLE, Key=key)["Item"].get("ttl")
        return int(found["N"]) - T0 // 1000 if found else None

    contacts.count_dial(account_id, SARAH, "call_1", cap=CAP, now=T0)
    assert ttl() == 2 * 86_400
    contacts.suppress(account_id, SARAH, at=T0, by=BY)
    assert ttl() is None
    contacts.allow(account_id, SARAH)
    assert ttl() == 31 * 86_400
