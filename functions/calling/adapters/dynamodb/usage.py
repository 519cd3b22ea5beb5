"""What accounts used, in DynamoDB: eight items a month, so that calls which end at once do not wait for each other.

They are counted up in the transaction of a call's terminal event (`DynamoCallStore.change`), so each call counts once.
"""

from typing import TYPE_CHECKING, Any
from zlib import crc32

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb.codec import Item
from calling.domain.usage import Usage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SUMS = ("calls", "minutes", "micro_dollars", "waited")


class DynamoUsageStore:
    """Fulfils UsageStore."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def months(self, account_id: str) -> tuple[Usage, ...]:
        """Read an account's months; see the port."""
        months: dict[str, Usage] = {}
        for item in table.query(self._client, self._table, **table.partition(keys.usage_pk(account_id))):
            part = _usage(item)
            months[part.month] = months.get(part.month, Usage(part.month)) + part
        return tuple(months.values())


def count(table_name: str, account_id: str, call_id: str, usage: Usage) -> dict[str, Any]:
    """Say 'count this up' to a transaction."""
    sums = {name: getattr(usage, name) for name in _SUMS}
    return {
        "TableName": table_name,
        "Key": codec.texts(keys.usage(account_id, usage.month, crc32(call_id.encode()) % keys.N_COUNTS)),
        "UpdateExpression": f"SET kind = :kind ADD {', '.join(f'#{name} :{name}' for name in sums)}",
        "ExpressionAttributeNames": {f"#{name}": name for name in sums},
        "ExpressionAttributeValues": {f":{name}": codec.number(n) for name, n in sums.items()}
        | {":kind": codec.text("usage")},
    }


def note_peak(client: "DynamoDBClient", table_name: str, account_id: str, usage: Usage) -> None:
    """Keep the most calls that were live at once: an item of its own, for no transaction can ask for the greater."""
    try:
        client.update_item(
            TableName=table_name,
            Key=codec.texts(keys.usage(account_id, usage.month, keys.N_COUNTS)),
            UpdateExpression="SET kind = :kind, peak = :peak",
            ConditionExpression="attribute_not_exists(peak) OR peak < :peak",
            ExpressionAttributeValues={":kind": codec.text("usage"), ":peak": codec.number(usage.peak)},
        )
    except ClientError as error:
        if not table.condition_failed(error):
            raise


def _usage(item: Item) -> Usage:
    numbers = {name: int(item[name]["N"]) for name in (*_SUMS, "peak") if name in item}
    return Usage(item["sk"]["S"].partition("#")[0], **numbers)
