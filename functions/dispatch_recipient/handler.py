"""Lambda: messages of the campaigns queue → dispatch_recipient. A message that fails alone comes back alone."""

import json
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
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.kms import KmsVault
from calling.adapters.lambda_opener import LambdaOpenerTask
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.sqs import SqsRecipientQueue, ticket_of
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow, StepFunctionsDialWorkflow
from calling.settings import (
    CampaignQueueSettings,
    CarrierSettings,
    OpenerSettings,
    PaceSettings,
    RetentionSettings,
    StateMachineSettings,
    TableSettings,
    VaultSettings,
    load,
)
from calling.startup import at_start
from calling.telemetry import logger, traced
from calling.usecases.dispatch_recipient import DoorPorts, dispatch_recipient

log = logger("dispatch_recipient")


@at_start
def _ports() -> DoorPorts:
    dynamodb, table, states = client("dynamodb"), load(TableSettings).table_name, client("stepfunctions")
    clock, keep, carrier = SystemClock(), load(RetentionSettings), load(CarrierSettings)
    return DoorPorts(
        campaigns=DynamoCampaignStore(dynamodb, table, Retention(keep.retention_days, keep.history_days, clock)),
        contacts=DynamoContactStore(dynamodb, table),
        limits=DynamoLimitsStore(dynamodb, table, load(PaceSettings).limits),
        hold=DynamoDialHold(dynamodb, table),
        calls=DynamoCallStore(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        credentials=SecretsCredentials(
            client("secretsmanager"),
            vault=KmsVault(client("kms"), load(VaultSettings).kms_key_id),
            clock=clock,
            carrier_secret_arn=carrier.carrier_secret_arn,
        ),
        pacer=DynamoPacer(dynamodb, table),
        leases=DynamoLeasePool(dynamodb, table),
        ceilings=DynamoCeilingStore(dynamodb, table),
        lines=DynamoLineLock(dynamodb, table),
        queue=SqsRecipientQueue(client("sqs"), load(CampaignQueueSettings).campaigns_queue_url),
        workflow=StepFunctionsDialWorkflow(states, load(StateMachineSettings).dial_state_machine_arn),
        campaign_workflow=StepFunctionsCampaignWorkflow(states, ""),
        opener=LambdaOpenerTask(client("lambda"), load(OpenerSettings).prepare_opener_function),
        clock=clock,
    )


@traced
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Take each recipient through the doorway; answer which messages must come again."""
    failed = [record["messageId"] for record in event["Records"] if not _done(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _done(record: dict[str, Any]) -> bool:
    try:
        ticket = ticket_of(json.loads(record["body"]))
    except (ValueError, KeyError, TypeError):
        log.error("not a ticket")  # noqa: TRY400  there is nothing more to say of it
        return False
    with log.append_context_keys(account_id=ticket.account_id, campaign_id=ticket.campaign_id, recipient=ticket.index):
        try:
            what = dispatch_recipient(ticket, ports=_ports())
        except Exception as error:  # noqa: BLE001  the queue record's door: one bad message must not stop the others
            receives = record["attributes"]["ApproximateReceiveCount"]
            log.error("dispatch failed", extra={"error": type(error).__qualname__, "receives": receives})  # noqa: TRY400  a library's message may hold a number
            return False
        log.info("dispatched", extra={"number": ticket.number, "result": what.value})
        return True
