"""Ask the carrier to ring: the one request of an attempt.

The order is the guarantee. The pace is reserved, the intent is written (queued → dialing, conditionally), then the
request leaves, once. Whoever enters here again and finds the intent written never sends a request: the callback or
resolve_call tells what became of it. An inbound call is one whose intent is the caller's: its token is kept, no more.
"""

from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

from calling.domain import callbacks, stream_token, twiml
from calling.domain.agent import VoicemailAction
from calling.domain.call import Call, CallStatus, EndedReason, TimelineEntry
from calling.domain.callbacks import CallCallback
from calling.domain.ceiling import Ceiling
from calling.domain.errors import CarrierAmbiguous, CarrierRefused, CarrierThrottled
from calling.domain.hold import RECOGNISER_FULL
from calling.domain.lease import ACCOUNT_POOL, CARRIERS, UNCOUNTED, holder_in
from calling.domain.limits import Limits
from calling.domain.pacing import FAR_AWAY_MS, LATE_MS
from calling.domain.revision import Revision
from calling.ports import CarrierAccount, DialRequest
from calling.usecases.dial_answers import (
    BAD_CREDENTIALS,
    DIALLED_AGAIN,
    ENDED,
    DialPorts,
    others_are_stored,
    placed_at_carrier,
    refused_by_carrier,
    throttled,
    wait_for_person,
    wait_for_room,
)
from calling.usecases.permit_dial import dial_refusal
from calling.usecases.revise_call import revise_call
from calling.usecases.take_places import carrier_places, take_at_carrier

__all__ = ["CARRIER_LIMIT_MARGIN_SECONDS", "DialPorts", "DialSettings", "dial_call"]

TOKEN_SECONDS = 600  # a stream token outlives the carrier's own queue and the ringing, no more
# The carrier's limit is the timer behind ours: ours comes first, so that the goodbye is said and the call is known to
# have ended at its longest; the carrier's ends what we failed to.
CARRIER_LIMIT_MARGIN_SECONDS = 15
_WHATEVER_MS = 24 * 3600 * 1000  # the doorway's count moves on however far ahead it is


@dataclass(frozen=True, slots=True)
class DialSettings:
    """Where the carrier finds us."""

    public_base_url: str
    media_public_url: str


def dial_call(account_id: str, call_id: str, token: str, *, ports: DialPorts, settings: DialSettings) -> None:
    """Dial a queued call and leave `token` to be answered by its end, or answer it at once.

    Answers `{"result": "ended"}` when nothing is left to wait for and `{"result": "wait", "seconds": n}` when the
    dial must come back later (pace, 429, a hold on all dials).

    Raises:
        CarrierAmbiguous: the request's answer was lost; the state machine goes on to resolve_call.
    """
    call, entered = revise_call(account_id, call_id, lambda c: _enter(c, token), calls=ports.calls)
    if not entered or call.never_dialled is not None or call.carrier_is_done:
        ports.workflow.answer(token, ENDED)
        return
    if call.status is not CallStatus.QUEUED:
        # The intent was written by an earlier entry. With a SID its callbacks answer the new token.
        if call.twilio_call_sid is None:
            raise CarrierAmbiguous("An earlier entry may have asked the carrier.")
        if call.media_closed_at is not None:  # its last word came before this token was there to be answered
            ports.workflow.answer(token, {"result": "resolve"})
        return
    number = ports.agents.get_number(account_id, call.our_number)
    if number is None:
        _give_up(call, EndedReason.ERROR, "the number it was to be dialled from is gone", ports=ports)
        ports.workflow.answer(token, ENDED)
        return
    account = ports.credentials.of_number(number)
    limits = ports.limits.get(account_id)
    call = _at_carrier(call, account, ports=ports)
    full = _full(call, account, limits, ports=ports)  # before a slot of the pace is lost to it
    if full is not None:
        wait_for_room(call, full, token, ports=ports)
        return
    # A hold is asked for first, so that no slot is lost to it, and once more after the pace may have been slept for.
    seconds = _held(call, ports=ports) or _pace(call, account, limits, ports=ports) or _held(call, ports=ports)
    if seconds is not None:
        ports.workflow.answer(token, {"result": "wait", "seconds": seconds})
        return
    _ask_if_allowed(call, account, limits, token, ports=ports, settings=settings)


def _at_carrier(call: Call, account: CarrierAccount, *, ports: DialPorts) -> Call:
    """Note at which carrier account it is dialled, before a place is taken there: settling gives that back."""
    if call.carrier_account == account.sid:
        return call
    known = Revision({"carrier_account": account.sid})
    return revise_call(call.account_id, call.call_id, lambda _: known, calls=ports.calls)[0]


def _full(call: Call, account: CarrierAccount, limits: Limits, *, ports: DialPorts) -> Ceiling | None:
    """Give the carrier account's ceiling where it is known and met; who holds a place there already is within it."""
    ceiling = ports.ceilings.get(account.sid, now=ports.clock.now())
    if ceiling is None:
        return None
    held = ports.leases.holders(CARRIERS, account.sid)
    own = holder_in(CARRIERS, call.account_id, call.call_id)
    has_room = own in held or len(held) < carrier_places(call, limits, ceiling)
    return None if has_room else ceiling


def _enter(call: Call, token: str) -> Revision | None:
    """Re-entry replaces the token. A hangup asked for before any request ends the call here."""
    if call.status.is_terminal:
        return None
    changes: dict[str, Any] = {"task_token": token}
    if call.cancel_requested_at is not None and not call.was_asked_of_carrier:
        changes["never_dialled"] = EndedReason.CANCELED
    return Revision(changes)


def _held(call: Call, *, ports: DialPorts) -> int | None:
    """Tell for how many seconds nobody is dialled, noted once on the record; None where nothing holds."""
    now, until = ports.clock.now(), ports.hold.until()
    if until <= now:
        return None
    note = Revision({}, note=TimelineEntry(now, "waiting", RECOGNISER_FULL, {"until": until}))

    def decide(c: Call) -> Revision | None:
        noted = any(entry.reason == RECOGNISER_FULL for entry in c.timeline)
        return None if noted or c.status is not CallStatus.QUEUED else note

    revise_call(call.account_id, call.call_id, decide, calls=ports.calls)
    return ceil((until - now) / 1000)


def _pace(call: Call, account: CarrierAccount, limits: Limits, *, ports: DialPorts) -> int | None:
    """Wait for the call's slot; seconds to come back after where it is too far away to sleep for.

    A slot stays the call's own until it is used: reserving another on each return would put it behind everybody
    else each time. The wait ends a second or two before it, and the rest is slept: whole seconds are too coarse to
    leave in time. Only a slot that was missed (a failure between) is given up, so that late calls do not leave at once,
    and one before the end of a pause the carrier asked for since, be it while this slept.
    """
    now = ports.clock.now()
    slot = call.dial_slot_at
    paused = ports.pacer.slowed(call.account_id, account.sid)
    if slot is not None and paused is not None and max(slot, now) < paused[0]:
        slot = None  # the carrier asked for a pause after it was reserved
    if slot is None or now - slot > LATE_MS:
        slot = ports.pacer.reserve(call.account_id, account.sid, now=now, calls_per_second=limits.calls_per_second)
        if not _counted_at_the_door(call):
            _count_at_the_door(call, account, slot, limits, ports=ports)
        if slot <= now:
            return None
        reserved = Revision({"dial_slot_at": slot})
        revise_call(
            call.account_id,
            call.call_id,
            lambda c: reserved if c.status is CallStatus.QUEUED else None,
            calls=ports.calls,
        )
    if slot - now > FAR_AWAY_MS:
        return (slot - now) // 1000 - 1
    if slot > now:
        ports.clock.sleep((slot - now) / 1000)
        paused = ports.pacer.slowed(call.account_id, account.sid)
        if paused is not None and ports.clock.now() < paused[0]:
            return 1
    return None


def _counted_at_the_door(call: Call) -> bool:
    """Tell whether the doorway of campaigns has counted this slot: it counts the first one of a campaign's call."""
    again = call.dial_slot_at is not None or any(entry.event in DIALLED_AGAIN for entry in call.timeline)
    return call.recipient is not None and not again


def _count_at_the_door(call: Call, account: CarrierAccount, slot: int, limits: Limits, *, ports: DialPorts) -> None:
    """Have campaigns give way for a slot their doorway has not counted, or each would put all later ones off by one."""
    cps = limits.calls_per_second
    ports.pacer.admit(call.account_id, account.sid, now=slot, calls_per_second=cps, ahead_ms=_WHATEVER_MS)


def _permitted(call: Call, limits: Limits, *, ports: DialPorts) -> bool:
    """Ask for the last time whether this person may be called now; where not, the record says why."""
    refused = dial_refusal(call, limits, contacts=ports.contacts, campaigns=ports.campaigns, now=ports.clock.now())
    if refused is None:
        return True
    _give_up(call, refused.end, refused.words, put_back=refused.put_back, ports=ports)
    return False


def _ask_if_allowed(
    call: Call, account: CarrierAccount, limits: Limits, token: str, *, ports: DialPorts, settings: DialSettings
) -> None:
    """Its moment has come: ask the carrier, if the person may be called and is free, and the carrier account too."""
    if ports.lines.is_shared(call.account_id, call.person, call.call_id):  # they called us since it was dispatched
        wait_for_person(call, token, ports=ports)
        return
    if not _permitted(call, limits, ports=ports):
        ports.workflow.answer(token, ENDED)
        return
    # Under a ceiling campaigns hold this place since the doorway.
    now, ceiling = ports.clock.now(), ports.ceilings.get(account.sid, now=ports.clock.now())
    if not take_at_carrier(call, account.sid, limits, ceiling, leases=ports.leases, now=now):
        wait_for_room(call, ceiling or Ceiling(UNCOUNTED, now), token, ports=ports)
        return
    _ask(call, account, token, ports=ports, settings=settings)


def _ask(call: Call, account: CarrierAccount, token: str, *, ports: DialPorts, settings: DialSettings) -> None:
    now = ports.clock.now()
    live = len(ports.leases.holders(call.account_id, ACCOUNT_POOL))
    # Between the intent and the request nothing may fail: the request is ready before it.
    request = _request(call, ports.credentials.stream_secret(), now, settings)
    call, _ = revise_call(call.account_id, call.call_id, lambda c: _intend(c, token, live, now), calls=ports.calls)
    if call.never_dialled is not None:  # a hangup came between
        ports.workflow.answer(token, ENDED)
        return
    if not _intent_is_mine(call, token, now):  # a newer entry came between: that one decides
        return
    try:
        placed = ports.carrier.dial(account, request)
    except CarrierThrottled as refused:
        throttled(call, account, token, refused, ports=ports)
    except CarrierRefused as refused:
        call = refused_by_carrier(call, refused, ports=ports)
        again = refused.twilio_code == BAD_CREDENTIALS and others_are_stored(call, account, ports=ports)
        ports.workflow.answer(token, {"result": "wait", "seconds": 1} if again else ENDED)
    except CarrierAmbiguous:
        note = TimelineEntry(ports.clock.now(), "answer_lost", "the carrier's answer to the dial was lost")
        revise_call(
            call.account_id,
            call.call_id,
            lambda c: None if c.dial_ambiguous else Revision({"dial_ambiguous": True}, note=note),
            calls=ports.calls,
        )
        raise
    else:
        placed_at_carrier(call, account, placed, ports=ports)


def _intend(call: Call, token: str, live: int, now: int) -> Revision | None:
    if call.cancel_requested_at is not None and call.status is CallStatus.QUEUED:
        return Revision({"never_dialled": EndedReason.CANCELED}) if call.never_dialled is None else None
    if call.status is not CallStatus.QUEUED or call.task_token != token:
        return None
    return Revision(
        {
            "status": CallStatus.DIALING,
            "dial_started_at": now,
            "live_at_dial": live,
            "due_at": call.due_after_dispatch(now),
        },
        note=TimelineEntry(now, "dialing", "asking the carrier to ring"),
    )


def _intent_is_mine(call: Call, token: str, now: int) -> bool:
    """Tell by token and moment: the store's own retry of a write whose answer was lost looks like another writer."""
    return call.status is CallStatus.DIALING and (call.task_token, call.dial_started_at) == (token, now)


def _request(call: Call, secret: bytes, now: int, settings: DialSettings) -> DialRequest:
    expires = now // 1000 + call.ring_seconds + TOKEN_SECONDS
    callback = partial(callbacks.of_call, settings.public_base_url, call.account_id, call.call_id)
    return DialRequest(
        from_number=call.from_number,
        to_number=call.to_number,
        twiml=twiml.connect_stream(
            call.account_id,
            call.call_id,
            token=stream_token.issue(secret, call.account_id, call.call_id, expires),
            public_base_url=settings.public_base_url,
            media_public_url=settings.media_public_url,
        ),
        status_callback=callback(CallCallback.STATUS),
        amd_callback=callback(CallCallback.AMD) if call.amd_enabled else None,
        machine_detection="DetectMessageEnd" if call.voicemail_action is VoicemailAction.LEAVE_MESSAGE else "Enable",
        detection_seconds=call.detection_seconds,
        speech_threshold_ms=call.amd_speech_threshold_ms,
        ring_seconds=call.ring_seconds,
        time_limit_seconds=call.max_duration_seconds + CARRIER_LIMIT_MARGIN_SECONDS,
    )


def _give_up(call: Call, reason: EndedReason, words: str, *, put_back: bool = False, ports: DialPorts) -> None:
    note = TimelineEntry(ports.clock.now(), "not_dialled", words)
    given_up = Revision({"never_dialled": reason, "never_dialled_why": words, "put_back": put_back}, note=note)
    ids = call.account_id, call.call_id
    revise_call(*ids, lambda c: None if c.never_dialled or c.was_asked_of_carrier else given_up, calls=ports.calls)
