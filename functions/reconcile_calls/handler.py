"""Lambda: every hour → reconcile_calls. What one run does not reach, the next one does."""

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
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow, StepFunctionsDialWorkflow
from calling.adapters.twilio import TwilioCarrier
from calling.settings import (
    CarrierSettings,
    PaceSettings,
    RetentionSettings,
    StageSettings,
    StateMachineSettings,
    TableSettings,
    VaultSettings,
    load,
)
from calling.startup import at_start
from calling.telemetry import logger, metrics, traced
from calling.usecases.reconcile_calls import ReconcilePorts, ResolvePorts, SettlePorts, reconcile_calls

log = logger("reconcile_calls")


@at_start
def _ports() -> ReconcilePorts:
    table, carrier, keep = load(TableSettings).table_name, load(CarrierSettings), load(RetentionSettings)
    dynamodb, states, clock = client("dynamodb"), client("stepfunctions"), SystemClock()
    calls = DynamoCallStore(dynamodb, table)
    return ReconcilePorts(
        resolve=ResolvePorts(
            calls=calls,
            agents=DynamoAgentStore(dynamodb, table),
            credentials=SecretsCredentials(
                client("secretsmanager"),
                vault=KmsVault(client("kms"), load(VaultSettings).kms_key_id),
                clock=clock,
                carrier_secret_arn=carrier.carrier_secret_arn,
            ),
            carrier=TwilioCarrier(carrier.twilio_api_url),
            clock=clock,
        ),
        settle=SettlePorts(
            calls=calls,
            contacts=DynamoContactStore(dynamodb, table),
            campaigns=DynamoCampaignStore(dynamodb, table, Retention(keep.retention_days, keep.history_days, clock)),
            limits=DynamoLimitsStore(dynamodb, table, load(PaceSettings).limits),
            leases=DynamoLeasePool(dynamodb, table),
            ceilings=DynamoCeilingStore(dynamodb, table),
            lines=DynamoLineLock(dynamodb, table),
            campaign_workflow=StepFunctionsCampaignWorkflow(states, ""),
            clock=clock,
        ),
        workflow=StepFunctionsDialWorkflow(states, load(StateMachineSettings).dial_state_machine_arn),
    )


@traced
def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Compare once and say how much there was: in a healthy house nothing is mended, and nothing is unknown."""
    found = reconcile_calls(ports=_ports())
    counts = {"CallsReconciled": found.mended, "CallsUnknownToUs": len(found.unknown_to_us)}
    told = metrics("reconcile_calls")
    told.add_dimension("stage", load(StageSettings).stage)
    for name, count in counts.items():
        told.add_metric(name=name, unit="Count", value=count)
    told.flush_metrics()
    log.info("reconciled", extra={"looked": found.looked, "priced": found.priced, **counts})
    if found.unknown_to_us:
        log.warning("calls from our numbers that no record owns", extra={"sids": list(found.unknown_to_us)})
    if found.more:
        log.warning("not all could be compared in the time of this run: the next one goes on")
    if found.failures:
        log.error("some could not be compared in this run", extra={"errors": list(found.failures)})
    return counts
