"""A decision over a record: what to change, what to note, what to tell the world. Data, not an action."""

from dataclasses import dataclass, field
from typing import Any

from calling.domain.call import TimelineEntry
from calling.domain.campaign import Counts
from calling.domain.events import Event
from calling.domain.history import CallSummary
from calling.domain.usage import Usage


@dataclass(frozen=True, slots=True)
class Revision:
    """Changes of a call's fields, with what must be written in the same breath."""

    changes: dict[str, Any] = field(default_factory=dict)
    note: TimelineEntry | None = None
    outbox: Event | None = None
    remember: CallSummary | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class CampaignRevision:
    """Changes of a campaign's fields, with what must be written in the same breath."""

    changes: dict[str, Any] = field(default_factory=dict)
    note: TimelineEntry | None = None
    outbox: Event | None = None
    counts: Counts | None = None
