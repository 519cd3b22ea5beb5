"""What the schemas share: strict bodies, the error envelope, and times."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from calling.domain.errors import InvalidRequest, NotFound
from calling.domain.written_number import read_country

MAX_METADATA = 4_096  # bytes of compact JSON
MAX_VARIABLES = 16_384
MAX_SPOKEN = 3_000  # characters Polly speaks in one request
_MAX_DEPTH = 20
_ID = re.compile(r"[a-z]+_[0-9A-Za-z]{1,64}")


class Body(BaseModel):
    """A request's body or query: a field nobody knows is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _without_defaults(schema: dict[str, Any]) -> None:
    for described in schema.get("properties", {}).values():
        described.pop("default", None)


# Of bodies that change something. What is left out of one stays as it is, so no field has a default there: a client
# generated from the document would send it, and a rename would put every other field back. `model_fields_set` says
# what was sent; what stands in the other fields means nothing.
CHANGES = ConfigDict(json_schema_extra=_without_defaults)


class Answer(BaseModel):
    """A response's body."""

    model_config = ConfigDict(populate_by_name=True)


class Problem(Answer):
    """What went wrong: `code` for programs, `message` for people, `details.field` for forms."""

    type: str
    code: str
    message: str
    doc_url: str
    details: dict[str, Any]


class ProblemEnvelope(Answer):
    """The body of every error."""

    error: Problem


# Beside each operation's own answer in the OpenAPI document; it also keeps FastAPI's 422 out of it.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ProblemEnvelope, "description": "The request cannot be served as it is"},
    "5XX": {"model": ProblemEnvelope, "description": "Something failed on this side or at the carrier"},
}


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidRequest("timezone is not an IANA time zone.", code="invalid_timezone", field="timezone") from error
    return name


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    if compact_size(value) > MAX_METADATA:
        raise ValueError(f"must be at most {MAX_METADATA} bytes of JSON")
    return value


def _variables(value: dict[str, str]) -> dict[str, str]:
    if compact_size(value) > MAX_VARIABLES:
        raise ValueError(f"must be at most {MAX_VARIABLES} bytes of JSON")
    return value


def compact_size(value: object) -> int:
    """Measure a value as compact JSON. Raises ValueError for what JSON, UTF-8 or a table cannot hold."""
    if _depth(value) > _MAX_DEPTH:
        raise ValueError(f"must not be nested deeper than {_MAX_DEPTH}")
    try:
        return len(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except ValueError as error:
        raise ValueError("must be plain JSON: finite numbers and well-formed text") from error


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level and deepest <= _MAX_DEPTH:
        deepest += 1
        inner = [v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list)]
        level = [item for items in inner for item in items]
    return deepest


def _id(what: str, code: str, field: str | None = None) -> Callable[[str], str]:
    """Let an id through to the table only in the form of one: anything else is an id that nothing has."""

    def check(text: str) -> str:
        if _ID.fullmatch(text) is None:
            raise NotFound(f"There is no such {what}.", code=code, field=field)
        return text

    return check


AgentId = Annotated[str, AfterValidator(_id("agent", "agent_not_found"))]
CallId = Annotated[str, AfterValidator(_id("call", "call_not_found"))]
CampaignId = Annotated[str, AfterValidator(_id("campaign", "campaign_not_found"))]
CampaignRef = Annotated[str, AfterValidator(_id("campaign", "campaign_not_found", "campaign_id"))]
UploadId = Annotated[str, AfterValidator(_id("upload", "upload_not_found", "recipients_upload_id"))]
DeliveryId = Annotated[str, AfterValidator(_id("delivery", "delivery_not_found"))]
TimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_time_zone)]
Metadata = Annotated[
    dict[str, Any], AfterValidator(_metadata), Field(description="At most 4 KB; echoed on the record and in webhooks")
]
# How a person's number without a `+` is read. The domain's error names the field.
Country = Annotated[
    str,
    AfterValidator(read_country),
    Field(max_length=8, description="ISO 3166, like GB: numbers without + are read as that country's"),
]
# A number is taken for its text: variables often come out of spreadsheets.
Variables = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=128)],
        Annotated[str, Field(coerce_numbers_to_str=True)],
    ],
    AfterValidator(_variables),
    Field(description="Fills {name} and {{name}} in the agent's prompt, prompt and voicemail message"),
]


class Reading(Body):
    """How a person's number in a path is read."""

    default_country: Country | None = None


def iso(at: int) -> str:
    """Write epoch ms as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(at: datetime | None) -> int | None:
    """Read a time as epoch ms; one without an offset is UTC. Raises InvalidRequest for what no clock shows."""
    if at is None:
        return None
    try:
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (OverflowError, ValueError) as error:
        raise InvalidRequest("This is not a usable time.", field="since, until") from error
