"""What a fact of the carrier changes, out of order and after the end."""

from dataclasses import replace

import pytest

from calling.domain.call import Call, CallStatus, CarrierStatus, Direction
from calling.domain.phone_number import PhoneNumber
from calling.domain.progress import CarrierFact, carrier_progress

CALL = Call(
    "acct_1",
    "call_1",
    "agent_1",
    Direction.OUTBOUND,
    PhoneNumber("+447700900123"),
    PhoneNumber("+447386172392"),
    1,
    status=CallStatus.RINGING,
    dial_started_at=2,
    twilio_call_sid="CA1",
    ringing_at=3,
    carrier_status=CarrierStatus.RINGING,
)


@pytest.mark.parametrize("status", [CallStatus.RINGING, CallStatus.BUSY])
def test_asking_was_faster_and_the_callback_still_says_why(status: CallStatus) -> None:
    asked = replace(CALL, carrier_status=CarrierStatus.BUSY, carrier_ended_at=9, status=status)
    late = carrier_progress(asked, CarrierFact("CA1", CarrierStatus.BUSY, 10, sip_response_code=486))
    assert late is not None
    assert (late.changes, late.outbox) == ({"sip_response_code": 486}, None)
    known = replace(asked, sip_response_code=486)
    assert carrier_progress(known, CarrierFact("CA1", CarrierStatus.BUSY, 11, sip_response_code=487)) is None


@pytest.mark.parametrize("late", [CarrierStatus.RINGING, CarrierStatus.IN_PROGRESS, CarrierStatus.COMPLETED])
def test_the_last_word_absorbs_whatever_comes_after_it(late: CarrierStatus) -> None:
    over = replace(CALL, carrier_status=CarrierStatus.BUSY, carrier_ended_at=9)
    assert carrier_progress(over, CarrierFact("CA1", late, 10, sip_response_code=200)) is None


def test_a_strangers_fact_changes_nothing() -> None:
    assert carrier_progress(CALL, CarrierFact("CA2", CarrierStatus.BUSY, 10)) is None
