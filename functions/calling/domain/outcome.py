"""What a call came to: status, reason and minutes from the facts on its record. Pure, total, decided in one place."""

from dataclasses import dataclass
from math import ceil

from calling.domain.call import Call, CallStatus, CarrierStatus, Direction, EndedReason, machine
from calling.domain.ceiling import TOO_MANY_AT_ONCE

_FROM_CARRIER = {
    CarrierStatus.COMPLETED: CallStatus.COMPLETED,
    CarrierStatus.BUSY: CallStatus.BUSY,
    CarrierStatus.NO_ANSWER: CallStatus.NO_ANSWER,
    CarrierStatus.FAILED: CallStatus.FAILED,
    CarrierStatus.CANCELED: CallStatus.CANCELED,
}
_REASON = {
    CallStatus.BUSY: EndedReason.BUSY,
    CallStatus.NO_ANSWER: EndedReason.NO_ANSWER,
    CallStatus.FAILED: EndedReason.FAILED,
    CallStatus.CANCELED: EndedReason.CANCELED,
    CallStatus.UNKNOWN: EndedReason.ERROR,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call's end: its terminal status, why, and the minutes charged for a real conversation."""

    status: CallStatus
    reason: EndedReason
    charged_minutes: int
    voicemail_method: str | None


def outcome(call: Call) -> Outcome:
    """Decide how a call ended from its facts. Total: a record without facts is `unknown` once it was dialled."""
    status = _status(call)
    method = call.voicemail_method
    # A machine verdict of the carrier counts where no human turn contradicted it: the media session stores the
    # winner; without a session (it never connected) the carrier's word stands alone.
    if method is None and machine(call.amd_result) and call.media_opened_at is None:
        method = "carrier"
    reason = _reason(call, status, method)
    return Outcome(status, reason, _minutes(call, status, method), method)


def was_one_too_many(call: Call) -> bool:
    """Tell whether the carrier accepted a call and then failed it, for too many lived: nobody's telephone rang."""
    failed = call.carrier_status is CarrierStatus.FAILED and call.answered_at is None
    return failed and call.carrier_error_code == TOO_MANY_AT_ONCE


def connected_ms(call: Call) -> int:
    """Give the connected time in ms, 0 for what never connected. The carrier's own seconds win over our clocks."""
    if call.answered_at is None:
        return 0
    if call.carrier_duration_seconds is not None:
        return call.carrier_duration_seconds * 1000
    end = call.carrier_ended_at or call.media_closed_at or call.answered_at
    return max(0, end - call.answered_at)


def _status(call: Call) -> CallStatus:
    if call.never_dialled is not None:
        return CallStatus.FAILED if call.never_dialled is EndedReason.ERROR else CallStatus.CANCELED
    if call.refusal is not None:
        return CallStatus.FAILED
    if call.carrier_status is not None and call.carrier_status.is_terminal:
        return _FROM_CARRIER[call.carrier_status]
    if not call.was_asked_of_carrier and call.direction is Direction.OUTBOUND:
        return CallStatus.CANCELED if call.cancel_requested_at is not None else CallStatus.FAILED
    return CallStatus.UNKNOWN


def _reason(call: Call, status: CallStatus, voicemail_method: str | None) -> EndedReason:
    if call.never_dialled is not None:
        return call.never_dialled
    if status is not CallStatus.COMPLETED:
        return _REASON[status]
    if call.voicemail_left:
        return EndedReason.VOICEMAIL_LEFT
    if call.media_reason is not None:
        return call.media_reason
    if voicemail_method is not None:
        return EndedReason.VOICEMAIL_DETECTED
    if call.cancel_requested_at is not None:
        return EndedReason.CANCELED
    if call.media_opened_at is None or call.media_closed_at is None:
        return EndedReason.ERROR  # answered, and no conversation ever came up, or its process died
    return EndedReason.CALLEE_HANGUP if call.direction is Direction.OUTBOUND else EndedReason.CALLER_HANGUP


def _minutes(call: Call, status: CallStatus, voicemail_method: str | None) -> int:
    if status is not CallStatus.COMPLETED or voicemail_method is not None:
        return 0
    return ceil(connected_ms(call) / 60_000)
