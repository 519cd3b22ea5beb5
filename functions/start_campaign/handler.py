"""Lambda: a schedule of EventBridge Scheduler → start_campaign."""

from functools import partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.scheduler import EventBridgeScheduler
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow
from calling.domain.errors import InvalidRequest, NotFound
from calling.settings import CampaignSettings, RetentionSettings, ScheduleGroupSettings, TableSettings, load
from calling.startup import at_start
from calling.telemetry import logger, traced
from calling.usecases.start_campaign import start_campaign

# A schedule outlives its campaign where forgetting it failed; firing once more would change nothing.
_NOTHING_TO_START = frozenset({"campaign_already_completed", "campaign_no_recipients"})

log = logger("start_campaign")


@at_start
def _start() -> Any:  # noqa: ANN401  the use case with its ports filled in
    clock, keep = SystemClock(), load(RetentionSettings)
    retention = Retention(keep.retention_days, keep.history_days, clock)
    machine = load(CampaignSettings).campaign_state_machine_arn
    # It forgets schedules and sets none: what one would start, and as whom, is nothing to it.
    group = load(ScheduleGroupSettings).schedule_group
    return partial(
        start_campaign,
        campaigns=DynamoCampaignStore(client("dynamodb"), load(TableSettings).table_name, retention),
        workflow=StepFunctionsCampaignWorkflow(client("stepfunctions"), machine),
        scheduler=EventBridgeScheduler(client("scheduler"), group, "", "", ""),
        clock=clock,
    )


@traced
def handler(event: dict[str, str], _context: object) -> dict[str, str]:
    """Start; what raises here is tried again by Lambda, and then lies among the dead letters of schedules."""
    with log.append_context_keys(account_id=event["account_id"], campaign_id=event["campaign_id"]):
        try:
            campaign = _start()(event["account_id"], event["campaign_id"], occasion=event["occasion"])
        except NotFound as error:
            return _skipped(error.code)
        except InvalidRequest as error:
            if error.code not in _NOTHING_TO_START:
                raise
            return _skipped(error.code)
        log.info("campaign started", extra={"started": campaign.campaign_id, "status": campaign.status.value})
    return {"result": campaign.status.value}


def _skipped(code: str) -> dict[str, str]:
    log.warning("nothing to start", extra={"code": code})
    return {"result": code}
