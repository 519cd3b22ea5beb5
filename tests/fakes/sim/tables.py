"""The table for many calls: the fakes of `tests/fakes`, without their search through all events and summaries.

Calls and recipients do not go through the codec here: the contract suites hold the stores to it, and a simulation of
ten thousand calls would do little else. The index of due recipients may lag, as the port says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from calling.domain.call import Call, TimelineEntry
from calling.domain.campaign import Campaign
from calling.domain.events import Event
from calling.domain.history import CallSummary
from calling.domain.recipient import Recipient, RecipientState
from calling.domain.usage import Usage
from calling.ports import AlreadyExists, StaleRecord
from tests.fakes.campaigns import MemoryCampaignStore
from tests.fakes.sim.agenda import Agenda
from tests.fakes.sim.faults import Faults
from tests.fakes.stores import MemoryCallStore

LAG_MS = 1_000


class SimCallStore(MemoryCallStore):
    """Adds a set of event ids; forgets summaries but those of the last calls."""

    def __init__(self) -> None:
        super().__init__()
        self.event_ids: set[str] = set()
        self.due_calls: dict[tuple[str, str], int] = {}

    def add(self, call: Call) -> None:
        key = (call.account_id, call.call_id)
        if self.calls.get(key, call) != call:
            raise AlreadyExists(call.call_id)
        self._keep(call)

    def change(
        self,
        call: Call,
        changes: Mapping[str, Any],
        *,
        note: TimelineEntry | None = None,
        outbox: Event | None = None,
        remember: CallSummary | None = None,
        usage: Usage | None = None,
    ) -> Call:
        stored = self.calls.get((call.account_id, call.call_id))
        if stored is None or stored.version != call.version:
            raise StaleRecord(call.call_id)
        if outbox and outbox.event_id in self.event_ids:
            raise StaleRecord(outbox.event_id)
        timeline = stored.timeline + ((note,) if note else ())
        changed = replace(stored, **changes, version=stored.version + 1, timeline=timeline)
        self._keep(changed)
        if outbox:
            self.event_ids.add(outbox.event_id)
            self.outbox.append(outbox)
        if usage:
            self.count(call.account_id, usage)
        if remember:
            self.remembered = [*self.remembered[-20:], remember]
        return changed

    def due(self, now: int, *, limit: int) -> tuple[tuple[str, str], ...]:
        waiting = sorted((due_at, *key) for key, due_at in self.due_calls.items() if due_at <= now)
        return tuple((account_id, call_id) for _, account_id, call_id in waiting[:limit])

    def _keep(self, call: Call) -> None:
        key = (call.account_id, call.call_id)
        self.calls[key] = call
        if call.due_at is None:
            self.due_calls.pop(key, None)
        else:
            self.due_calls[key] = call.due_at


class SimCampaignStore(MemoryCampaignStore):
    """Adds an index that lags: for a second it may show what was there before a write."""

    def __init__(self, calls: SimCallStore, agenda: Agenda, faults: Faults) -> None:
        super().__init__(calls)
        self.agenda, self.faults = agenda, faults
        self._before: dict[tuple[str, str], dict[int, tuple[int, int | None]]] = {}  # index → written at, due before

    def due(self, campaign: Campaign, *, until: int, limit: int, latest_first: bool = False) -> tuple[Recipient, ...]:
        key = (campaign.account_id, campaign.campaign_id)
        waiting = sorted((at, index) for index, at in self._seen(key).items() if at <= until)
        waiting = waiting[::-1] if latest_first else waiting
        return tuple(self.rows[key][index] for _, index in waiting[:limit])

    def next_due_at(self, campaign: Campaign) -> int | None:
        return min(self._seen((campaign.account_id, campaign.campaign_id)).values(), default=None)

    def _seen(self, key: tuple[str, str]) -> Mapping[int, int]:
        pending = self.pending.get(key, {})
        if not self.faults.happens("index lags", self.faults.index_lag):
            return pending
        seen = dict(pending)
        for index, (at, before) in self._before.get(key, {}).items():
            if self.agenda.now_ms - at < LAG_MS:
                seen.pop(index, None)
                if before is not None:
                    seen[index] = before
        return seen

    def put_recipients(self, campaign: Campaign, recipients: Sequence[Recipient]) -> None:
        for recipient in recipients:
            self._put(recipient)

    def _put(self, recipient: Recipient) -> Recipient:
        key = (recipient.account_id, recipient.campaign_id)
        waiting = self.pending.setdefault(key, {})
        if self.faults.index_lag:
            written = self._before.setdefault(key, {})
            written[recipient.index] = (self.agenda.now_ms, waiting.get(recipient.index))
        self.rows.setdefault(key, {})[recipient.index] = recipient
        if recipient.state is RecipientState.PENDING and recipient.due_at is not None:
            waiting[recipient.index] = recipient.due_at
        else:
            waiting.pop(recipient.index, None)
        return recipient
