"""The lock on a line, From to To, in DynamoDB."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.domain.phone_number import PhoneNumber

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoLineLock:
    """Fulfils LineLock."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def acquire(self, account_id: str, from_number: PhoneNumber, to_number: PhoneNumber, holder: str) -> bool:
        """Take the line or keep one's own; see the port."""
        key = keys.line(account_id, from_number.e164, to_number.e164)
        try:
            self._client.put_item(
                TableName=self._table,
                Item=codec.texts(key | {"kind": "line", "holder": holder}),
                ConditionExpression="attribute_not_exists(pk) OR holder = :holder",
                ExpressionAttributeValues={":holder": codec.text(holder)},
            )
        except ClientError as error:
            if table.condition_failed(error):
                return False
            raise
        return True

    def release(self, account_id: str, from_number: PhoneNumber, to_number: PhoneNumber, holder: str) -> None:
        """Give the line back; see the port."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=codec.texts(keys.line(account_id, from_number.e164, to_number.e164)),
                ConditionExpression="holder = :holder",
                ExpressionAttributeValues={":holder": codec.text(holder)},
            )
        except ClientError as error:
            if not table.condition_failed(error):
                raise
