"""What a recipient's state becomes: when its next try begins, when its call has ended, when it is given up. Pure."""

from dataclasses import replace

from calling.domain import carrier_codes
from calling.domain.call import Call, CallStatus, EndedReason
from calling.domain.campaign import Campaign
from calling.domain.carrier_codes import NOBODYS_ATTEMPT, Fault
from calling.domain.due import Due
from calling.domain.outcome import was_one_too_many
from calling.domain.recipient import Decision, Recipient, RecipientState, Verdict, decided

# Tries that were called off before any request cost nothing of the budget, but they must not go on for ever.
MAX_TRIES_OVER_BUDGET = 50
_STATE = {
    "completed": RecipientState.COMPLETED,
    "voicemail": RecipientState.VOICEMAIL,
    "busy": RecipientState.BUSY,
    "no-answer": RecipientState.NO_ANSWER,
    "failed": RecipientState.FAILED,
    "unknown": RecipientState.FAILED,
    "canceled": RecipientState.CANCELED,
}
_REFUSAL = "refusal"  # of a decision's details: whose fault it was that the carrier refused the call
_SKIPPED = frozenset(
    {
        EndedReason.EXPIRED,
        EndedReason.SUPPRESSED,
        EndedReason.OUTSIDE_WINDOW,
        EndedReason.IN_A_CALL,
        EndedReason.FAILED,
    }
)


def begun(recipient: Recipient, call_id: str, due: Due, now: int) -> Recipient:
    """The next try has a place and a call."""
    return replace(
        recipient,
        state=RecipientState.IN_FLIGHT,
        due_at=None,
        reason="it is being called",
        tries=recipient.tries + 1,
        call_ids=(*recipient.call_ids, call_id),
        decisions=decided(recipient, due.decision(now)),
    )


def put_off(recipient: Recipient, due: Due, now: int, *, look_again: int) -> Recipient:
    """It is not dialled now: it waits, or never will be. `look_again` (epoch ms) is for what has no time of its own."""
    if recipient.state.is_terminal:
        return recipient
    if due.verdict is Verdict.NEVER:
        return given_up(recipient, due, now)
    return replace(
        recipient,
        due_at=due.look_at or (due.at if due.at is not None else look_again),
        reason=due.reason,
        decisions=decided(recipient, due.decision(now)),
    )


def given_up(recipient: Recipient, due: Due, now: int) -> Recipient:
    """It will not be dialled any more: skipped, canceled, or left as its last attempt ended."""
    if recipient.state.is_terminal:
        return recipient
    last = _STATE.get(recipient.outcome or "")
    if due.end is EndedReason.CANCELED:
        state = RecipientState.CANCELED
    elif last is not None:
        state = last  # it was called; that it is not called again does not unmake that
    else:
        state = RecipientState.SKIPPED if due.end in _SKIPPED else RecipientState.FAILED
    return replace(
        recipient, state=state, due_at=None, reason=due.reason, decisions=decided(recipient, due.decision(now))
    )


def ended(campaign: Campaign, recipient: Recipient, call: Call, now: int) -> Recipient:
    """Its call is settled: the outcome, and whether there is a next try.

    The very same recipient where the call is not its own, or is not over.
    """
    if recipient.state is not RecipientState.IN_FLIGHT or recipient.call_id != call.call_id:
        return recipient
    if not call.status.is_terminal:
        return recipient
    if given_back(campaign, recipient, call):
        return _back(campaign, replace(recipient, last_ended_at=now), call, now)
    if not call.was_asked_of_carrier:
        return _called_off(replace(recipient, last_ended_at=now), call, now)
    result = outcome_of(call)
    after = replace(recipient, attempts=recipient.attempts + 1, last_ended_at=now, outcome=result)
    reason = _words(call, result)
    again = result in {r.value for r in campaign.retry_on} and call.refusal in (None, Fault.OTHER, Fault.PACE)
    if again and after.attempts < campaign.max_attempts and not campaign.status.is_terminal:
        at = now + campaign.retry_delay_minutes * 60_000
        note = Decision(now, Verdict.WAIT, f"{reason}; it is tried again", {"outcome": result, "until": at})
        return _pending(after, note, at, retry_at=at)
    refused = {_REFUSAL: call.refusal.value} if call.refusal else {}
    note = Decision(now, Verdict.NEVER, reason, {"outcome": result, "call_id": call.call_id, **refused})
    return replace(after, state=_STATE[result], reason=reason, due_at=None, decisions=decided(after, note))


def given_back(campaign: Campaign, recipient: Recipient, call: Call) -> bool:
    """Tell whether a settled call used up no attempt, for a reason that passes: its recipient waits again.

    It was called off before its request, or the carrier refused it untouched for the account's sake, or failed it at
    once because too many lived.
    """
    if not call.was_asked_of_carrier:
        return call.put_back or call.status is CallStatus.FAILED  # a reason that passes, or a fault of ours
    if call.refusal is Fault.BLOCKED:
        lifted = (call.dial_started_at or 0) < (campaign.lifted_at or 0)
        return lifted or recipient.country in campaign.held_countries
    return call.refusal in NOBODYS_ATTEMPT or was_one_too_many(call)


def revived(recipient: Recipient, now: int) -> Recipient:
    """Its number was taken for blocked, and it was the account: it waits again, the attempt given back.

    The very same recipient where that is not how it ended.
    """
    last = recipient.decisions[-1] if recipient.decisions else None
    if recipient.state is not RecipientState.FAILED or last is None or last.details.get(_REFUSAL) != Fault.BLOCKED:
        return recipient
    note = Decision(now, Verdict.WAIT, "it was refused for the account's sake: it is called again", {})
    before = [d.details["outcome"] for d in recipient.decisions[:-1] if "outcome" in d.details]
    back = replace(recipient, attempts=recipient.attempts - 1, outcome=before[-1] if before else None)
    return _pending(back, note, now, retry_at=None)


def outcome_of(call: Call) -> str:
    """Name how an attempt ended, in the words of `retry_on`."""
    if call.taken_from_queue_at is not None and call.answered_at is None:
        return "failed"
    if call.status is CallStatus.COMPLETED:
        return "voicemail" if call.voicemail_detected else "completed"
    return call.status.value


def _pending(recipient: Recipient, note: Decision, due_at: int, *, retry_at: int | None) -> Recipient:
    return replace(
        recipient,
        state=RecipientState.PENDING,
        due_at=due_at,
        retry_at=retry_at,
        reason=note.reason,
        decisions=decided(recipient, note),
    )


def _back(campaign: Campaign, recipient: Recipient, call: Call, now: int) -> Recipient:
    """The dial was called off, or refused for the account's sake, for a reason that passes: no attempt is consumed."""
    said = call.never_dialled_why or carrier_codes.words(call.dial_error_code or call.carrier_error_code, None)
    why = f": {said}" if said else ""
    if recipient.tries >= campaign.max_attempts + MAX_TRIES_OVER_BUDGET:
        note = Decision(
            now, Verdict.NEVER, f"it was put off {recipient.tries} times just before it was dialled{why}", {}
        )
        return replace(
            recipient,
            state=RecipientState.FAILED,
            outcome="failed",
            due_at=None,
            reason=note.reason,
            decisions=decided(recipient, note),
        )
    what = (
        "the carrier refused it, at no attempt's cost"
        if call.was_asked_of_carrier
        else "it was put off just before it was dialled"
    )
    note = Decision(now, Verdict.WAIT, f"{what}{why}", {"call_id": call.call_id})
    return _pending(recipient, note, now, retry_at=recipient.retry_at)


def _called_off(recipient: Recipient, call: Call, now: int) -> Recipient:
    """Never asked of the carrier, and it will not be."""
    # A hangup that came before the dial leaves no `never_dialled`, only the status it came to.
    end = call.never_dialled or (EndedReason.CANCELED if call.status is CallStatus.CANCELED else EndedReason.ERROR)
    reason = call.never_dialled_why or f"it was not dialled: {end.value}"
    return given_up(recipient, Due(Verdict.NEVER, reason, end=end), now)


def _words(call: Call, result: str) -> str:
    why = carrier_codes.words(call.dial_error_code if call.twilio_call_sid is None else None, call.sip_response_code)
    said = {
        "completed": "the call was answered",
        "voicemail": "a machine answered",
        "busy": "the line was busy",
        "no-answer": "nobody answered",
        "failed": "the call failed",
        "unknown": "it cannot be known whether the carrier placed the call",
        "canceled": "the call was ended before it was answered",
    }[result]
    if result in ("busy", "no-answer") and call.sip_response_code:
        return f"{said} (SIP {call.sip_response_code})"
    if call.taken_from_queue_at is not None and result == "failed":
        return "the call failed: the carrier's own queue was too long"
    return f"{said}: {why}" if why and result != "completed" else said
