"""Take a queued call through the doorway: a free line, a place under the cap, then its state machine.

Waiting never looks like failing: a call without a place goes back into the queue with a delay and a reason.
"""

from enum import StrEnum

from calling.domain.call import LOOK_MS, Call, CallStatus, EndedReason, TimelineEntry
from calling.domain.contact import waits_until
from calling.domain.due import in_a_call_since
from calling.domain.hold import RECOGNISER_FULL
from calling.domain.revision import Revision
from calling.ports import (
    CallStore,
    CampaignStore,
    Clock,
    DialHold,
    DialQueue,
    DialWorkflow,
    LeasePool,
    LimitsStore,
    LineLock,
    OpenerTask,
)
from calling.usecases.revise_call import revise_call
from calling.usecases.take_places import give_places_back, take_places

_MAX_WAIT_SECONDS = 15
# A message precedes its record by one write (place_call). Given back, it would stay unseen for the queue's minutes.
_RECORD_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)


class Dispatched(StrEnum):
    """What became of a message."""

    STARTED = "started"
    WAITING = "waiting"
    MISSING = "missing"
    OVER = "over"


def dispatch_dial(
    account_id: str,
    call_id: str,
    *,
    limits: LimitsStore,
    hold: DialHold,
    campaigns: CampaignStore,
    calls: CallStore,
    leases: LeasePool,
    lines: LineLock,
    queue: DialQueue,
    workflow: DialWorkflow,
    opener: OpenerTask,
    clock: Clock,
) -> Dispatched:
    """Start a call's state machine if it may be dialled now. Safe to run any number of times for one call.

    MISSING: the record has not come, though it was waited for.
    """
    call = _record(account_id, call_id, calls=calls, clock=clock)
    if call is None:
        return Dispatched.MISSING
    if call.status is not CallStatus.QUEUED:
        return Dispatched.OVER
    now = clock.now()
    refusal = _refusal(call, now)
    if refusal is not None:
        return _not_dialled(call, refusal, now, calls=calls, workflow=workflow)
    # A campaign's call comes by here only where whoever made it died before starting it.
    campaign = campaigns.get(account_id, call.campaign_id or "") if call.recipient is not None else None
    wait = RECOGNISER_FULL if hold.until() > now else None
    wait = wait or take_places(call, campaign, limits.get(account_id), leases=leases, lines=lines, now=now)
    if wait == EndedReason.IN_A_CALL and now >= waits_until(call.not_after, in_a_call_since(call) or now):
        return _not_dialled(call, EndedReason.IN_A_CALL, now, calls=calls, workflow=workflow)
    if wait is not None:
        _note_wait(call, wait, now, calls=calls)
        queue.send(account_id, call_id, delay_seconds=_delay(call, now))
        return Dispatched.WAITING
    call, _ = revise_call(account_id, call_id, lambda c: _dispatched(c, now), calls=calls)
    if call.status.is_terminal:
        # This message is a late copy and the call is settled: what was just taken is nobody's.
        give_places_back(call, leases=leases, lines=lines)
        return Dispatched.OVER
    workflow.start(account_id, call_id)
    opener.start(account_id, call_id)
    return Dispatched.STARTED


def _record(account_id: str, call_id: str, *, calls: CallStore, clock: Clock) -> Call | None:
    for seconds in _RECORD_WAITS:
        call = calls.get(account_id, call_id)
        if call is not None:
            return call
        clock.sleep(seconds)
    return calls.get(account_id, call_id)


def _refusal(call: Call, now: int) -> EndedReason | None:
    if call.cancel_requested_at is not None:
        return EndedReason.CANCELED
    if call.not_after is not None and now >= call.not_after:
        return EndedReason.EXPIRED if in_a_call_since(call) is None else EndedReason.IN_A_CALL
    return call.never_dialled


def _not_dialled(call: Call, reason: EndedReason, now: int, *, calls: CallStore, workflow: DialWorkflow) -> Dispatched:
    """No place is taken: the state machine finds the refusal and settles the call, its only exit."""
    note = TimelineEntry(now, "not_dialled", reason.value)
    revise_call(call.account_id, call.call_id, lambda c: _refuse(c, reason, note), calls=calls)
    workflow.start(call.account_id, call.call_id)
    return Dispatched.STARTED


def _refuse(call: Call, reason: EndedReason, note: TimelineEntry) -> Revision | None:
    if call.never_dialled is not None or call.status is not CallStatus.QUEUED:
        return None
    return Revision({"never_dialled": reason}, note=note)


def _note_wait(call: Call, reason: str, now: int, *, calls: CallStore) -> None:
    """Note a wait once, not each time the message comes by; and now and then, that its message is still on its way."""
    if reason == EndedReason.IN_A_CALL:  # since when is told by the last entry
        noted = in_a_call_since(call) is not None
    else:
        noted = any(entry.event == "waiting" and entry.reason == reason for entry in call.timeline)
    if noted and call.due_at is not None and call.due_at - now > LOOK_MS // 2:
        return
    revision = Revision({"due_at": now + LOOK_MS}, note=None if noted else TimelineEntry(now, "waiting", reason))
    revise_call(
        call.account_id,
        call.call_id,
        lambda c: revision if c.status is CallStatus.QUEUED else None,
        calls=calls,
    )


def _delay(call: Call, now: int) -> int:
    """Come back soon at first, then more seldom: a second more for every ten waited."""
    return min(1 + max(0, now - call.created_at) // 10_000, _MAX_WAIT_SECONDS)


def _dispatched(call: Call, now: int) -> Revision | None:
    if call.execution_started_at is not None or call.status.is_terminal:
        return None
    return Revision(
        {"execution_started_at": now, "due_at": call.due_after_dispatch(now)},
        note=TimelineEntry(now, "dispatched", "a place under the concurrency cap was taken"),
    )
