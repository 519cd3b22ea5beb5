"""From a row of a list to a recipient, or to the reason why it is none. Pure; the same for a request and an upload."""

import json
import re
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
from calling.domain.phone_number import PhoneNumber, Read, read_callable
from calling.domain.recipient import Recipient, RecipientState
from calling.domain.window import known_zone, moment_of

MAX_VARIABLES = 100
MAX_TEXT = 16_384  # characters of all variables of a row
_UNKNOWN_ZONE = "Etc/Unknown"
_COUNTRY_ZONES: dict[int, tuple[str, ...]] = {}
MAX_METADATA = 4_096  # bytes of JSON, as in a request for one call
# What people and spreadsheets put between the digits: blanks, brackets, dashes, marks of direction and order.
_BETWEEN = re.compile(r"[\s().\-\u2010-\u2015\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")


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
class RowError:
    """Why a row is no recipient: its index from 0, what stood there, a code and words."""

    index: int
    phone: str = field(repr=False)
    code: str
    reason: str


def read_row(campaign: Campaign, index: int, row: Row, now: int, *, accepted: bool = False) -> Recipient | RowError:
    """Make a recipient of a row: number, zones, texts and times checked. Doubles are the caller's to see.

    Of a list that was `accepted` before, a `not_after` that has passed meanwhile is that person's end, no bad row.
    """
    try:
        read = read_callable(digits(row.phone), field="phone_number")
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


def digits(phone: str) -> str:
    """Leave out what stands between the digits of a number."""
    return _BETWEEN.sub("", phone)


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
    size = sum(len(name) + len(value) for name, value in row.dynamic_vars.items())
    if len(row.dynamic_vars) > MAX_VARIABLES or size > MAX_TEXT:
        raise InvalidRequest("dynamic_vars are too many or too long.", field="dynamic_vars")
    if (
        row.metadata
        and len(json.dumps(row.metadata, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_METADATA
    ):
        raise InvalidRequest(f"metadata is longer than {MAX_METADATA} bytes of JSON.", field="metadata")


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
