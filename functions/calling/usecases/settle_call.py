"""The only exit of a call: outcome stored, terminal event into the outbox, place and line given back.

Safe to run any number of times: a settled call gets every step that remains.
"""

from typing import Any

from calling.domain import events
from calling.domain.call import TRANSITIONS, Call, CallStatus, TimelineEntry
from calling.domain.lease import ACCOUNT_POOL
from calling.domain.outcome import outcome
from calling.domain.revision import Revision
from calling.domain.transcript import anyone_spoke
from calling.ports import CallStore, Clock, LeasePool, LineLock
from calling.usecases.revise_call import revise_call

_MEDIA_GRACE_MS = 20_000  # how long an ended call waits for its media session to store the last turns


def settle_call(
    account_id: str,
    call_id: str,
    *,
    summary_failed: bool = False,
    calls: CallStore,
    leases: LeasePool,
    lines: LineLock,
    clock: Clock,
) -> dict[str, Any]:
    """Settle a call.

    Returns `{"result": "done"}`, `{"result": "summarize"}` when somebody spoke and the summary is still to be made,
    `{"result": "wait", "seconds": n}` while the media session writes its last words, and `{"result": "resolve"}`
    when nothing final is known of the call yet.

    Raises:
        NotFound: `call_not_found`.
    """
    call = calls.get(account_id, call_id)
    if call is None:
        return {"result": "done"}  # erased meanwhile
    if call.settled_at is None:
        unready = _unready(call, clock.now())
        if unready is not None:
            return unready
    spoke = call.answered_at is not None and anyone_spoke(calls.turns(account_id, call_id))
    now = clock.now()
    call, _ = revise_call(
        account_id, call_id, lambda c: _settle(c, now, spoke=spoke, summary_failed=summary_failed), calls=calls
    )
    leases.release(account_id, ACCOUNT_POOL, call_id)
    lines.release(account_id, call.from_number, call.to_number, call_id)
    if call.terminal_event_at is None:
        return {"result": "summarize"}
    revise_call(account_id, call_id, lambda c: None if c.due_at is None else Revision({"due_at": None}), calls=calls)
    return {"result": "done"}


def _unready(call: Call, now: int) -> dict[str, Any] | None:
    """Say what must come first: the carrier's last word, then the media session's."""
    never_placed = call.never_dialled is not None or (call.dial_error_code is not None and call.twilio_call_sid is None)
    if never_placed:
        return None
    if not call.carrier_is_done:
        return None if now >= (call.deadline_at or 0) and call.was_asked_of_carrier else {"result": "resolve"}
    if call.media_opened_at is None or call.media_closed_at is not None:
        return None
    waited = now - (call.carrier_ended_at or now)
    return None if waited >= _MEDIA_GRACE_MS else {"result": "wait", "seconds": 1}


def _settle(call: Call, now: int, *, spoke: bool, summary_failed: bool) -> Revision | None:
    """Decide the outcome once; then, once, the terminal event, unless a summary comes first."""
    changes: dict[str, Any] = {}
    note = None
    if call.settled_at is None:
        end = outcome(call)
        # From `queued` straight to an end that needs a dial is impossible: the table says so.
        status = end.status if end.status in TRANSITIONS[call.status] else CallStatus.FAILED
        changes = {
            "status": status,
            "ended_reason": end.reason,
            "charged_minutes": end.charged_minutes,
            "voicemail_method": end.voicemail_method,
            "settled_at": now,
        }
        note = TimelineEntry(now, "settled", end.reason.value, {"status": status.value})
        terminal_now = status is not CallStatus.COMPLETED or not spoke or end.voicemail_method is not None
    else:
        terminal_now = summary_failed
    if call.terminal_event_at is not None or not (changes or terminal_now):
        return None
    if not terminal_now:
        return Revision(changes, note=note)
    changes["terminal_event_at"] = now
    status = changes.get("status", call.status)
    return Revision(changes, note=note, outbox=events.terminal(call.account_id, call.call_id, status, now))
