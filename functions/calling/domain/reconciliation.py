"""What our record takes over from the carrier's books afterwards: facts that never came, and what was billed. Pure."""

from typing import Any

from calling.domain.call import Call, CarrierStatus, TimelineEntry
from calling.domain.progress import CarrierFact, as_it_was
from calling.domain.revision import Revision

MOST_BETWEEN_MS = 60_000  # a request whose answer was lost made its call within this, or never
_SECOND_MS = 1_000  # the carrier's times have whole seconds


def waits_for_its_own(call: Call) -> bool:
    """Tell whether a call was asked of the carrier and never learnt which of the carrier's calls it became."""
    return call.twilio_call_sid is None and call.dial_started_at is not None and call.dial_error_code is None


def may_be_its_own(call: Call, *, to_number: str, from_number: str, created_at: int) -> bool:
    """Tell whether a carrier's call that nobody owns is the one a lost answer was about.

    One attempt lives between two numbers at a time, so numbers and the moment of the request are enough.
    """
    if call.dial_started_at is None or not waits_for_its_own(call):
        return False
    asked = call.dial_started_at // _SECOND_MS * _SECOND_MS - _SECOND_MS
    same = (call.to_number.e164, call.from_number.e164) == (to_number, from_number)
    return same and asked <= created_at <= call.dial_started_at + MOST_BETWEEN_MS


def reconciled(call: Call, fact: CarrierFact, price: float | None, now: int) -> Revision | None:
    """Say what a settled call's record learns from the carrier; None where it knows it already, or is not settled.

    Its terminal status stays: the event that tells of it has been sent. What the carrier says stands beside it.
    """
    if call.settled_at is None or not fact.status.is_terminal:
        return None
    fact = as_it_was(call, fact)
    changes: dict[str, Any] = {}
    note = None
    if price is not None and call.carrier_price != price:
        changes["carrier_price"] = price
    if call.carrier_status is not fact.status:
        changes |= _facts(call, fact)
        note = TimelineEntry(
            now,
            "reconciled",
            f"the carrier says: {fact.status.value}; what was told of the call stays",
            {"status": call.status.value, "carrier_status": fact.status.value},
        )
    elif call.carrier_duration_seconds is None and fact.duration_seconds is not None:
        changes["carrier_duration_seconds"] = fact.duration_seconds
    return Revision(changes, note=note) if changes else None


def _facts(call: Call, fact: CarrierFact) -> dict[str, Any]:
    changes: dict[str, Any] = {"carrier_status": fact.status, "carrier_ended_at": fact.at}
    if call.twilio_call_sid is None:
        changes["twilio_call_sid"] = fact.sid
    if fact.duration_seconds is not None:
        changes["carrier_duration_seconds"] = fact.duration_seconds
    if fact.status is CarrierStatus.COMPLETED and call.answered_at is None:
        changes["answered_at"] = fact.at - (fact.duration_seconds or 0) * 1000
    return changes
