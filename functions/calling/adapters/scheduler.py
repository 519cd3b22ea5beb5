"""EventBridge Scheduler: a schedule a campaign, named by its id, that asks start_campaign."""

import json
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from botocore.exceptions import ClientError

from calling.domain.errors import InvalidRequest
from calling.ports import Schedule

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

# Scheduler puts the moment it was to fire in its place, ISO 8601: the same for a firing that comes twice.
OCCASION = "<aws.scheduler.scheduled-time>"
_RETRIES = {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600}


class EventBridgeScheduler:
    """Fulfils Scheduler. `target_arn` is start_campaign's, which `role_arn` may invoke."""

    def __init__(
        self, client: "EventBridgeSchedulerClient", group: str, target_arn: str, role_arn: str, dead_letter_arn: str
    ) -> None:
        self._client = client
        self._group = group
        self._target_arn = target_arn
        self._role_arn = role_arn
        self._dead_letter_arn = dead_letter_arn

    def put(self, schedule: Schedule) -> None:
        """Set a schedule; see the port. It deletes itself after its last firing."""
        request = self._request(schedule)
        try:
            try:
                self._client.create_schedule(**request)
            except self._client.exceptions.ConflictException:
                self._client.update_schedule(**request)
        except ClientError as error:
            if _refuses_expression(error):
                raise InvalidRequest(
                    "This recurrence is not one that EventBridge Scheduler knows: cron(...) or rate(...).",
                    code="invalid_schedule",
                    field="recurrence",
                ) from error
            raise

    def delete(self, campaign_id: str) -> None:
        """Forget a schedule; see the port."""
        try:
            self._client.delete_schedule(Name=campaign_id, GroupName=self._group)
        except self._client.exceptions.ResourceNotFoundException:
            return

    def _request(self, schedule: Schedule) -> dict[str, Any]:
        expression, zone = schedule.expression or "", schedule.timezone
        if schedule.at is not None:
            expression, zone = _once(schedule.at, zone)
        given = {"account_id": schedule.account_id, "campaign_id": schedule.campaign_id, "occasion": OCCASION}
        request: dict[str, Any] = {
            "Name": schedule.campaign_id,
            "GroupName": self._group,
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": self._target_arn,
                "RoleArn": self._role_arn,
                "Input": json.dumps(given),
                "RetryPolicy": _RETRIES,
                "DeadLetterConfig": {"Arn": self._dead_letter_arn},
            },
        }
        if schedule.ends_at is not None:
            request["EndDate"] = datetime.fromtimestamp(schedule.ends_at / 1000, UTC)
        return request


def _once(at: int, zone: str) -> tuple[str, str]:
    """Say a moment (epoch ms, the next whole second) on the zone's clock; in UTC where that shows the time twice."""
    seconds = -(-at // 1000)
    local = datetime.fromtimestamp(seconds, ZoneInfo(zone))
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    shown: tzinfo = UTC if twice else ZoneInfo(zone)
    return f"at({datetime.fromtimestamp(seconds, shown):%Y-%m-%dT%H:%M:%S})", "UTC" if twice else zone


def _refuses_expression(error: ClientError) -> bool:
    told = error.response["Error"]
    words = str(told.get("Message", "")).lower().replace(" ", "")
    return told["Code"] == "ValidationException" and "scheduleexpression" in words
