"""End a call on request, wherever it stands: before the dial, while it rings, in conversation."""

from calling.domain.call import Call, TimelineEntry
from calling.domain.errors import Conflict
from calling.domain.revision import Revision
from calling.ports import AgentStore, CallStore, Carrier, Clock, Credentials
from calling.usecases.revise_call import revise_call


def hang_up(
    account_id: str,
    call_id: str,
    *,
    calls: CallStore,
    agents: AgentStore,
    credentials: Credentials,
    carrier: Carrier,
    clock: Clock,
) -> Call:
    """Remember the wish, then end the call at the carrier if it is known there; else the dial honours the wish.

    Raises:
        NotFound: `call_not_found`.
        Conflict: `call_already_ended`.
        CarrierError: the carrier did not do it; the wish stays, and resolve_call honours it.
    """
    now = clock.now()

    def decide(call: Call) -> Revision | None:
        if call.status.is_terminal or call.carrier_is_done:
            raise Conflict("This call is over already.", code="call_already_ended")
        if call.cancel_requested_at is not None:
            return None
        return Revision({"cancel_requested_at": now}, note=TimelineEntry(now, "hangup_requested"))

    call, _ = revise_call(account_id, call_id, decide, calls=calls)
    end_at_carrier(call, agents=agents, credentials=credentials, carrier=carrier)
    return call


def end_at_carrier(call: Call, *, agents: AgentStore, credentials: Credentials, carrier: Carrier) -> bool:
    """Hang up at the carrier a call whose SID is known; True where that was asked for, or the call is over.

    Raises:
        CarrierError: the carrier did not answer well.
    """
    if call.carrier_is_done:
        return True
    number = agents.get_number(call.account_id, call.our_number)
    if call.twilio_call_sid is None or number is None:
        return False
    carrier.hang_up(credentials.of_number(number), call.twilio_call_sid, answered=call.was_answered)
    return True
