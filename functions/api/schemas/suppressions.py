"""The do-not-call list as the API takes and shows it."""

from typing import Annotated, Literal

from pydantic import Field

from api.schemas.common import Answer, Body, Country
from calling.domain.contact import SuppressionSource

MAX_IMPORTED = 10_000
Reason = Annotated[str, Field(max_length=500)]


class SuppressionFields(Body):
    """Why a person must not be called."""

    reason: Reason | None = None


class SuppressionRow(SuppressionFields):
    """A row of an import."""

    phone_number: str


class SuppressionsImport(Body):
    """People who must not be called: `phone_numbers`, or `suppressions` with reasons. All are checked before any is
    written.
    """

    default_country: Annotated[
        Country | None, Field(description="Omitted: the countries of the account's numbers, as a guess")
    ] = None
    phone_numbers: Annotated[list[str], Field(max_length=MAX_IMPORTED)] | None = None
    suppressions: Annotated[list[SuppressionRow], Field(max_length=MAX_IMPORTED)] | None = None


class SuppressionOut(Answer):
    """A person who must not be called."""

    phone_number: str
    suppressed: Literal[True] = True
    reason: str | None
    source: SuppressionSource
    call_id: Annotated[str | None, Field(description="The call on which it was said")]
    created_at: str


class SuppressionEnvelope(Answer):
    """One person."""

    suppression: SuppressionOut


class DeletedSuppression(Answer):
    """A person who may be called again."""

    phone_number: str
    deleted: Literal[True] = True


class DeletedSuppressionEnvelope(Answer):
    """The answer to a deletion."""

    suppression: DeletedSuppression


class ImportedSuppressions(Answer):
    """How many were put on the list, and how many stood there. `more`: time was up, send the request again."""

    imported: int
    already: int
    more: bool
