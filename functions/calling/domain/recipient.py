"""One person of a campaign: where they stand, how often they were dialled, and why not yet."""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from calling.domain.phone_number import PhoneNumber

KEPT_DECISIONS = 20  # the newest are kept; each call has a timeline of its own beside them


class RecipientState(StrEnum):
    """Where a recipient stands. All but the first two are terminal."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    SKIPPED = "skipped"
    CANCELED = "canceled"
    INVALID = "invalid"  # a row of the list that names nobody who can be called

    @property
    def is_terminal(self) -> bool:
        """True once this person will not be dialled (again) by this campaign."""
        return self not in (RecipientState.PENDING, RecipientState.IN_FLIGHT)


class Verdict(StrEnum):
    """What was decided of dialling a recipient now."""

    DIAL = "dial"
    WAIT = "wait"  # until a moment that is known
    HOLD = "hold"  # until somebody does something: resumes the campaign, gives a permission
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision to dial or not to dial: when (epoch ms), what, why in words, and what it was decided on."""

    at: int
    verdict: Verdict
    reason: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A row of a campaign. Times are epoch ms.

    `tries` counts call records made for it, `attempts` those of them that were asked of the carrier: a try that was
    called off before the request consumes nothing of the budget.
    """

    account_id: str
    campaign_id: str
    index: int  # the row, from 0
    phone_number: PhoneNumber  # of an invalid row: what stood there, cut short
    shard: int = 0
    version: int = 0
    state: RecipientState = RecipientState.PENDING
    due_at: int | None = 0  # while pending: when the planner looks at it (again)
    reason: str = ""  # why it was not called yet, or how it ended
    # what the row said
    prompt: str | None = field(default=None, repr=False)
    dynamic_vars: dict[str, str] = field(default_factory=dict, repr=False)
    metadata: dict[str, Any] | None = field(default=None, repr=False)
    not_after: int | None = None
    zones: tuple[str, ...] = ()  # the window must be open in all of them
    zone_source: str = "campaign"  # recipient | number | campaign
    country: str | None = None  # ISO 3166
    # what became of it
    tries: int = 0
    attempts: int = 0
    call_ids: tuple[str, ...] = ()
    outcome: str | None = None  # of the last attempt, in the words of `retry_on`
    retry_at: int | None = None
    last_ended_at: int | None = None
    decisions: tuple[Decision, ...] = ()

    @property
    def call_id(self) -> str | None:
        """The call under way, or the last one."""
        return self.call_ids[-1] if self.call_ids else None


def attempt_id(campaign_id: str, index: int, number: int) -> str:
    """Name the call of a recipient's n-th try (from 1): whoever makes it again makes the same one."""
    return f"call_{sha256(f'{campaign_id}|{index}|{number}'.encode()).hexdigest()[:24]}"


def decided(recipient: Recipient, decision: Decision) -> tuple[Decision, ...]:
    """Add a decision; one that only says the last one again replaces it, so waiting does not fill the record."""
    before = recipient.decisions
    if before and (before[-1].verdict, before[-1].reason) == (decision.verdict, decision.reason):
        before = before[:-1]
    return (*before, decision)[-KEPT_DECISIONS:]
