"""The lock on a person's line in DynamoDB: one item a person, the set of the calls that are on it."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.domain.phone_number import PhoneNumber

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_FREE = "attribute_not_exists(holders) OR (contains(holders, :holder) AND size(holders) = :one)"


class DynamoLineLock:
    """Fulfils LineLock."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def acquire(self, account_id: str, person: PhoneNumber, holder: str) -> bool:
        """Take the line to oneself or keep it; see the port."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=codec.texts(keys.line(account_id, person.e164) | {"kind": "line"}) | {"holders": {"SS": [holder]}},
                ConditionExpression=_FREE,
                ExpressionAttributeValues={":holder": codec.text(holder), ":one": codec.number(1)},
            )
        except ClientError as error:
            if table.condition_failed(error):
                return False
            raise
        return True

    def join(self, account_id: str, person: PhoneNumber, holder: str) -> None:
        """Come onto the line beside others; see the port."""
        self._client.update_item(
            TableName=self._table,
            Key=codec.texts(keys.line(account_id, person.e164)),
            UpdateExpression="SET kind = :kind ADD holders :holders",
            ExpressionAttributeValues={":kind": codec.text("line"), ":holders": {"SS": [holder]}},
        )

    def is_shared(self, account_id: str, person: PhoneNumber, holder: str) -> bool:
        """Tell whether others are on the line; see the port."""
        item = table.get(self._client, self._table, keys.line(account_id, person.e164)) or {}
        return not set(item.get("holders", {"SS": []})["SS"]) <= {holder}

    def release(self, account_id: str, person: PhoneNumber, holder: str) -> None:
        """Leave the line; see the port. Whoever leaves last removes the item, unless somebody has come since."""
        key = codec.texts(keys.line(account_id, person.e164))
        try:
            left = self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="DELETE holders :holders",
                ConditionExpression="contains(holders, :holder)",
                ExpressionAttributeValues={":holders": {"SS": [holder]}, ":holder": codec.text(holder)},
                ReturnValues="ALL_NEW",
            )
            if "holders" not in left["Attributes"]:
                self._client.delete_item(
                    TableName=self._table, Key=key, ConditionExpression="attribute_not_exists(holders)"
                )
        except ClientError as error:
            if not table.condition_failed(error):
                raise
