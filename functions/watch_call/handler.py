"""Lambda: messages of the watches queue → watch_call. One a batch: a look that fails comes back by itself."""

import json
from functools import partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.kms import KmsVault
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.sqs import SqsDialQueue
from calling.adapters.stepfunctions import StepFunctionsDialWorkflow
from calling.adapters.twilio import TwilioCarrier
from calling.settings import CarrierSettings, TableSettings, VaultSettings, WatchQueueSettings, load
from calling.startup import at_start
from calling.telemetry import call_keys, logger, traced
from calling.usecases.watch_call import ResolvePorts, watch_call

log = logger("watch_call")


@at_start
def _watch() -> Any:  # noqa: ANN401  the use case with its ports filled in
    table, carrier = load(TableSettings).table_name, load(CarrierSettings)
    dynamodb, clock = client("dynamodb"), SystemClock()
    return partial(
        watch_call,
        ports=ResolvePorts(
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
        ),
        watches=SqsDialQueue(client("sqs"), load(WatchQueueSettings).watches_queue_url),
        workflow=StepFunctionsDialWorkflow(client("stepfunctions"), ""),
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Look at the calls of the messages; what raises here makes the message come again."""
    for record in event["Records"]:
        message = json.loads(record["body"])
        with call_keys(log, message["account_id"], message["call_id"]):
            again = _watch()(message["account_id"], message["call_id"])
            log.info("watched", extra={"again": again})
    return {"batchItemFailures": []}
