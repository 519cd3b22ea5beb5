"""What a fact of the carrier changes, out of order and after the end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.domain.call import Call, CallStatus, CarrierStatus, Direction, EndedReason
from calling.domain.outcome import outcome
from calling.domain.phone_number import PhoneNumber
from calling.domain.progress import CarrierFact, abandoned, carrier_progress, said_at
from calling.domain.reconciliation import reconciled

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


NOW = 1_795_260_000_000  # 2026-11-21 11:20:00 UTC


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("Sat, 21 Nov 2026 11:19:58 +0000", NOW - 2_000),
        ("Sat, 21 Nov 2026 12:19:58 +0100", NOW - 2_000),
        ("Sat, 21 Nov 2026 11:19:58 -0000", NOW - 2_000),
        ("Sat, 21 Nov 2026 11:20:07 +0000", NOW),  # its clock is ahead of ours
        ("yesterday", NOW),
        ("Sat, 99 Nov 2026 11:19:58 +0000", NOW),
        ("", NOW),
        (None, NOW),
    ],
)
def test_a_callback_says_itself_when_it_happened(timestamp: str | None, at: int) -> None:
    assert said_at(timestamp, NOW) == at


STEPS = (CarrierStatus.RINGING, CarrierStatus.IN_PROGRESS, CarrierStatus.COMPLETED)


def told(call: Call, *facts: CarrierFact) -> Call:
    for fact in facts:
        revision = carrier_progress(call, fact)
        call = call if revision is None else replace(call, **revision.changes)
    return call


@given(st.permutations(STEPS), st.lists(st.integers(0, 40), min_size=3, max_size=3), st.none() | st.integers(0, 30))
def test_times_are_in_order_however_late_and_odd_the_facts_are(
    order: list[CarrierStatus], times: list[int], seconds: int | None
) -> None:
    call = replace(CALL, status=CallStatus.DIALING, dial_started_at=10_000, ringing_at=None, carrier_status=None)
    facts = [CarrierFact("CA1", status, at * 1000, seconds) for status, at in zip(order, times, strict=True)]
    call = told(call, *facts)
    known = [call.dial_started_at, call.ringing_at, call.answered_at, call.carrier_ended_at]
    assert [at for at in known if at is not None] == sorted(at for at in known if at is not None)
    assert call.carrier_status is CarrierStatus.COMPLETED


def test_a_late_callback_tells_when_it_rang() -> None:
    call = replace(CALL, status=CallStatus.DIALING, dial_started_at=10_000, ringing_at=None, carrier_status=None)
    answered = told(call, CarrierFact("CA1", CarrierStatus.IN_PROGRESS, 15_000))
    assert told(answered, CarrierFact("CA1", CarrierStatus.RINGING, 12_000)).ringing_at == 12_000


WISHED = {"cancel_requested_at": 5}
DUE = {"taken_from_queue_at": 5}
OVERDUE = {"dial_started_at": -300_000}


@pytest.mark.parametrize("wish", [WISHED, DUE, OVERDUE], ids=["wished", "queued too long", "rang too long"])
@pytest.mark.parametrize("seconds", [0, None])
def test_a_ringing_call_we_ended_was_never_answered(wish: dict[str, int], seconds: int | None) -> None:
    """Twilio may repeat the word of our request: `completed`, of a call of no seconds."""
    call = replace(CALL, **wish)  # type: ignore[arg-type]  # times of a call
    revision = carrier_progress(call, CarrierFact("CA1", CarrierStatus.COMPLETED, 9, seconds))
    assert revision is not None
    assert revision.outbox is None, "no call.started"
    over = replace(call, **revision.changes)
    assert (over.carrier_status, over.answered_at) == (CarrierStatus.CANCELED, None)
    assert (outcome(over).status, outcome(over).reason) == (CallStatus.CANCELED, EndedReason.CANCELED)
    settled = replace(over, status=CallStatus.CANCELED, settled_at=10)
    again = reconciled(settled, CarrierFact("CA1", CarrierStatus.COMPLETED, 9, seconds), None, 11)
    assert again is None, "and the carrier's books say nothing else an hour later"


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [({}, 0), (WISHED, 3), (WISHED | {"answered_at": 4}, 0), (WISHED | {"media_opened_at": 4}, 0)],
    ids=["nobody wished it", "it lasted", "it was answered", "it had a stream"],
)
def test_who_has_answered_has_completed_the_call(changes: dict[str, int], seconds: int) -> None:
    over = told(replace(CALL, **changes), CarrierFact("CA1", CarrierStatus.COMPLETED, 9_000, seconds))  # type: ignore[arg-type]  # times of a call
    assert over.carrier_status is CarrierStatus.COMPLETED
    assert over.answered_at is not None


def test_how_far_the_network_vouched_for_our_number_is_kept() -> None:
    call = told(CALL, CarrierFact("CA1", CarrierStatus.RINGING, 9, stir_status="B"))
    assert call.stir_status == "B"
    over = told(CALL, CarrierFact("CA1", CarrierStatus.BUSY, 9))
    assert told(over, CarrierFact("CA1", CarrierStatus.BUSY, 10, stir_status="A")).stir_status == "A"


ANSWERED = replace(CALL, status=CallStatus.IN_PROGRESS, answered_at=1_000)
SILENT = replace(ANSWERED, media_opened_at=1_500, media_alive_at=1_500)


CLOSED = replace(SILENT, media_closed_at=10_000)
BROKE = replace(CLOSED, media_reason=EndedReason.ERROR)


@pytest.mark.parametrize(
    ("call", "until"),
    [
        (ANSWERED, 61_000),  # a trial account's preamble and its "press any key" come before our stream
        (SILENT, 46_500),
        (BROKE, 30_000),  # the carrier says a sentence
        (CLOSED, None),
        (replace(CLOSED, media_reason=EndedReason.COMPLETED), None),
        (replace(BROKE, cancel_requested_at=1), None),
    ],
)
def test_how_long_a_call_may_live_without_us(call: Call, until: int | None) -> None:
    assert until is None or not abandoned(call, until)
    assert abandoned(call, (10_000 if until is None else until) + 1)
