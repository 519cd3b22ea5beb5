"""Schedules: `at()` and `cron()` are read in the schedule's own time zone, and looked at every second.

ministack reads both as UTC and ticks every ten seconds. EventBridge rules share its cron parser and stay UTC, as on
AWS. It also takes any expression, where AWS refuses what it cannot read, and hands a target's input on as it is, where
AWS puts the time of the firing in the place of `<aws.scheduler.scheduled-time>`.
"""
# ruff: noqa: ANN401, SLF001 -- what is replaced here is private and untyped

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ministack.services import eventbridge, scheduler

TICK_SECONDS = 1
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


class ZonedExpression(str):
    """A schedule's expression that remembers its time zone on the way into the parsers."""

    __slots__ = ("zone",)
    zone: str


class ZonedFields(tuple[Any, ...]):  # noqa: SLOT001  a tuple cannot have any
    """Parsed cron fields that remember their time zone."""

    zone: str


def zoned(schedule: dict[str, Any]) -> dict[str, Any]:
    """Copy a stored schedule with its expression marked by its zone."""
    expression = ZonedExpression(schedule.get("ScheduleExpression", ""))
    expression.zone = schedule.get("ScheduleExpressionTimezone") or "UTC"
    return {**schedule, "ScheduleExpression": expression}


def at_epoch(expression: str) -> float | None:
    """Read `at(2026-11-21T18:05:00)` in the expression's zone; None if it is another kind."""
    match = re.match(r"^\s*at\((.+)\)\s*$", expression)
    if not match:
        return None
    try:
        moment = datetime.fromisoformat(match.group(1).strip())
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or ZoneInfo(getattr(expression, "zone", "UTC"))).timestamp()


def readable(expression: str) -> bool:
    """Tell whether AWS would take an expression."""
    known = (
        at_epoch(expression),
        eventbridge._parse_rate_seconds(expression),
        eventbridge._parse_cron_fields(expression),
    )
    return any(found is not None for found in known) and known[1] != 0


def scheduled_time(schedule: dict[str, Any], fired_at: float) -> str:
    """Say for when a firing was scheduled: the moment of `at()`, the whole minute of `cron()`, else the second."""
    expression = schedule.get("ScheduleExpression", "")
    at = at_epoch(expression)
    if at is None:
        at = fired_at // 60 * 60 if expression.startswith("cron") else fired_at // 1
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def with_time(target: dict[str, Any], schedule: dict[str, Any], fired_at: float) -> dict[str, Any]:
    """Copy a target with the time of the firing in its input."""
    if SCHEDULED_TIME not in target.get("Input", ""):
        return target
    return {**target, "Input": target["Input"].replace(SCHEDULED_TIME, scheduled_time(schedule, fired_at))}


def _refuse_unreadable() -> None:
    create, update = scheduler._create_schedule, scheduler._update_schedule

    def checked(write: Any) -> Any:
        def checked_write(name: str, body: dict[str, Any]) -> Any:
            expression = body.get("ScheduleExpression")
            if expression and not readable(expression):
                return scheduler._error(400, "ValidationException", f"Invalid Schedule Expression {expression}.")
            return write(name, body)

        return checked_write

    scheduler._create_schedule, scheduler._update_schedule = checked(create), checked(update)


def _tell_the_time() -> None:
    invoke = eventbridge._invoke_target

    def invoke_with_time(target: Any, event: Any, rule: Any, *more: Any, **named: Any) -> Any:
        if event.get("Source") == "aws.scheduler":
            target = with_time(target, rule, event["Time"])
        return invoke(target, event, rule, *more, **named)

    eventbridge._invoke_target = invoke_with_time


def apply() -> None:
    """Apply all of the above."""
    _refuse_unreadable()
    _tell_the_time()
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS
    eventbridge._SCHEDULER_TICK_INTERVAL = TICK_SECONDS
    scheduler._at_time_epoch = at_epoch
    tick, parse, next_fire = scheduler._tick_schedules, eventbridge._parse_cron_fields, eventbridge._cron_next_fire

    def tick_zoned() -> None:
        stored = scheduler._schedules._data
        for key, schedule in list(stored.items()):
            if not isinstance(schedule.get("ScheduleExpression"), ZonedExpression):
                stored[key] = zoned(schedule)
        tick()

    def parse_zoned(expression: str) -> Any:
        fields = parse(expression)
        if fields is None or not isinstance(expression, ZonedExpression):
            return fields
        marked = ZonedFields(fields)
        marked.zone = expression.zone
        return marked

    def next_fire_zoned(fields: Any, after: datetime) -> Any:
        if not isinstance(fields, ZonedFields):
            return next_fire(fields, after)
        found = next_fire(tuple(fields), after.astimezone(ZoneInfo(fields.zone)))
        return found and found.astimezone(UTC)

    scheduler._tick_schedules = tick_zoned
    eventbridge._parse_cron_fields = parse_zoned
    eventbridge._cron_next_fire = next_fire_zoned
