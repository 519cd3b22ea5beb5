"""Ask the carrier to ring: the one request of an attempt.

The order is the guarantee. The pace is reserved, the intent is written (queued → dialing, conditionally), then the
request leaves, once. Whoever enters here again and finds the intent written never sends a request: the callback or
resolve_call tells what became of it. An inbound call is one whose intent is the caller's: its token is kept, no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from calling.domain import carrier_codes, stream_token, twiml
from calling.domain.agent import VoicemailAction
from calling.domain.call import TRANSITIONS, Call, CallStatus, EndedReason, TimelineEntry
from calling.domain.errors import CarrierAmbiguous, CarrierRefused, CarrierThrottled
from calling.domain.limits import Limits
from calling.domain.pacing import FAR_AWAY_MS
from calling.domain.revision import Revision
from calling.ports import (
    AgentStore,
    CallStore,
    CampaignStore,
    Carrier,
    CarrierAccount,
    CarrierCall,
    Clock,
    ContactStore,
    Credentials,
    DialRequest,
    DialWorkflow,
    LimitsStore,
    Pacer,
    WatchQueue,
)
from calling.usecases.permit_dial import dial_refusal
from calling.usecases.revise_call import revise_call
from calling.usecases.watch_call import WATCH_SECONDS

TOKEN_SECONDS = 600  # a stream token outlives the carrier's own queue and the ringing, no more
_MAX_THROTTLES = 20
# The carrier's limit is the timer behind ours: ours comes first, so that the goodbye is said and the call is known to
# have ended at its longest; the carrier's ends what we failed to.
CARRIER_LIMIT_MARGIN_SECONDS = 15
_QUEUES_MS = 1_000  # from so much on in the carrier's own queue we are above its pace, and wait for it to empty
_LONGEST_PAUSE = 60
# Seconds nobody asks the carrier after one of these: too many calls at once, and its queue is full.
_PAUSE_SECONDS = {10004: 10, 22005: _LONGEST_PAUSE}
_LONGEST_QUEUE_MS = 30_000  # longer in the carrier's own queue, and a call would leave at a time nobody chose
# Twilio's connection overrides, in the URL's fragment: two more tries where our answer was lost or an error.
# https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
_TRY_AGAIN = "#rc=2&rp=5xx,ct,rt"
_ENDED: Mapping[str, Any] = {"result": "ended"}


@dataclass(frozen=True, slots=True)
class DialPorts:
    """What dialling needs of the world."""

    calls: CallStore
    agents: AgentStore
    credentials: Credentials
    carrier: Carrier
    limits: LimitsStore
    contacts: ContactStore
    campaigns: CampaignStore
    pacer: Pacer
    workflow: DialWorkflow
    watches: WatchQueue
    clock: Clock


@dataclass(frozen=True, slots=True)
class DialSettings:
    """Where the carrier finds us."""

    public_base_url: str
    media_public_url: str


def dial_call(account_id: str, call_id: str, token: str, *, ports: DialPorts, settings: DialSettings) -> None:
    """Dial a queued call and leave `token` to be answered by its end, or answer it at once.

    Answers `{"result": "ended"}` when nothing is left to wait for and `{"result": "wait", "seconds": n}` when the
    dial must come back later (pace, 429).

    Raises:
        CarrierAmbiguous: the request's answer was lost; the state machine goes on to resolve_call.
    """
    call, entered = revise_call(account_id, call_id, lambda c: _enter(c, token), calls=ports.calls)
    if not entered or call.never_dialled is not None or call.carrier_is_done:
        ports.workflow.answer(token, _ENDED)
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
        ports.workflow.answer(token, _ENDED)
        return
    account = ports.credentials.of_number(number)
    limits = ports.limits.get(account_id)
    seconds = _pace(call, account, limits, ports=ports)
    if seconds is not None:
        ports.workflow.answer(token, {"result": "wait", "seconds": seconds})
        return
    if not _permitted(call, limits, ports=ports):
        ports.workflow.answer(token, _ENDED)
        return
    _ask(call, account, token, ports=ports, settings=settings)


def _enter(call: Call, token: str) -> Revision | None:
    """Re-entry replaces the token. A hangup asked for before any request ends the call here."""
    if call.status.is_terminal:
        return None
    changes: dict[str, Any] = {"task_token": token}
    if call.cancel_requested_at is not None and not call.was_asked_of_carrier:
        changes["never_dialled"] = EndedReason.CANCELED
    return Revision(changes)


def _pace(call: Call, account: CarrierAccount, limits: Limits, *, ports: DialPorts) -> int | None:
    """Wait for the call's slot; seconds to come back after where it is too far away to sleep for.

    A slot stays the call's own until it is used: reserving another on each return would put it behind everybody
    else each time. Only one that was missed by far (an outage) is given up, so that late calls do not leave at once.
    """
    now = ports.clock.now()
    slot = call.dial_slot_at
    if slot is None or now - slot > FAR_AWAY_MS:
        slot = ports.pacer.reserve(call.account_id, account.sid, now=now, calls_per_second=limits.calls_per_second)
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
        return -(-(slot - now) // 1000)
    if slot > now:
        ports.clock.sleep((slot - now) / 1000)
    return None


def _permitted(call: Call, limits: Limits, *, ports: DialPorts) -> bool:
    """Ask for the last time whether this person may be called now; where not, the record says why."""
    refused = dial_refusal(call, limits, contacts=ports.contacts, campaigns=ports.campaigns, now=ports.clock.now())
    if refused is None:
        return True
    _give_up(call, refused.end, refused.words, put_back=refused.put_back, ports=ports)
    return False


def _ask(call: Call, account: CarrierAccount, token: str, *, ports: DialPorts, settings: DialSettings) -> None:
    now = ports.clock.now()
    # Between the intent and the request nothing may fail: the request is ready before it.
    request = _request(call, ports.credentials.stream_secret(), now, settings)
    call, _ = revise_call(call.account_id, call.call_id, lambda c: _intend(c, token, now), calls=ports.calls)
    if call.never_dialled is not None:  # a hangup came between
        ports.workflow.answer(token, _ENDED)
        return
    if not _intent_is_mine(call, token, now):  # a newer entry came between: that one decides
        return
    try:
        placed = ports.carrier.dial(account, request)
    except CarrierThrottled as refused:
        _throttled(call, account, token, refused, ports=ports)
    except CarrierRefused as refused:
        _refused(call, refused, ports=ports)
        ports.workflow.answer(token, _ENDED)
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
        _placed(call, account, placed, ports=ports)


def _intend(call: Call, token: str, now: int) -> Revision | None:
    if call.cancel_requested_at is not None and call.status is CallStatus.QUEUED:
        return Revision({"never_dialled": EndedReason.CANCELED}) if call.never_dialled is None else None
    if call.status is not CallStatus.QUEUED or call.task_token != token:
        return None
    return Revision(
        {"status": CallStatus.DIALING, "dial_started_at": now},
        note=TimelineEntry(now, "dialing", "asking the carrier to ring"),
    )


def _intent_is_mine(call: Call, token: str, now: int) -> bool:
    """Tell by token and moment: the store's own retry of a write whose answer was lost looks like another writer."""
    return call.status is CallStatus.DIALING and (call.task_token, call.dial_started_at) == (token, now)


def _request(call: Call, secret: bytes, now: int, settings: DialSettings) -> DialRequest:
    expires = now // 1000 + call.ring_seconds + TOKEN_SECONDS
    callback = f"{settings.public_base_url}/twilio/{call.account_id}/calls/{call.call_id}"
    stream = f"{settings.media_public_url}/calls/{call.account_id}/{call.call_id}"
    leave = call.voicemail_action is VoicemailAction.LEAVE_MESSAGE
    return DialRequest(
        from_number=call.from_number,
        to_number=call.to_number,
        twiml=twiml.connect_stream(
            stream,
            call_id=call.call_id,
            token=stream_token.issue(secret, call.account_id, call.call_id, expires),
        ),
        status_callback=f"{callback}/status{_TRY_AGAIN}",
        amd_callback=f"{callback}/amd{_TRY_AGAIN}" if call.amd_enabled else None,
        machine_detection="DetectMessageEnd" if leave else "Enable",
        ring_seconds=call.ring_seconds,
        time_limit_seconds=call.max_duration_seconds + CARRIER_LIMIT_MARGIN_SECONDS,
    )


def _placed(call: Call, account: CarrierAccount, placed: CarrierCall, *, ports: DialPorts) -> None:
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
    if call.carrier_is_done and call.task_token is not None:
        ports.workflow.answer(call.task_token, _ENDED)
    elif call.cancel_requested_at is not None or _queued_too_long(call, placed, ports.clock.now()):
        ports.carrier.hang_up(account, placed.sid)
    if (placed.queue_time_ms or 0) >= _QUEUES_MS:
        said = f"the carrier queues calls for {placed.queue_time_ms} ms: it is asked too fast"
        _slow_down(call, account, min(ceil((placed.queue_time_ms or 0) / 1000), _LONGEST_PAUSE), said, ports=ports)


def _slow_down(call: Call, account: CarrierAccount, seconds: int, reason: str, *, ports: DialPorts) -> None:
    until = ports.clock.now() + seconds * 1000
    ports.pacer.slow_down(call.account_id, account.sid, until=until, reason=reason)


def _queued_too_long(call: Call, placed: CarrierCall, now: int) -> bool:
    queued = placed.queue_time_ms or 0
    return queued > _LONGEST_QUEUE_MS or (call.not_after is not None and now + queued > call.not_after)


def _throttled(call: Call, account: CarrierAccount, token: str, refused: CarrierThrottled, *, ports: DialPorts) -> None:
    """Nothing was placed: the intent is taken back and the dial comes again, a bounded number of times.

    The whole carrier account is slowed down with it: others would only be refused as well.
    """
    throttles = sum(1 for entry in call.timeline if entry.event == "throttled")
    if throttles >= _MAX_THROTTLES:
        _refused(call, refused, ports=ports)
        ports.workflow.answer(token, _ENDED)
        return
    seconds = max(min(2**throttles, 30), _PAUSE_SECONDS.get(refused.twilio_code or 0, 1))
    said = carrier_codes.words(refused.twilio_code, None) or "too many requests to the carrier"
    _slow_down(call, account, seconds, said, ports=ports)
    note = TimelineEntry(
        ports.clock.now(),
        "throttled",
        "the carrier takes no more requests now",
        {"twilio_code": refused.twilio_code, "seconds": seconds},
    )
    revise_call(call.account_id, call.call_id, lambda c: _take_back(c, note), calls=ports.calls)
    ports.workflow.answer(token, {"result": "wait", "seconds": seconds})


def _take_back(call: Call, note: TimelineEntry) -> Revision | None:
    if CallStatus.QUEUED not in TRANSITIONS[call.status] or call.twilio_call_sid is not None:
        return None
    changes = {"status": CallStatus.QUEUED, "dial_started_at": None, "dial_slot_at": None}
    return Revision(changes, note=note)


def _refused(call: Call, refused: CarrierRefused | CarrierThrottled, *, ports: DialPorts) -> None:
    code = refused.twilio_code or refused.http_status or 0
    note = TimelineEntry(ports.clock.now(), "refused", refused.message, {"twilio_code": refused.twilio_code})
    revise_call(
        call.account_id,
        call.call_id,
        lambda c: None if c.dial_error_code is not None else Revision({"dial_error_code": code}, note=note),
        calls=ports.calls,
    )


def _give_up(call: Call, reason: EndedReason, words: str, *, put_back: bool = False, ports: DialPorts) -> None:
    note = TimelineEntry(ports.clock.now(), "not_dialled", words)
    given_up = Revision({"never_dialled": reason, "never_dialled_why": words, "put_back": put_back}, note=note)
    revise_call(
        call.account_id,
        call.call_id,
        lambda c: None if c.never_dialled or c.was_asked_of_carrier else given_up,
        calls=ports.calls,
    )
