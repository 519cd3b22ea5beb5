"""Look at a call that rings, every few seconds, because the carrier's last word may be lost.

Once the media stream is up its end tells of the call's end. Before it nothing does: a busy line whose callback was
lost would be waited for until the state machine's heartbeat runs out. So each look asks the carrier and, while the call
rings, puts the next one into the queue. A look costs a message, a short Lambda, two reads of the table and one request
to the carrier's API, about $0.000003 together and nothing of the carrier's pace (that counts created calls): 0.2 % of
what a call of one minute costs there, for a whole ringing. As a Wait of the state machine it would cost thirty times as
much. Nothing is dialled or ended here: what should not live any more is handed to resolve_call.
"""

from calling.domain.call import Call
from calling.domain.errors import CarrierError
from calling.domain.progress import CarrierFact, abandoned, carrier_progress
from calling.ports import DialWorkflow, WatchQueue
from calling.usecases.ask_carrier import ResolvePorts, ask_carrier
from calling.usecases.revise_call import revise_call

__all__ = ["WATCH_SECONDS", "ResolvePorts", "watch_call"]

WATCH_SECONDS = 4  # with a queue, a cold Lambda and settling after it, a lost last word is found within ten seconds


def watch_call(
    account_id: str, call_id: str, *, ports: ResolvePorts, watches: WatchQueue, workflow: DialWorkflow
) -> bool:
    """Look once; True where the call is to be looked at again.

    Answers the call's task when the carrier says it is over, or when it should be.
    """
    call = ports.calls.get(account_id, call_id)
    if call is None or not call.was_asked_of_carrier:
        return False  # erased, or it stands before a request again, which begins a watch of its own
    if _rings(call):
        call = _look(call, ports=ports)
    if call.carrier_is_done:  # also where a callback stored it and died before it told
        _wake(call, "ended", workflow=workflow)
    elif _rings(call):
        unwanted = call.cancel_requested_at is not None or call.is_to_leave_queue
        if not unwanted and not abandoned(call, ports.clock.now()):
            watches.send(account_id, call_id, delay_seconds=WATCH_SECONDS)
            return True
        _wake(call, "resolve", workflow=workflow)
    return False


def _rings(call: Call) -> bool:
    """No end is known, and no media stream is there that will tell of it."""
    return not call.status.is_terminal and not call.carrier_is_done and call.media_opened_at is None


def _look(call: Call, *, ports: ResolvePorts) -> Call:
    """Store what the carrier says; the record as it stands then. What it does not say now is asked the next time."""
    number = ports.agents.get_number(call.account_id, call.our_number)
    if number is None:
        return call
    try:
        found = ask_carrier(call, ports.credentials.of_number(number), carrier=ports.carrier)
    except CarrierError:
        return call
    if found is None:
        return call
    at = found.ended_at or ports.clock.now()
    fact = CarrierFact(found.sid, found.status, at, found.duration_seconds, source="asked", error_code=found.error_code)
    return revise_call(call.account_id, call.call_id, lambda c: carrier_progress(c, fact), calls=ports.calls)[0]


def _wake(call: Call, result: str, *, workflow: DialWorkflow) -> None:
    if call.task_token is not None and not call.status.is_terminal:
        workflow.answer(call.task_token, {"result": result})
