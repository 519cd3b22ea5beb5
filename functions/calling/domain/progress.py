"""How a fact of the carrier moves a call's record: monotone, duplicate-proof and order-proof.

Facts arrive twice, late and out of order (Twilio sends callbacks as separate requests). A fact of a lower rank fills
its own time stamp and nothing else; the carrier's last word absorbs whatever comes after it, but for the SIP code that
says why, where asking the carrier was faster than its callback. Times are the carrier's own, in whole seconds by its
clock, so that each is kept between those of the steps before and after it. The call's own status never becomes
terminal here: settling is the only exit.
"""

from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from calling.domain import carrier_codes, events
from calling.domain.call import (
    LOOK_MS,
    RING_BUFFER_SECONDS,
    RING_MARGIN_SECONDS,
    TRANSITIONS,
    Call,
    CallStatus,
    CarrierStatus,
    EndedReason,
    TimelineEntry,
)
from calling.domain.revision import Revision

_MEDIA_DEAD_MS = 45_000  # the media session speaks every 10 s at least
# A stream begins within moments of the answer; but on a trial account Twilio speaks first, and waits for a key.
_MEDIA_LATE_MS = 60_000
_FAREWELL_MS = 20_000  # the carrier says a sentence after a stream that was lost, having asked for it first
_PLACE = {CarrierStatus.RINGING: 1, CarrierStatus.IN_PROGRESS: 2}  # among the steps of a call
_STATUS = {CarrierStatus.RINGING: CallStatus.RINGING, CarrierStatus.IN_PROGRESS: CallStatus.IN_PROGRESS}


@dataclass(frozen=True, slots=True)
class CarrierFact:
    """What the carrier said of a call: by callback or when asked. `at` is epoch ms."""

    sid: str
    status: CarrierStatus
    at: int
    duration_seconds: int | None = None
    sip_response_code: int | None = None
    source: str = "callback"
    stir_status: str | None = None  # A, B or C: how far the network vouched for our number
    error_code: int | None = None  # Twilio's code for a call it accepted and then failed


def belongs(call: Call, sid: str) -> bool:
    """Tell whether a carrier's call may be this one: the SID on record, or none known yet for a dialled call."""
    return call.twilio_call_sid == sid or (call.twilio_call_sid is None and call.was_asked_of_carrier)


def carrier_progress(call: Call, fact: CarrierFact) -> Revision | None:
    """Decide what a fact changes; None where the record says so already, or the call is over."""
    if not belongs(call, fact.sid):
        return None
    fact = as_it_was(call, fact)
    if call.status.is_terminal or call.carrier_is_done:
        return _late(call, fact)
    fact = replace(fact, at=_in_order(call, fact))
    changes = _changes(call, fact)
    if not changes:
        return None
    details: dict[str, Any] = {"source": fact.source}
    if fact.sip_response_code is not None:
        details["sip_response_code"] = fact.sip_response_code
    return Revision(
        changes=changes,
        note=TimelineEntry(fact.at, f"carrier_{fact.status.value}", details=details),
        # Whatever told of the answer first, even the end: a lost or late callback costs nobody the event.
        outbox=events.started(call, changes["answered_at"]) if "answered_at" in changes else None,
    )


def said_at(timestamp: str | None, now: int) -> int:
    """Read a callback's `Timestamp` (RFC 2822, whole seconds): when it happened, epoch ms, never after `now`.

    The callback itself may come late, again, or after a later one. What cannot be read happened now.
    """
    try:
        said = parsedate_to_datetime(timestamp or "")
    except (ValueError, OverflowError):
        return now
    return min(round(said.replace(tzinfo=said.tzinfo or UTC).timestamp() * 1000), now)


def as_it_was(call: Call, fact: CarrierFact) -> CarrierFact:
    """Take `completed` of a call that we ended while it rang for what it is: Twilio may repeat our request's word.

    We end one that is not wanted any more, and one that rings on: what has no seconds that late was never answered.
    """
    if fact.status is not CarrierStatus.COMPLETED or fact.duration_seconds or call.was_answered:
        return fact
    rang_out = _ringing_ms(call, fact.at) > (call.ring_seconds + RING_BUFFER_SECONDS) * 1000
    ended_by_us = call.cancel_requested_at is not None or call.is_to_leave_queue or rang_out
    return replace(fact, status=CarrierStatus.CANCELED, duration_seconds=None) if ended_by_us else fact


def _in_order(call: Call, fact: CarrierFact) -> int:
    """Keep a fact's time between those of the steps before and after it, as far as they are known."""
    steps = (call.dial_started_at, call.ringing_at, call.answered_at, call.media_opened_at)
    place = len(steps) if fact.status.is_terminal else _PLACE.get(fact.status, 1)
    earliest = max((at for at in steps[:place] if at is not None), default=fact.at)
    latest = min((at for at in steps[place + 1 :] if at is not None), default=max(fact.at, earliest))
    return min(max(fact.at, earliest), latest)


def _late(call: Call, fact: CarrierFact) -> Revision | None:
    """Take from a fact after the end only why it ended: asking the carrier was faster, and it does not say so."""
    changes: dict[str, Any] = {}
    if fact.status is call.carrier_status and fact.sip_response_code is not None and call.sip_response_code is None:
        changes["sip_response_code"] = fact.sip_response_code
    if fact.status is call.carrier_status and fact.error_code is not None and call.carrier_error_code is None:
        changes["carrier_error_code"] = fact.error_code
    if fact.stir_status is not None and call.stir_status is None:
        changes["stir_status"] = fact.stir_status
    return Revision(changes) if changes else None


def _changes(call: Call, fact: CarrierFact) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if call.twilio_call_sid is None:
        changes["twilio_call_sid"] = fact.sid
    if fact.status is CarrierStatus.RINGING and call.ringing_at is None:
        changes["ringing_at"] = fact.at
    if fact.status is CarrierStatus.IN_PROGRESS and call.answered_at is None:
        changes["answered_at"] = fact.at
    if fact.stir_status is not None and call.stir_status is None:
        changes["stir_status"] = fact.stir_status
    if call.carrier_status is None or fact.status.rank > call.carrier_status.rank:
        changes["carrier_status"] = fact.status
        changes |= _moves(call, fact)
    return changes


def _moves(call: Call, fact: CarrierFact) -> dict[str, Any]:
    """What a step forward brings: the call's own status, or the facts of the end."""
    if fact.status.is_terminal:
        ended: dict[str, Any] = {
            "carrier_ended_at": fact.at,
            "carrier_duration_seconds": fact.duration_seconds,
            "sip_response_code": fact.sip_response_code,
            "carrier_error_code": fact.error_code,
        }
        if fact.status is CarrierStatus.COMPLETED and call.answered_at is None:
            # The answer's own callback was lost or is late: it was answered `duration` before its end.
            began = max(call.ringing_at or 0, call.dial_started_at or 0)
            ended["answered_at"] = max(fact.at - (fact.duration_seconds or 0) * 1000, began)
        if call.due_at is not None:  # what is not settled soon after its end is looked at
            ended["due_at"] = min(call.due_at, fact.at + LOOK_MS)
        return {name: value for name, value in ended.items() if value is not None}
    status = _STATUS.get(fact.status)
    return {"status": status} if status is not None and status in TRANSITIONS[call.status] else {}


def is_unexplained(call: Call) -> bool:
    """Tell whether the carrier failed a call before it rang, and has not said why.

    Its callbacks have no field for that (twilio.com/docs/voice/api/call-resource), so it must be asked.
    """
    never_rang = call.carrier_status is CarrierStatus.FAILED and call.ringing_at is None and call.answered_at is None
    said = call.carrier_error_code is not None or call.sip_response_code in carrier_codes.NO_SUCH_NUMBER
    return never_rang and not said and call.twilio_call_sid is not None


def abandoned(call: Call, now: int) -> bool:
    """Tell whether a call lives at the carrier with nobody on our side."""
    if call.status is CallStatus.IN_PROGRESS:
        if call.media_closed_at is not None:
            is_told = call.media_reason is EndedReason.ERROR and call.cancel_requested_at is None
            return not is_told or now - call.media_closed_at > _FAREWELL_MS
        if call.media_opened_at is None:
            return now - (call.answered_at or now) > _MEDIA_LATE_MS
        return now - (call.media_alive_at or call.media_opened_at) > _MEDIA_DEAD_MS
    return _ringing_ms(call, now) > (call.ring_seconds + RING_MARGIN_SECONDS) * 1000


def _ringing_ms(call: Call, now: int) -> int:
    """Tell how long a call has rung at most: from its request on, but for the carrier's own queue."""
    return now - (call.dial_started_at or now) - (call.queue_time_ms or 0)
