"""The queues in SQS. Messages carry ids alone: what they are about is read from the table when it is needed."""

import json
from typing import TYPE_CHECKING

from calling.domain.delivery import MAX_DELAY_SECONDS, Delivery

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsDialQueue:
    """Fulfils DialQueue and WatchQueue. A message is `{"account_id", "call_id"}`."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def send(self, account_id: str, call_id: str, *, delay_seconds: int = 0) -> None:
        """Queue a call; see the port."""
        _send(self._client, self._url, {"account_id": account_id, "call_id": call_id}, delay_seconds)


class SqsDeliveryQueue:
    """Fulfils DeliveryQueue. A message is `{"account_id", "call_id", "delivery_id"}`."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def send(self, delivery: Delivery, *, delay_seconds: int) -> None:
        """Queue a delivery; see the port."""
        names = ("account_id", "call_id", "delivery_id")
        _send(self._client, self._url, {name: getattr(delivery, name) for name in names}, delay_seconds)


def _send(client: "SQSClient", url: str, message: dict[str, str], delay_seconds: int) -> None:
    delay = max(0, min(delay_seconds, MAX_DELAY_SECONDS))
    client.send_message(QueueUrl=url, MessageBody=json.dumps(message), DelaySeconds=delay)
