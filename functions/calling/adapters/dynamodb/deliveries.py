"""Webhook deliveries in DynamoDB."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb.codec import Item
from calling.domain.delivery import Delivery

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEEP_SECONDS = 30 * 24 * 3600  # long enough to look at and send again; the call itself stays


class DynamoDeliveryStore:
    """Fulfils DeliveryStore."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def begin(self, delivery: Delivery) -> Delivery:
        """Store or read a delivery; see the port."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=_item(delivery),
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
        self._client.put_item(TableName=self._table, Item=_item(delivery))

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


def _item(delivery: Delivery) -> Item:
    key = keys.delivery(delivery.account_id, delivery.delivery_id)
    index = keys.delivery_index(delivery.account_id, delivery.call_id, delivery.created_at, delivery.delivery_id)
    ttl = delivery.created_at // 1000 + KEEP_SECONDS
    return codec.encode(delivery) | codec.texts(key | index | {"kind": "delivery"}) | {"ttl": codec.number(ttl)}
