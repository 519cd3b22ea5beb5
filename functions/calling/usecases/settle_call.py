"""The only exit of a call: outcome stored, terminal event into the outbox, place and line given back.

Safe to run any number of times: a settled call gets every step that remains.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from calling.domain import events
from calling.domain.call import TRANSITIONS, Call, CallStatus, TimelineEntry
from calling.domain.outcome import outcome, was_one_too_many
from calling.domain.revision import Revision
from calling.domain.transcript import Turn, anyone_spoke
from calling.domain.usage import usage_of
from calling.ports import (
    CallStore,
    CampaignStore,
    CampaignWorkflow,
    CeilingStore,
    Clock,
    ContactStore,
    LeasePool,
    LimitsStore,
    LineLock,
)
from calling.usecases.end_attempt import end_attempt
from calling.usecases.honour_opt_out import honour_opt_out
from calling.usecases.learn_ceiling import learn_ceiling
from calling.usecases.revise_call import revise_call
from calling.usecases.take_places import give_places_back, give_slots_back

_MEDIA_GRACE_MS = 20_000  # how long an ended call waits for its media session to store the last turns


@dataclass(frozen=True, slots=True)
class SettlePorts:
    """What settling needs of the world."""

    calls: CallStore
    contacts: ContactStore
    campaigns: CampaignStore
    limits: LimitsStore
    leases: LeasePool
    ceilings: CeilingStore
    lines: LineLock
    campaign_workflow: CampaignWorkflow
    clock: Clock


def settle_call(account_id: str, call_id: str, *, summary_failed: bool = False, ports: SettlePorts) -> dict[str, Any]:
    """Settle a call.

    Returns `{"result": "done"}`, `{"result": "summarize"}` when somebody spoke and the summary is still to be made,
    `{"result": "wait", "seconds": n}` while the media session writes its last words, and `{"result": "resolve"}`
    when nothing final is known of the call yet.

    Raises:
        NotFound: `call_not_found`.
    """
    call = ports.calls.get(account_id, call_id)
    if call is None:
        return {"result": "done"}  # erased meanwhile
    if call.settled_at is None:
        unready = _unready(call, ports.clock.now())
        if unready is not None and call.carrier_is_done:
            # Only words are waited for: others need not wait with them. The person must, "stop" may be among them.
            give_slots_back(call, leases=ports.leases)
        if unready is not None:
            return unready
    turns = ports.calls.turns(account_id, call_id) if call.answered_at is not None else ()
    # Before the record says that it is settled: who dies in between hears it again.
    now = ports.clock.now()
    # Once it does, it is asked no more: who was taken off the list by hand is not put back by an old call.
    suppressed = call.settled_at is None and honour_opt_out(call, turns, contacts=ports.contacts, now=now)
    call, written = revise_call(
        account_id,
        call_id,
        lambda c: _settle(c, now, turns=turns, summary_failed=summary_failed, suppressed=suppressed),
        calls=ports.calls,
    )
    give_places_back(call, leases=ports.leases, lines=ports.lines)
    if written and was_one_too_many(call) and call.carrier_account is not None:
        learn_ceiling(call, call.carrier_account, leases=ports.leases, ceilings=ports.ceilings, clock=ports.clock)
    end_attempt(
        call,
        campaigns=ports.campaigns,
        contacts=ports.contacts,
        limits=ports.limits,
        workflow=ports.campaign_workflow,
        clock=ports.clock,
    )
    if call.terminal_event_at is None:
        return {"result": "summarize"}
    done = Revision({"due_at": None})
    revise_call(account_id, call_id, lambda c: None if c.due_at is None else done, calls=ports.calls)
    return {"result": "done"}


def _unready(call: Call, now: int) -> dict[str, Any] | None:
    """Say what must come first: the carrier's last word, then the media session's."""
    if call.never_dialled is not None or call.refusal is not None:
        return None
    if not call.carrier_is_done:
        return None if now >= (call.deadline_at or 0) and call.was_asked_of_carrier else {"result": "resolve"}
    if call.media_opened_at is None or call.media_closed_at is not None:
        return None
    waited = now - (call.carrier_ended_at or now)
    return None if waited >= _MEDIA_GRACE_MS else {"result": "wait", "seconds": 1}


def _settle(call: Call, now: int, *, turns: Sequence[Turn], summary_failed: bool, suppressed: bool) -> Revision | None:
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
        details = {"status": status.value} | ({"suppressed": True} if suppressed else {})
        note = TimelineEntry(now, "settled", end.reason.value, details)
        terminal_now = status is not CallStatus.COMPLETED or not anyone_spoke(turns) or end.voicemail_method is not None
    else:
        terminal_now = summary_failed
    if call.terminal_event_at is not None or not (changes or terminal_now):
        return None
    if not terminal_now:
        return Revision(changes, note=note)
    changes["terminal_event_at"] = now
    over = replace(call, **changes)
    event = events.terminal(call.account_id, call.call_id, over.status, now)
    return Revision(changes, note=note, outbox=event, usage=usage_of(over, turns, now))
