"""Campaigns, people's contact records and limits as dictionaries; their queue, state machine and scheduler.

Records go through the codec on their way in, like calls do, so a use case cannot keep what the table could not.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from calling.adapters.dynamodb import codec
from calling.domain.call import Call, TimelineEntry
from calling.domain.campaign import KEPT_ENTRIES, Campaign, Counts, Ticket, execution_name, moved
from calling.domain.contact import Contact, SuppressionSource, free_at, with_dial
from calling.domain.errors import InvalidRequest
from calling.domain.events import Event
from calling.domain.limits import MAX_CAP, FrequencyCap, Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import Recipient, RecipientState
from calling.ports import AlreadyExists, CampaignPage, ExecutionState, Schedule, StaleRecord
from tests.fakes.stores import MemoryCallStore

# rate(5 minutes), or cron() of six fields of which the day of the month or that of the week is a question mark.
_RECURRENCE = re.compile(r"rate\([1-9]\d* (minute|hour|day)s?\)|cron\(\S+ \S+ (\? \S+ [^?\s]+|[^?\s]+ \S+ \?) \S+\)")


class MemoryCampaignStore:
    """`calls` gets the calls and the outbox events that are written with campaigns' changes."""

    def __init__(self, calls: MemoryCallStore) -> None:
        self.calls = calls
        self.campaigns: dict[tuple[str, str], Campaign] = {}
        self.rows: dict[tuple[str, str], dict[int, Recipient]] = {}
        self.pending: dict[tuple[str, str], dict[int, int]] = {}  # index → due_at, as the sparse index holds it
        self.totals: dict[tuple[str, str], dict[str, int]] = {}
        self.parts: dict[tuple[str, str, int], list[int]] = {}

    def add(self, campaign: Campaign) -> None:
        key = _key(campaign)
        if self.campaigns.get(key, campaign) != campaign:
            raise AlreadyExists(campaign.campaign_id)
        self.campaigns[key] = _stored(campaign)

    def get(self, account_id: str, campaign_id: str) -> Campaign | None:
        return self.campaigns.get((account_id, campaign_id))

    def change(
        self,
        campaign: Campaign,
        changes: Mapping[str, Any],
        *,
        note: TimelineEntry | None = None,
        outbox: Event | None = None,
        counts: Counts | None = None,
    ) -> Campaign:
        key = _key(campaign)
        stored = self.campaigns.get(key)
        if stored is None or stored.version != campaign.version:
            raise StaleRecord(campaign.campaign_id)
        if outbox and any(e.event_id == outbox.event_id for e in self.calls.outbox):
            raise StaleRecord(outbox.event_id)
        timeline = (stored.timeline + ((note,) if note else ()))[-KEPT_ENTRIES:]
        self.campaigns[key] = _stored(replace(stored, **changes, version=stored.version + 1, timeline=timeline))
        if outbox:
            self.calls.outbox.append(outbox)
        if counts:
            self.totals[key] = asdict(counts)
        return self.campaigns[key]

    def query(self, account_id: str, *, limit: int, cursor: str | None = None) -> CampaignPage:
        mine = [c for (owner, _), c in self.campaigns.items() if owner == account_id]
        mine.sort(key=_position, reverse=True)
        if cursor is not None:
            after = _read_cursor(account_id, cursor)
            mine = [c for c in mine if _position(c) < after]
        page = tuple(mine[:limit])
        more = len(mine) > limit and page
        return CampaignPage(page, _write_cursor(page[-1]) if more else None)

    def active(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(key for key, c in self.campaigns.items() if not c.needs_nobody))

    def counts(self, campaign: Campaign) -> Counts:
        return Counts(**self.totals.get(_key(campaign), {}))

    def put_recipients(self, campaign: Campaign, recipients: Sequence[Recipient]) -> None:
        for recipient in recipients:
            self._put(recipient)

    def recipient(self, campaign: Campaign, index: int) -> Recipient | None:
        return self.rows.get(_key(campaign), {}).get(index)

    def recipients(self, campaign: Campaign, indexes: Sequence[int]) -> tuple[Recipient, ...]:
        rows = self.rows.get(_key(campaign), {})
        return tuple(rows[index] for index in sorted(set(indexes)) if index in rows)

    def due(self, campaign: Campaign, *, until: int, limit: int, latest_first: bool = False) -> tuple[Recipient, ...]:
        key = _key(campaign)
        waiting = sorted((due_at, index) for index, due_at in self.pending.get(key, {}).items() if due_at <= until)
        waiting = waiting[::-1] if latest_first else waiting
        return tuple(self.rows[key][index] for _, index in waiting[:limit])

    def next_due_at(self, campaign: Campaign) -> int | None:
        return min(self.pending.get(_key(campaign), {}).values(), default=None)

    def change_recipient(self, was: Recipient, now: Recipient, *, call: Call | None = None) -> Recipient:
        key = (was.account_id, was.campaign_id)
        stored = self.rows.get(key, {}).get(was.index)
        if stored is None or stored.version != was.version:
            raise StaleRecord(f"{was.campaign_id}#{was.index}")
        if call is not None and self.calls.get(call.account_id, call.call_id) is not None:
            raise StaleRecord(call.call_id)
        if call is not None:
            self.calls.add(call)
        totals = self.totals.setdefault(key, asdict(Counts()))
        for name, change in moved(stored.state, now.state).items():
            totals[name] += change
        return self._put(replace(now, version=stored.version + 1))

    def count_outcome(self, campaign: Campaign, slot: int, *, failed: bool) -> None:
        part = self.parts.setdefault((*_key(campaign), slot), [0, 0])
        part[0] += 1
        part[1] += failed

    def outcomes(self, campaign: Campaign, slots: Sequence[int]) -> tuple[int, int]:
        found = [self.parts.get((*_key(campaign), slot), [0, 0]) for slot in slots]
        return sum(p[0] for p in found), sum(p[1] for p in found)

    def _put(self, recipient: Recipient) -> Recipient:
        key = (recipient.account_id, recipient.campaign_id)
        stored = codec.decode(Recipient, codec.encode(recipient))
        self.rows.setdefault(key, {})[recipient.index] = stored
        waiting = self.pending.setdefault(key, {})
        if stored.state is RecipientState.PENDING and stored.due_at is not None:
            waiting[stored.index] = stored.due_at
        else:
            waiting.pop(stored.index, None)
        return stored


def _key(campaign: Campaign) -> tuple[str, str]:
    return campaign.account_id, campaign.campaign_id


def _stored(campaign: Campaign) -> Campaign:
    return codec.decode(Campaign, codec.encode(campaign))


def _position(campaign: Campaign) -> str:
    return f"{campaign.created_at:015}#{campaign.campaign_id}"


def _write_cursor(campaign: Campaign) -> str:
    return base64.urlsafe_b64encode(f"{campaign.account_id} {_position(campaign)}".encode()).decode()


def _read_cursor(account_id: str, cursor: str) -> str:
    try:
        owner, position = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
    except ValueError:
        owner = position = ""
    if owner != account_id:
        raise InvalidRequest("This cursor is not one of this list's.", field="cursor")
    return position


class MemoryContactStore:
    def __init__(self) -> None:
        self.contacts: dict[tuple[str, str], Contact] = {}

    def get(self, account_id: str, person: PhoneNumber) -> Contact | None:
        return self.contacts.get((account_id, person.e164))

    def many(self, account_id: str, persons: Sequence[PhoneNumber]) -> dict[PhoneNumber, Contact]:
        found = {person: self.get(account_id, person) for person in persons}
        return {person: contact for person, contact in found.items() if contact is not None}

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
        contact = self._known(account_id, person)
        if contact.suppressed:
            return contact
        said = {"suppressed_at": at, "suppressed_by": by, "suppressed_why": why, "suppressed_on": call_id}
        return self._put(replace(contact, **said))  # type: ignore[arg-type]  # fields of several types

    def allow(self, account_id: str, person: PhoneNumber) -> bool:
        contact = self._known(account_id, person)
        if not contact.suppressed:
            return False
        self._put(replace(contact, suppressed_at=None, suppressed_by=None, suppressed_why=None, suppressed_on=None))
        return True

    def count_dial(
        self, account_id: str, person: PhoneNumber, call_id: str, *, cap: FrequencyCap, now: int
    ) -> Contact | None:
        contact = self._known(account_id, person)
        if contact.suppressed:
            return contact
        if call_id not in contact.dials and free_at(contact, cap, now) > now:
            return contact
        self._put(replace(contact, dials=with_dial(contact, call_id, cap, now)))
        return None

    def forget_dial(self, account_id: str, person: PhoneNumber, call_id: str) -> None:
        contact = self._known(account_id, person)
        if call_id in contact.dials:
            self._put(replace(contact, dials={known: at for known, at in contact.dials.items() if known != call_id}))

    def _known(self, account_id: str, person: PhoneNumber) -> Contact:
        return self.get(account_id, person) or Contact(account_id, person)

    def _put(self, contact: Contact) -> Contact:
        contact = codec.decode(Contact, codec.encode(replace(contact, version=contact.version + 1)))
        self.contacts[contact.account_id, contact.person.e164] = contact
        return contact


class MemoryLimitsStore:
    """What accounts set is in `set`; `capacity` is the deployment's, by itself, so that tests may raise a cap."""

    def __init__(self, defaults: Limits | None = None, capacity: int = MAX_CAP) -> None:
        self.defaults = defaults or Limits()
        self.capacity = capacity
        self.set: dict[str, dict[str, Any]] = {}

    def get(self, account_id: str) -> Limits:
        return replace(self.defaults, **self.set.get(account_id, {})).within(self.capacity)

    def change(self, account_id: str, changes: Mapping[str, Any]) -> Limits:
        for name, value in changes.items():
            codec.encode_field(Limits, name, value)
        after = codec.decode(Limits, codec.encode(replace(self.get(account_id), **changes)))
        if changes:
            self.set.setdefault(account_id, {}).update({name: getattr(after, name) for name in changes})
        return after.within(self.capacity)

    def put(self, account_id: str, limits: Limits) -> None:
        """Set every field; tests only."""
        self.change(account_id, {f.name: getattr(limits, f.name) for f in fields(Limits)})


class MemoryRecipientQueue:
    """`sent` holds (ticket, delay_seconds)."""

    def __init__(self) -> None:
        self.sent: list[tuple[Ticket, int]] = []

    def send(self, ticket: Ticket, *, delay_seconds: int = 0) -> None:
        self.sent.append((ticket, delay_seconds))


class MemoryCampaignWorkflow:
    """`started` holds (account_id, campaign_id, generation), each once; a token is answered once."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str, int]] = []
        self.answers: dict[str, Mapping[str, Any]] = {}
        self.states: dict[str, ExecutionState] = {}

    def start(self, account_id: str, campaign_id: str, generation: int) -> None:
        name = execution_name(campaign_id, generation)
        if name not in self.states:
            self.states[name] = ExecutionState.RUNNING
            self.started.append((account_id, campaign_id, generation))

    def state(self, campaign_id: str, generation: int) -> ExecutionState:
        return self.states.get(execution_name(campaign_id, generation), ExecutionState.ABSENT)

    def answer(self, token: str, result: Mapping[str, Any]) -> None:
        self.answers.setdefault(token, dict(result))


class MemoryScheduler:
    """`schedules` by campaign id; a recurrence that EventBridge could not read is refused."""

    def __init__(self) -> None:
        self.schedules: dict[str, Schedule] = {}

    def put(self, schedule: Schedule) -> None:
        if schedule.at is None and not _RECURRENCE.fullmatch(schedule.expression or ""):
            raise InvalidRequest("This recurrence cannot be read.", code="invalid_schedule", field="recurrence")
        self.schedules[schedule.campaign_id] = schedule

    def delete(self, campaign_id: str) -> None:
        self.schedules.pop(campaign_id, None)
