"""Campaigns as the API takes and shows them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, PlainValidator

from api.schemas.calls import TimelineItem
from api.schemas.common import AgentId, Answer, Body, Country, Metadata, UploadId, Variables
from api.schemas.recipients import RecipientRow
from calling.domain.campaign import MAX_INLINE, CampaignStatus, RetryOn
from calling.domain.limits import MAX_CAP
from calling.domain.lists import row_of
from calling.domain.rows import BadRow, Row
from calling.usecases.compose_campaign import too_many_recipients

MAX_LISTED = 50


def _not_too_many(rows: object) -> object:
    """Before any row is looked at: the next thousand errors would take longer than the whole list."""
    if isinstance(rows, list) and len(rows) > MAX_INLINE:
        raise too_many_recipients()
    return rows


class CampaignRequestBody(Body):
    """A campaign to create. Its people stand in `recipients`, or in the list that was uploaded."""

    agent_id: AgentId
    recipients: Annotated[
        list[Annotated[Row | BadRow, PlainValidator(row_of, json_schema_input_type=RecipientRow)]] | None,
        BeforeValidator(_not_too_many),
        Field(description=f"At most {MAX_INLINE:,}; longer lists are uploaded, see POST /v1/uploads"),
    ] = None
    recipients_upload_id: UploadId | None = None
    default_country: Annotated[
        Country | None, Field(description="Omitted: the agent's, else that of the number called from, as a guess")
    ] = None
    phone_column: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Of an uploaded CSV list: the name of the numbers' column"),
    ] = None
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    prompt: Annotated[
        str | None,
        Field(description="Why the agent calls, at most 16,000 characters. Else its outbound_prompt, else `name`"),
    ] = None
    from_number: Annotated[
        str | None, Field(description="One of the agent's outbound-enabled numbers; omitted: its default or only one")
    ] = None
    dynamic_vars: Annotated[
        Variables, Field(validation_alias=AliasChoices("dynamic_vars", "variables"), default_factory=dict)
    ]
    metadata: Metadata | None = None
    schedule_type: Literal["now", "schedule"] = "now"
    scheduled_at: Annotated[
        datetime | None, Field(description="ISO 8601; without an offset it is read in `timezone`")
    ] = None
    scheduled_date: Annotated[
        date | None, Field(description="YYYY-MM-DD: begins that day when the calling window opens")
    ] = None
    timezone: Annotated[str | None, Field(max_length=64, description="IANA; omitted: the agent's, else UTC")] = None
    window_start_minutes: Annotated[int | None, Field(description="Minutes after midnight, on the person's clock")] = (
        None
    )
    window_end_minutes: Annotated[
        int | None, Field(description="Minutes after midnight; before the start: the next day")
    ] = None
    window_days: Annotated[list[str] | None, Field(max_length=7, description="mon, tue, wed, thu, fri, sat, sun")] = (
        None
    )
    max_concurrent: Annotated[int, Field(ge=1, le=MAX_CAP)] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=10)] = 1
    retry_on: Annotated[tuple[RetryOn, ...], Field(max_length=5, description="Needs max_attempts above 1")] = ()
    retry_delay_minutes: Annotated[int, Field(ge=0, le=10_080)] = 0
    skip_invalid: Annotated[bool, Field(description="false: any bad row refuses the whole request or list")] = False
    recurrence: Annotated[
        str | None,
        Field(min_length=1, max_length=256, description="EventBridge's cron(...) or rate(...), read in `timezone`"),
    ] = None
    recurrence_ends_at: Annotated[
        datetime | None, Field(validation_alias=AliasChoices("recurrence_ends_at", "end_date"))
    ] = None


class CreateOptions(Body):
    """Whether to create it at all."""

    dry_run: Annotated[bool, Field(description="Only say what it would come to: nothing is stored or dialled")] = False


class InvalidRow(Answer):
    """A row that names nobody who can be called. Indexes begin at 0."""

    phone: str
    reason: str
    row_index: int


class CreatedCampaign(Answer):
    """A campaign that was accepted. Of an uploaded list nothing is known yet: its counts are null."""

    campaign_id: str
    agent_id: str
    name: str | None
    status: CampaignStatus
    recipients_count: Annotated[int | None, Field(description="Rows that were sent")]
    valid_count: Annotated[int | None, Field(description="People who will be called")]
    invalid_count: int | None
    invalid: list[InvalidRow]
    duplicate_count: int | None
    queued_count: Annotated[int | None, Field(description="People who are called from now on; 0 while it is scheduled")]
    created_at: str
    warnings: list[str]


class MissingVariables(Answer):
    """Variables of a row's texts that have no value: they are left out of what is said."""

    row_index: int
    variables: list[str]


class CostRangeOut(Answer):
    """Dollars, from few short conversations to everybody talking."""

    low: float
    high: float
    currency: str
    assumptions: list[str]


class DryRun(Answer):
    """What a campaign would come to. One person may be counted under several reasons."""

    dry_run: Literal[True] = True
    agent_id: str
    from_number: str
    name: str | None
    recipients_count: int
    valid_count: int
    invalid_count: int
    invalid: list[InvalidRow]
    duplicate_count: int
    suppressed_count: int
    frequency_capped_count: Annotated[int, Field(description="Called so often lately that they have to wait")]
    outside_every_window_count: int
    blocked_country_count: int
    callable_count: Annotated[int, Field(description="Of the valid ones those whom nothing forbids to call")]
    missing_variables: Annotated[list[MissingVariables], Field(description="The first 1,000 rows")]
    missing_variables_count: Annotated[int, Field(description="Rows with such variables in all")]
    expected_finish_at: Annotated[str | None, Field(description="null: nobody is called, or nobody can tell")]
    cost: CostRangeOut
    warnings: list[str]


class CampaignListFilters(Body):
    """Which campaigns to list."""

    limit: Annotated[int, Field(ge=1, le=MAX_LISTED)] = 20
    offset: Annotated[int, Field(ge=0, le=1_000)] = 0
    cursor: str | None = None


class CampaignOut(Answer):
    """A campaign: what was asked, and how it goes. Its counts are 0 until its list has been read (`imported_at`)."""

    campaign_id: str
    agent_id: str
    name: str | None
    status: CampaignStatus
    pause_reason: str | None
    held_countries: Annotated[list[str], Field(description="The carrier account may not call them; lifted by resume")]
    carrier_limit: Annotated[
        int | None,
        Field(description="Calls its carrier account allows at once, learnt from refusals and forgotten after an hour"),
    ]
    carrier_limit_reason: Annotated[str | None, Field(description="The same in words, and what to do about it")]
    from_number: str
    prompt: str
    dynamic_vars: dict[str, str]
    metadata: dict[str, Any] | None
    schedule_type: Literal["now", "schedule"]
    scheduled_at: str | None
    timezone: str
    window_start_minutes: int | None
    window_end_minutes: int | None
    window_days: list[str] | None
    max_concurrent: int | None
    max_attempts: int
    retry_on: list[RetryOn]
    retry_delay_minutes: int
    skip_invalid: bool
    default_country: Annotated[str | None, Field(description="As the request or the agent said it")]
    phone_column: str | None
    recurrence: str | None
    recurrence_ends_at: str | None
    parent_id: Annotated[str | None, Field(description="The recurring campaign this is a run of")]
    recipients_count: Annotated[int | None, Field(description="Rows of its list; null until it has been read")]
    invalid_count: int | None
    duplicate_count: int | None
    total: int
    pending: int
    in_flight: int
    completed: int
    failed: int
    no_answer: int
    busy: int
    voicemail: int
    skipped: int
    canceled: int
    created_at: str
    imported_at: str | None
    started_at: str | None
    finished_at: str | None
    eta: Annotated[str | None, Field(description="From what was done since it started; null: nothing tells yet")]


class PaceOut(Answer):
    """How fast it may dial. `slowed_until`: the carrier's last request for a pause; it may lie in the past."""

    calls_per_second: Annotated[float, Field(description="0: no limit of ours")]
    slowed_until: str | None
    slowed_reason: str | None


class CampaignDetail(CampaignOut):
    """A campaign with the pace of the carrier account it calls from."""

    pace: PaceOut


class CampaignTimeline(Answer):
    """What happened to a campaign, oldest first; the newest hundred entries."""

    campaign_id: str
    status: CampaignStatus
    timeline: list[TimelineItem]
