"""Store a fact of the carrier, then wake whoever waits for it. Idempotent and order-proof, see domain.progress."""

from calling.domain import carrier_codes
from calling.domain.call import Call, TimelineEntry, machine
from calling.domain.lease import places_of
from calling.domain.progress import CarrierFact, belongs, carrier_progress, is_unexplained
from calling.domain.revision import Revision
from calling.ports import CallStore, DialWorkflow, LeasePool
from calling.usecases.revise_call import revise_call

_MAX_ERROR = 200  # characters kept of what the carrier says of a stream


def record_progress(
    account_id: str, call_id: str, fact: CarrierFact, *, calls: CallStore, leases: LeasePool, workflow: DialWorkflow
) -> Call:
    """Store what the carrier says of a call; once it is over give its places back and answer its task.

    A repeated fact writes nothing and still does the rest: the first delivery may have died between. Settling gives
    places back too; here it is sooner, so that the next one in line does not wait for this one's paperwork.

    Raises:
        NotFound: `call_not_found`.
    """
    call, _ = revise_call(account_id, call_id, lambda c: carrier_progress(c, fact), calls=calls)
    if call.task_token is not None and not call.status.is_terminal and belongs(call, fact.sid):
        if call.carrier_is_done:
            for place in places_of(call):
                leases.release(*place)
            workflow.answer(call.task_token, {"result": "resolve" if is_unexplained(call) else "ended"})
        else:
            workflow.heartbeat(call.task_token)
    return call


def record_machine_detection(
    account_id: str, call_id: str, *, sid: str, answered_by: str, at: int, calls: CallStore
) -> Call:
    """Store the carrier's machine detection. The media session reads it; the first machine verdict wins.

    Raises:
        NotFound: `call_not_found`.
    """

    def decide(call: Call) -> Revision | None:
        if call.amd_result is not None or call.status.is_terminal or not belongs(call, sid):
            return None
        note = TimelineEntry(at, "machine_detection", answered_by, {"machine": machine(answered_by)})
        return Revision({"amd_result": answered_by}, note=note)

    return revise_call(account_id, call_id, decide, calls=calls)[0]


def record_stream_error(account_id: str, call_id: str, *, sid: str, error: str, at: int, calls: CallStore) -> Call:
    """Store what went wrong with a call's media stream, as the carrier says it: a code, or a text. The first counts.

    Raises:
        NotFound: `call_not_found`.
    """

    def decide(call: Call) -> Revision | None:
        if call.stream_error is not None or not belongs(call, sid):
            return None
        said = error[:_MAX_ERROR]
        return Revision(
            {"stream_error": said}, note=TimelineEntry(at, "stream_error", carrier_codes.stream_words(said))
        )

    return revise_call(account_id, call_id, decide, calls=calls)[0]
