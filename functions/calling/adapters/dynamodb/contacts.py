"""Who must not be called and who was called lately, in DynamoDB: one small record a person, moved by its version.

The decisions are the domain's; a write is refused where the record is no longer the one that was decided over.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb.codec import Item
from calling.domain.contact import Contact, SuppressionSource, free_at, with_dial
from calling.domain.limits import FrequencyCap
from calling.domain.phone_number import PhoneNumber
from calling.ports import StaleRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEEP_DAYS = 31  # dials of somebody who was taken off the list; else as long as they count, and a day
_DAY = 24 * 3600
_TRIES = 8


class DynamoContactStore:
    """Fulfils ContactStore. Who is on the do-not-call list stays on it; dials are forgotten when they count no more."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def get(self, account_id: str, person: PhoneNumber) -> Contact | None:
        """Read a person's record; see the port."""
        item = table.get(self._client, self._table, keys.contact(account_id, person.e164))
        return codec.decode(Contact, item) if item else None

    def many(self, account_id: str, persons: Sequence[PhoneNumber]) -> dict[PhoneNumber, Contact]:
        """Read several, a hundred at once; see the port."""
        wanted = [keys.contact(account_id, person.e164) for person in dict.fromkeys(persons)]
        found = [codec.decode(Contact, item) for item in table.get_many(self._client, self._table, wanted)]
        return {contact.person: contact for contact in found}

    def suppress(
        self,
        account_id: str,
        person: PhoneNumber,
        *,
        at: int,
        by: SuppressionSource,
        why: str | None = None,
        call_id: str | None = None,
    ) -> Contact:
        """Put a person on the list; see the port. Raises StaleRecord: others changed the record each time."""

        def decide(contact: Contact) -> Contact:
            if contact.suppressed:
                return contact
            return replace(contact, suppressed_at=at, suppressed_by=by, suppressed_why=why, suppressed_on=call_id)

        return self._decide(account_id, person, decide, 0)[1]

    def allow(self, account_id: str, person: PhoneNumber) -> bool:
        """Take a person off the list; see the port. Raises StaleRecord: others changed the record each time."""

        def decide(contact: Contact) -> Contact:
            if not contact.suppressed:
                return contact
            return replace(contact, suppressed_at=None, suppressed_by=None, suppressed_why=None, suppressed_on=None)

        was, now = self._decide(account_id, person, decide, KEEP_DAYS)
        return was.suppressed and not now.suppressed

    def count_dial(
        self, account_id: str, person: PhoneNumber, call_id: str, *, cap: FrequencyCap, now: int
    ) -> Contact | None:
        """Count a dial; see the port. Raises StaleRecord: others changed the record each time."""

        def decide(contact: Contact) -> Contact:
            if contact.suppressed:
                return contact
            if call_id not in contact.dials and free_at(contact, cap, now) > now:
                return contact
            return replace(contact, dials=with_dial(contact, call_id, cap, now))

        after = self._decide(account_id, person, decide, cap.days + 1)[1]
        return None if call_id in after.dials and not after.suppressed else after

    def forget_dial(self, account_id: str, person: PhoneNumber, call_id: str) -> None:
        """Count a dial no more; see the port. Raises StaleRecord: others changed the record each time."""

        def decide(contact: Contact) -> Contact:
            if call_id not in contact.dials:
                return contact
            return replace(contact, dials={known: at for known, at in contact.dials.items() if known != call_id})

        self._decide(account_id, person, decide, KEEP_DAYS)

    def _decide(
        self, account_id: str, person: PhoneNumber, decide: Callable[[Contact], Contact], keep_days: int
    ) -> tuple[Contact, Contact]:
        """Write what `decide` makes of the record; what it was and what it is. The same record is not written."""
        for seconds in table.pauses(_TRIES):
            was = self.get(account_id, person) or Contact(account_id, person)
            now = decide(was)
            if now is was:
                return was, now
            now = replace(now, version=was.version + 1)
            if self._put(_item(was, now, keep_days), was.version):
                return was, now
            table.pause(seconds)
        raise StaleRecord("contact")

    def _put(self, item: Item, version: int) -> bool:
        if version == 0:
            return table.add(self._client, self._table, item)
        return table.replace(self._client, self._table, item, version)


def _item(was: Contact, contact: Contact, keep_days: int) -> Item:
    keyed = codec.texts(keys.contact(contact.account_id, contact.person.e164) | {"kind": "contact"})
    if contact.suppressed:
        return codec.encode(contact) | keyed
    last = max(was.suppressed_at or 0, *contact.dials.values(), 0)
    return codec.encode(contact) | keyed | {"ttl": codec.number(last // 1000 + keep_days * _DAY)}
