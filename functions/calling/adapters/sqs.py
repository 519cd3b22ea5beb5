"""The queues in SQS. Messages carry ids alone: what they are about is read from the table when it is needed."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from calling.domain.campaign import Ticket
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


class SqsRecipientQueue:
    """Fulfils RecipientQueue. A message is a ticket's fields by their names.

    The campaign's state machine sends the first one of a ticket, and this the same one again.
    """

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def send(self, ticket: Ticket, *, delay_seconds: int = 0) -> None:
        """Queue a recipient; see the port."""
        _send(self._client, self._url, asdict(ticket), delay_seconds)


def ticket_of(message: Mapping[str, Any]) -> Ticket:
    """Read a message's ticket. `since` is epoch ms, or ISO 8601 where the state machine wrote it."""
    since = message["since"]
    return Ticket(
        account_id=message["account_id"],
        campaign_id=message["campaign_id"],
        index=int(message["index"]),
        number=int(message["number"]),
        token=message["token"],
        planned_at=int(message["planned_at"]),
        since=round(datetime.fromisoformat(since).timestamp() * 1000) if isinstance(since, str) else int(since),
    )


class SqsDeliveryQueue:
    """Fulfils DeliveryQueue. A message is `{"account_id", "call_id", "delivery_id"}`."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def send(self, delivery: Delivery, *, delay_seconds: int) -> None:
        """Queue a delivery; see the port."""
        names = ("account_id", "call_id", "delivery_id")
        _send(self._client, self._url, {name: getattr(delivery, name) for name in names}, delay_seconds)


def _send(client: "SQSClient", url: str, message: Mapping[str, Any], delay_seconds: int) -> None:
    delay = max(0, min(delay_seconds, MAX_DELAY_SECONDS))
    client.send_message(QueueUrl=url, MessageBody=json.dumps(dict(message)), DelaySeconds=delay)
