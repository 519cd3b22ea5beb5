"""Campaigns in DynamoDB: the record, its events, its counts, the circuit breaker's window.

Recipients are in `recipients.py`. A change is one conditional put of the whole record, or one transaction where more is
written with it. A campaign that is not over is never forgotten; recipients and counts have times of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb import outbox as outbox_items
from calling.adapters.dynamodb.codec import Item
from calling.adapters.dynamodb.recipients import RecipientItems, counts_ttl
from calling.adapters.dynamodb.retention import Retention
from calling.domain.call import Call, TimelineEntry
from calling.domain.campaign import KEPT_ENTRIES, Campaign, Counts
from calling.domain.events import Event
from calling.domain.recipient import Recipient
from calling.ports import AlreadyExists, CampaignPage, StaleRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OUTCOMES_SECONDS = 3600
_NOT_CHANGED_BY_HAND = frozenset({"account_id", "campaign_id", "created_at", "version", "timeline", "shards"})


class DynamoCampaignStore:
    """Fulfils CampaignStore."""

    def __init__(self, client: "DynamoDBClient", table_name: str, retention: Retention | None = None) -> None:
        """`retention` is for doors that write; without it what they write is kept for ever."""
        self._client = client
        self._table = table_name
        self._retention = retention
        self._recipients = RecipientItems(client, table_name, retention)

    def add(self, campaign: Campaign) -> None:
        """Store a new campaign; see the port."""
        if not table.add(self._client, self._table, self._item(campaign)):
            raise AlreadyExists(campaign.campaign_id)

    def get(self, account_id: str, campaign_id: str) -> Campaign | None:
        """Read a campaign; see the port."""
        item = table.get(self._client, self._table, keys.campaign(account_id, campaign_id))
        return codec.decode(Campaign, item) if item else None

    def change(
        self,
        campaign: Campaign,
        changes: Mapping[str, Any],
        *,
        note: TimelineEntry | None = None,
        outbox: Event | None = None,
        counts: Counts | None = None,
    ) -> Campaign:
        """Write changes; see the port. An event that is out already also raises StaleRecord, as with calls."""
        forbidden = _NOT_CHANGED_BY_HAND & changes.keys()
        if forbidden:
            raise ValueError(f"not changed by hand: {sorted(forbidden)}")
        timeline = (campaign.timeline + ((note,) if note else ()))[-KEPT_ENTRIES:]
        after = replace(campaign, **changes, version=campaign.version + 1, timeline=timeline)
        puts = []
        if outbox is not None:
            puts.append({"Put": table.put_if_new(self._table, outbox_items.to_item(outbox))})
        if counts is not None:
            puts.append({"Put": {"TableName": self._table, "Item": self._counts_item(campaign, counts)}})
        if not self._replace(self._item(after), campaign.version, puts):
            raise StaleRecord(campaign.campaign_id)
        return after

    def query(self, account_id: str, *, limit: int, cursor: str | None = None) -> CampaignPage:
        """List campaigns; see the port."""
        index_pk = keys.campaigns_index_pk(account_id)
        request: dict[str, Any] = {
            "IndexName": "gsi1",
            "KeyConditionExpression": "gsi1pk = :pk",
            "ExpressionAttributeValues": codec.texts({":pk": index_pk}),
            "ScanIndexForward": False,
            "Limit": limit + 1,
        }
        if cursor is not None:
            position = table.position_of(index_pk, cursor)
            key = keys.campaign(account_id, position.partition("#")[2])
            request["ExclusiveStartKey"] = codec.texts(key | {"gsi1pk": index_pk, "gsi1sk": position})
        found = list(islice(table.query(self._client, self._table, **request), limit + 1))
        campaigns = tuple(codec.decode(Campaign, item) for item in found[:limit])
        more = len(found) > limit and campaigns
        return CampaignPage(campaigns, table.cursor(index_pk, found[limit - 1]["gsi1sk"]["S"]) if more else None)

    def active(self) -> tuple[tuple[str, str], ...]:
        """List campaigns that are not over; see the port."""
        items = table.query(
            self._client,
            self._table,
            IndexName="gsi2",
            KeyConditionExpression="gsi2pk = :campaigns",
            ExpressionAttributeValues=codec.texts({":campaigns": keys.CAMPAIGNS}),
        )
        names = [item["gsi2sk"]["S"].split("#") for item in items]
        return tuple((account_id, campaign_id) for account_id, campaign_id in names)

    def counts(self, campaign: Campaign) -> Counts:
        """Add up the items the counts are spread over; see the port."""
        request = table.partition(keys.campaign_pk(campaign.account_id, campaign.campaign_id))
        request["KeyConditionExpression"] += " AND begins_with(sk, :counts)"
        request["ExpressionAttributeValues"][":counts"] = codec.text("counts#")
        items = list(table.query(self._client, self._table, **request))
        names = [field.name for field in fields(Counts)]
        return Counts(**{name: sum(int(item[name]["N"]) for item in items if name in item) for name in names})

    def put_recipients(self, campaign: Campaign, recipients: Sequence[Recipient]) -> None:
        """Store new recipients; see the port."""
        self._recipients.put(campaign, recipients)

    def recipient(self, campaign: Campaign, index: int) -> Recipient | None:
        """Read a recipient; see the port."""
        return self._recipients.get(campaign, index)

    def recipients(self, campaign: Campaign, indexes: Sequence[int]) -> tuple[Recipient, ...]:
        """Read recipients; see the port."""
        return self._recipients.many(campaign, indexes)

    def due(self, campaign: Campaign, *, until: int, limit: int, latest_first: bool = False) -> tuple[Recipient, ...]:
        """Find who is due; see the port."""
        return self._recipients.due(campaign, until=until, limit=limit, latest_first=latest_first)

    def next_due_at(self, campaign: Campaign) -> int | None:
        """Tell when somebody is due; see the port."""
        return self._recipients.next_due_at(campaign)

    def change_recipient(self, was: Recipient, now: Recipient, *, call: Call | None = None) -> Recipient:
        """Replace a recipient; see the port."""
        return self._recipients.change(was, now, call=call)

    def count_outcome(self, campaign: Campaign, slot: int, *, failed: bool) -> None:
        """Count a call's end; see the port. An SDK retry may count one twice: a rate bears that."""
        update, names, values = "ADD calls :one, failures :failed", dict[str, str](), dict[str, int]()
        if self._retention:
            update, names = f"SET #ttl = :ttl {update}", {"#ttl": "ttl"}
            values[":ttl"] = self._retention.clock.now() // 1000 + OUTCOMES_SECONDS
        values |= {":one": 1, ":failed": int(failed)}
        self._client.update_item(
            TableName=self._table,
            Key=codec.texts(keys.outcomes(campaign.account_id, campaign.campaign_id, slot)),
            UpdateExpression=update,
            ExpressionAttributeValues={name: codec.number(value) for name, value in values.items()},
            **({"ExpressionAttributeNames": names} if names else {}),  # type: ignore[arg-type]  # an optional argument
        )

    def outcomes(self, campaign: Campaign, slots: Sequence[int]) -> tuple[int, int]:
        """Add up parts of the window; see the port."""
        wanted = [keys.outcomes(campaign.account_id, campaign.campaign_id, slot) for slot in dict.fromkeys(slots)]
        found = list(table.get_many(self._client, self._table, wanted))
        return sum(int(item["calls"]["N"]) for item in found), sum(int(item["failures"]["N"]) for item in found)

    def _replace(self, item: Item, version: int, puts: list[dict[str, Any]]) -> bool:
        if not puts:
            return table.replace(self._client, self._table, item, version)
        try:
            table.transact(self._client, [{"Put": table.put_if_version(self._table, item, version)}, *puts])
        except ClientError as error:
            if table.transaction_failed(error):
                return False
            raise
        return True

    def _item(self, campaign: Campaign) -> Item:
        ids = (campaign.account_id, campaign.campaign_id)
        index = keys.campaigns_index(campaign.account_id, campaign.created_at, campaign.campaign_id)
        over = campaign.needs_nobody
        keyed = keys.campaign(*ids) | index | {"kind": "campaign"} | ({} if over else keys.active_index(*ids))
        ttl = self._retention.record() if self._retention and over else {}
        return codec.encode(campaign) | codec.texts(keyed) | ttl

    def _counts_item(self, campaign: Campaign, counts: Counts) -> Item:
        keyed = codec.texts(keys.counts(campaign.account_id, campaign.campaign_id, 0) | {"kind": "counts"})
        numbers: Item = {name: codec.number(n) for name, n in asdict(counts).items() if n}
        ttl = counts_ttl(self._retention, campaign.scheduled_at or 0) if self._retention else {}
        return keyed | numbers | ttl
