"""A campaign's recipients in DynamoDB: an item each, in the shard `index % campaign.shards`, counted as they move.

A change that moves the counts or makes a call is one transaction; any other is one conditional put.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb.calls import call_item
from calling.adapters.dynamodb.codec import Item
from calling.adapters.dynamodb.retention import Retention
from calling.domain.call import Call
from calling.domain.campaign import Campaign, moved
from calling.domain.recipient import Recipient, RecipientState
from calling.ports import StaleRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

COUNTS_OUTLIVE_SECONDS = 400 * 24 * 3600  # no person's data: they may stay until long after the last recipient moved
_COUNTED = 1  # where the counts stand among a transaction's writes
_TRIES = 6


class RecipientItems:
    """The part of CampaignStore that is about recipients."""

    def __init__(self, client: "DynamoDBClient", table_name: str, retention: Retention | None) -> None:
        self._client = client
        self._table = table_name
        self._retention = retention

    def put(self, campaign: Campaign, recipients: Sequence[Recipient]) -> None:
        """Store new recipients. Who may still be called is kept until long after; then the usual time."""
        begins_at = campaign.scheduled_at or 0
        items = [_item(recipient) | self._ttl(recipient, begins_at) for recipient in recipients]
        table.put_many(self._client, self._table, items)

    def get(self, campaign: Campaign, index: int) -> Recipient | None:
        """Read a recipient."""
        item = table.get(self._client, self._table, _key(campaign, index))
        return codec.decode(Recipient, item) if item else None

    def many(self, campaign: Campaign, indexes: Sequence[int]) -> tuple[Recipient, ...]:
        """Read recipients, a hundred at once."""
        wanted = [_key(campaign, index) for index in sorted(set(indexes))]
        found = [codec.decode(Recipient, item) for item in table.get_many(self._client, self._table, wanted)]
        return tuple(sorted(found, key=lambda recipient: recipient.index))

    def due(self, campaign: Campaign, *, until: int, limit: int, latest_first: bool) -> tuple[Recipient, ...]:
        """Find who is due, from all shards at once: no more is read than about what is asked for."""
        page = -(-limit // campaign.shards) + 10
        shards = range(campaign.shards)
        waiting = [self._waiting(campaign, shard, until, page, latest_first=latest_first) for shard in shards]
        found = islice(merge(*waiting, key=lambda item: str(item["gsi1sk"]["S"]), reverse=latest_first), limit)
        return tuple(codec.decode(Recipient, item) for item in found)

    def next_due_at(self, campaign: Campaign) -> int | None:
        """Tell when the first of them is due."""
        firsts = [next(self._waiting(campaign, shard, None, 1), None) for shard in range(campaign.shards)]
        return min((int(item["gsi1sk"]["S"].partition("#")[0]) for item in firsts if item), default=None)

    def change(self, was: Recipient, now: Recipient, *, call: Call | None) -> Recipient:
        """Replace a recipient, move the counts, add a call."""
        after = replace(now, version=was.version + 1)
        item = _item(after) | self._ttl(after)
        counted = moved(was.state, now.state)
        if call is None and not counted:
            if not table.replace(self._client, self._table, item, was.version):
                raise StaleRecord(f"{was.campaign_id}#{was.index}")
            return after
        writes = [{"Put": table.put_if_version(self._table, item, was.version)}]
        if counted:
            writes.append({"Update": self._count(was, counted)})
        if call is not None:
            writes.append({"Put": table.put_if_new(self._table, call_item(call, self._retention))})
        self._transact(was, writes)
        return after

    def _transact(self, was: Recipient, writes: list[dict[str, Any]]) -> None:
        """Write all or nothing. That somebody else of the same counts moves just now changes nothing of this one."""
        for seconds in table.pauses(_TRIES):
            try:
                table.transact(self._client, writes)
            except ClientError as error:
                if not table.transaction_failed(error):
                    raise
                if not _counts_alone(error, writes):
                    raise StaleRecord(f"{was.campaign_id}#{was.index}") from None
                table.pause(seconds)
            else:
                return
        raise StaleRecord(f"{was.campaign_id}#{was.index}")

    def _count(self, recipient: Recipient, changes: dict[str, int]) -> dict[str, Any]:
        n = recipient.index % keys.N_COUNTS
        names = {f"#{name}": name for name in changes} | {"#kind": "kind"}
        values: Item = {f":{name}": codec.number(change) for name, change in changes.items()}
        values[":kind"] = codec.text("counts")
        sets = "SET #kind = :kind"
        if self._retention:
            sets += ", #ttl = :ttl"
            names["#ttl"] = "ttl"
            values[":ttl"] = counts_ttl(self._retention)["ttl"]
        return {
            "TableName": self._table,
            "Key": codec.texts(keys.counts(recipient.account_id, recipient.campaign_id, n)),
            "UpdateExpression": f"{sets} ADD {', '.join(f'#{name} :{name}' for name in changes)}",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }

    def _waiting(
        self, campaign: Campaign, shard: int, until: int | None, page: int, *, latest_first: bool = False
    ) -> Iterator[Item]:
        pk = keys.recipients_index_pk(campaign.account_id, campaign.campaign_id, shard)
        request: dict[str, Any] = {"IndexName": "gsi1", "Limit": page, "ScanIndexForward": not latest_first}
        if until is None:
            request["KeyConditionExpression"] = "gsi1pk = :pk"
            request["ExpressionAttributeValues"] = codec.texts({":pk": pk})
        else:
            # Positions go on after the digits, so a bare time sorts before everybody of that millisecond.
            request["KeyConditionExpression"] = "gsi1pk = :pk AND gsi1sk < :after"
            request["ExpressionAttributeValues"] = codec.texts({":pk": pk, ":after": f"{until + 1:015}"})
        return table.query(self._client, self._table, **request)

    def _ttl(self, recipient: Recipient, begins_at: int = 0) -> Item:
        """A slow or paused campaign must not lose who waits; whoever is done is forgotten like a call."""
        if self._retention is None:
            return {}
        over = recipient.state.is_terminal
        return self._retention.record() if over else counts_ttl(self._retention, begins_at)


def counts_ttl(retention: Retention, begins_at: int = 0) -> Item:
    """Give the ttl of a campaign's counts."""
    return {"ttl": codec.number(int(retention.record(begins_at)["ttl"]["N"]) + COUNTS_OUTLIVE_SECONDS)}


def _key(campaign: Campaign, index: int) -> dict[str, str]:
    return keys.recipient(campaign.account_id, campaign.campaign_id, index % campaign.shards, index)


def _item(recipient: Recipient) -> Item:
    where = (recipient.account_id, recipient.campaign_id, recipient.shard)
    keyed = keys.recipient(*where, recipient.index) | {"kind": "recipient"}
    if recipient.state is RecipientState.PENDING and recipient.due_at is not None:
        keyed |= keys.recipients_index(*where, recipient.due_at, recipient.index)
    return codec.encode(recipient) | codec.texts(keyed)


def _counts_alone(error: ClientError, writes: list[dict[str, Any]]) -> bool:
    """Tell whether nothing but the counts stood in the way, and they only because another wrote them just then."""
    codes = table.cancellation_codes(error)
    blamed = [n for n, code in enumerate(codes) if code != "None"]
    return blamed == [_COUNTED] and "Update" in writes[_COUNTED] and codes[_COUNTED] == "TransactionConflict"
