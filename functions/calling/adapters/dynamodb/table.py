"""The few ways the stores talk to DynamoDB: read one, read or write many, and what a failed condition says."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb import codec
from calling.adapters.dynamodb.codec import Item
from calling.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A transaction in flight on the item counts as somebody else's change: read again, decide again.
_CONTESTED = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})
_POSITION = re.compile(r"^\d{15}#[\w-]{1,80}$")
_WRITTEN_AT_ONCE, _READ_AT_ONCE = 25, 100  # what DynamoDB takes in one request
_BATCH_TRIES = 8
pause = SystemClock().sleep


def get(client: "DynamoDBClient", table: str, key: Mapping[str, str]) -> Item | None:
    """Read one item as it is now."""
    return client.get_item(TableName=table, Key=codec.texts(key), ConsistentRead=True).get("Item")  # type: ignore[return-value]  # the stubs' union of attribute values


def query(client: "DynamoDBClient", table: str, **request: Any) -> Iterator[Item]:  # noqa: ANN401  DynamoDB's own
    """Read all items of a query, page after page, as they are consumed."""
    while True:
        page = client.query(TableName=table, **request)
        yield from page["Items"]  # type: ignore[misc]  # the stubs' union of attribute values
        if not page.get("LastEvaluatedKey"):
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def get_many(client: "DynamoDBClient", table: str, wanted: Sequence[Mapping[str, str]]) -> Iterator[Item]:
    """Read items as they are now, in no order; those that are not there are left out. No key may stand twice."""
    for start in range(0, len(wanted), _READ_AT_ONCE):
        left: Any = [codec.texts(key) for key in wanted[start : start + _READ_AT_ONCE]]
        for seconds in pauses():
            answer = client.batch_get_item(RequestItems={table: {"Keys": left, "ConsistentRead": True}})
            yield from answer["Responses"].get(table, [])  # type: ignore[misc]  # the stubs' union of attribute values
            unread: Any = answer.get("UnprocessedKeys", {})
            left = unread.get(table, {}).get("Keys")
            if not left:
                break
            pause(seconds)
        else:
            raise RuntimeError(f"DynamoDB left {len(left)} keys unread, asked {_BATCH_TRIES} times")


def put_many(client: "DynamoDBClient", table: str, items: Sequence[Item]) -> None:
    """Put items, replacing what was there; not all or nothing. No key may stand twice."""
    for start in range(0, len(items), _WRITTEN_AT_ONCE):
        left: Any = [{"PutRequest": {"Item": item}} for item in items[start : start + _WRITTEN_AT_ONCE]]
        for seconds in pauses():
            left = client.batch_write_item(RequestItems={table: left}).get("UnprocessedItems", {}).get(table)
            if not left:
                break
            pause(seconds)
        else:
            raise RuntimeError(f"DynamoDB left {len(left)} items unwritten, asked {_BATCH_TRIES} times")


def pauses(tries: int = _BATCH_TRIES) -> Iterator[float]:
    """Give the seconds to wait after each of some tries; of eight some four in all."""
    return (min(0.05 * 2**n, 1.0) for n in range(tries))


def transact(client: "DynamoDBClient", writes: list[dict[str, Any]]) -> None:
    """Do all writes or none. botocore adds the token that makes its own retries harmless."""
    client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]  # written as plain dicts


def add(client: "DynamoDBClient", table: str, item: Item) -> bool:
    """Put a new item; False where another has its key. The very same item is our own write, retried by the SDK."""
    try:
        client.put_item(
            TableName=table,
            Item=item,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if condition_failed(error):
            return old_item(error) == item
        raise
    return True


def replace(client: "DynamoDBClient", table: str, item: Item, version: int) -> bool:
    """Put an item where `version` stands; False where another does. The very same item is our own write, retried."""
    try:
        client.put_item(**put_if_version(table, item, version), ReturnValuesOnConditionCheckFailure="ALL_OLD")
    except ClientError as error:
        if condition_failed(error):
            return old_item(error) == item
        raise
    return True


def put_if_version(table: str, item: Item, version: int) -> dict[str, Any]:
    """Say 'put this where that version stands' to a transaction."""
    return {
        "TableName": table,
        "Item": item,
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":version": codec.number(version)},
    }


def put_if_new(table: str, item: Item) -> dict[str, Any]:
    """Say 'put this where nothing is' to a transaction."""
    return {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}


def cursor(owner: str, position: str) -> str:
    """Write where a page of a list ended, and whose list it is."""
    return base64.urlsafe_b64encode(f"{owner} {position}".encode()).decode()


def position_of(owner: str, text: str) -> str:
    """Read a cursor: `{15 digits}#{id}`.

    Raises:
        InvalidRequest: it is malformed, or of another list.
    """
    try:
        whose, position = base64.urlsafe_b64decode(text.encode()).decode().split(" ")
    except ValueError:
        whose = position = ""
    if whose != owner or not _POSITION.match(position):
        raise InvalidRequest("This cursor is not one of this list's.", field="cursor")
    return position


def key_of(item: Mapping[str, Any]) -> dict[str, str]:
    """Give an item's key."""
    return {"pk": item["pk"]["S"], "sk": item["sk"]["S"]}


def delete(client: "DynamoDBClient", table: str, found: Iterable[Mapping[str, str]]) -> None:
    """Delete items one by one: what is left after a failure is found again by the next try."""
    for key in found:
        client.delete_item(TableName=table, Key=codec.texts(key))


def partition(pk: str, *, newest_first: bool = False) -> dict[str, Any]:
    """Say 'this whole partition, as it is now' to `query`."""
    return {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": pk}},
        "ConsistentRead": True,
        "ScanIndexForward": not newest_first,
    }


def condition_failed(error: ClientError) -> bool:
    """Tell whether a single write was refused by its condition, or is contested by a transaction."""
    return error.response["Error"]["Code"] in _CONTESTED


def transaction_failed(error: ClientError) -> bool:
    """Tell whether a transaction was cancelled because of conditions or of another writer, not for its size or pace."""
    if error.response["Error"]["Code"] != "TransactionCanceledException":
        return False
    codes = set(cancellation_codes(error)) - {"None"}
    return bool(codes) and codes <= {"ConditionalCheckFailed", "TransactionConflict"}


def cancellation_codes(error: ClientError) -> tuple[str, ...]:
    """Give the reasons of a cancelled transaction, one a write in their order; `None` is no reason."""
    reasons: list[Mapping[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]  # not in the stubs
    return tuple(str(r.get("Code")) for r in reasons)


def old_item(error: ClientError) -> Item | None:
    """Give the item that stood in the way, for writes that ask `ReturnValuesOnConditionCheckFailure: ALL_OLD`."""
    return error.response.get("Item") or None  # type: ignore[return-value]  # not in the stubs
