"""Find out what became of a call whose story broke off: a lost answer, a lost callback, a dead media process.

The carrier is asked; what still lives without anybody on our side is ended, and asked about again. Nothing is ever
dialled here.
"""

from typing import Any

from calling.domain.call import Call, EndedReason, TimelineEntry
from calling.domain.errors import CarrierError
from calling.domain.progress import CarrierFact, abandoned, carrier_progress, is_unexplained
from calling.domain.revision import Revision
from calling.ports import CarrierAccount, CarrierCall
from calling.usecases.ask_carrier import ResolvePorts, ask_carrier
from calling.usecases.revise_call import revise_call

__all__ = ["ResolvePorts", "resolve_call"]

POLL_SECONDS = 4
_MAX_DIAL_FAILURES = 8
_WHY_WITHIN_MS = 60_000  # of a call's end; its recipient waits for their next try meanwhile


def resolve_call(account_id: str, call_id: str, *, ports: ResolvePorts) -> dict[str, Any]:
    """Ask the carrier about a call.

    Returns `{"result": "ended"}` when it can be settled, `{"result": "dial", "seconds": n}` when no request was ever
    made, and `{"result": "wait", "seconds": n}` when it must be asked again. Bounded by the call's deadline.

    Raises:
        NotFound: `call_not_found`.
    """
    call = ports.calls.get(account_id, call_id)
    if call is None or call.status.is_terminal or call.never_dialled is not None:
        return {"result": "ended"}
    if call.carrier_is_done:
        return _ask_why(call, ports=ports) if is_unexplained(call) else {"result": "ended"}
    if not call.was_asked_of_carrier:
        return _never_asked(call, ports=ports)
    if call.refusal is not None:
        return {"result": "ended"}
    number = ports.agents.get_number(account_id, call.our_number)
    past_deadline = ports.clock.now() >= (call.deadline_at or 0)
    if number is None:
        return {"result": "ended"} if past_deadline else _again()
    account = ports.credentials.of_number(number)
    try:
        return _ask(call, account, past_deadline=past_deadline, ports=ports)
    except CarrierError:
        return {"result": "ended"} if past_deadline else _again(30)


def _never_asked(call: Call, *, ports: ResolvePorts) -> dict[str, Any]:
    """No intent, so no request: it may be dialled, later and later, unless dialling it keeps failing."""
    failures = call.dial_failures + 1
    if failures < _MAX_DIAL_FAILURES:
        counted = Revision({"dial_failures": failures})
        revise_call(
            call.account_id,
            call.call_id,
            lambda c: None if c.was_asked_of_carrier else counted,
            calls=ports.calls,
        )
        return {"result": "dial", "seconds": min(2**failures, 60)}
    note = TimelineEntry(ports.clock.now(), "not_dialled", "dialling failed again and again before any request")
    revise_call(
        call.account_id,
        call.call_id,
        lambda c: (
            None
            if c.was_asked_of_carrier
            else Revision({"never_dialled": EndedReason.ERROR, "never_dialled_why": note.reason}, note=note)
        ),
        calls=ports.calls,
    )
    return {"result": "ended"}


def _ask(call: Call, account: CarrierAccount, *, past_deadline: bool, ports: ResolvePorts) -> dict[str, Any]:
    found = ask_carrier(call, account, carrier=ports.carrier)
    now = ports.clock.now()
    if found is None:
        return {"result": "ended"} if past_deadline else _again()
    call = _store(call, found, now, ports=ports)
    if call.carrier_is_done:
        return {"result": "ended"}
    if past_deadline or call.cancel_requested_at is not None or call.is_to_leave_queue or abandoned(call, now):
        ports.carrier.hang_up(account, found.sid, answered=call.was_answered)
        if past_deadline and now >= (call.deadline_at or 0) + 60_000:
            return {"result": "ended"}  # it was ended and asked about for a minute: the truth is `unknown`
        return _again(2)
    return _again()


def _ask_why(call: Call, *, ports: ResolvePorts) -> dict[str, Any]:
    """Learn why the carrier failed a call. It is over whatever is answered, so it is settled without soon after."""
    number = ports.agents.get_number(call.account_id, call.our_number)
    now = ports.clock.now()
    if number is None or now >= (call.carrier_ended_at or 0) + _WHY_WITHIN_MS:
        return {"result": "ended"}
    try:
        found = ask_carrier(call, ports.credentials.of_number(number), carrier=ports.carrier)
    except CarrierError:
        return _again()
    if found is None or not found.status.is_terminal:  # what it shows may lag behind what it has told
        return _again()
    _store(call, found, now, ports=ports)
    return {"result": "ended"}


def _store(call: Call, found: CarrierCall, now: int, *, ports: ResolvePorts) -> Call:
    at = found.ended_at or now
    fact = CarrierFact(found.sid, found.status, at, found.duration_seconds, source="asked", error_code=found.error_code)
    return revise_call(call.account_id, call.call_id, lambda c: carrier_progress(c, fact), calls=ports.calls)[0]


def _again(seconds: int = POLL_SECONDS) -> dict[str, Any]:
    return {"result": "wait", "seconds": seconds}
