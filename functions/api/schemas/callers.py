"""What operators tell of people, as the API takes and shows it."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from api.schemas.common import CHANGES, Answer, Body, Country
from calling.domain.caller import ENGINE_FIELDS, MAX_CALLERS
from calling.domain.errors import InvalidRequest

Told = Annotated[str, Field(min_length=1, max_length=200)]


class CallerFields(Body):
    """What is known of a person. What is left out is kept, null removes."""

    model_config = CHANGES

    name: Told | None = None
    email: Told | None = None
    phone: Told | None = None
    location: Told | None = None
    reference_id: Told | None = None
    preference: Annotated[str, Field(min_length=1, max_length=1000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_hand(cls, body: Any) -> Any:  # noqa: ANN401  whatever was sent
        """Refuse what only calls themselves may write."""
        for name in ENGINE_FIELDS:
            if isinstance(body, dict) and name in body:
                raise InvalidRequest(f"{name} is written by calls, not by hand.", code="engine_only_field", field=name)
        return body


class CallerRow(CallerFields):
    """A row of an import."""

    caller_number: str


class CallersImport(Body):
    """People to import: all rows are checked before any is written."""

    default_country: Annotated[
        Country | None, Field(description="Omitted: that of the number in the path, as a guess")
    ] = None
    callers: Annotated[list[CallerRow], Field(min_length=1, max_length=MAX_CALLERS)]


class CallerContext(Answer):
    """What the agent of a number knows of a person. `last_call` is what their last call came to."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    location: str | None = None
    reference_id: str | None = None
    preference: str | None = None
    last_call: str | None = None
    open_item: str | None = None


class CallerOut(Answer):
    """A person, as one of our numbers knows them."""

    phone_number: str
    caller_number: str
    context: CallerContext


class CallerEnvelope(Answer):
    """One person."""

    caller: CallerOut


class DeletedCaller(Answer):
    """What is left of a deleted record."""

    phone_number: str
    caller_number: str
    deleted: bool = True


class DeletedCallerEnvelope(Answer):
    """The answer to a deletion."""

    caller: DeletedCaller


class ImportedCallers(Answer):
    """How many rows were written."""

    imported: int
