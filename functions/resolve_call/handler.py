"""Lambda: state ResolveCall → resolve_call."""

from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.kms import KmsVault
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.twilio import TwilioCarrier
from calling.settings import CarrierSettings, TableSettings, VaultSettings, load
from calling.startup import at_start
from calling.telemetry import call_keys, logger, traced
from calling.usecases.resolve_call import ResolvePorts, resolve_call

log = logger("resolve_call")


@at_start
def _ports() -> ResolvePorts:
    table, carrier = load(TableSettings).table_name, load(CarrierSettings)
    dynamodb, clock = client("dynamodb"), SystemClock()
    return ResolvePorts(
        calls=DynamoCallStore(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        credentials=SecretsCredentials(
            client("secretsmanager"),
            vault=KmsVault(client("kms"), load(VaultSettings).kms_key_id),
            clock=clock,
            carrier_secret_arn=carrier.carrier_secret_arn,
        ),
        carrier=TwilioCarrier(carrier.twilio_api_url).loaded(),
        clock=clock,
    )


@traced
def handler(event: dict[str, str], _context: object) -> dict[str, Any]:
    """Ask the carrier; the state machine reads `result` and `seconds`."""
    with call_keys(log, event["account_id"], event["call_id"]):
        answer = {"seconds": 0, **resolve_call(event["account_id"], event["call_id"], ports=_ports())}
        log.info("resolved", extra=answer)
    return answer
