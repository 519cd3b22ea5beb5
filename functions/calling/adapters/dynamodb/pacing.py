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
        """Reserve a slot; see the port. Without a limit it only looks whether the carrier asked for a pause.

        Raises:
            CarrierThrottled: the pace was contested to the last attempt; nothing was reserved.
        """
        if calls_per_second <= 0:
            slowed = self.slowed(account_id, carrier_account)
            return max(now, slowed[0]) if slowed else now
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

    def has_room(
        self, account_id: str, carrier_account: str, *, now: int, calls_per_second: float, ahead_ms: int
    ) -> bool:
        """Look whether one more may come; see the port."""
        item = table.get(self._client, self._table, keys.pace(account_id, carrier_account)) or {}
        door, slowed = (int(item[name]["N"]) if name in item else 0 for name in ("door_tat", "slowed_until"))
        return slowed <= now and (calls_per_second <= 0 or door <= now + ahead_ms)

    def admit(self, account_id: str, carrier_account: str, *, now: int, calls_per_second: float, ahead_ms: int) -> bool:
        """Let one through; see the port. The pause was looked at by `has_room`."""
        if calls_per_second <= 0:
            return True
        key, step = keys.pace(account_id, carrier_account), pacing.reserve(now, now, calls_per_second).tat - now
        values = {name: codec.number(value) for name, value in {":now": now, ":step": step}.items()}
        later = values | {":ahead": codec.number(now + ahead_ms)}
        return self._move_on(
            key, "SET door_tat = door_tat + :step", "door_tat >= :now AND door_tat <= :ahead", later
        ) or self._move_on(
            key,
            "SET door_tat = :next",
            "attribute_not_exists(door_tat) OR door_tat < :now",
            {":now": codec.number(now), ":next": codec.number(now + step)},
        )

    def slow_down(self, account_id: str, carrier_account: str, *, until: int, reason: str) -> None:
        """Give no slot before a moment; see the port. Both writes only move on, so their order with others is free."""
        key = keys.pace(account_id, carrier_account)
        moment = {":until": codec.number(until)}
        self._move_on(key, "SET tat = :until", "attribute_not_exists(tat) OR tat < :until", moment)
        self._move_on(
            key,
            "SET slowed_until = :until, slowed_reason = :reason",
            "attribute_not_exists(slowed_until) OR slowed_until < :until",
            moment | {":reason": codec.text(reason)},
        )

    def slowed(self, account_id: str, carrier_account: str) -> tuple[int, str] | None:
        """Tell of the carrier's last pause; see the port."""
        item = table.get(self._client, self._table, keys.pace(account_id, carrier_account))
        if not item or "slowed_until" not in item:
            return None
        return int(item["slowed_until"]["N"]), item["slowed_reason"]["S"]

    def _move_on(self, key: dict[str, str], update: str, condition: str, values: codec.Item) -> bool:
        try:
            self._client.update_item(
                TableName=self._table,
                Key=codec.texts(key),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if table.condition_failed(error):
                return False
            raise
        return True

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
