"""Calls with their turns and outbox in DynamoDB. It knows conditions and transactions, not what a change means."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb import outbox as outbox_items
from calling.adapters.dynamodb import usage as usage_items
from calling.adapters.dynamodb.codec import Item
from calling.adapters.dynamodb.retention import Retention
from calling.domain.call import Call, TimelineEntry
from calling.domain.events import Event
from calling.domain.history import CallSummary
from calling.domain.transcript import Turn
from calling.domain.usage import Usage
from calling.ports import AlreadyExists, CallPage, CallQuery, StaleRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NOT_CHANGED_BY_HAND = frozenset({"account_id", "call_id", "created_at", "version", "timeline"})
_FILTERED = ("agent_id", "campaign_id", "direction", "status", "to_number", "sentiment", "successful")

# Call.voicemail_disagreement in DynamoDB's words.
_DISAGREEMENT = (
    "(((begins_with(amd_result, :machine) OR amd_result = :fax) AND attribute_not_exists(voicemail_method))"
    " OR (amd_result = :human AND voicemail_method = :speech))"
)


class DynamoCallStore:
    """Fulfils CallStore. A change is one conditional UpdateItem, or one transaction where more is written with it.

    An SDK retry of an update whose answer was lost is refused by its own first writing and looks like a StaleRecord:
    the caller reads again and finds its change done. Transactions carry botocore's idempotency token.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str, retention: Retention | None = None) -> None:
        """`retention` is for doors that add calls, turns or summaries; without it what they add is kept for ever."""
        self._client = client
        self._table = table_name
        self._retention = retention

    def add(self, call: Call) -> None:
        """Store a new call; see the port."""
        if not table.add(self._client, self._table, call_item(call, self._retention)):
            raise AlreadyExists(call.call_id)

    def get(self, account_id: str, call_id: str) -> Call | None:
        """Read a call; see the port."""
        item = table.get(self._client, self._table, keys.call(account_id, call_id))
        return codec.decode(Call, item) if item else None

    def change(
        self,
        call: Call,
        changes: Mapping[str, Any],
        *,
        note: TimelineEntry | None = None,
        outbox: Event | None = None,
        remember: CallSummary | None = None,
        usage: Usage | None = None,
    ) -> Call:
        """Write changes; see the port.

        An outbox event that is there already also raises StaleRecord: whoever wrote it changed the record with it,
        so a caller that reads again sees that the event is out and has nothing to tell any more.
        """
        update = {"TableName": self._table, **_update(call, changes, note)}
        try:
            if outbox is None and remember is None and usage is None:
                answer = self._client.update_item(**update, ReturnValues="ALL_NEW")
                return codec.decode(Call, answer["Attributes"])
            puts = [self._put_event(outbox)] if outbox else []
            puts += [{"Put": {"TableName": self._table, "Item": self._past_call(remember)}}] if remember else []
            if usage:
                puts.append({"Update": usage_items.count(self._table, call.account_id, call.call_id, usage)})
            table.transact(self._client, [{"Update": update}, *puts])
        except ClientError as error:
            if table.condition_failed(error) or table.transaction_failed(error):
                raise StaleRecord(call.call_id) from None
            raise
        if usage and usage.peak:
            usage_items.note_peak(self._client, self._table, call.account_id, usage)
        timeline = call.timeline + ((note,) if note else ())
        return replace(call, **changes, version=call.version + 1, timeline=timeline)

    def _put_event(self, event: Event) -> dict[str, Any]:
        item = outbox_items.to_item(event)
        return {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}

    def _past_call(self, summary: CallSummary) -> Item:
        key = keys.past_call(summary.account_id, summary.person.e164, summary.ended_at, summary.call_id)
        ttl = self._retention.history() if self._retention else {}
        return codec.encode(summary) | codec.texts(key | {"kind": "past_call"}) | ttl

    def _ttl(self) -> Item:
        return self._retention.record() if self._retention else {}

    def due(self, now: int, *, limit: int) -> tuple[tuple[str, str], ...]:
        """Find due calls in the reaper's index; see the port."""
        items = table.query(
            self._client,
            self._table,
            IndexName="gsi2",
            KeyConditionExpression="gsi2pk = :due AND gsi2sk < :now",
            ExpressionAttributeValues=codec.texts({":due": keys.DUE, ":now": f"{now + 1:015}"}),
            Limit=limit,
        )
        positions = [item["gsi2sk"]["S"].split("#") for item in islice(items, limit)]
        return tuple((account_id, call_id) for _, account_id, call_id in positions)

    def query(self, account_id: str, query: CallQuery, *, limit: int, cursor: str | None = None) -> CallPage:
        """List calls; see the port. Filters other than time are applied by DynamoDB after reading."""
        request = _list_request(account_id, query, limit)
        if cursor is not None:
            request["ExclusiveStartKey"] = _start_key(account_id, cursor)
        found = list(islice(table.query(self._client, self._table, **request), limit + 1))
        calls = tuple(codec.decode(Call, item) for item in found[:limit])
        more = len(found) > limit and calls
        return CallPage(calls, table.cursor(account_id, found[limit - 1]["gsi1sk"]["S"]) if more else None)

    def add_turn(self, account_id: str, call_id: str, turn: Turn) -> None:
        """Store a turn; see the port."""
        keyed = codec.texts(keys.turn(account_id, call_id, turn.index) | {"kind": "turn"})
        self._client.put_item(TableName=self._table, Item=codec.encode(turn) | keyed | self._ttl())

    def turns(self, account_id: str, call_id: str) -> tuple[Turn, ...]:
        """Read turns; see the port."""
        request = table.partition(keys.call_pk(account_id, call_id))
        request["KeyConditionExpression"] += " AND begins_with(sk, :turn)"
        request["ExpressionAttributeValues"][":turn"] = codec.text("turn#")
        return tuple(codec.decode(Turn, item) for item in table.query(self._client, self._table, **request))

    def erase(self, account_id: str, call_id: str) -> None:
        """Delete a call; see the port."""
        request = table.partition(keys.call_pk(account_id, call_id))
        last = keys.call(account_id, call_id)
        found = [table.key_of(item) for item in table.query(self._client, self._table, **request)]
        table.delete(self._client, self._table, [key for key in found if key != last])
        table.delete(self._client, self._table, [last])


def call_item(call: Call, retention: Retention | None) -> Item:
    """Write a new call as its item, with its indexes and the time it is forgotten."""
    index = keys.calls_index(call.account_id, call.created_at, call.call_id)
    if call.due_at is not None:
        index |= keys.due_index(call.due_at, call.account_id, call.call_id)
    keyed = codec.texts(keys.call(call.account_id, call.call_id) | index | {"kind": "call"})
    return codec.encode(call) | keyed | (retention.record() if retention else {})


def _update(call: Call, changes: Mapping[str, Any], note: TimelineEntry | None) -> dict[str, Any]:
    forbidden = _NOT_CHANGED_BY_HAND & changes.keys()
    if forbidden:
        raise ValueError(f"not changed by hand: {sorted(forbidden)}")
    names, values = (
        {"#version": "version"},
        {":version": codec.number(call.version), ":next": codec.number(call.version + 1)},
    )
    sets, removes = ["#version = :next"], []
    for n, (name, value) in enumerate(changes.items()):
        names[f"#f{n}"] = name
        attribute = codec.encode_field(Call, name, value)
        if attribute is None:
            removes.append(f"#f{n}")
        else:
            sets.append(f"#f{n} = :f{n}")
            values[f":f{n}"] = attribute
    if "due_at" in changes:
        _move_in_due_index(call, changes["due_at"], sets, removes, values)
    if note is not None:
        names["#timeline"] = "timeline"
        sets.append("#timeline = list_append(#timeline, :note)")
        values[":note"] = {"L": [{"M": codec.encode(note)}]}
    return {
        "Key": codec.texts(keys.call(call.account_id, call.call_id)),
        "UpdateExpression": f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _move_in_due_index(
    call: Call, due_at: int | None, sets: list[str], removes: list[str], values: dict[str, Any]
) -> None:
    if due_at is None:
        removes += ["gsi2pk", "gsi2sk"]
        return
    for name, value in keys.due_index(due_at, call.account_id, call.call_id).items():
        sets.append(f"{name} = :{name}")
        values[f":{name}"] = codec.text(value)


def _list_request(account_id: str, query: CallQuery, limit: int) -> dict[str, Any]:
    names: dict[str, str] = {}
    values: Item = {
        ":pk": codec.text(keys.calls_index_pk(account_id)),
        # Positions go on after the digits, so a bare time sorts before every call of that millisecond.
        ":since": codec.text(f"{query.since or 0:015}"),
        ":until": codec.text("~" if query.until is None else f"{query.until:015}"),
    }
    filters = []
    wanted = {name: getattr(query, name) for name in _FILTERED}
    for name, value in wanted.items():
        if value is not None:
            names[f"#{name}"] = name
            values[f":{name}"] = {"BOOL": value} if isinstance(value, bool) else codec.text(value)
            filters.append(f"#{name} = :{name}")
    if query.voicemail_detected is not None:
        filters.append(f"attribute_{'exists' if query.voicemail_detected else 'not_exists'}(voicemail_method)")
    if query.voicemail_disagreement is not None:
        filters.append(_DISAGREEMENT if query.voicemail_disagreement else f"NOT {_DISAGREEMENT}")
        values |= codec.texts({":machine": "machine", ":fax": "fax", ":human": "human", ":speech": "speech"})
    request: dict[str, Any] = {
        "IndexName": "gsi1",
        "KeyConditionExpression": "gsi1pk = :pk AND gsi1sk BETWEEN :since AND :until",
        "ExpressionAttributeValues": values,
        "ScanIndexForward": False,
        "Limit": max(limit, 100) if filters else limit + 1,
    }
    if filters:
        request["FilterExpression"] = " AND ".join(filters)
    if names:
        request["ExpressionAttributeNames"] = names
    return request


def _start_key(account_id: str, cursor: str) -> Item:
    position = table.position_of(account_id, cursor)
    call_id = position.partition("#")[2]
    index = {"gsi1pk": keys.calls_index_pk(account_id), "gsi1sk": position}
    return codec.texts(keys.call(account_id, call_id) | index)
