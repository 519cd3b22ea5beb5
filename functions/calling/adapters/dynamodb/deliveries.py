"""Webhook deliveries in DynamoDB."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb.codec import Item
from calling.adapters.dynamodb.retention import Retention
from calling.domain.delivery import Delivery

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEEP_DAYS = 30  # long enough to look at and send again; less where records are kept for less


class DynamoDeliveryStore:
    """Fulfils DeliveryStore."""

    def __init__(self, client: "DynamoDBClient", table_name: str, retention: Retention | None = None) -> None:
        self._client = client
        self._table = table_name
        self._days = min(KEEP_DAYS, retention.days) if retention else KEEP_DAYS

    def begin(self, delivery: Delivery) -> Delivery:
        """Store or read a delivery; see the port."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=self._item(delivery),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            there = table.old_item(error)
            if table.condition_failed(error) and there is not None:
                return codec.decode(Delivery, there)
            raise
        return delivery

    def put(self, delivery: Delivery) -> None:
        """Replace a delivery; see the port."""
        self._client.put_item(TableName=self._table, Item=self._item(delivery))

    def get(self, account_id: str, delivery_id: str) -> Delivery | None:
        """Read a delivery; see the port."""
        item = table.get(self._client, self._table, keys.delivery(account_id, delivery_id))
        return codec.decode(Delivery, item) if item else None

    def of_call(self, account_id: str, call_id: str) -> tuple[Delivery, ...]:
        """List a call's deliveries from the index, which may lag behind; see the port."""
        items = table.query(
            self._client,
            self._table,
            IndexName="gsi1",
            KeyConditionExpression="gsi1pk = :pk AND begins_with(gsi1sk, :delivery)",
            ExpressionAttributeValues=codec.texts({":pk": keys.call_pk(account_id, call_id), ":delivery": "delivery#"}),
        )
        return tuple(codec.decode(Delivery, item) for item in items)

    def forget(self, account_id: str, call_id: str) -> None:
        """Delete a call's deliveries; see the port."""
        found = [keys.delivery(account_id, d.delivery_id) for d in self.of_call(account_id, call_id)]
        table.delete(self._client, self._table, found)

    def _item(self, delivery: Delivery) -> Item:
        key = keys.delivery(delivery.account_id, delivery.delivery_id)
        index = keys.delivery_index(delivery.account_id, delivery.call_id, delivery.created_at, delivery.delivery_id)
        ttl = delivery.created_at // 1000 + self._days * 24 * 3600
        return codec.encode(delivery) | codec.texts(key | index | {"kind": "delivery"}) | {"ttl": codec.number(ttl)}
