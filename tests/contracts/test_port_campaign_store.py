"""CampaignStore: the dictionaries and DynamoDB keep the same promises."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from calling.adapters.dynamodb import keys, outbox, table
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.recipients import COUNTS_OUTLIVE_SECONDS
from calling.adapters.dynamodb.retention import Retention
from calling.domain import events
from calling.domain.blocked import Blocked
from calling.domain.call import Call, Direction, TimelineEntry
from calling.domain.campaign import KEPT_ENTRIES, Campaign, CampaignStatus, Counts, RetryOn
from calling.domain.errors import InvalidRequest
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import Decision, Recipient, RecipientState, Verdict
from calling.domain.window import CallingWindow
from calling.ports import AlreadyExists, CallStore, CampaignStore, StaleRecord
from tests.contracts.conftest import TABLE
from tests.fakes.campaigns import MemoryCampaignStore
from tests.fakes.clock import ManualClock
from tests.fakes.stores import MemoryCallStore

OURS, THEIRS = PhoneNumber("+15550100001"), PhoneNumber("+447700900123")
T0 = 1_795_260_000_000
_S, _R = CampaignStatus, RecipientState


@dataclass
class Stores:
    campaigns: CampaignStore
    calls: CallStore


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        calls = MemoryCallStore()
        return Stores(MemoryCampaignStore(calls), calls)
    client = request.getfixturevalue("dynamodb")
    return Stores(DynamoCampaignStore(client, TABLE), DynamoCallStore(client, TABLE))


@pytest.fixture
def campaigns(stores: Stores) -> CampaignStore:
    return stores.campaigns


def a_campaign(account_id: str, campaign_id: str = "camp_1", **fields: object) -> Campaign:
    base = Campaign(account_id, campaign_id, "agent_1", OURS, T0, prompt="Ask about Tuesday.")
    return replace(base, **fields)  # type: ignore[arg-type]  # any field


def a_recipient(campaign: Campaign, index: int = 0, **fields: object) -> Recipient:
    number = PhoneNumber(f"+4477009{index:05}")
    base = Recipient(campaign.account_id, campaign.campaign_id, index, number, index % campaign.shards)
    return replace(base, **fields)  # type: ignore[arg-type]  # any field


def a_call(recipient: Recipient, call_id: str = "call_1") -> Call:
    return Call(
        recipient.account_id, call_id, "agent_1", Direction.OUTBOUND, OURS, recipient.phone_number, T0,
        campaign_id=recipient.campaign_id, recipient=recipient.index,
    )  # fmt: skip


def filled(campaigns: CampaignStore, account_id: str, count: int, **fields: object) -> Campaign:
    """A campaign whose list has been read."""
    campaign = replace(a_campaign(account_id), **fields)  # type: ignore[arg-type]  # any field
    campaigns.add(campaign)
    campaigns.put_recipients(campaign, [a_recipient(campaign, n) for n in range(count)])
    return campaigns.change(campaign, {"imported_at": T0, "rows": count}, counts=Counts(pending=count))


def calling(recipient: Recipient, call_id: str) -> Recipient:
    return replace(recipient, state=_R.IN_FLIGHT, due_at=None, tries=1, call_ids=(call_id,))


def test_a_campaign_is_read_as_it_was_added(campaigns: CampaignStore, account_id: str) -> None:
    campaign = a_campaign(
        account_id,
        status=_S.SCHEDULED,
        metadata={"n": 1.0, "deep": [None, {"x": "é"}]},
        dynamic_vars={"name": "Sarah", "empty": ""},
        window=CallingWindow(540, 1020, ("mon", "fri")),
        retry_on=(RetryOn.BUSY, RetryOn.NO_ANSWER),
        held_countries=("GB",),
        blocked={"GB": Blocked((3, 1, 2), T0 + 4)},
        scheduled_at=T0 + 5,
        timeline=(TimelineEntry(T0, "accepted", "by the API", {"caps": [1, 2.5]}),),
    )
    campaigns.add(campaign)
    assert campaigns.get(account_id, "camp_1") == campaign
    assert campaigns.get(account_id, "camp_2") is None
    assert campaigns.get("acct_other", "camp_1") is None


def test_a_campaign_is_added_once(campaigns: CampaignStore, account_id: str) -> None:
    campaigns.add(a_campaign(account_id))
    campaigns.add(a_campaign(account_id))
    with pytest.raises(AlreadyExists):
        campaigns.add(a_campaign(account_id, prompt="Another."))


def test_a_change_is_written_and_answered(campaigns: CampaignStore, account_id: str) -> None:
    campaign = a_campaign(account_id, wake_token="old")
    campaigns.add(campaign)
    note = TimelineEntry(T0 + 1, "paused", "by hand")
    changed = campaigns.change(campaign, {"status": _S.PAUSED, "wake_token": None, "signal": 4}, note=note)
    assert changed == replace(campaign, status=_S.PAUSED, wake_token=None, signal=4, version=1, timeline=(note,))
    assert campaigns.get(account_id, "camp_1") == changed


def test_only_the_newest_entries_are_kept(campaigns: CampaignStore, account_id: str) -> None:
    old = tuple(TimelineEntry(n, f"e{n}") for n in range(KEPT_ENTRIES))
    campaign = a_campaign(account_id, timeline=old)
    campaigns.add(campaign)
    changed = campaigns.change(campaign, {}, note=TimelineEntry(T0, "new"))
    assert changed == campaigns.get(account_id, "camp_1")
    assert [e.event for e in changed.timeline] == [f"e{n}" for n in range(1, KEPT_ENTRIES)] + ["new"]


def test_who_read_an_older_version_is_told(campaigns: CampaignStore, account_id: str) -> None:
    campaign = a_campaign(account_id)
    campaigns.add(campaign)
    campaigns.change(campaign, {"signal": 1})
    with pytest.raises(StaleRecord):
        campaigns.change(campaign, {"signal": 2})
    with pytest.raises(StaleRecord):
        campaigns.change(campaign, {"signal": 2}, counts=Counts(pending=5))
    with pytest.raises(StaleRecord):
        campaigns.change(campaign, {"signal": 2}, outbox=events.campaign_started(campaign, T0))
    with pytest.raises(StaleRecord):
        campaigns.change(a_campaign(account_id, "camp_unknown"), {"signal": 2})
    stored = campaigns.get(account_id, "camp_1")
    assert stored is not None
    assert (stored.signal, stored.version) == (1, 1)
    assert campaigns.counts(stored) == Counts()


def test_an_event_is_written_once_and_nothing_with_it_twice(campaigns: CampaignStore, account_id: str) -> None:
    campaign = a_campaign(account_id)
    campaigns.add(campaign)
    first = campaigns.change(campaign, {"started_at": 1}, outbox=events.campaign_started(campaign, T0))
    with pytest.raises(StaleRecord):
        campaigns.change(first, {"started_at": 2}, outbox=events.campaign_started(campaign, T0 + 1))
    assert campaigns.get(account_id, "camp_1") == first
    again = campaigns.change(first, {"finished_at": 2}, outbox=events.campaign_completed(campaign, T0))
    assert (again.finished_at, again.version) == (2, 2)


def test_campaigns_are_listed_newest_first_in_pages(campaigns: CampaignStore, account_id: str) -> None:
    for n in range(5):
        campaigns.add(a_campaign(account_id, f"camp_{n}", created_at=T0 + n))
    campaigns.add(a_campaign("acct_other_" + account_id, "camp_x"))
    seen, cursor = list[str](), None
    for _ in range(3):
        page = campaigns.query(account_id, limit=2, cursor=cursor)
        seen += [c.campaign_id for c in page.campaigns]
        cursor = page.cursor
    assert seen == ["camp_4", "camp_3", "camp_2", "camp_1", "camp_0"]
    assert cursor is None
    assert campaigns.query(account_id, limit=5).cursor is None
    assert campaigns.query("acct_none_" + account_id, limit=5).campaigns == ()


@pytest.mark.parametrize("cursor", ["", "%%", "bm9uc2Vuc2U=", "é"])
def test_a_malformed_cursor_is_refused(campaigns: CampaignStore, account_id: str, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        campaigns.query(account_id, limit=2, cursor=cursor)


def test_another_accounts_cursor_is_refused(campaigns: CampaignStore, account_id: str) -> None:
    for n in range(2):
        campaigns.add(a_campaign("acct_other_" + account_id, f"camp_{n}"))
    foreign = campaigns.query("acct_other_" + account_id, limit=1).cursor
    assert foreign
    with pytest.raises(InvalidRequest):
        campaigns.query(account_id, limit=1, cursor=foreign)


def test_campaigns_are_active_until_they_are_over(campaigns: CampaignStore, account_id: str) -> None:
    def active() -> list[str]:
        return sorted(campaign_id for owner, campaign_id in campaigns.active() if owner == account_id)

    for n, status in enumerate((_S.IMPORTING, _S.SCHEDULED, _S.RUNNING, _S.PAUSED)):
        campaigns.add(a_campaign(account_id, f"camp_{n}", status=status))
    campaigns.add(a_campaign(account_id, "camp_4", status=_S.COMPLETED, swept_at=T0))
    assert active() == ["camp_0", "camp_1", "camp_2", "camp_3"]
    running = campaigns.get(account_id, "camp_2")
    assert running is not None
    running = campaigns.change(running, {"status": _S.PAUSED})
    assert "camp_2" in active()
    running = campaigns.change(running, {"status": _S.CANCELED})
    assert "camp_2" in active(), "somebody of it may still wait"
    campaigns.change(running, {"swept_at": T0})
    assert active() == ["camp_0", "camp_1", "camp_3"]


@pytest.mark.parametrize("shards", [1, 3])
def test_recipients_are_read_as_they_were_put(campaigns: CampaignStore, account_id: str, shards: int) -> None:
    campaign = a_campaign(account_id, shards=shards)
    campaigns.add(campaign)
    rich = a_recipient(
        campaign,
        1,
        prompt="Ask about é.",
        dynamic_vars={"name": "Sarah"},
        metadata={"n": 1.0},
        zones=("Europe/London", "America/New_York"),
        not_after=T0,
        decisions=(Decision(T0, Verdict.WAIT, "closed", {"zone": None, "n": 1.5}),),
    )
    everybody = [rich if n == 1 else a_recipient(campaign, n) for n in range(120)]
    for _ in range(2):
        campaigns.put_recipients(campaign, everybody)
    campaigns.put_recipients(campaign, [])
    assert campaigns.recipient(campaign, 1) == rich
    assert campaigns.recipient(campaign, 120) is None
    assert campaigns.recipients(campaign, [*range(130)]) == tuple(everybody)
    assert campaigns.recipients(campaign, [5, 500, 4]) == (everybody[4], everybody[5])
    assert campaigns.recipients(campaign, []) == ()
    assert campaigns.counts(campaign) == Counts(), "putting counts nothing"
    assert campaigns.recipient(a_campaign(account_id, "camp_2", shards=shards), 1) is None


@pytest.mark.parametrize("shards", [1, 3])
def test_who_is_due_comes_earliest_first(campaigns: CampaignStore, account_id: str, shards: int) -> None:
    campaign = a_campaign(account_id, shards=shards)
    campaigns.add(campaign)
    assert campaigns.next_due_at(campaign) is None
    moments = {0: 300, 1: 100, 2: 100, 3: 200, 4: 0, 5: 150}
    put = [a_recipient(campaign, n, due_at=T0 + at) for n, at in moments.items()]
    put += [a_recipient(campaign, 6, due_at=None), a_recipient(campaign, 7, state=_R.INVALID, due_at=None)]
    campaigns.put_recipients(campaign, put)

    def due(until: int, limit: int = 10) -> list[int]:
        return [r.index for r in campaigns.due(campaign, until=T0 + until, limit=limit)]

    assert due(99) == [4]
    assert due(100) == [4, 1, 2], "`until` belongs to it"
    assert due(1000) == [4, 1, 2, 5, 3, 0]
    assert due(1000, limit=4) == [4, 1, 2, 5]
    assert campaigns.due(campaign, until=T0 + 99, limit=1) == (put[4],)
    everybody = campaigns.due(campaign, until=T0 + 99, limit=50)
    assert campaigns.due(campaign, until=T0 + 99, limit=2, latest_first=True) == everybody[::-1][:2]
    assert campaigns.next_due_at(campaign) == T0
    called = campaigns.change_recipient(put[4], calling(put[4], "call_4"))
    assert campaigns.next_due_at(campaign) == T0 + 100
    campaigns.change_recipient(called, replace(called, state=_R.PENDING, due_at=T0 + 250))
    assert due(1000) == [1, 2, 5, 3, 4, 0]


def test_more_are_due_than_one_page_holds(campaigns: CampaignStore, account_id: str) -> None:
    campaign = a_campaign(account_id, shards=3)
    campaigns.add(campaign)
    # All that are due lie in one shard, so its pages must be read on.
    put = [a_recipient(campaign, 3 * n, due_at=T0 + n) for n in range(60)]
    campaigns.put_recipients(campaign, put)
    assert campaigns.due(campaign, until=T0 + 99, limit=50) == tuple(put[:50])


def test_a_recipient_moves_with_the_counts_and_its_call(stores: Stores, account_id: str) -> None:
    campaigns = stores.campaigns
    campaign = filled(campaigns, account_id, 3)
    was = campaigns.recipient(campaign, 1)
    assert was is not None
    call = a_call(was)
    now = campaigns.change_recipient(was, calling(was, call.call_id), call=call)
    assert now == replace(calling(was, call.call_id), version=was.version + 1)
    assert campaigns.recipient(campaign, 1) == now
    assert stores.calls.get(account_id, "call_1") == call
    assert campaigns.counts(campaign) == Counts(pending=2, in_flight=1)
    done = campaigns.change_recipient(now, replace(now, state=_R.NO_ANSWER))
    assert campaigns.counts(campaign) == Counts(pending=2, no_answer=1)
    assert campaigns.recipient(campaign, 1) == done


def test_what_moves_no_state_moves_no_count(campaigns: CampaignStore, account_id: str) -> None:
    campaign = filled(campaigns, account_id, 1)
    was = campaigns.recipient(campaign, 0)
    assert was is not None
    now = campaigns.change_recipient(was, replace(was, reason="closed", due_at=T0 + 60_000))
    assert (now.reason, now.version) == ("closed", was.version + 1)
    assert campaigns.recipient(campaign, 0) == now
    assert campaigns.counts(campaign) == Counts(pending=1)
    assert campaigns.due(campaign, until=T0, limit=5) == ()


def test_a_recipient_that_moved_meanwhile_is_not_overwritten(stores: Stores, account_id: str) -> None:
    campaigns = stores.campaigns
    campaign = filled(campaigns, account_id, 2)
    was, other = campaigns.recipients(campaign, [0, 1])
    now = campaigns.change_recipient(was, replace(was, reason="closed"))
    with pytest.raises(StaleRecord):
        campaigns.change_recipient(was, replace(was, reason="capped"))
    with pytest.raises(StaleRecord):
        campaigns.change_recipient(was, replace(was, state=_R.SKIPPED))
    with pytest.raises(StaleRecord):
        campaigns.change_recipient(was, calling(was, "call_1"), call=a_call(was))
    with pytest.raises(StaleRecord):
        campaigns.change_recipient(replace(other, index=9), replace(other, index=9, state=_R.SKIPPED))
    assert campaigns.recipient(campaign, 0) == now
    assert stores.calls.get(account_id, "call_1") is None
    assert campaigns.counts(campaign) == Counts(pending=2)


def test_a_call_that_is_there_already_stops_all_of_it(stores: Stores, account_id: str) -> None:
    campaigns = stores.campaigns
    campaign = filled(campaigns, account_id, 1)
    was = campaigns.recipient(campaign, 0)
    assert was is not None
    stores.calls.add(a_call(was))
    with pytest.raises(StaleRecord):
        campaigns.change_recipient(was, calling(was, "call_1"), call=a_call(was))
    assert campaigns.recipient(campaign, 0) == was
    assert campaigns.counts(campaign) == Counts(pending=1)


def test_outcomes_are_added_up_by_their_parts(campaigns: CampaignStore, account_id: str) -> None:
    campaign = a_campaign(account_id)
    assert campaigns.outcomes(campaign, range(3)) == (0, 0)
    for slot, failed in ((1, True), (1, False), (2, True), (3, True)):
        campaigns.count_outcome(campaign, slot, failed=failed)
    assert campaigns.outcomes(campaign, range(1, 3)) == (3, 2)
    assert campaigns.outcomes(campaign, [0]) == (0, 0)
    assert campaigns.outcomes(a_campaign(account_id, "camp_2"), range(5)) == (0, 0)


# DynamoDB's own


def test_counts_add_up_when_many_move_at_once(dynamodb: Any, account_id: str) -> None:
    campaigns = DynamoCampaignStore(dynamodb, TABLE)
    campaign = filled(campaigns, account_id, 24, shards=3)

    def move(index: int) -> None:
        was = campaigns.recipient(campaign, index)
        assert was is not None
        campaigns.change_recipient(was, replace(was, state=_R.COMPLETED if index % 2 else _R.BUSY, due_at=None))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(move, range(24)))
    assert campaigns.counts(campaign) == Counts(completed=12, busy=12)


class Contested:
    """A client whose transactions are first cancelled for the given reasons, as DynamoDB would say it."""

    def __init__(self, client: Any, *codes: str, times: int) -> None:
        self._client, self._codes, self.times, self.asked = client, codes, times, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        self.asked += 1
        if self.asked > self.times:
            return self._client.transact_write_items(**request)
        reasons = [{"Code": code} for code in self._codes]
        error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(error, "TransactWriteItems")  # type: ignore[arg-type]  # as botocore makes it


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(table, "pause", waited.append)
    return waited


def test_who_only_counts_beside_us_does_not_make_a_recipient_stale(
    dynamodb: Any, account_id: str, paused: list[float]
) -> None:
    campaign = filled(DynamoCampaignStore(dynamodb, TABLE), account_id, 1)
    contested = Contested(dynamodb, "None", "TransactionConflict", times=2)
    campaigns = DynamoCampaignStore(contested, TABLE)  # type: ignore[arg-type]  # a client
    was = campaigns.recipient(campaign, 0)
    assert was is not None
    campaigns.change_recipient(was, replace(was, state=_R.SKIPPED))
    assert (contested.asked, len(paused)) == (3, 2)
    assert campaigns.counts(campaign) == Counts(skipped=1)


@pytest.mark.parametrize(
    ("codes", "asked"),
    [
        (("None", "TransactionConflict"), 6),
        (("TransactionConflict", "None"), 1),
        (("TransactionConflict", "TransactionConflict"), 1),
        (("ConditionalCheckFailed", "None"), 1),
        (("None", "None", "TransactionConflict"), 1),
    ],
)
def test_a_recipient_that_is_contested_is_stale(
    dynamodb: Any, account_id: str, paused: list[float], codes: tuple[str, ...], asked: int
) -> None:
    campaign = filled(DynamoCampaignStore(dynamodb, TABLE), account_id, 1)
    contested = Contested(dynamodb, *codes, times=99)
    campaigns = DynamoCampaignStore(contested, TABLE)  # type: ignore[arg-type]  # a client
    was = campaigns.recipient(campaign, 0)
    assert was is not None
    with pytest.raises(StaleRecord):
        campaigns.change_recipient(was, replace(was, state=_R.SKIPPED))
    assert contested.asked == asked


class Twice:
    """A client whose answers to puts are lost, so that the SDK asks again."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **request: Any) -> Any:
        self._client.put_item(**request)
        return self._client.put_item(**request)


def test_a_retry_of_the_sdk_finds_its_own_write(dynamodb: Any, account_id: str) -> None:
    campaigns = DynamoCampaignStore(Twice(dynamodb), TABLE)  # type: ignore[arg-type]  # a client
    campaign = a_campaign(account_id)
    campaigns.add(campaign)
    campaigns.put_recipients(campaign, [a_recipient(campaign)])
    assert campaigns.change(campaign, {"signal": 1}).version == 1
    was = campaigns.recipient(campaign, 0)
    assert was is not None
    assert campaigns.change_recipient(was, replace(was, reason="closed")).version == 1


class Halting:
    """A client that leaves the second half of every batch of more than one undone."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_write_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803  botocore's name
        ((name, requests),) = RequestItems.items()
        now, later = _halves(requests)
        self._client.batch_write_item(RequestItems={name: now})
        return {"UnprocessedItems": {name: later} if later else {}}

    def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803  botocore's name
        ((name, request),) = RequestItems.items()
        now, later = _halves(request["Keys"])
        answer = self._client.batch_get_item(RequestItems={name: {**request, "Keys": now}})
        return answer | {"UnprocessedKeys": {name: {**request, "Keys": later}} if later else {}}


def _halves(asked: list[Any]) -> tuple[list[Any], list[Any]]:
    half = (len(asked) + 1) // 2
    return asked[:half], asked[half:]


def test_what_dynamodb_left_undone_is_asked_again(dynamodb: Any, account_id: str, paused: list[float]) -> None:
    campaigns = DynamoCampaignStore(Halting(dynamodb), TABLE)  # type: ignore[arg-type]  # a client
    campaign = a_campaign(account_id)
    everybody = tuple(a_recipient(campaign, n) for n in range(60))
    campaigns.put_recipients(campaign, everybody)
    assert campaigns.recipients(campaign, range(60)) == everybody
    assert paused


def test_what_stays_undone_is_an_error(account_id: str, paused: list[float]) -> None:
    class Never:
        def batch_write_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803  botocore's name
            return {"UnprocessedItems": RequestItems}

        def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803  botocore's name
            return {"Responses": {}, "UnprocessedKeys": RequestItems}

    campaigns = DynamoCampaignStore(Never(), TABLE)  # type: ignore[arg-type]  # a client
    campaign = a_campaign(account_id)
    with pytest.raises(RuntimeError, match="unwritten"):
        campaigns.put_recipients(campaign, [a_recipient(campaign)])
    with pytest.raises(RuntimeError, match="unread"):
        campaigns.recipients(campaign, [0])
    assert sum(paused) < 10


def item_of(dynamodb: Any, key: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = dynamodb.get_item(TableName=TABLE, Key={k: {"S": v} for k, v in key.items()})["Item"]
    return found


def test_a_campaigns_event_is_read_back_from_the_stream(dynamodb: Any, account_id: str) -> None:
    campaigns, campaign = DynamoCampaignStore(dynamodb, TABLE), a_campaign(account_id)
    campaigns.add(campaign)
    event = events.campaign_started(campaign, T0)
    campaigns.change(campaign, {}, outbox=event)
    assert outbox.from_image(item_of(dynamodb, keys.campaign_outbox(account_id, "camp_1", event.event_id))) == event


def test_records_are_forgotten_in_their_time_and_none_before_it_has_run(dynamodb: Any, account_id: str) -> None:
    day, later = 86_400, T0 + 200 * 86_400_000
    campaigns = DynamoCampaignStore(dynamodb, TABLE, Retention(90, 365, ManualClock(T0)))
    campaign = filled(campaigns, account_id, 2, status=_S.SCHEDULED, scheduled_at=later)
    first = campaigns.recipient(campaign, 0)
    assert first is not None
    campaigns.change_recipient(first, calling(first, "call_1"), call=a_call(first))
    campaigns.count_outcome(campaign, 1, failed=True)

    def ttl(key: dict[str, str]) -> int | None:
        found = item_of(dynamodb, key).get("ttl")
        return int(found["N"]) - T0 // 1000 if found else None

    assert ttl(keys.campaign(account_id, "camp_1")) is None
    assert ttl(keys.recipient(account_id, "camp_1", 0, 1)) == 290 * day + COUNTS_OUTLIVE_SECONDS, "it may be slow"
    assert ttl(keys.recipient(account_id, "camp_1", 0, 0)) == 90 * day + COUNTS_OUTLIVE_SECONDS
    on_the_line = campaigns.recipient(campaign, 0)
    assert on_the_line is not None
    campaigns.change_recipient(on_the_line, replace(on_the_line, state=_R.COMPLETED))
    assert ttl(keys.recipient(account_id, "camp_1", 0, 0)) == 90 * day, "whoever is done is forgotten like a call"
    assert ttl(keys.call(account_id, "call_1")) == 90 * day
    assert ttl(keys.counts(account_id, "camp_1", 0)) == 90 * day + COUNTS_OUTLIVE_SECONDS
    assert ttl(keys.outcomes(account_id, "camp_1", 1)) == 3600
    campaigns.change(campaign, {"status": _S.COMPLETED, "swept_at": T0})
    assert ttl(keys.campaign(account_id, "camp_1")) == 90 * day
