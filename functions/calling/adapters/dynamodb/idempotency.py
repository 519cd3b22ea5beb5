"""First answers by idempotency key in DynamoDB: a claim while in flight, then the answer for 24 hours."""

from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.ports import Remembered

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEEP_MS = 24 * 3600 * 1000
CLAIM_MS = 60_000  # twice an API request's longest life: whoever claimed it is gone


class DynamoIdempotencyStore:
    """Fulfils IdempotencyStore."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def begin(self, account_id: str, key: str, body_hash: str, now: int) -> Remembered | None:
        """Claim a key or give what is there; see the port."""
        claim = uuid4().hex
        named = keys.idempotency(account_id, key) | {"kind": "idempotency", "claim": claim}
        item = codec.texts(named) | codec.encode(Remembered(body_hash))
        times = {"expires_at": now + CLAIM_MS, "keep_until": now + KEEP_MS, "ttl": (now + KEEP_MS) // 1000 + 1}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item | {name: codec.number(value) for name, value in times.items()},
                ConditionExpression="attribute_not_exists(pk) OR expires_at <= :now",
                ExpressionAttributeValues={":now": codec.number(now)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            there = table.old_item(error)
            if not table.condition_failed(error) or there is None:
                raise
            # Our own claim there means that the SDK wrote twice because an answer was lost.
            return None if there.get("claim") == codec.text(claim) else codec.decode(Remembered, there)
        return None

    def finish(self, account_id: str, key: str, *, status: int, body: str) -> None:
        """Store the first answer; see the port. A claim that was given up meanwhile stays as it is."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=codec.texts(keys.idempotency(account_id, key)),
                UpdateExpression="SET #status = :status, #body = :body, expires_at = keep_until",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#status": "status", "#body": "body"},
                ExpressionAttributeValues={":status": codec.number(status), ":body": codec.text(body)},
            )
        except ClientError as error:
            if not table.condition_failed(error):
                raise

    def forget(self, account_id: str, key: str) -> None:
        """Give up a claim; see the port."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=codec.texts(keys.idempotency(account_id, key)),
                ConditionExpression="attribute_not_exists(#status)",
                ExpressionAttributeNames={"#status": "status"},
            )
        except ClientError as error:
            if not table.condition_failed(error):
                raise
