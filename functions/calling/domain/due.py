"""Whether a recipient may be dialled now, and if not, when or why not: the one question of a campaign.

It is asked by the planner, at the doorway and just before the request to the carrier. One pure function decides over
pause, suppression, expiry, attempts, retries, frequency and windows, so that no two places can disagree.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from calling.domain.call import Call, EndedReason
from calling.domain.campaign import Campaign, CampaignStatus
from calling.domain.contact import Contact, free_at, waits_until
from calling.domain.limits import Limits
from calling.domain.recipient import Decision, Recipient, Verdict
from calling.domain.window import is_open, local_time, next_open

LOOK_MS = 3_600_000  # a frequency cap may be raised before it has passed: it is asked for again so often
IN_A_CALL_LOOK_MS = 20_000  # between two looks whether somebody's other call is over
_HELD = {
    CampaignStatus.IMPORTING: "the list of recipients is being read",
    CampaignStatus.SCHEDULED: "the campaign has not been launched yet",
}


@dataclass(frozen=True, slots=True)
class Due:
    """The answer. `at` (epoch ms) belongs to WAIT; `end` to NEVER.

    `look_at`: to be asked again sooner than `at`, for what it hangs on may be changed meanwhile.
    """

    verdict: Verdict
    reason: str
    at: int | None = None
    look_at: int | None = None
    end: EndedReason | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def decision(self, now: int) -> Decision:
        """Write it down."""
        until = {"until": self.at} if self.at is not None else {}
        return Decision(now, self.verdict, self.reason, {**self.details, **until})


def next_due(campaign: Campaign, recipient: Recipient, contact: Contact | None, limits: Limits, now: int) -> Due:
    """Decide over a recipient that is pending, or whose next try has not asked the carrier yet.

    `contact` None: nothing is known of the person, or it is asked later.
    """
    refused = _never(campaign, recipient, contact, limits, now)
    if refused is not None:
        return refused
    held = _held(campaign, recipient)
    if held is not None:
        return Due(Verdict.HOLD, held, details=_seen(campaign, recipient, now))
    return _when(campaign, recipient, contact, limits, now)


def in_a_call(recipient: Recipient, now: int) -> Due:
    """Decide over somebody who is due and found in another call with us: soon again, or no more."""
    last = recipient.decisions[-1] if recipient.decisions else None
    since = last.details["since"] if last is not None and last.reason == EndedReason.IN_A_CALL else now
    until = waits_until(recipient.not_after, since)
    reason, details = EndedReason.IN_A_CALL.value, {"since": since}
    if now >= until:
        return Due(Verdict.NEVER, reason, end=EndedReason.IN_A_CALL, details=details)
    return Due(Verdict.WAIT, reason, at=min(now + IN_A_CALL_LOOK_MS, until), details=details)


def in_a_call_since(call: Call) -> int | None:
    """Since when (epoch ms) a dial waits for a person who is in another call with us; None where it does not."""
    last = call.timeline[-1] if call.timeline else None
    return last.at if last is not None and (last.event, last.reason) == ("waiting", EndedReason.IN_A_CALL) else None


def first_look(campaign: Campaign, recipient: Recipient, now: int) -> Recipient:
    """Say of a new recipient when the planner should look at it first: not while its window is shut.

    So that a long list of people who sleep does not stand before those who are awake.
    """
    at = next_open(campaign.window, _zones(campaign, recipient), now)
    never = at is None or (recipient.not_after is not None and at >= recipient.not_after)
    if at is None or never or at <= now:
        return recipient  # now: to be called, or to be told that nobody will
    return replace(recipient, due_at=at, reason=_window(campaign, "is closed"))


def _never(campaign: Campaign, recipient: Recipient, contact: Contact | None, limits: Limits, now: int) -> Due | None:
    if recipient.state.is_terminal:
        return Due(
            Verdict.NEVER, f"nothing more is to be done for it: {recipient.state.value}", end=EndedReason.CANCELED
        )
    if campaign.status.is_terminal:
        return Due(Verdict.NEVER, f"the campaign is {campaign.status.value}", end=EndedReason.CANCELED)
    if contact is not None and contact.suppressed:
        return Due(Verdict.NEVER, "this number is on the do-not-call list", end=EndedReason.SUPPRESSED)
    if recipient.country is not None and recipient.country in limits.blocked_countries:
        return Due(
            Verdict.NEVER, f"numbers of {recipient.country} are blocked in the settings", end=EndedReason.SUPPRESSED
        )
    if recipient.not_after is not None and now >= recipient.not_after:
        if recipient.reason == EndedReason.IN_A_CALL:
            return Due(Verdict.NEVER, recipient.reason, end=EndedReason.IN_A_CALL)
        return Due(Verdict.NEVER, "its not_after has passed", end=EndedReason.EXPIRED)
    if recipient.attempts >= campaign.max_attempts:
        return Due(Verdict.NEVER, f"all {campaign.max_attempts} attempts were made", end=EndedReason.FAILED)
    return None


def _held(campaign: Campaign, recipient: Recipient) -> str | None:
    if campaign.status is CampaignStatus.PAUSED:
        return f"the campaign is paused: {campaign.pause_reason or 'on request'}"
    if recipient.country is not None and recipient.country in campaign.held_countries:
        return f"calls to {recipient.country} are held: {campaign.why_held(recipient.country)}"
    return _HELD.get(campaign.status)


def _when(campaign: Campaign, recipient: Recipient, contact: Contact | None, limits: Limits, now: int) -> Due:
    """Find the first moment that suits the retry delay, the frequency cap and the window."""
    retry = recipient.retry_at or now
    frequency = free_at(contact, limits.frequency_cap, now)
    earliest = max(now, retry, frequency)
    at = next_open(campaign.window, _zones(campaign, recipient), earliest)
    details = _seen(campaign, recipient, now)
    if at is None:
        return Due(Verdict.NEVER, _window(campaign, "is never open"), end=EndedReason.OUTSIDE_WINDOW, details=details)
    reason, end, look_at = "it is due", EndedReason.EXPIRED, None
    if at > earliest:
        reason, end = _window(campaign, "is closed"), EndedReason.OUTSIDE_WINDOW
    elif frequency == at > now and limits.frequency_cap is not None:
        cap = limits.frequency_cap
        times = "once" if cap.calls == 1 else f"{cap.calls} times"
        reason, look_at = f"this number was called {times} in {cap.days * 24} hours", min(at, now + LOOK_MS)
    elif retry == at > now:
        reason = f"it is tried again {campaign.retry_delay_minutes} minutes after '{recipient.outcome}'"
    if recipient.not_after is not None and at >= recipient.not_after:
        return Due(Verdict.NEVER, f"{reason} until its not_after has passed", end=end, details=details)
    if at > now:
        return Due(Verdict.WAIT, reason, at=at, look_at=look_at, details=details)
    return Due(Verdict.DIAL, reason, details={**details, "frequency": _frequency(contact, limits, now)})


def _zones(campaign: Campaign, recipient: Recipient) -> tuple[str, ...]:
    return recipient.zones or (campaign.timezone,)


def _window(campaign: Campaign, what: str) -> str:
    hours = campaign.window.words() if campaign.window else "at any time"
    return f"the calling window ({hours}, on the recipient's clock) {what}"


def _seen(campaign: Campaign, recipient: Recipient, now: int) -> dict[str, Any]:
    """What it was decided on: zone and how it was derived, the time there, the window."""
    zones = _zones(campaign, recipient)
    return {
        "zones": list(zones[:5]),
        "zone_source": recipient.zone_source,
        "local_time": local_time(zones[0], now),
        "window": campaign.window.words() if campaign.window else None,
        "window_open": is_open(campaign.window, zones, now),
        "attempts": recipient.attempts,
        "max_attempts": campaign.max_attempts,
    }


def _frequency(contact: Contact | None, limits: Limits, now: int) -> str | None:
    cap = limits.frequency_cap
    if cap is None:
        return None
    window = cap.days * 24 * 3600 * 1000
    recent = sum(at + window > now for at in contact.dials.values()) if contact else 0
    return f"{recent} of {cap.calls} calls in {cap.days * 24} hours"
