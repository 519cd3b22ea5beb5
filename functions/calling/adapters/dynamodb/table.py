"""The few ways the stores talk to DynamoDB: read one, read many, and what a failed condition says."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec
from calling.adapters.dynamodb.codec import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A transaction in flight on the item counts as somebody else's change: read again, decide again.
_CONTESTED = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})


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
    reasons: list[Mapping[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]  # not in the stubs
    codes = {str(r.get("Code")) for r in reasons} - {"None"}
    return bool(codes) and codes <= {"ConditionalCheckFailed", "TransactionConflict"}


def old_item(error: ClientError) -> Item | None:
    """Give the item that stood in the way, for writes that ask `ReturnValuesOnConditionCheckFailure: ALL_OLD`."""
    return error.response.get("Item") or None  # type: ignore[return-value]  # not in the stubs
