"""Scheduler: what the fake remembers is what EventBridge Scheduler was asked."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from calling.adapters import aws
from calling.adapters.scheduler import EventBridgeScheduler
from calling.domain.errors import InvalidRequest
from calling.ports import Schedule, Scheduler
from tests.fakes.campaigns import MemoryScheduler

TARGET, ROLE = "arn:aws:lambda:us-east-1:000000000000:function:start", "arn:aws:iam::000000000000:role/any"
DEAD = "arn:aws:sqs:us-east-1:000000000000:dead"
NOON = datetime(2027, 7, 1, 11, 0, 0, 1000, UTC)  # a millisecond past twelve in London


@pytest.fixture
def client(cloud: str) -> Any:
    return aws.client("scheduler")


@pytest.fixture
def group(client: Any) -> str:
    name = f"g-{uuid4().hex[:8]}"
    client.create_schedule_group(Name=name)
    return name


@pytest.fixture(params=["memory", "eventbridge"])
def scheduler(request: pytest.FixtureRequest) -> Scheduler:
    if request.param == "memory":
        return MemoryScheduler()
    client, group = request.getfixturevalue("client"), request.getfixturevalue("group")
    return EventBridgeScheduler(client, group, TARGET, ROLE, DEAD)


@pytest.fixture
def stored(scheduler: Scheduler, request: pytest.FixtureRequest) -> Callable[[str], bool]:
    """Whether a campaign's schedule is there."""
    if isinstance(scheduler, MemoryScheduler):
        return lambda campaign_id: campaign_id in scheduler.schedules
    client, group = request.getfixturevalue("client"), request.getfixturevalue("group")
    return lambda campaign_id: campaign_id in [s["Name"] for s in client.list_schedules(GroupName=group)["Schedules"]]


def once(campaign_id: str = "camp_1", at: datetime = NOON, zone: str = "Europe/London") -> Schedule:
    return Schedule("acct_1", campaign_id, zone, at=round(at.timestamp() * 1000))


def daily(expression: str = "cron(0 9 * * ? *)", ends_at: int | None = None) -> Schedule:
    return Schedule("acct_1", "camp_1", "Europe/London", expression=expression, ends_at=ends_at)


def test_a_schedule_is_set_again_and_forgotten(scheduler: Scheduler, stored: Callable[[str], bool]) -> None:
    scheduler.delete("camp_1")
    scheduler.put(once())
    scheduler.put(once())
    scheduler.put(once("camp_2"))
    assert stored("camp_1")
    scheduler.delete("camp_1")
    scheduler.delete("camp_1")
    assert not stored("camp_1")
    assert stored("camp_2")


@pytest.mark.parametrize("expression", ["every day", "cron(0 9 * * * *)", "rate(0 minutes)"])
def test_what_is_no_recurrence_is_refused(scheduler: Scheduler, stored: Callable[[str], bool], expression: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        scheduler.put(daily(expression))
    assert (refused.value.code, refused.value.details["field"]) == ("invalid_schedule", "recurrence")
    assert not stored("camp_1")


def read(client: Any, group: str, schedule: Schedule) -> dict[str, Any]:
    EventBridgeScheduler(client, group, TARGET, ROLE, DEAD).put(schedule)
    found: dict[str, Any] = client.get_schedule(Name=schedule.campaign_id, GroupName=group)
    return found


def test_a_start_is_on_the_zones_clock_and_leaves_nothing_behind(client: Any, group: str) -> None:
    found = read(client, group, once())
    assert found["ScheduleExpression"] == "at(2027-07-01T12:00:01)", "the next whole second, not one too early"
    assert found["ScheduleExpressionTimezone"] == "Europe/London"
    assert found["ActionAfterCompletion"] == "DELETE"
    assert found["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert "EndDate" not in found
    target = found["Target"]
    assert (target["Arn"], target["RoleArn"], target["DeadLetterConfig"]) == (TARGET, ROLE, {"Arn": DEAD})
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600}
    assert json.loads(target["Input"]) == {
        "account_id": "acct_1",
        "campaign_id": "camp_1",
        "occasion": "<aws.scheduler.scheduled-time>",
    }


@pytest.mark.parametrize(("hour", "shown"), [(0, "00"), (1, "01")])
def test_an_hour_that_is_shown_twice_is_said_in_utc(client: Any, group: str, hour: int, shown: str) -> None:
    """On 31 October 2027 the clocks in London show 01:30 twice."""
    found = read(client, group, once(at=datetime(2027, 10, 31, hour, 30, tzinfo=UTC)))
    assert found["ScheduleExpression"] == f"at(2027-10-31T{shown}:30:00)"
    assert found["ScheduleExpressionTimezone"] == "UTC"


def test_a_recurrence_is_read_in_its_zone_until_its_end(client: Any, group: str) -> None:
    found = read(client, group, daily(ends_at=round(NOON.timestamp() * 1000)))
    assert (found["ScheduleExpression"], found["ScheduleExpressionTimezone"]) == ("cron(0 9 * * ? *)", "Europe/London")
    assert abs(found["EndDate"].timestamp() - NOON.timestamp()) < 1


def test_another_schedule_replaces_the_first(client: Any, group: str) -> None:
    read(client, group, daily())
    assert read(client, group, daily("rate(1 hour)"))["ScheduleExpression"] == "rate(1 hour)"


class Refusing:
    """What is used of a client, which refuses everything for one reason."""

    def __init__(self, client: Any, code: str, message: str) -> None:
        self.exceptions = client.exceptions
        self._error = ClientError({"Error": {"Code": code, "Message": message}}, "CreateSchedule")

    def create_schedule(self, **_: Any) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to assume it."),
        ("ServiceQuotaExceededException", "Too many schedules."),
    ],
)
def test_what_is_not_the_callers_fault_is_not_called_so(client: Any, code: str, message: str) -> None:
    refusing = EventBridgeScheduler(Refusing(client, code, message), "g", TARGET, ROLE, DEAD)  # type: ignore[arg-type]
    with pytest.raises(ClientError, match=code):
        refusing.put(daily())
