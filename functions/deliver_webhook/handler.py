"""Lambda: messages of the deliveries queue → deliver_webhook.

A message is an event fresh from the bus, or a delivery that failed and comes again.
"""

import json
from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.accounts import DynamoAccountStore
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.deliveries import DynamoDeliveryStore
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.eventbridge import event_of
from calling.adapters.kms import KmsVault
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.sqs import SqsDeliveryQueue
from calling.adapters.webhook_signatures import sign
from calling.adapters.webhooks import HttpWebhookSender
from calling.settings import (
    DeliveryQueueSettings,
    PublicSettings,
    RetentionSettings,
    StreamSettings,
    TableSettings,
    VaultSettings,
    WebhookSettings,
    load,
)
from calling.startup import at_start
from calling.telemetry import call_keys, logger, traced
from calling.usecases.deliver_webhook import DeliveryPorts, deliver_event, redeliver

log = logger("deliver_webhook")


@at_start
def _ports() -> DeliveryPorts:
    table = load(TableSettings).table_name
    dynamodb, clock, keep = client("dynamodb"), SystemClock(), load(RetentionSettings)
    vault = KmsVault(client("kms"), load(VaultSettings).kms_key_id)
    return DeliveryPorts(
        accounts=DynamoAccountStore(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        calls=DynamoCallStore(dynamodb, table),
        deliveries=DynamoDeliveryStore(dynamodb, table, Retention(keep.retention_days, keep.history_days, clock)),
        queue=SqsDeliveryQueue(client("sqs"), load(DeliveryQueueSettings).deliveries_queue_url),
        sender=HttpWebhookSender(allow_loopback_http=load(WebhookSettings).allow_loopback_webhooks),
        vault=vault,
        credentials=SecretsCredentials(
            client("secretsmanager"),
            vault=vault,
            clock=clock,
            stream_secret_arn=load(StreamSettings).stream_token_secret_arn,
        ),
        sign=sign,
        clock=clock,
        campaigns=DynamoCampaignStore(dynamodb, table),
        public_base_url=load(PublicSettings).public_base_url,
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Deliver each message; answer which of them must come again."""
    failed = [record["messageId"] for record in event["Records"] if not _done(record["body"])]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _done(body: str) -> bool:
    try:
        message = json.loads(body)
    except ValueError:
        log.error("not a message")  # noqa: TRY400  there is nothing more to say of it
        return False
    detail = message.get("detail", message)
    # A campaign's event names no call; a delivery that comes again holds what it tells of in `call_id` either way.
    with call_keys(log, detail["account_id"], detail["call_id"] or detail.get("campaign_id") or ""):
        try:
            if "detail" in message:
                results = deliver_event(event_of(message), ports=_ports())
            else:
                one = redeliver(detail["account_id"], detail["delivery_id"], ports=_ports())
                results = (one,) if one else ()
        except Exception as error:  # noqa: BLE001  the queue record's door: after its receives it is dead-lettered
            log.error("delivery failed", extra={"error": type(error).__qualname__})  # noqa: TRY400  a message may hold a URL
            return False
        log.info("delivered", extra={"deliveries": [(d.delivery_id, d.status.value) for d in results]})
        return True
