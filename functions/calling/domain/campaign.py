"""A campaign: whom to call about what, when, how many at once and how often. Recipients are in `recipient.py`."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from calling.domain import carrier_codes
from calling.domain.blocked import Blocked
from calling.domain.call import TimelineEntry
from calling.domain.ceiling import Ceiling
from calling.domain.limits import Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import RecipientState
from calling.domain.window import CallingWindow

MAX_INLINE = 10_000
MAX_UPLOADED = 1_000_000
UPLOAD_SHARDS = 16  # partitions a long list is spread over: DynamoDB writes about a thousand items a second to one
KEPT_ENTRIES = 100  # of a campaign's timeline


class CampaignStatus(StrEnum):
    """Where a campaign stands, in the HTTP contract's words."""

    IMPORTING = "importing"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELED = "canceled"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """True once nobody will be dialled any more."""
        return not CAMPAIGN_TRANSITIONS[self]


_S = CampaignStatus
CAMPAIGN_TRANSITIONS: dict[CampaignStatus, frozenset[CampaignStatus]] = {
    _S.IMPORTING: frozenset({_S.SCHEDULED, _S.RUNNING, _S.PAUSED, _S.CANCELED, _S.FAILED}),
    _S.SCHEDULED: frozenset({_S.RUNNING, _S.COMPLETED, _S.CANCELED, _S.FAILED}),  # completed: its recurrence is over
    _S.RUNNING: frozenset({_S.PAUSED, _S.COMPLETED, _S.CANCELED, _S.FAILED}),
    _S.PAUSED: frozenset({_S.RUNNING, _S.CANCELED, _S.FAILED}),
    _S.COMPLETED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.FAILED: frozenset(),
}


class RetryOn(StrEnum):
    """Outcomes after which a recipient may be dialled again, if the campaign says so."""

    NO_ANSWER = "no-answer"
    BUSY = "busy"
    FAILED = "failed"
    VOICEMAIL = "voicemail"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "RetryOn | None":
        """Take `no_answer`, as a campaign's counts are named, for the same."""
        return next((outcome for outcome in cls if value == outcome.replace("-", "_")), None)


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign's record. Times are epoch ms. Of a recurring campaign each run is a campaign of its own."""

    account_id: str
    campaign_id: str
    agent_id: str
    from_number: PhoneNumber
    created_at: int
    version: int = 0
    status: CampaignStatus = CampaignStatus.RUNNING
    # what was asked
    name: str | None = None
    prompt: str = field(default="", repr=False)  # the purpose of calls whose recipient has none of its own
    dynamic_vars: dict[str, str] = field(default_factory=dict, repr=False)
    metadata: dict[str, Any] | None = field(default=None, repr=False)
    timezone: str = "UTC"  # where nothing better is known of a recipient
    window: CallingWindow | None = None
    max_concurrent: int | None = None
    max_attempts: int = 1
    retry_on: tuple[RetryOn, ...] = ()
    retry_delay_minutes: int = 0
    skip_invalid: bool = False
    default_country: str | None = None  # said for it or for its agent: settles how numbers without a + are read
    phone_column: str | None = None  # of an uploaded CSV list
    scheduled_at: int | None = None
    recurrence: str | None = None  # EventBridge's cron(...) or rate(...), read in `timezone`
    recurrence_ends_at: int | None = None
    parent_id: str | None = None  # the recurring campaign this is a run of
    source_key: str = ""  # where its rows lie
    shards: int = 1
    # how it goes
    imported_at: int | None = None
    rows: int | None = None  # of the list, invalid and doubled ones included
    invalid_count: int | None = None
    duplicate_count: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    swept_at: int | None = None  # over, and nobody of it waits or is on the line any more
    pause_reason: str | None = None  # also why it failed
    held_countries: tuple[str, ...] = ()  # the carrier account may not call them; lifted by resume
    blocked: dict[str, Blocked] = field(default_factory=dict)  # refused as blocked, in a row, by country
    ceiling: Ceiling | None = None  # of its carrier account, as its calls met it last
    lifted_at: int | None = None  # when resume last lifted some: who was held for them is looked at before their time
    # its execution
    generation: int = 0  # a long campaign goes on in the next execution
    signal: int = 0  # moves whenever something happened that a waiting execution must look at
    wake_token: str | None = field(default=None, repr=False)
    wake_at: int | None = None  # when the waiting execution wakes by itself
    timeline: tuple[TimelineEntry, ...] = ()

    def places(self, campaign_places: int) -> int:
        """Say how many calls of it may live at once, of those the account leaves to campaigns."""
        return min(self.max_concurrent or campaign_places, campaign_places)

    def ceiling_at(self, now: int) -> Ceiling | None:
        """How many calls its carrier account allows at once, as far as is known; None where it is not known."""
        return self.ceiling if self.ceiling is not None and self.ceiling.until > now else None

    def why_held(self, country: str) -> str:
        """Say why calls to a country are held."""
        if country in self.blocked and self.blocked[country].by_account:
            return carrier_codes.TWILIO[21216].words
        return carrier_codes.TWILIO[21215].words

    def calls_at_once(self, limits: Limits, now: int) -> int:
        """Say how many calls of it can live at once: the carrier may be known to allow fewer than its places."""
        ceiling, places = self.ceiling_at(now), self.places(limits.campaign_places)
        return places if ceiling is None else min(places, limits.campaign_places_at_carrier(ceiling))

    @property
    def needs_nobody(self) -> bool:
        """True once no execution has anything left to do for it."""
        return self.status.is_terminal and self.swept_at is not None


def execution_name(campaign_id: str, generation: int) -> str:
    """Name an execution: the same for whoever starts it."""
    return f"{campaign_id}-{generation}"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many recipients stand where, in the HTTP contract's words."""

    pending: int = 0
    in_flight: int = 0
    completed: int = 0
    failed: int = 0
    no_answer: int = 0
    busy: int = 0
    voicemail: int = 0
    skipped: int = 0
    canceled: int = 0
    invalid: int = 0

    @property
    def total(self) -> int:
        """Recipients that may be, or were to be, called."""
        return sum(int(getattr(self, f.name)) for f in fields(self)) - self.invalid

    @property
    def done(self) -> bool:
        """True once nobody waits and nobody is on the line."""
        return self.pending == 0 and self.in_flight == 0


def moved(was: RecipientState | None, now: RecipientState) -> dict[str, int]:
    """Say how the counts change when a recipient moves from one state to another."""
    if was is now:
        return {}
    return ({was.value: -1} if was is not None else {}) | {now.value: 1}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A recipient on its way to the doorway, and who waits to hear that it is through.

    Epoch ms: when it was planned, and since when it is at the doorway.
    """

    account_id: str
    campaign_id: str
    index: int
    number: int  # which try of the recipient this is, from 1
    token: str = field(repr=False)
    planned_at: int
    since: int
