"""The pace of a carrier account in DynamoDB: GCRA's one number, moved by arithmetic inside the write itself.

Nothing is read first, so callers that arrive together do not send each other back: each takes the slot after the
last one's. Only the step from idle to busy can be lost to another, and then the other case holds.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.domain import pacing
from calling.domain.errors import CarrierThrottled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 6


class DynamoPacer:
    """Fulfils Pacer."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def reserve(self, account_id: str, carrier_account: str, *, now: int, calls_per_second: float) -> int:
        """Reserve a slot; see the port. 0 calls a second is 'not limited'.

        Raises:
            CarrierThrottled: the pace was contested to the last attempt; nothing was reserved.
        """
        if calls_per_second <= 0:
            return now
        key = keys.pace(account_id, carrier_account)
        idle = pacing.reserve(now, now, calls_per_second)
        step = idle.tat - idle.at
        for attempt in range(_TRIES):
            if attempt % 2:
                tat = self._move(key, "SET tat = :tat", "attribute_not_exists(tat) OR tat < :now", now, idle.tat)
            else:
                tat = self._move(key, "SET tat = tat + :tat", "tat >= :now", now, step)
            if tat is not None:
                return tat - step
        raise CarrierThrottled("The pace was contested.")

    def _move(self, key: dict[str, str], update: str, condition: str, now: int, value: int) -> int | None:
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=codec.texts(key),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues={":now": codec.number(now), ":tat": codec.number(value)},
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if table.condition_failed(error):
                return None
            raise
        return int(str(answer["Attributes"]["tat"]["N"]))
