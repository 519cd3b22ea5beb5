"""Ask the carrier where one call stands. Nothing is ever dialled or ended here."""

from dataclasses import dataclass

from calling.domain.call import Call, CarrierStatus
from calling.ports import AgentStore, CallStore, Carrier, CarrierAccount, CarrierCall, Clock, Credentials

_SECOND_MS = 1_000  # the carrier's times have whole seconds


@dataclass(frozen=True, slots=True)
class ResolvePorts:
    """What asking after a call needs of the world."""

    calls: CallStore
    agents: AgentStore
    credentials: Credentials
    carrier: Carrier
    clock: Clock


def ask_carrier(call: Call, account: CarrierAccount, *, carrier: Carrier) -> CarrierCall | None:
    """Fetch by SID, else search by the two numbers; None where the carrier shows no such call (yet).

    The line lock lets one attempt live between these numbers, so what was created after the intent and had not ended
    before it is ours.

    Raises:
        CarrierError: the carrier did not answer well.
    """
    if call.twilio_call_sid is not None:
        # A 404 is no end: it may be another account's answer or pass. What stays unknown ends by its deadline.
        return carrier.fetch(account, call.twilio_call_sid)
    intent = (call.dial_started_at or 0) // _SECOND_MS * _SECOND_MS
    candidates = carrier.find(
        account,
        to_number=call.to_number,
        from_number=call.from_number,
        created_after=intent - _SECOND_MS,
    )
    found = next((c for c in candidates if _began_with(c, intent)), None)
    if found is not None and found.status is CarrierStatus.FAILED:
        return carrier.fetch(account, found.sid) or found  # which says why
    return found


def _began_with(found: CarrierCall, intent: int) -> bool:
    """Tell a call from the one before it on this line, which may have ended in the second in which ours was asked for.

    One that seems to have been created before the intent (the carrier's clock may be behind ours) must outlive it.
    """
    early = found.created_at < intent
    return found.ended_at is None or found.ended_at >= intent + (_SECOND_MS if early else 0)
