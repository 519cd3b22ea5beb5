"""Lambda: every minute → reap_leases. What one run does not reach, the next one does."""

from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.ceilings import DynamoCeilingStore
from calling.adapters.dynamodb.contacts import DynamoContactStore
from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.adapters.dynamodb.limits import DynamoLimitsStore
from calling.adapters.dynamodb.lines import DynamoLineLock
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.kms import KmsVault
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.sqs import SqsDialQueue
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow, StepFunctionsDialWorkflow
from calling.adapters.twilio import TwilioCarrier
from calling.settings import (
    CampaignSettings,
    CarrierSettings,
    PaceSettings,
    QueueSettings,
    RetentionSettings,
    StageSettings,
    StateMachineSettings,
    TableSettings,
    VaultSettings,
    load,
)
from calling.startup import at_start
from calling.telemetry import logger, metrics, traced
from calling.usecases.reap_leases import ReapPorts, ResolvePorts, reap_leases

log = logger("reap_leases")


@at_start
def _ports() -> ReapPorts:
    table, carrier, keep = load(TableSettings).table_name, load(CarrierSettings), load(RetentionSettings)
    dynamodb, states, clock = client("dynamodb"), client("stepfunctions"), SystemClock()
    resolve = ResolvePorts(
        calls=DynamoCallStore(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        credentials=SecretsCredentials(
            client("secretsmanager"),
            vault=KmsVault(client("kms"), load(VaultSettings).kms_key_id),
            clock=clock,
            carrier_secret_arn=carrier.carrier_secret_arn,
        ),
        carrier=TwilioCarrier(carrier.twilio_api_url),
        clock=clock,
    )
    return ReapPorts(
        resolve=resolve,
        leases=DynamoLeasePool(dynamodb, table),
        ceilings=DynamoCeilingStore(dynamodb, table),
        lines=DynamoLineLock(dynamodb, table),
        queue=SqsDialQueue(client("sqs"), load(QueueSettings).calls_queue_url),
        workflow=StepFunctionsDialWorkflow(states, load(StateMachineSettings).dial_state_machine_arn),
        contacts=DynamoContactStore(dynamodb, table),
        campaigns=DynamoCampaignStore(dynamodb, table, Retention(keep.retention_days, keep.history_days, clock)),
        limits=DynamoLimitsStore(dynamodb, table, load(PaceSettings).limits),
        campaign_workflow=StepFunctionsCampaignWorkflow(states, load(CampaignSettings).campaign_state_machine_arn),
    )


@traced
def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Reap once and say how much there was: in a healthy house it is nothing."""
    reaped = reap_leases(ports=_ports())
    counts = {
        "CallsMended": reaped.settled,
        "CallsQueuedAgain": reaped.queued,
        "PlacesReaped": reaped.places,
        "CampaignsRevived": reaped.campaigns,
    }
    told = metrics("reap_leases")
    told.add_dimension("stage", load(StageSettings).stage)
    for name, count in counts.items():
        told.add_metric(name=name, unit="Count", value=count)
    told.flush_metrics()
    log.info("reaped", extra=counts)
    if reaped.failures:
        log.error("some could not be mended in this run", extra={"errors": list(reaped.failures)})
    return counts
