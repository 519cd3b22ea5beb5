"""Take a recipient of a campaign through the doorway: due, a place under both caps, a free line, then its call.

The call's record and the recipient's new state are one transaction, and the call's id is made from the try's number:
whoever comes a second time finds the first one's call and only finishes what is left. The planner's token is answered
as soon as the call is on its way, not when it ends: so the next pass is planned while people still talk, and no place
stands empty at the end of a pass. Waiting never looks like failing: after ten minutes a recipient goes back to the
planner.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from calling.domain.agent import VoicemailAction, voicemail_plan
from calling.domain.attempts import begun, put_off
from calling.domain.call import LOOK_MS, Call, Direction, EndedReason, TimelineEntry
from calling.domain.campaign import Campaign, Ticket
from calling.domain.ceiling import Ceiling
from calling.domain.due import Due, in_a_call, next_due
from calling.domain.errors import InvalidRequest
from calling.domain.hold import RECOGNISER_FULL
from calling.domain.lease import places_of
from calling.domain.limits import Limits
from calling.domain.placeholders import with_defaults
from calling.domain.recipient import Recipient, RecipientState, Verdict, attempt_id, decided
from calling.domain.revision import CampaignRevision
from calling.ports import (
    AgentStore,
    CallStore,
    CampaignStore,
    CampaignWorkflow,
    CeilingStore,
    Clock,
    ContactStore,
    Credentials,
    DialHold,
    DialWorkflow,
    LeasePool,
    LimitsStore,
    LineLock,
    OpenerTask,
    Pacer,
    RecipientQueue,
    StaleRecord,
)
from calling.usecases.revise_campaign import revise_campaign
from calling.usecases.steer_campaign import pause_by_itself
from calling.usecases.take_places import drop_places, leave_places, take_places

LONGEST_WAIT_MS = 10 * 60_000  # from when it was planned
AHEAD_MS = 3_000  # of a carrier account's pace that campaigns may have taken before their calls are dialled
LONGEST_PAUSE_SECONDS = 5  # between two looks of a ticket that waits
LOOK_AGAIN_MS = 15 * 60_000  # for what is held until somebody acts
_PACE_IS_USED_UP = "the carrier account's pace is used up for the next seconds"
_OUTRUN = "others were given the carrier account's pace for the next seconds"
_TRIES = 4


class Dispatched(StrEnum):
    """What became of a ticket."""

    STARTED = "started"
    WAITING = "waiting"  # at the doorway
    PUT_OFF = "put_off"  # back to the planner, or never
    STALE = "stale"  # this try has been made already


@dataclass(frozen=True, slots=True)
class DoorPorts:
    """What the doorway of campaigns needs of the world."""

    campaigns: CampaignStore
    contacts: ContactStore
    limits: LimitsStore
    hold: DialHold
    calls: CallStore
    agents: AgentStore
    credentials: Credentials
    pacer: Pacer
    ceilings: CeilingStore
    leases: LeasePool
    lines: LineLock
    queue: RecipientQueue
    workflow: DialWorkflow
    campaign_workflow: CampaignWorkflow
    opener: OpenerTask
    clock: Clock


def dispatch_recipient(ticket: Ticket, *, ports: DoorPorts) -> Dispatched:
    """Start a recipient's call if it may be dialled now. Safe to run any number of times for one ticket.

    Raises:
        StaleRecord: others changed the recipient each time; the message comes again.
    """
    for _ in range(_TRIES):
        try:
            what = _through(ticket, ports=ports)
        except StaleRecord:
            continue
        if what is not Dispatched.WAITING:
            ports.campaign_workflow.answer(ticket.token, {"result": what.value})
        return what
    raise StaleRecord


def _through(ticket: Ticket, *, ports: DoorPorts) -> Dispatched:
    now = ports.clock.now()
    campaign = ports.campaigns.get(ticket.account_id, ticket.campaign_id)
    recipient = ports.campaigns.recipient(campaign, ticket.index) if campaign else None
    if campaign is None or recipient is None:
        return Dispatched.STALE
    if recipient.state is RecipientState.IN_FLIGHT and recipient.tries == ticket.number:
        return _finish(ticket, campaign, recipient, now, ports=ports)
    if recipient.state is not RecipientState.PENDING or recipient.tries != ticket.number - 1:
        leave_places(ticket, recipient, calls=ports.calls, leases=ports.leases, lines=ports.lines)
        return Dispatched.STALE
    limits = ports.limits.get(ticket.account_id)
    contact = ports.contacts.get(ticket.account_id, recipient.phone_number)
    due = next_due(campaign, recipient, contact, limits, now)
    if due.verdict is not Verdict.DIAL:
        held_by_campaign = due.verdict is Verdict.HOLD and recipient.country not in campaign.held_countries
        look_again = now if held_by_campaign else now + LOOK_AGAIN_MS
        ports.campaigns.change_recipient(recipient, put_off(recipient, due, now, look_again=look_again))
        leave_places(ticket, recipient, calls=ports.calls, leases=ports.leases, lines=ports.lines)
        return Dispatched.PUT_OFF
    call = _compose(campaign, recipient, due, now, ports=ports)
    if call is None:
        leave_places(ticket, recipient, calls=ports.calls, leases=ports.leases, lines=ports.lines)
        return Dispatched.PUT_OFF
    ceiling = ports.ceilings.get(call.carrier_account or "", now=now)
    campaign = _note_ceiling(campaign, ceiling, now, ports=ports)
    wait = _hold(call, campaign, limits, ceiling, now, ports=ports)
    if wait == _OUTRUN:
        recipient = ports.campaigns.change_recipient(recipient, recipient)
        drop_places(call, leases=ports.leases, lines=ports.lines, now=now)
    if wait == EndedReason.IN_A_CALL:  # which may last: others are called meanwhile
        ports.campaigns.change_recipient(recipient, put_off(recipient, in_a_call(recipient, now), now, look_again=now))
        leave_places(ticket, recipient, calls=ports.calls, leases=ports.leases, lines=ports.lines)
        return Dispatched.PUT_OFF
    if wait is not None:
        seconds = wait_seconds(campaign.calls_at_once(limits, now), now - ticket.since)
        if wait in (_PACE_IS_USED_UP, _OUTRUN):  # many tickets look at one moment: the pace must not stand idle between
            seconds = min(seconds, AHEAD_MS // 1000)
        return _wait(ticket, recipient, wait, now, seconds, ports=ports)
    ports.campaigns.change_recipient(
        recipient, begun(recipient, call.call_id, replace(due, details=_decided_on(due, limits, call)), now), call=call
    )
    _start(call, ports=ports)
    return Dispatched.STARTED


def _note_ceiling(campaign: Campaign, ceiling: Ceiling | None, now: int, *, ports: DoorPorts) -> Campaign:
    """Say on the campaign, each time it was learnt, what its carrier account allows: it is planned under that."""
    if ceiling is None or ceiling == campaign.ceiling:
        return campaign
    note = CampaignRevision({"ceiling": ceiling}, TimelineEntry(now, "ceiling", ceiling.words))
    ids = (campaign.account_id, campaign.campaign_id)
    return revise_campaign(*ids, lambda c: note if c.ceiling != ceiling else None, campaigns=ports.campaigns)[0]


def _hold(
    call: Call, campaign: Campaign, limits: Limits, ceiling: Ceiling | None, now: int, *, ports: DoorPorts
) -> str | None:
    """Take what the call needs: its turn in the carrier account's pace, its places, its line; else why it waits.

    Of OUTRUN it holds places and line: a copy of its message may have the same, so they are given back with care.

    The pace itself is kept just before the request. Here a campaign is held back to a few seconds of it, so that a
    single call never finds a queue of a campaign's calls before it.
    """
    if ports.hold.until() > now:
        return RECOGNISER_FULL
    account_id, carrier = call.account_id, call.carrier_account or ""
    cps = limits.calls_per_second
    if not ports.pacer.has_room(account_id, carrier, now=now, calls_per_second=cps, ahead_ms=AHEAD_MS):
        return _PACE_IS_USED_UP
    wait = take_places(call, campaign, limits, ceiling, leases=ports.leases, lines=ports.lines, now=now)
    if wait is not None:
        return wait
    if ports.pacer.admit(account_id, carrier, now=now, calls_per_second=cps, ahead_ms=AHEAD_MS):
        return None
    return _OUTRUN


def _finish(ticket: Ticket, campaign: Campaign, recipient: Recipient, now: int, *, ports: DoorPorts) -> Dispatched:
    """Finish what a copy of this ticket began: it made the call and may have died before starting it."""
    call = ports.calls.get(recipient.account_id, recipient.call_id or "")
    if call is None or call.status.is_terminal or call.task_token is not None:
        leave_places(ticket, recipient, calls=ports.calls, leases=ports.leases, lines=ports.lines)
        return Dispatched.STALE
    # Its places may have been taken back meanwhile: they are taken again, or still its own.
    limits, ceiling = ports.limits.get(ticket.account_id), ports.ceilings.get(call.carrier_account or "", now=now)
    if take_places(call, campaign, limits, ceiling, leases=ports.leases, lines=ports.lines, now=now) is not None:
        ports.queue.send(ticket, delay_seconds=wait_seconds(campaign.calls_at_once(limits, now), now - ticket.since))
        return Dispatched.WAITING
    # Where it was settled just now.
    leave_places(ticket, recipient, calls=ports.calls, leases=ports.leases, lines=ports.lines)
    _start(call, ports=ports)
    return Dispatched.STARTED


def _start(call: Call, *, ports: DoorPorts) -> None:
    ports.workflow.start(call.account_id, call.call_id)
    ports.opener.start(call.account_id, call.call_id)


def wait_seconds(places: int, waited_ms: int) -> int:
    """Say after how long a ticket without a place comes again.

    As many tickets wait as there are places, so one has waited about as long as a call takes. A place that becomes free
    stands empty for about the wait divided by the places: that is kept below a fiftieth of a call. So short calls
    find a ticket at once, and long ones do not pay for tickets that ask in vain.
    """
    waited = waited_ms / 1000
    return max(1, min(int(waited * min(0.02 * places, 0.25)), LONGEST_PAUSE_SECONDS))


def _wait(ticket: Ticket, recipient: Recipient, reason: str, now: int, seconds: int, *, ports: DoorPorts) -> Dispatched:
    """Come again soon; noted once, not each time. After ten minutes the planner decides anew.

    A hold is noted beside another wait: it is nobody's turn that is waited for.
    """
    due = Due(Verdict.WAIT, reason)
    back = now - ticket.planned_at >= LONGEST_WAIT_MS
    waits = [d.reason for d in recipient.decisions if d.verdict is Verdict.WAIT and d.at >= ticket.planned_at]
    noted = reason in waits if reason == RECOGNISER_FULL else bool(waits)
    if back or not noted:
        ports.campaigns.change_recipient(
            recipient,
            replace(recipient, reason=reason, decisions=decided(recipient, due.decision(now))),
        )
    if back:
        return Dispatched.PUT_OFF
    ports.queue.send(ticket, delay_seconds=seconds)
    return Dispatched.WAITING


def _decided_on(due: Due, limits: Limits, call: Call) -> dict[str, object]:
    pace = f"at most {limits.calls_per_second:g} calls a second" if limits.calls_per_second > 0 else "no limit"
    return {
        **due.details,
        "lease": [pool for _, pool, _ in places_of(call)],
        "suppression": "not on the do-not-call list",
        "pace": pace,
    }


def _compose(campaign: Campaign, recipient: Recipient, due: Due, now: int, *, ports: DoorPorts) -> Call | None:
    """Write the record of this try's call; None where nobody can make it: the campaign pauses."""
    found = ports.agents.get_agent(campaign.account_id, campaign.agent_id)
    number = next((n for n in found[1] if n.phone_number == campaign.from_number), None) if found else None
    if found is None or not found[0].is_active or number is None or not number.outbound_enabled:
        _nobody(campaign, "its agent, or the number it calls from, is gone or not active", ports=ports)
        return None
    agent = found[0]
    try:
        action, words = voicemail_plan(agent, number, None, None)
    except InvalidRequest as error:
        _nobody(campaign, error.message, ports=ports)
        return None
    prompt = recipient.prompt or campaign.prompt or agent.outbound_prompt or campaign.name or ""
    entry = TimelineEntry(now, "queued", f"recipient {recipient.index} of the campaign: {due.reason}", due.details)
    return Call(
        account_id=campaign.account_id,
        call_id=attempt_id(campaign.campaign_id, recipient.index, recipient.tries + 1),
        agent_id=campaign.agent_id,
        direction=Direction.OUTBOUND,
        from_number=number.phone_number,
        carrier_account=number.twilio_sid or ports.credentials.of_number(number).sid,
        to_number=recipient.phone_number,
        created_at=now,
        due_at=now + LOOK_MS,
        prompt=prompt,
        dynamic_vars=with_defaults(recipient.dynamic_vars, campaign.dynamic_vars),
        metadata={**(campaign.metadata or {}), **(recipient.metadata or {})} or None,
        campaign_id=campaign.campaign_id,
        recipient=recipient.index,
        voicemail_action=action,
        voicemail_message=words if action is VoicemailAction.LEAVE_MESSAGE else None,
        amd_enabled=agent.amd_enabled,
        amd_speech_threshold_ms=agent.amd_speech_threshold_ms,
        not_after=recipient.not_after,
        voice_id=number.voice_id or agent.voice_id,
        max_duration_seconds=agent.max_call_duration_seconds,
        execution_started_at=now,
        timeline=(
            entry,
            TimelineEntry(now, "dispatched", "places under the account's and the campaign's cap were taken"),
        ),
    )


def _nobody(campaign: Campaign, reason: str, *, ports: DoorPorts) -> None:
    ids = (campaign.account_id, campaign.campaign_id)
    pause_by_itself(*ids, reason, campaigns=ports.campaigns, workflow=ports.campaign_workflow, clock=ports.clock)
