"""The do-not-call list. It is asked at the moment of dialling, of single calls and of campaigns."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.auth import AuthenticatedRoute
from api.people import person_reader
from api.schemas.common import PROBLEMS, Reading, iso
from api.schemas.suppressions import (
    MAX_IMPORTED,
    DeletedSuppression,
    DeletedSuppressionEnvelope,
    ImportedSuppressions,
    SuppressionEnvelope,
    SuppressionFields,
    SuppressionOut,
    SuppressionsImport,
)
from api.services import Key, Ports, Services
from calling.domain.contact import Contact, SuppressionSource
from calling.domain.errors import InvalidRequest, NotFound
from calling.domain.phone_number import PhoneNumber

router = APIRouter(route_class=AuthenticatedRoute, tags=["suppressions"], responses=PROBLEMS)
_IMPORT_MS = 20_000


@router.post("/suppressions/import")
def import_suppressions(body: SuppressionsImport, ports: Ports, key: Key) -> ImportedSuppressions:
    """Put many people on the list; a bad number refuses all. Where `more` is true time was up: send it again, under
    another Idempotency-Key if you use one.
    """
    wanted = _wanted(key.account_id, body, ports)
    known = ports.contacts.many(key.account_id, list(wanted))
    new = [person for person in wanted if not (person in known and known[person].suppressed)]
    now, done = ports.clock.now(), 0
    for person in new:
        if ports.clock.now() - now >= _IMPORT_MS:
            break
        ports.contacts.suppress(key.account_id, person, at=now, by=SuppressionSource.IMPORT, why=wanted[person])
        done += 1
    return ImportedSuppressions(imported=done, already=len(wanted) - len(new), more=done < len(new))


@router.get("/suppressions/{phone_number}")
def get_suppression(
    phone_number: str, reading: Annotated[Reading, Query()], ports: Ports, key: Key
) -> SuppressionEnvelope:
    """Say whether and why a person must not be called."""
    contact = ports.contacts.get(key.account_id, _person(phone_number, reading, key, ports))
    if contact is None or not contact.suppressed:
        raise _unknown()
    return _show(contact)


@router.put("/suppressions/{phone_number}")
def put_suppression(
    phone_number: str,
    reading: Annotated[Reading, Query()],
    ports: Ports,
    key: Key,
    body: SuppressionFields | None = None,
) -> SuppressionEnvelope:
    """Put a person on the list; who is on it already stays as they are."""
    contact = ports.contacts.suppress(
        key.account_id,
        _person(phone_number, reading, key, ports),
        at=ports.clock.now(),
        by=SuppressionSource.API,
        why=body.reason if body else None,
    )
    return _show(contact)


@router.delete("/suppressions/{phone_number}")
def delete_suppression(
    phone_number: str, reading: Annotated[Reading, Query()], ports: Ports, key: Key
) -> DeletedSuppressionEnvelope:
    """Take a person off the list."""
    person = _person(phone_number, reading, key, ports)
    if not ports.contacts.allow(key.account_id, person):
        raise _unknown()
    return DeletedSuppressionEnvelope(suppression=DeletedSuppression(phone_number=person.e164))


def _wanted(account_id: str, body: SuppressionsImport, ports: Services) -> dict[PhoneNumber, str | None]:
    """Read all people of an import, each once, with the reason. Raises InvalidRequest naming the first bad row."""
    if (body.phone_numbers is None) == (body.suppressions is None):
        raise InvalidRequest("Send either phone_numbers or suppressions.", code="missing_field", field="phone_numbers")
    rows = (
        [(f"phone_numbers.{n}", number, None) for n, number in enumerate(body.phone_numbers)]
        if body.phone_numbers is not None
        else [
            (f"suppressions.{n}.phone_number", row.phone_number, row.reason)
            for n, row in enumerate(body.suppressions or ())
        ]
    )
    if not rows:
        raise InvalidRequest(f"Send 1 to {MAX_IMPORTED:,} numbers.", field="phone_numbers")
    read = person_reader(account_id, body.default_country, ports)
    return {read(number, field): reason for field, number, reason in rows}


def _show(contact: Contact) -> SuppressionEnvelope:
    return SuppressionEnvelope(
        suppression=SuppressionOut(
            phone_number=contact.person.e164,
            reason=contact.suppressed_why,
            source=contact.suppressed_by or SuppressionSource.API,
            call_id=contact.suppressed_on,
            created_at=iso(contact.suppressed_at or 0),
        )
    )


def _person(text: str, reading: Reading, key: Key, ports: Services) -> PhoneNumber:
    return person_reader(key.account_id, reading.default_country, ports)(text, "phone_number")


def _unknown() -> NotFound:
    return NotFound("This number is not on the do-not-call list.", field="phone_number")
