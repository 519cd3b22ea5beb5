"""What the carrier's answer to the one request means: placed, not now, or never.

Part of dialling: the intent stands on the record already. Only an answer that says that nothing was placed takes it
back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from calling.domain import carrier_codes
from calling.domain.call import TRANSITIONS, Call, CallStatus, EndedReason, TimelineEntry
from calling.domain.ceiling import LEARNT_FOR_MS, TOO_MANY_AT_ONCE, Ceiling
from calling.domain.contact import waits_until
from calling.domain.due import in_a_call_since
from calling.domain.errors import CarrierRefused, CarrierThrottled
from calling.domain.phone_number import region
from calling.domain.progress import is_unexplained
from calling.domain.revision import Revision
from calling.ports import (
    AgentStore,
    CallStore,
    CampaignStore,
    Carrier,
    CarrierAccount,
    CarrierCall,
    CeilingStore,
    Clock,
    ContactStore,
    Credentials,
    DialHold,
    DialWorkflow,
    LeasePool,
    LimitsStore,
    LineLock,
    Pacer,
    WatchQueue,
)
from calling.usecases.hold_country import hold_country
from calling.usecases.learn_ceiling import learn_ceiling
from calling.usecases.revise_call import revise_call
from calling.usecases.watch_call import WATCH_SECONDS

_MAX_THROTTLES = 20
_QUEUES_MS = 1_000  # from so much on in the carrier's own queue we are above its pace, and wait for it to empty
_LONGEST_PAUSE = 60
# Seconds nobody asks the carrier after one of these: too many calls at once (others' than ours), its queue is full.
_PAUSE_SECONDS = {10004: 10, 22005: _LONGEST_PAUSE}
_LONGEST_QUEUE_MS = 30_000  # longer in the carrier's own queue, and a call would leave at a time nobody chose
ENDED: Mapping[str, Any] = {"result": "ended"}
BAD_CREDENTIALS = 20003  # Twilio's code
_RENEWED = "credentials_renewed"
_WAITS = "waiting"
DIALLED_AGAIN = frozenset({"throttled", _RENEWED})  # entries of a timeline after which the same attempt is asked again
_IN_A_CALL_SECONDS = 15  # between two looks whether the person's other call is over
_LOOK_AGAIN_SECONDS = 5  # of a call by itself that waits for room at the carrier
_LONGEST_WAIT_MS = LEARNT_FOR_MS  # what is learnt is forgotten by then, and tried again


@dataclass(frozen=True, slots=True)
class DialPorts:
    """What dialling needs of the world."""

    calls: CallStore
    agents: AgentStore
    credentials: Credentials
    carrier: Carrier
    limits: LimitsStore
    hold: DialHold
    contacts: ContactStore
    campaigns: CampaignStore
    pacer: Pacer
    leases: LeasePool
    lines: LineLock
    ceilings: CeilingStore
    workflow: DialWorkflow
    watches: WatchQueue
    clock: Clock


def placed_at_carrier(call: Call, account: CarrierAccount, placed: CarrierCall, *, ports: DialPorts) -> None:
    """Store the SID; then look again, for the call may have ended, or been hung up on, before it was known."""
    queued = (placed.queue_time_ms or 0) // 1000
    ports.watches.send(call.account_id, call.call_id, delay_seconds=WATCH_SECONDS + queued)
    note = TimelineEntry(
        ports.clock.now(), "accepted", "the carrier accepted the call", {"queue_time_ms": placed.queue_time_ms}
    )
    call, _ = revise_call(
        call.account_id,
        call.call_id,
        lambda c: (
            None
            if c.twilio_call_sid is not None and c.queue_time_ms is not None
            else Revision({"twilio_call_sid": placed.sid, "queue_time_ms": placed.queue_time_ms or 0}, note=note)
        ),
        calls=ports.calls,
    )
    if (placed.queue_time_ms or 0) >= _QUEUES_MS:  # first: a request to hang up may fail
        said = f"the carrier queues calls for {placed.queue_time_ms} ms: it is asked too fast"
        _slow_down(call, account, min(ceil((placed.queue_time_ms or 0) / 1000), _LONGEST_PAUSE), said, ports=ports)
    if call.carrier_is_done and call.task_token is not None:
        ports.workflow.answer(call.task_token, {"result": "resolve"} if is_unexplained(call) else ENDED)
    elif call.cancel_requested_at is not None:
        ports.carrier.hang_up(account, placed.sid, answered=call.was_answered)
    elif _queued_too_long(call, placed, ports.clock.now()):
        _take_from_queue(call, account, placed, ports=ports)
    _country_answers(call, ports=ports)


def _country_answers(call: Call, *, ports: DialPorts) -> None:
    """Tell the campaign at once: numbers that are refused as blocked are counted from the last accepted call on."""
    campaign = ports.campaigns.get(call.account_id, call.campaign_id or "") if call.recipient is not None else None
    if campaign is not None and campaign.blocked:
        hold_country(campaign, region(call.to_number), call, campaigns=ports.campaigns, clock=ports.clock)


def _take_from_queue(call: Call, account: CarrierAccount, placed: CarrierCall, *, ports: DialPorts) -> None:
    """End a call that would leave the carrier's queue at a time nobody chose: it has failed, and not by the callee."""
    now = ports.clock.now()
    note = TimelineEntry(now, "taken_from_queue", f"the carrier would have dialled it {placed.queue_time_ms} ms later")
    taken = Revision({"taken_from_queue_at": now}, note=note)
    revise_call(call.account_id, call.call_id, lambda c: None if c.taken_from_queue_at else taken, calls=ports.calls)
    ports.carrier.hang_up(account, placed.sid, answered=call.was_answered)


def _slow_down(call: Call, account: CarrierAccount, seconds: int, reason: str, *, ports: DialPorts) -> None:
    until = ports.clock.now() + seconds * 1000
    ports.pacer.slow_down(call.account_id, account.sid, until=until, reason=reason)


def _queued_too_long(call: Call, placed: CarrierCall, now: int) -> bool:
    queued = placed.queue_time_ms or 0
    return queued > _LONGEST_QUEUE_MS or (call.not_after is not None and now + queued > call.not_after)


def throttled(call: Call, account: CarrierAccount, token: str, refused: CarrierThrottled, *, ports: DialPorts) -> None:
    """Nothing was placed: the intent is taken back and the dial comes again, a bounded number of times.

    The whole carrier account is slowed down with it: others would only be refused as well. Where it was one call too
    many, they are held back by how many may live instead. The intent comes first: who dies here has dialled nobody.
    """
    throttles = sum(1 for entry in call.timeline if entry.event == "throttled")
    if throttles >= _MAX_THROTTLES:
        _give_up(call, refused, ports=ports)
        ports.workflow.answer(token, ENDED)
        return
    seconds = max(min(2**throttles, 30), _PAUSE_SECONDS.get(refused.twilio_code or 0, 1))
    said = carrier_codes.words(refused.twilio_code, None) or "too many requests to the carrier"
    note = TimelineEntry(
        ports.clock.now(),
        "throttled",
        "the carrier takes no more requests now",
        {"twilio_code": refused.twilio_code, "seconds": seconds},
    )
    call, _ = revise_call(call.account_id, call.call_id, lambda c: _take_back(c, note), calls=ports.calls)
    if refused.twilio_code == TOO_MANY_AT_ONCE:
        ceiling = learn_ceiling(call, account.sid, leases=ports.leases, ceilings=ports.ceilings, clock=ports.clock)
        if ceiling is not None:
            wait_for_room(call, ceiling, token, ports=ports)
            return
    _slow_down(call, account, seconds, said, ports=ports)
    ports.workflow.answer(token, {"result": "wait", "seconds": seconds})


def wait_for_room(call: Call, ceiling: Ceiling, token: str, *, ports: DialPorts) -> None:
    """The carrier account has no room for one more: a campaign's call waits at the doorway, one by itself here.

    After an hour a call by itself has failed.
    """
    now, since = ports.clock.now(), call.execution_started_at or call.created_at
    if call.recipient is not None:
        _put_back(call, ceiling.words, ports=ports)
    elif now - since > _LONGEST_WAIT_MS:
        late = CarrierThrottled(ceiling.words, twilio_code=TOO_MANY_AT_ONCE)
        refused_by_carrier(call, late, ports=ports)
    else:
        note = TimelineEntry(now, _WAITS, ceiling.words)
        noted = Revision({}, note=note)
        revise_call(call.account_id, call.call_id, lambda c: None if _waits(c, note) else noted, calls=ports.calls)
        ports.workflow.answer(token, {"result": "wait", "seconds": _LOOK_AGAIN_SECONDS})
        return
    ports.workflow.answer(token, ENDED)


def wait_for_person(call: Call, token: str, *, ports: DialPorts) -> None:
    """The person is in another call: a campaign's call waits at the doorway, one by itself here, and not for ever."""
    now, since, reason = ports.clock.now(), in_a_call_since(call), EndedReason.IN_A_CALL.value
    ids = call.account_id, call.call_id
    if call.recipient is not None:
        _put_back(call, reason, ports=ports)
    elif since is not None and now >= waits_until(call.not_after, since):
        over = {"never_dialled": EndedReason.IN_A_CALL, "never_dialled_why": reason}
        given_up = Revision(over, note=TimelineEntry(now, "not_dialled", reason))
        revise_call(*ids, lambda c: None if c.never_dialled else given_up, calls=ports.calls)
    else:
        if since is None:
            noted = Revision({}, note=TimelineEntry(now, _WAITS, reason))
            revise_call(*ids, lambda c: noted if c.status is CallStatus.QUEUED else None, calls=ports.calls)
        ports.workflow.answer(token, {"result": "wait", "seconds": _IN_A_CALL_SECONDS})
        return
    ports.workflow.answer(token, ENDED)


def _waits(call: Call, note: TimelineEntry) -> bool:
    """Tell whether that is noted already, or is not true any more."""
    noted = any((entry.event, entry.reason) == (note.event, note.reason) for entry in call.timeline)
    return noted or call.status is not CallStatus.QUEUED


def _give_up(call: Call, refused: CarrierThrottled, *, ports: DialPorts) -> None:
    """It was told to come later too often: a call by itself has failed, a campaign's goes back and costs nothing."""
    if call.recipient is None:
        refused_by_carrier(call, refused, ports=ports)
        return
    _put_back(call, "the carrier took no more requests, time and again", ports=ports)


def _put_back(call: Call, words: str, *, ports: DialPorts) -> None:
    """Have a campaign's call not be made, and its recipient wait again; a refused intent is taken back with it."""
    note = TimelineEntry(ports.clock.now(), "not_dialled", words)
    put_back = {"never_dialled": EndedReason.CANCELED, "never_dialled_why": words, "put_back": True}

    def decide(c: Call) -> Revision | None:
        if c.never_dialled is not None:
            return None
        back = Revision({}) if c.status is CallStatus.QUEUED else _take_back(c, None)
        return None if back is None else Revision({**back.changes, **put_back}, note=note)

    revise_call(call.account_id, call.call_id, decide, calls=ports.calls)


def _take_back(call: Call, note: TimelineEntry | None) -> Revision | None:
    if CallStatus.QUEUED not in TRANSITIONS[call.status] or call.twilio_call_sid is not None:
        return None
    changes = {"status": CallStatus.QUEUED, "dial_started_at": None, "dial_slot_at": None, "dial_error_code": None}
    return Revision(changes, note=note)


def others_are_stored(call: Call, account: CarrierAccount, *, ports: DialPorts) -> bool:
    """Take the intent back, once, where other credentials are stored by now than those the carrier has refused.

    Nothing was placed, as with a 429: the dial comes again by its own way, with its pace and its permission. Asked
    after the refusal is on the record, so that secrets that cannot be read leave it refused.
    """
    if any(entry.event == _RENEWED for entry in call.timeline):
        return False
    number = ports.agents.get_number(call.account_id, call.our_number)
    if number is None:
        return False
    ports.credentials.renew(number)
    if _dials_as(ports.credentials.of_number(number)) == _dials_as(account):
        return False
    note = TimelineEntry(
        ports.clock.now(), _RENEWED, "the carrier account's credentials were changed: it is asked again"
    )
    return revise_call(call.account_id, call.call_id, lambda c: _take_back(c, note), calls=ports.calls)[1]


def _dials_as(account: CarrierAccount) -> CarrierAccount:
    """Leave out what only checks the carrier's own requests."""
    return replace(account, other_tokens=(), shared_keys=())


def refused_by_carrier(call: Call, refused: CarrierRefused | CarrierThrottled, *, ports: DialPorts) -> Call:
    """Nothing was placed and nothing will be: the code is kept, and settling says `failed`."""
    code = refused.twilio_code or refused.http_status or 0
    note = TimelineEntry(ports.clock.now(), "refused", refused.message, {"twilio_code": refused.twilio_code})
    return revise_call(
        call.account_id,
        call.call_id,
        lambda c: None if c.dial_error_code is not None else Revision({"dial_error_code": code}, note=note),
        calls=ports.calls,
    )[0]
