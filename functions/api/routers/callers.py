"""What operators tell of people, for each of their numbers."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.auth import AuthenticatedRoute
from api.people import person_reader
from api.routers.phone_numbers import find_number
from api.schemas.callers import (
    CallerContext,
    CallerEnvelope,
    CallerFields,
    CallerOut,
    CallersImport,
    DeletedCaller,
    DeletedCallerEnvelope,
    ImportedCallers,
)
from api.schemas.common import PROBLEMS, Reading
from api.services import Key, Ports, Services
from calling.domain.agent import Number
from calling.domain.errors import NotFound
from calling.domain.phone_number import PhoneNumber

router = APIRouter(route_class=AuthenticatedRoute, tags=["callers"], responses=PROBLEMS)


@router.post("/phone-numbers/{phone_number}/callers/import")
def import_callers(phone_number: str, body: CallersImport, ports: Ports, key: Key) -> ImportedCallers:
    """Tell of many people at once; a bad row refuses all."""
    number = find_number(key.account_id, phone_number, ports)
    read = person_reader(key.account_id, body.default_country, ports, ours=number)
    people = [read(row.caller_number, f"callers.{n}.caller_number") for n, row in enumerate(body.callers)]
    for person, row in zip(people, body.callers, strict=True):
        changes = _given(row)
        changes.pop("caller_number", None)
        ports.people.change_caller(key.account_id, number.phone_number, person, changes)
    return ImportedCallers(imported=len(people))


@router.get("/phone-numbers/{phone_number}/callers/{caller_number}")
def get_caller(
    phone_number: str, caller_number: str, reading: Annotated[Reading, Query()], ports: Ports, key: Key
) -> CallerEnvelope:
    """Read what this number's agent knows of a person."""
    number = find_number(key.account_id, phone_number, ports)
    person = person_reader(key.account_id, reading.default_country, ports, ours=number)(caller_number, "caller_number")
    told = ports.people.caller(key.account_id, number.phone_number, person)
    if told is None:
        raise _unknown()
    return _show(number, person, told, ports)


@router.put("/phone-numbers/{phone_number}/callers/{caller_number}")
def put_caller(
    phone_number: str,
    caller_number: str,
    body: CallerFields,
    reading: Annotated[Reading, Query()],
    ports: Ports,
    key: Key,
) -> CallerEnvelope:
    """Tell of a person: what is left out is kept, null removes."""
    number = find_number(key.account_id, phone_number, ports)
    person = person_reader(key.account_id, reading.default_country, ports, ours=number)(caller_number, "caller_number")
    told = ports.people.change_caller(key.account_id, number.phone_number, person, _given(body))
    return _show(number, person, told, ports)


@router.delete("/phone-numbers/{phone_number}/callers/{caller_number}")
def delete_caller(
    phone_number: str, caller_number: str, reading: Annotated[Reading, Query()], ports: Ports, key: Key
) -> DeletedCallerEnvelope:
    """Forget what was told of a person; what past calls came to stays."""
    number = find_number(key.account_id, phone_number, ports)
    person = person_reader(key.account_id, reading.default_country, ports, ours=number)(caller_number, "caller_number")
    if not ports.people.delete_caller(key.account_id, number.phone_number, person):
        raise _unknown()
    return DeletedCallerEnvelope(caller=DeletedCaller(phone_number=number.phone_number.e164, caller_number=person.e164))


def _show(number: Number, person: PhoneNumber, told: dict[str, str], ports: Services) -> CallerEnvelope:
    past = ports.people.summaries(number.account_id, person, limit=1)
    context = CallerContext(**told, last_call=past[0].summary if past else None)
    return CallerEnvelope(
        caller=CallerOut(phone_number=number.phone_number.e164, caller_number=person.e164, context=context)
    )


def _given(body: CallerFields) -> dict[str, str | None]:
    return {name: getattr(body, name) for name in body.model_fields_set}


def _unknown() -> NotFound:
    return NotFound("Nothing was told of this person.", code="caller_not_found", field="caller_number")
