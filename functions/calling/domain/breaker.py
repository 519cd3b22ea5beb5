"""When a campaign stops itself: too many of its calls fail, or its carrier account is refused. Pure."""

from calling.domain import carrier_codes
from calling.domain.call import Call, CallStatus, EndedReason
from calling.domain.carrier_codes import Fault
from calling.domain.limits import Breaker
from calling.domain.outcome import was_one_too_many

SLOTS = 4  # a window is counted in so many parts, so that it slides in quarters


def slot(breaker: Breaker, at: int) -> int:
    """Number the part of a window that a moment (epoch ms) falls into."""
    return at * SLOTS // (breaker.window_seconds * 1000)


def failed(call: Call) -> bool:
    """Tell whether a call speaks against going on.

    A number that does not exist and a person who is busy do not; nor does a country that must not be called, which is
    held by itself, once that is known.
    """
    if was_one_too_many(call):
        return False
    if not call.was_asked_of_carrier:
        return call.never_dialled is EndedReason.ERROR
    if carrier_codes.fault(call.dial_error_code) in (Fault.NUMBER, Fault.BLOCKED, Fault.COUNTRY):
        return False
    if call.sip_response_code in carrier_codes.NO_SUCH_NUMBER:
        return False
    if call.taken_from_queue_at is not None:
        return True
    return call.status in (CallStatus.FAILED, CallStatus.UNKNOWN) or call.ended_reason is EndedReason.ERROR


def trips(breaker: Breaker, calls: int, failures: int) -> str | None:
    """Say why a campaign must pause after so many calls in the window; None where it may go on."""
    if failures < 1 or calls < breaker.min_calls or failures / calls < breaker.failure_rate:
        return None
    return f"{failures} of the last {calls} calls failed within {breaker.window_seconds} seconds"


def account_refused(call: Call) -> str | None:
    """Say why nothing can be dialled from this carrier account or number; None where that is not so."""
    return carrier_codes.words(call.dial_error_code, None) if call.refusal is Fault.ACCOUNT else None
