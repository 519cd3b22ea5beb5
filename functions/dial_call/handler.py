"""Lambda: state DialCall → dial_call."""

from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.ceilings import DynamoCeilingStore
from calling.adapters.dynamodb.contacts import DynamoContactStore
from calling.adapters.dynamodb.hold import DynamoDialHold
from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.adapters.dynamodb.limits import DynamoLimitsStore
from calling.adapters.dynamodb.lines import DynamoLineLock
from calling.adapters.dynamodb.pacing import DynamoPacer
from calling.adapters.kms import KmsVault
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.sqs import SqsDialQueue
from calling.adapters.stepfunctions import StepFunctionsDialWorkflow
from calling.adapters.twilio import TwilioCarrier
from calling.settings import (
    CarrierSettings,
    PaceSettings,
    PublicSettings,
    StreamSettings,
    TableSettings,
    VaultSettings,
    WatchQueueSettings,
    load,
)
from calling.startup import at_start
from calling.telemetry import call_keys, logger, traced
from calling.usecases.dial_call import DialPorts, DialSettings, dial_call

log = logger("dial_call")


@at_start
def _ports() -> DialPorts:
    table, carrier = load(TableSettings).table_name, load(CarrierSettings)
    dynamodb, clock = client("dynamodb"), SystemClock()
    return DialPorts(
        calls=DynamoCallStore(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        credentials=SecretsCredentials(
            client("secretsmanager"),
            vault=KmsVault(client("kms"), load(VaultSettings).kms_key_id),
            clock=clock,
            carrier_secret_arn=carrier.carrier_secret_arn,
            stream_secret_arn=load(StreamSettings).stream_token_secret_arn,
        ),
        carrier=TwilioCarrier(carrier.twilio_api_url).loaded(),
        limits=DynamoLimitsStore(dynamodb, table, load(PaceSettings).limits),
        hold=DynamoDialHold(dynamodb, table),
        contacts=DynamoContactStore(dynamodb, table),
        campaigns=DynamoCampaignStore(dynamodb, table),
        pacer=DynamoPacer(dynamodb, table),
        leases=DynamoLeasePool(dynamodb, table),
        lines=DynamoLineLock(dynamodb, table),
        ceilings=DynamoCeilingStore(dynamodb, table),
        workflow=StepFunctionsDialWorkflow(client("stepfunctions"), ""),
        watches=SqsDialQueue(client("sqs"), load(WatchQueueSettings).watches_queue_url),
        clock=clock,
    )


@at_start
def _settings() -> DialSettings:
    public = load(PublicSettings)
    return DialSettings(public.public_base_url, public.media_public_url)


@traced
def handler(event: dict[str, str], _context: object) -> dict[str, Any]:
    """Dial; the answer goes to the task token."""
    with call_keys(log, event["account_id"], event["call_id"]):
        dial_call(event["account_id"], event["call_id"], event["token"], ports=_ports(), settings=_settings())
        log.info("dial done")
    return {}
