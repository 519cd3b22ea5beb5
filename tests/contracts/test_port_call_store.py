"""CallStore and PeopleStore: the dictionaries and DynamoDB keep the same promises."""

from dataclasses import dataclass, replace

import pytest

from calling.adapters.dynamodb import keys, outbox
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.people import DynamoPeopleStore
from calling.adapters.dynamodb.retention import Retention
from calling.domain.call import Call, CallStatus, CarrierStatus, Direction, TimelineEntry
from calling.domain.errors import InvalidRequest
from calling.domain.events import Event, EventName
from calling.domain.history import CallSummary
from calling.domain.model_usage import ModelUsage
from calling.domain.phone_number import PhoneNumber
from calling.domain.transcript import Turn
from calling.ports import AlreadyExists, CallQuery, CallStore, PeopleStore, StaleRecord
from tests.contracts.conftest import TABLE
from tests.fakes.clock import ManualClock
from tests.fakes.stores import MemoryCallStore, MemoryPeopleStore

FROM, TO = PhoneNumber("+15550100001"), PhoneNumber("+447700900123")
T0 = 1_795_260_000_000


@dataclass
class Stores:
    calls: CallStore
    people: PeopleStore


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        memory = MemoryCallStore()
        return Stores(memory, MemoryPeopleStore(memory))
    client = request.getfixturevalue("dynamodb")
    return Stores(DynamoCallStore(client, TABLE), DynamoPeopleStore(client, TABLE))


def a_call(account_id: str, call_id: str = "call_1", **fields: object) -> Call:
    base = Call(account_id, call_id, "agent_1", Direction.OUTBOUND, FROM, TO, T0, prompt="Ask about Tuesday.")
    return replace(base, **fields)  # type: ignore[arg-type]  # any field


def an_event(call: Call, at: int) -> Event:
    return Event(call.account_id, f"{call.call_id}#terminal", EventName.CALL_COMPLETED, 2, call.call_id, at)


def a_summary(call: Call, ended_at: int = T0 + 60_000, **fields: object) -> CallSummary:
    base = CallSummary(
        call.account_id, call.person, call.call_id, "agent_1", ended_at, "completed", "Tuesday was agreed."
    )
    return replace(base, **fields)  # type: ignore[arg-type]  # any field


def test_a_call_is_read_as_it_was_added(stores: Stores, account_id: str) -> None:
    call = a_call(
        account_id,
        metadata={"n": 1.0, "deep": [None, {"x": "é"}], "big": 10**40},
        dynamic_vars={"name": "Sarah", "empty": ""},
        not_after=T0 + 5,
        amd_enabled=False,
        voice_to_voice_ms=(600, 710),
        model_usage=(ModelUsage("claude-haiku-5-5", 1, 2, 3, 4), ModelUsage("claude-sonnet-5")),
        timeline=(TimelineEntry(T0, "accepted", "by the API", {"zone": None, "caps": [1, 2.5]}),),
    )
    stores.calls.add(call)
    assert stores.calls.get(account_id, "call_1") == call
    assert stores.calls.get(account_id, "call_2") is None
    assert stores.calls.get("acct_other", "call_1") is None


def test_a_call_is_added_once(stores: Stores, account_id: str) -> None:
    """Adding the very same record again is success: it may be the SDK's own retry."""
    stores.calls.add(a_call(account_id))
    stores.calls.add(a_call(account_id))
    with pytest.raises(AlreadyExists):
        stores.calls.add(a_call(account_id, prompt="Another."))


def test_a_change_is_written_and_answered(stores: Stores, account_id: str) -> None:
    call = a_call(account_id, task_token="old", carrier_status=CarrierStatus.RINGING)
    stores.calls.add(call)
    note = TimelineEntry(T0 + 1, "dialing", None, {"pace_ms": 0})
    changes = {"status": CallStatus.DIALING, "dial_started_at": T0 + 1, "task_token": None, "metadata": {"a": 1}}
    changed = stores.calls.change(call, changes, note=note)
    assert changed == replace(
        call,
        status=CallStatus.DIALING,
        dial_started_at=T0 + 1,
        task_token=None,
        metadata={"a": 1},
        version=1,
        timeline=(note,),
    )
    assert stores.calls.get(account_id, "call_1") == changed


def test_a_note_alone_is_a_change(stores: Stores, account_id: str) -> None:
    call = a_call(account_id)
    stores.calls.add(call)
    one = stores.calls.change(call, {}, note=TimelineEntry(1, "one"))
    two = stores.calls.change(one, {}, note=TimelineEntry(2, "two"))
    assert [n.event for n in two.timeline] == ["one", "two"]
    assert two.version == 2


def test_who_read_an_older_version_is_told(stores: Stores, account_id: str) -> None:
    call = a_call(account_id)
    stores.calls.add(call)
    stores.calls.change(call, {"task_token": "mine"})
    with pytest.raises(StaleRecord):
        stores.calls.change(call, {"task_token": "other"})
    with pytest.raises(StaleRecord):
        stores.calls.change(call, {"task_token": "other"}, outbox=an_event(call, T0))
    with pytest.raises(StaleRecord):
        stores.calls.change(a_call(account_id, "call_unknown"), {"task_token": "x"})
    stored = stores.calls.get(account_id, "call_1")
    assert stored is not None
    assert (stored.task_token, stored.version) == ("mine", 1)


def test_an_event_and_a_memory_are_written_with_the_change(stores: Stores, account_id: str) -> None:
    call = a_call(account_id)
    stores.calls.add(call)
    changed = stores.calls.change(
        call,
        {"status": CallStatus.COMPLETED, "summary": "Tuesday was agreed."},
        note=TimelineEntry(T0, "settled"),
        outbox=an_event(call, T0),
        remember=a_summary(call, facts={"name": "Sarah"}),
    )
    assert changed == stores.calls.get(account_id, "call_1")
    assert changed.version == 1
    assert stores.people.summaries(account_id, TO, limit=5) == (a_summary(call, facts={"name": "Sarah"}),)


def test_an_event_is_written_once_and_nothing_with_it_twice(stores: Stores, account_id: str) -> None:
    call = a_call(account_id)
    stores.calls.add(call)
    first = stores.calls.change(call, {"settled_at": 1}, outbox=an_event(call, T0))
    with pytest.raises(StaleRecord):
        stores.calls.change(
            first, {"settled_at": 2}, outbox=an_event(call, T0 + 1), remember=a_summary(call, summary="No.")
        )
    assert stores.calls.get(account_id, "call_1") == first
    assert stores.people.summaries(account_id, TO, limit=5) == ()


def test_people_are_remembered_newest_first_and_by_account(stores: Stores, account_id: str) -> None:
    for n in range(4):
        call = a_call(account_id, f"call_{n}")
        stores.calls.add(call)
        stores.calls.change(call, {}, remember=a_summary(call, ended_at=T0 + n))
    assert [s.call_id for s in stores.people.summaries(account_id, TO, limit=3)] == ["call_3", "call_2", "call_1"]
    assert stores.people.summaries(account_id, FROM, limit=3) == ()
    assert stores.people.summaries("acct_other", TO, limit=3) == ()


def test_turns_are_replaced_by_index_and_read_in_order(stores: Stores, account_id: str) -> None:
    hello = Turn(0, "caller", "Hello?", 300, 700)
    opener = Turn(10, "agent", "Hi, this is", 900, 1500, interrupted=True, latency_ms=410)
    stores.calls.add_turn(account_id, "call_1", opener)
    stores.calls.add_turn(account_id, "call_1", hello)
    stores.calls.add_turn(account_id, "call_1", replace(opener, text="Hi, this is Anna."))
    assert stores.calls.turns(account_id, "call_1") == (hello, replace(opener, text="Hi, this is Anna."))
    assert stores.calls.turns(account_id, "call_2") == ()


def test_turns_do_not_touch_the_call(stores: Stores, account_id: str) -> None:
    call = a_call(account_id)
    stores.calls.add(call)
    stores.calls.add_turn(account_id, "call_1", Turn(0, "caller", "Hello?", 0, 1))
    assert stores.calls.get(account_id, "call_1") == call


def test_calls_are_listed_newest_first_in_pages(stores: Stores, account_id: str) -> None:
    for n in range(5):
        stores.calls.add(a_call(account_id, f"call_{n}", created_at=T0 + n // 2))
    stores.calls.add(a_call("acct_other", "call_9"))
    seen, cursor, pages = [], None, 0
    while True:
        page = stores.calls.query(account_id, CallQuery(), limit=2, cursor=cursor)
        seen += [c.call_id for c in page.calls]
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            break
    assert seen == ["call_4", "call_3", "call_2", "call_1", "call_0"]
    assert pages == 3


def test_a_full_last_page_has_no_cursor(stores: Stores, account_id: str) -> None:
    stores.calls.add(a_call(account_id))
    assert stores.calls.query(account_id, CallQuery(), limit=1).cursor is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (CallQuery(agent_id="agent_2"), ["call_b"]),
        (CallQuery(direction="inbound"), ["call_c"]),
        (CallQuery(status="completed"), ["call_d"]),
        (CallQuery(to_number=FROM.e164), ["call_c"]),
        (CallQuery(sentiment="happy"), ["call_d"]),
        (CallQuery(successful=True), ["call_d"]),
        (CallQuery(successful=False), ["call_b"]),
        (CallQuery(voicemail_detected=True), ["call_b"]),
        (CallQuery(voicemail_detected=False, direction="outbound"), ["call_d", "call_a"]),
        (CallQuery(voicemail_disagreement=True), ["call_d", "call_b"]),
        (CallQuery(voicemail_disagreement=False), ["call_c", "call_a"]),
        (CallQuery(campaign_id="camp_1"), ["call_a"]),
        (CallQuery(since=T0 + 1, until=T0 + 3), ["call_c", "call_b"]),
        (CallQuery(since=T0 + 3), ["call_d"]),
        (CallQuery(until=T0), []),
        (CallQuery(campaign_id="camp_1", agent_id="agent_2"), []),
    ],
)
def test_lists_are_filtered(stores: Stores, account_id: str, query: CallQuery, found: list[str]) -> None:
    for call in (
        a_call(account_id, "call_a", campaign_id="camp_1", amd_result="human"),
        a_call(
            account_id,
            "call_b",
            created_at=T0 + 1,
            agent_id="agent_2",
            voicemail_method="speech",
            amd_result="human",
            successful=False,
        ),
        a_call(account_id, "call_c", created_at=T0 + 2, direction=Direction.INBOUND, from_number=TO, to_number=FROM),
        a_call(
            account_id,
            "call_d",
            created_at=T0 + 3,
            status=CallStatus.COMPLETED,
            sentiment="happy",
            successful=True,
            amd_result="machine_start",
        ),
    ):
        stores.calls.add(call)
    assert [c.call_id for c in stores.calls.query(account_id, query, limit=10).calls] == found


def test_a_filtered_list_pages_over_what_it_skips(stores: Stores, account_id: str) -> None:
    for n in range(6):
        stores.calls.add(a_call(account_id, f"call_{n}", created_at=T0 + n, agent_id=f"agent_{n % 2}"))
    first = stores.calls.query(account_id, CallQuery(agent_id="agent_0"), limit=2)
    second = stores.calls.query(account_id, CallQuery(agent_id="agent_0"), limit=2, cursor=first.cursor)
    assert [c.call_id for c in first.calls + second.calls] == ["call_4", "call_2", "call_0"]
    assert second.cursor is None


def test_an_erased_call_leaves_nothing(stores: Stores, account_id: str) -> None:
    for call_id in ("call_1", "call_2"):
        call = a_call(account_id, call_id)
        stores.calls.add(call)
        stores.calls.add_turn(account_id, call_id, Turn(0, "caller", "Hello?", 0, 1))
        changed = stores.calls.change(call, {}, outbox=an_event(call, T0), remember=a_summary(call))
    stores.people.forget(account_id, TO, call_id="call_1")
    stores.calls.erase(account_id, "call_1")
    stores.calls.erase(account_id, "call_1")
    assert stores.calls.get(account_id, "call_1") is None
    assert stores.calls.turns(account_id, "call_1") == ()
    assert [s.call_id for s in stores.people.summaries(account_id, TO, limit=5)] == ["call_2"]
    assert stores.calls.get(account_id, "call_2") == changed
    assert len(stores.calls.turns(account_id, "call_2")) == 1
    assert [c.call_id for c in stores.calls.query(account_id, CallQuery(), limit=5).calls] == ["call_2"]
    with pytest.raises(StaleRecord):
        stores.calls.change(a_call(account_id), {"task_token": "late"})
    stores.people.forget(account_id, TO)
    assert stores.people.summaries(account_id, TO, limit=5) == ()


def test_what_is_told_of_a_person_is_kept_for_each_number(stores: Stores, account_id: str) -> None:
    people = stores.people
    assert people.caller(account_id, FROM, TO) is None
    assert people.change_caller(account_id, FROM, TO, {"name": "Sarah", "location": "Leeds"}) == {
        "name": "Sarah",
        "location": "Leeds",
    }
    assert people.change_caller(account_id, FROM, TO, {"location": None, "email": "s@example.com"}) == {
        "name": "Sarah",
        "email": "s@example.com",
    }
    assert people.caller(account_id, FROM, TO) == {"name": "Sarah", "email": "s@example.com"}
    assert people.caller(account_id, TO, FROM) is None
    assert people.summaries(account_id, TO, limit=5) == ()
    people.forget(account_id, TO)
    assert people.caller(account_id, FROM, TO) is not None, "a past is another thing"
    assert people.delete_caller(account_id, FROM, TO)
    assert not people.delete_caller(account_id, FROM, TO)
    assert people.change_caller(account_id, FROM, TO, {}) == {}


@pytest.mark.parametrize("cursor", ["", "%%", "bm9uc2Vuc2U=", "é"])
def test_a_malformed_cursor_is_refused(stores: Stores, account_id: str, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        stores.calls.query(account_id, CallQuery(), limit=2, cursor=cursor)


def test_another_accounts_cursor_is_refused(stores: Stores, account_id: str) -> None:
    for n in range(2):
        stores.calls.add(a_call("acct_other_" + account_id, f"call_{n}"))
    foreign = stores.calls.query("acct_other_" + account_id, CallQuery(), limit=1).cursor
    assert foreign
    with pytest.raises(InvalidRequest):
        stores.calls.query(account_id, CallQuery(), limit=1, cursor=foreign)


def test_an_outbox_item_is_read_back_from_the_stream(dynamodb: object, account_id: str) -> None:
    """The image the stream shows is the item, so it is read from the table here."""
    store, call = DynamoCallStore(dynamodb, TABLE), a_call(account_id)  # type: ignore[arg-type]  # a client
    store.add(call)
    event = an_event(call, T0)
    store.change(call, {}, outbox=event)
    key = {k: {"S": v} for k, v in keys.outbox(account_id, "call_1", event.event_id).items()}
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]  # type: ignore[attr-defined]  # a client
    assert outbox.from_image(item) == event
    assert int(item["ttl"]["N"]) == T0 // 1000 + 7 * 24 * 3600
    call_key = {k: {"S": v} for k, v in keys.call(account_id, "call_1").items()}
    assert outbox.from_image(dynamodb.get_item(TableName=TABLE, Key=call_key)["Item"]) is None  # type: ignore[attr-defined]  # a client


def due(stores: Stores, account_id: str, now: int) -> list[str]:
    return [call_id for owner, call_id in stores.calls.due(now, limit=10_000) if owner == account_id]


def test_calls_are_due_until_nothing_of_them_is_left_to_be_done(stores: Stores, account_id: str) -> None:
    for n, at in enumerate((T0 + 300, T0 + 100, T0 + 200)):
        stores.calls.add(a_call(account_id, f"call_{n}", due_at=at))
    assert due(stores, account_id, T0 + 99) == []
    assert due(stores, account_id, T0 + 200) == ["call_1", "call_2"], "longest due first"
    first = stores.calls.get(account_id, "call_1")
    assert first is not None
    moved = stores.calls.change(first, {"due_at": T0 + 400})
    assert moved.due_at == T0 + 400
    assert due(stores, account_id, T0 + 300) == ["call_2", "call_0"]
    assert due(stores, account_id, T0 + 400) == ["call_2", "call_0", "call_1"]
    closed = stores.calls.change(moved, {"due_at": None, "summary": "Tuesday."}, outbox=an_event(moved, T0))
    assert closed.due_at is None
    assert stores.calls.get(account_id, "call_1") == closed
    assert due(stores, account_id, T0 + 999) == ["call_2", "call_0"]


def test_due_calls_are_limited(stores: Stores, account_id: str) -> None:
    for n in range(3):
        stores.calls.add(a_call(account_id, f"call_{n}", due_at=n))
    assert len(stores.calls.due(T0, limit=2)) == 2


def test_what_is_added_is_forgotten_in_its_time(request: pytest.FixtureRequest, account_id: str) -> None:
    client = request.getfixturevalue("dynamodb")
    clock = ManualClock(T0)
    calls = DynamoCallStore(client, TABLE, Retention(90, 365, clock))
    calls.add(a_call(account_id))
    calls.add_turn(account_id, "call_1", Turn(0, "caller", "Hello?", 0, 500))
    call = calls.get(account_id, "call_1")
    assert call is not None
    calls.change(call, {"terminal_event_at": T0}, remember=a_summary(call))
    for key, days in (
        (keys.call(account_id, "call_1"), 90),
        (keys.turn(account_id, "call_1", 0), 90),
        (keys.past_call(account_id, TO.e164, T0 + 60_000, "call_1"), 365),
    ):
        item = client.get_item(TableName=TABLE, Key={name: {"S": value} for name, value in key.items()})["Item"]
        assert int(item["ttl"]["N"]) == T0 // 1000 + days * 86_400
