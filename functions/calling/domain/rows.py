"""From a row of a list to a recipient, or to the reason why it is none. Pure; the same for a request and an upload."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType
from phonenumbers import timezone as number_zones

from calling.domain.agent import MAX_PROMPT
from calling.domain.campaign import Campaign
from calling.domain.errors import InvalidRequest
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import Recipient, RecipientState
from calling.domain.window import known_zone, moment_of
from calling.domain.written_number import Read, numbering_for, read_callable

MAX_VARIABLES = 100
MAX_TEXT = 16_384  # characters of all variables of a row
_UNKNOWN_ZONE = "Etc/Unknown"
_COUNTRY_ZONES: dict[int, tuple[str, ...]] = {}
MAX_METADATA = 4_096  # bytes of JSON, as in a request for one call
_LOST = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Row:
    """What a list says of one recipient, its forms not checked yet."""

    phone: str = field(repr=False)
    prompt: str | None = field(default=None, repr=False)
    dynamic_vars: Mapping[str, str] = field(default_factory=dict, repr=False)
    metadata: dict[str, Any] | None = field(default=None, repr=False)
    timezone: str | None = None
    not_after: datetime | str | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """What could not be read as a row at all: what stood for its number, why, the contract's code, and which field."""

    phone: str = field(repr=False)
    reason: str
    code: str = "invalid_field"
    where: str | None = None
    written: str = field(default="{}", repr=False, compare=False)  # a JSON line that is read as the same bad row


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row is no recipient: its index from 0, what stood there, a code and words; which field, where one is."""

    index: int
    phone: str = field(repr=False)
    code: str
    reason: str
    where: str | None = None


def read_row(
    campaign: Campaign,
    index: int,
    row: Row | BadRow,
    now: int,
    *,
    accepted: bool = False,
    allowed: tuple[str, ...] = (),
) -> Recipient | RowError:
    """Make a recipient of a row: number, zones, texts and times checked. Doubles are the caller's to see.

    Of a list that was `accepted` before, a `not_after` that has passed meanwhile is that person's end, no bad row.
    `allowed`: see Numbering.
    """
    if isinstance(row, BadRow):
        return RowError(index, row.phone, row.code, row.reason, row.where)
    numbering = numbering_for(campaign.default_country, campaign.from_number, allowed)
    try:
        read = read_callable(row.phone, numbering, field="phone_number")
        zones, source = _zones(campaign, read, row.timezone)
        _check_texts(row)
        not_after = _not_after(row.not_after, zones, None if accepted else now)
    except InvalidRequest as error:
        return RowError(index, row.phone[:32], error.code, error.message)
    return Recipient(
        account_id=campaign.account_id,
        campaign_id=campaign.campaign_id,
        index=index,
        phone_number=read.number,
        shard=index % campaign.shards,
        due_at=now,
        reason="it waits for its turn",
        prompt=row.prompt.strip() if row.prompt and row.prompt.strip() else None,
        dynamic_vars=dict(row.dynamic_vars),
        metadata=row.metadata,
        not_after=not_after,
        zones=zones,
        zone_source=source,
        country=read.country,
    )


def refused_row(campaign: Campaign, error: RowError) -> Recipient:
    """Keep a bad row, so that the list can be read with the reasons beside it."""
    return Recipient(
        account_id=campaign.account_id,
        campaign_id=campaign.campaign_id,
        index=error.index,
        phone_number=PhoneNumber(error.phone),
        shard=error.index % campaign.shards,
        state=RecipientState.INVALID,
        due_at=None,
        reason=error.reason,
    )


def zones_of(campaign: Campaign, number: PhoneNumber, given: str | None) -> tuple[tuple[str, ...], str]:
    """Find the zones a person may be in, and how they were found: their row, their number, else the campaign.

    Raises:
        InvalidRequest: `invalid_timezone`.
    """
    if given:
        if not known_zone(given):
            raise InvalidRequest("timezone is not an IANA time zone.", code="invalid_timezone", field="timezone")
        return (given,), "recipient"
    parsed = phonenumbers.parse(number.e164, None)
    return _zones(campaign, Read(number, parsed, phonenumbers.number_type(parsed), None), None)


def _zones(campaign: Campaign, read: Read, given: str | None) -> tuple[tuple[str, ...], str]:
    if given:
        return zones_of(campaign, read.number, given)
    names: tuple[str, ...] = ()
    if read.kind != PhoneNumberType.UNKNOWN:
        if phonenumbers.is_number_type_geographical(read.kind, read.parsed.country_code or 0):
            names = number_zones.time_zones_for_geographical_number(read.parsed)
        else:
            names = _country_zones(read.parsed)
    found = tuple(zone for zone in names if zone != _UNKNOWN_ZONE and known_zone(zone))
    return (found, "number") if found else ((campaign.timezone,), "campaign")


def _country_zones(parsed: phonenumbers.PhoneNumber) -> tuple[str, ...]:
    """A number that lies nowhere in particular may be anywhere in its country: found once for each country code."""
    code = parsed.country_code or 0
    if code not in _COUNTRY_ZONES:
        _COUNTRY_ZONES[code] = number_zones.time_zones_for_number(parsed)
    return _COUNTRY_ZONES[code]


def _check_texts(row: Row) -> None:
    if row.prompt is not None and len(row.prompt) > MAX_PROMPT:
        raise InvalidRequest(
            f"prompt_override is longer than {MAX_PROMPT} characters.", code="prompt_too_long", field="prompt_override"
        )
    if any(_LOST in text for text in (row.prompt or "", *row.dynamic_vars, *row.dynamic_vars.values())):
        raise InvalidRequest("A character of this row was lost before it came here (U+FFFD): write it again.")
    size = sum(len(name) + len(value) for name, value in row.dynamic_vars.items())
    if len(row.dynamic_vars) > MAX_VARIABLES or size > MAX_TEXT:
        raise InvalidRequest("dynamic_vars are too many or too long.", field="dynamic_vars")
    if row.metadata and _size(row.metadata) > MAX_METADATA:
        raise InvalidRequest(f"metadata is longer than {MAX_METADATA} bytes of JSON.", field="metadata")


def _size(metadata: dict[str, Any]) -> int:
    try:
        return len(json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("metadata must be plain JSON.", field="metadata") from error


def _not_after(given: datetime | str | None, zones: Sequence[str], now: int | None) -> int | None:
    """Read a time without an offset on the person's clock; where there may be several, when the first shows it."""
    if given is None or given == "":
        return None
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        at = round(moment.timestamp() * 1000) if moment.tzinfo else min(moment_of(moment, zone) for zone in zones)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest("not_after is not a usable time.", field="not_after") from error
    if now is not None and at <= now:
        raise InvalidRequest("not_after is in the past.", field="not_after")
    return at
