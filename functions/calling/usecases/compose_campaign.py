"""Write the campaign that a request asks for; check all of it: agent, number, times, texts, rows. Stores nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from calling.domain.agent import MAX_PROMPT, Agent, Number, choose_from_number
from calling.domain.call import TimelineEntry
from calling.domain.campaign import MAX_INLINE, UPLOAD_SHARDS, Campaign, CampaignStatus, RetryOn
from calling.domain.errors import InvalidRequest, NotFound
from calling.domain.phone_number import parse
from calling.domain.recipient import Recipient
from calling.domain.rows import BadRow, Row, RowError, read_row
from calling.domain.seen_numbers import SeenNumbers
from calling.domain.window import calling_window, known_zone, moment_of
from calling.ports import AgentStore, Clock
from calling.usecases.missing_variables import missing_variables

_NAMED = 20  # missing variables a warning names
# What comes again; EventBridge Scheduler reads the rest. Its third kind, at(...), is one moment, and has its own field.
_RECURRENCE = re.compile(r"(cron|rate)\(.+\)")


@dataclass(frozen=True, slots=True)
class CampaignRequest:
    """What a caller of the API asks for. Times without an offset are read in `timezone`."""

    agent_id: str
    rows: Sequence[Row | BadRow] | None = field(default=None, repr=False)
    upload_id: str | None = None
    name: str | None = None
    prompt: str | None = field(default=None, repr=False)
    from_number: str | None = None
    dynamic_vars: dict[str, str] = field(default_factory=dict, repr=False)
    metadata: dict[str, Any] | None = field(default=None, repr=False)
    scheduled: bool = False
    scheduled_at: datetime | None = None
    scheduled_date: date | None = None
    timezone: str | None = None
    window_start_minutes: int | None = None
    window_end_minutes: int | None = None
    window_days: Sequence[str] | None = None
    max_concurrent: int | None = None
    max_attempts: int = 1
    retry_on: tuple[RetryOn, ...] = ()
    retry_delay_minutes: int = 0
    skip_invalid: bool = False
    default_country: str | None = None
    phone_column: str | None = None
    recurrence: str | None = None
    recurrence_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ComposedCampaign:
    """A campaign as it would be created. Of an upload nothing is known yet: `recipients` None, no bad rows."""

    campaign: Campaign
    agent: Agent
    number: Number
    recipients: tuple[Recipient, ...] | None
    invalid: tuple[RowError, ...]
    duplicates: int
    warnings: tuple[str, ...]


def compose_campaign(
    account_id: str,
    request: CampaignRequest,
    campaign_id: str,
    *,
    agents: AgentStore,
    clock: Clock,
    allowed: tuple[str, ...] = (),
) -> ComposedCampaign:
    """Check a request and write the campaign it asks for, storing nothing; bad rows are only listed.

    `allowed`: see Numbering.

    Raises what create_campaign raises, but for bad rows and uploads.
    """
    _require_rows(request)
    found = agents.get_agent(account_id, request.agent_id)
    if found is None:
        raise NotFound("There is no such agent.", code="agent_not_found", field="agent_id")
    agent, numbers = found
    if not agent.is_active:
        raise InvalidRequest("This agent is not active.", field="agent_id")
    number = _from_number(numbers, request.from_number)
    now = clock.now()
    campaign = _campaign(request, agent, number, campaign_id, now)
    warnings = _prompt_warnings(request, campaign, agent) + _retry_warnings(request)
    if request.rows is None:
        return ComposedCampaign(campaign, agent, number, None, (), 0, warnings)
    recipients, invalid, duplicates = _read(campaign, request.rows, now, allowed)
    warnings += _missing(campaign, agent, number, recipients)
    return ComposedCampaign(campaign, agent, number, recipients, invalid, duplicates, warnings)


def _require_rows(request: CampaignRequest) -> None:
    if (request.rows is None) == (request.upload_id is None):
        raise InvalidRequest(
            "Send either recipients or recipients_upload_id.", code="no_recipients", field="recipients"
        )
    if request.rows is not None and request.phone_column is not None:
        raise InvalidRequest("phone_column is a column's name in an uploaded list.", field="phone_column")
    if request.rows is not None and not request.rows:
        raise InvalidRequest("recipients is empty.", code="no_recipients", field="recipients")
    if request.rows is not None and len(request.rows) > MAX_INLINE:
        raise too_many_recipients()


def too_many_recipients() -> InvalidRequest:
    """Say where a longer list goes."""
    return InvalidRequest(
        f"At most {MAX_INLINE:,} recipients may be sent inline: upload the list (POST /v1/uploads).",
        code="too_many_recipients",
        field="recipients",
    )


def _from_number(numbers: tuple[Number, ...], wanted: str | None) -> Number:
    """Choose the caller ID. A campaign calls thousands: which number it shows must not be a matter of order."""
    outbound = [n for n in numbers if n.outbound_enabled]
    if wanted is None and len(outbound) > 1 and not any(n.is_default for n in outbound):
        raise InvalidRequest(
            "This agent has several outbound numbers and none is its default: name one in from_number.",
            code="from_number_ambiguous",
            field="from_number",
        )
    return choose_from_number(numbers, parse(wanted, field="from_number").e164 if wanted is not None else None)


def _campaign(request: CampaignRequest, agent: Agent, number: Number, campaign_id: str, now: int) -> Campaign:
    zone = request.timezone or agent.timezone or "UTC"
    if not known_zone(zone):
        raise InvalidRequest("timezone is not an IANA time zone.", code="invalid_timezone", field="timezone")
    scheduled_at = _scheduled_at(request, zone, now)
    waits = scheduled_at is not None or request.recurrence is not None
    status = CampaignStatus.SCHEDULED if waits else CampaignStatus.RUNNING
    if request.upload_id is not None and request.recurrence is None:
        status = CampaignStatus.IMPORTING
    return Campaign(
        account_id=agent.account_id,
        campaign_id=campaign_id,
        agent_id=agent.agent_id,
        from_number=number.phone_number,
        created_at=now,
        status=status,
        name=request.name,
        prompt=_prompt(request, agent),
        dynamic_vars=dict(request.dynamic_vars),
        metadata=request.metadata,
        timezone=zone,
        window=calling_window(request.window_start_minutes, request.window_end_minutes, request.window_days),
        max_concurrent=request.max_concurrent,
        max_attempts=request.max_attempts,
        retry_on=request.retry_on,
        retry_delay_minutes=request.retry_delay_minutes,
        skip_invalid=request.skip_invalid,
        default_country=request.default_country or agent.default_country,
        phone_column=request.phone_column,
        scheduled_at=scheduled_at,
        recurrence=_recurrence(request.recurrence),
        recurrence_ends_at=_moment(request.recurrence_ends_at, zone, "recurrence_ends_at", now),
        # The bucket forgets campaigns/ after a while (infra/data.yaml); a recurring campaign reads its list for years.
        source_key=f"{'series' if request.recurrence else 'campaigns'}/{agent.account_id}/{campaign_id}/list",
        shards=UPLOAD_SHARDS if request.upload_id is not None else 1,
        timeline=(TimelineEntry(now, "accepted", "by the API"),),
    )


def _prompt(request: CampaignRequest, agent: Agent) -> str:
    """Choose the purpose of calls whose row has none: the campaign's prompt, the agent's, the campaign's name."""
    for text in (request.prompt, agent.outbound_prompt, request.name):
        if text is not None and text.strip():
            if len(text) > MAX_PROMPT:
                raise InvalidRequest(
                    f"prompt is longer than {MAX_PROMPT} characters.", code="prompt_too_long", field="prompt"
                )
            return text.strip()
    rows = [row for row in request.rows or () if isinstance(row, Row)]
    if rows and all(row.prompt and row.prompt.strip() for row in rows):
        return ""
    raise InvalidRequest(
        "Say in prompt why the agent calls, or give the agent an outbound_prompt, or the campaign a name.",
        code="prompt_required",
        field="prompt",
    )


def _scheduled_at(request: CampaignRequest, zone: str, now: int) -> int | None:
    given = request.scheduled_at is not None or request.scheduled_date is not None
    if not request.scheduled:
        if given:
            raise _schedule("A time was given, but schedule_type is not 'schedule'.", "schedule_type")
        return None
    if request.recurrence is not None:
        if given:
            raise _schedule("A recurring campaign is started by its recurrence, not at a time.", "scheduled_at")
        return None
    if request.scheduled_at is not None:
        return _moment(request.scheduled_at, zone, "scheduled_at", now)
    if request.scheduled_date is None:
        raise _schedule("schedule_type is 'schedule': say when in scheduled_at or scheduled_date.", "scheduled_at")
    minute = request.window_start_minutes or 0
    return _moment(
        datetime.combine(request.scheduled_date, time(minute // 60 % 24, minute % 60)), zone, "scheduled_date", now
    )


def _recurrence(given: str | None) -> str | None:
    if given is None or _RECURRENCE.fullmatch(given.strip()):
        return given and given.strip()
    raise _schedule(
        "recurrence is EventBridge's cron(minutes hours day-of-month month day-of-week year), like "
        "cron(0 9 ? * MON-FRI *), or rate(...), like rate(1 day); one moment goes into scheduled_at.",
        "recurrence",
    )


def _moment(given: datetime | None, zone: str, name: str, now: int) -> int | None:
    if given is None:
        return None
    try:
        at = round(given.timestamp() * 1000) if given.tzinfo else moment_of(given, zone)
    except (OverflowError, ValueError) as error:
        raise _schedule(f"{name} is not a usable time.", name) from error
    if at <= now:
        raise _schedule(f"{name} is in the past.", name)
    return at


def _schedule(message: str, name: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_schedule", field=name)


def _read(
    campaign: Campaign, rows: Sequence[Row | BadRow], now: int, allowed: tuple[str, ...]
) -> tuple[tuple[Recipient, ...], tuple[RowError, ...], int]:
    seen, recipients, invalid, duplicates = SeenNumbers(), list[Recipient](), list[RowError](), 0
    for index, row in enumerate(rows):
        found = read_row(campaign, index, row, now, allowed=allowed)
        if isinstance(found, RowError):
            invalid.append(found)
        elif seen.add(found.phone_number.e164):
            recipients.append(found)
        else:
            duplicates += 1
    return tuple(recipients), tuple(invalid), duplicates


def _prompt_warnings(request: CampaignRequest, campaign: Campaign, agent: Agent) -> tuple[str, ...]:
    if (request.prompt or "").strip() or not campaign.prompt:
        return ()
    source = "the agent's outbound_prompt" if (agent.outbound_prompt or "").strip() else "the campaign's name"
    return (f"No prompt was sent: {source} is used as the purpose of each call.",)


def _retry_warnings(request: CampaignRequest) -> tuple[str, ...]:
    """Say where one half of a wish to try again was sent without the other."""
    if request.max_attempts > 1 and not request.retry_on:
        return (f"max_attempts {request.max_attempts} does nothing without retry_on: nobody is tried again.",)
    if request.retry_on and request.max_attempts == 1:
        return ("retry_on does nothing with max_attempts 1: nobody is tried again.",)
    return ()


def _missing(campaign: Campaign, agent: Agent, number: Number, recipients: Sequence[Recipient]) -> tuple[str, ...]:
    rows: dict[str, int] = {}
    for recipient in recipients:
        for name in missing_variables(campaign, agent, number, recipient):
            rows[name] = rows.get(name, 0) + 1
    return tuple(
        f"Variable '{name}' has no value for {count} recipients: it is left out of what is said."
        for name, count in list(rows.items())[:_NAMED]
    )
