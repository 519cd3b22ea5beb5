"""The deployment's hold on new dials: one item, whatever the account."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDialHold:
    """Fulfils DialHold."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def note_refusal(self, now: int) -> int | None:
        """Exchange the moment of the last refusal for this one; see the port."""
        was = self._client.update_item(
            TableName=self._table,
            Key=codec.texts(keys.dial_hold()),
            UpdateExpression="SET refused_at = :now, kind = :kind",
            ExpressionAttributeValues={":now": codec.number(now), ":kind": codec.text("dial_hold")},
            ReturnValues="UPDATED_OLD",
        )
        before = was.get("Attributes", {}).get("refused_at")
        return None if before is None else int(str(before["N"]))

    def extend(self, until: int, *, now: int) -> bool:
        """Move the hold's end on; see the port."""
        try:
            was = self._client.update_item(
                TableName=self._table,
                Key=codec.texts(keys.dial_hold()),
                UpdateExpression="SET held_until = :until",
                ConditionExpression="attribute_not_exists(held_until) OR held_until < :until",
                ExpressionAttributeValues={":until": codec.number(until)},
                ReturnValues="UPDATED_OLD",
            )
        except ClientError as error:
            if table.condition_failed(error):
                return False
            raise
        before = was.get("Attributes", {}).get("held_until")
        return before is None or int(str(before["N"])) <= now

    def until(self) -> int:
        """Read the hold's end; see the port."""
        item = table.get(self._client, self._table, keys.dial_hold()) or {}
        return int(item["held_until"]["N"]) if "held_until" in item else 0
