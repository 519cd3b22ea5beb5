"""A campaign's people as the API takes and shows them."""

from typing import Annotated, Any

from pydantic import AliasChoices, Field

from api.schemas.common import Answer, Body, Metadata
from calling.domain.recipient import RecipientState, Verdict

MAX_RECIPIENTS = 200
MAX_REPORTED = 20_000


class RecipientRow(Body):
    """One person to call. Rows are read one by one, as an upload's are: what is wrong with one refuses no other."""

    phone_number: Annotated[
        str,
        Field(
            validation_alias=AliasChoices("phone_number", "phone"),
            description="E.164, or as it is written in default_country",
        ),
    ]
    dynamic_vars: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=128)], Annotated[str, Field(coerce_numbers_to_str=True)]],
        Field(validation_alias=AliasChoices("dynamic_vars", "variables"), default_factory=dict),
    ]
    metadata: Metadata | None = None
    prompt_override: Annotated[str | None, Field(validation_alias=AliasChoices("prompt_override", "prompt"))] = None
    timezone: Annotated[str | None, Field(description="IANA; omitted: the zones of the number")] = None
    not_after: Annotated[
        str | None, Field(description="ISO 8601: not dialled any more after this; without an offset on its own clock")
    ] = None


class RecipientFilters(Body):
    """Which recipients to list."""

    limit: Annotated[int, Field(ge=1, le=MAX_RECIPIENTS)] = 50
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    cursor: str | None = None
    state: RecipientState | None = None


class ReportFilters(Body):
    """Which part of a report to give."""

    limit: Annotated[int, Field(ge=1, le=MAX_REPORTED)] = MAX_REPORTED
    cursor: str | None = None


class DecisionOut(Answer):
    """One decision to dial or not to dial, and what it was decided on."""

    at: str
    verdict: Verdict
    reason: str
    details: dict[str, Any]


class RecipientOut(Answer):
    """One person of a campaign: where they stand, and why not yet, or how it ended."""

    index: Annotated[int, Field(description="The row, from 0")]
    phone_number: Annotated[str, Field(description="Of an invalid row: what stood there, cut short")]
    state: RecipientState
    outcome: Annotated[str | None, Field(description="Of the last attempt, in the words of retry_on")]
    attempts: Annotated[int, Field(description="Requests to the carrier")]
    call_ids: list[str]
    call_id: Annotated[str | None, Field(description="The call under way, or the last one")]
    reason: Annotated[str, Field(description="Why not called yet, or how it ended")]
    due_at: Annotated[str | None, Field(description="While pending: when it is looked at next")]
    next_attempt_at: Annotated[str | None, Field(description="While pending: when the next attempt is allowed")]
    last_ended_at: str | None
    not_after: str | None
    timezone: Annotated[str, Field(description="The first of timezones")]
    timezones: Annotated[list[str], Field(description="The window must be open in all of them")]
    zone_source: Annotated[str, Field(description="How they were found: recipient, number, campaign")]
    country: str | None
    metadata: dict[str, Any] | None
    decisions: list[DecisionOut]
