"""When a campaign stops itself: which calls speak against it, how many, and how the window slides."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.domain import breaker, carrier_codes
from calling.domain.call import Call, CallStatus, Direction, EndedReason
from calling.domain.carrier_codes import Fault
from calling.domain.limits import Breaker
from calling.domain.phone_number import PhoneNumber

QUEUED = Call(
    "acct_1",
    "call_1",
    "agent_1",
    Direction.OUTBOUND,
    PhoneNumber("+447700900123"),
    PhoneNumber("+447386172392"),
    1,
    campaign_id="camp_1",
    recipient=0,
)
ASKED = replace(QUEUED, status=CallStatus.FAILED, dial_started_at=2)
PLACED = replace(ASKED, twilio_call_sid="CA1")


def codes(fault: Fault) -> list[int]:
    return [code for code, meaning in carrier_codes.TWILIO.items() if meaning.fault is fault]


@pytest.mark.parametrize("code", codes(Fault.NUMBER) + codes(Fault.BLOCKED) + codes(Fault.COUNTRY))
def test_a_bad_number_or_a_held_country_does_not_speak_against_the_campaign(code: int) -> None:
    assert not breaker.failed(replace(ASKED, dial_error_code=code))


@pytest.mark.parametrize("code", [*codes(Fault.ACCOUNT), *codes(Fault.PACE), *codes(Fault.OTHER), 99999, None])
def test_a_refusal_that_is_not_the_numbers_does(code: int | None) -> None:
    assert breaker.failed(replace(ASKED, dial_error_code=code))


@pytest.mark.parametrize("sip", [404, 410, 484, 604])
def test_a_number_that_does_not_exist_does_not(sip: int) -> None:
    assert not breaker.failed(replace(PLACED, sip_response_code=sip))


@pytest.mark.parametrize("sip", [None, 403, 488, 500, 503, 603, 607, 608])
def test_a_network_that_refuses_does(sip: int | None) -> None:
    assert breaker.failed(replace(PLACED, sip_response_code=sip))


@pytest.mark.parametrize("status", [CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.CANCELED])
def test_what_people_do_is_no_failure(status: CallStatus) -> None:
    assert not breaker.failed(replace(PLACED, status=status))


def test_a_conversation_that_broke_and_a_call_nobody_knows_of_are() -> None:
    assert breaker.failed(replace(PLACED, status=CallStatus.COMPLETED, ended_reason=EndedReason.ERROR))
    assert breaker.failed(replace(PLACED, status=CallStatus.UNKNOWN))


@pytest.mark.parametrize("end", [None, *EndedReason])
def test_what_was_never_asked_counts_only_where_this_house_failed(end: EndedReason | None) -> None:
    assert breaker.failed(replace(QUEUED, never_dialled=end)) == (end is EndedReason.ERROR)


@given(st.sampled_from([n / 100 for n in range(1, 101)]), st.integers(1, 50), st.integers(0, 200), st.integers(0, 200))
def test_it_trips_at_the_rate_exactly(rate: float, least: int, calls: int, failures: int) -> None:
    failures = min(calls, failures)
    said = breaker.trips(Breaker(rate, least, 120), calls, failures)
    assert (said is not None) == (calls >= least and failures * 100 >= round(rate * 100) * calls and failures > 0)
    if said is not None:
        assert f"{failures} of the last {calls} calls" in said
        assert "120 seconds" in said


def test_nothing_failed_stops_nothing() -> None:
    assert breaker.trips(Breaker(0.0, 0, 60), 0, 0) is None
    assert breaker.trips(Breaker(0.0, 0, 60), 100, 0) is None
    assert breaker.trips(Breaker(0.07, 20, 60), 100, 7) is not None


@given(st.integers(1, 3600), st.integers(0, 2**42), st.integers(0, 3_600_000))
def test_a_window_is_its_last_slots(seconds: int, at: int, before: int) -> None:
    rules = Breaker(window_seconds=seconds)
    now, then = breaker.slot(rules, at + before), breaker.slot(rules, at)
    assert then <= now
    if before < seconds * 1000:  # within the window: among the slots that are read
        assert now - then <= breaker.SLOTS
    if before >= seconds * 1000 * 2:
        assert now - then > breaker.SLOTS


@pytest.mark.parametrize("code", list(carrier_codes.TWILIO))
def test_what_the_account_or_the_country_lacks_is_told_by_the_code(code: int) -> None:
    call, fault = replace(ASKED, dial_error_code=code), carrier_codes.TWILIO[code].fault
    assert breaker.account_refused(call) == (carrier_codes.words(code, None) if fault is Fault.ACCOUNT else None)
    assert call.refusal is fault
    placed = replace(call, twilio_call_sid="CA1")  # it was placed all the same
    assert breaker.account_refused(placed) is None
    assert placed.refusal is None
