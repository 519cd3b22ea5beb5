"""What the carrier's answers, and their absence, mean for a call: on a server that misbehaves."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from calling.adapters import twilio_client
from calling.adapters.twilio import TwilioCarrier
from calling.domain.call import CarrierStatus
from calling.domain.errors import CarrierAmbiguous, CarrierError, CarrierRefused, CarrierThrottled
from calling.ports import CarrierAccount
from tests.contracts.answering import Answer, Answering, answering, refused_port
from tests.contracts.test_port_carrier import FROM, REQUEST, TO

ACCOUNT = CarrierAccount("AC" + "1" * 32, "t" * 32)
SID = "CA" + "2" * 32


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


def refusal(status: int, code: int | None = None, message: str = "no") -> Answer:
    return Answer(status, json.dumps({"code": code, "message": message, "status": status}).encode())


def a_call(**fields: object) -> bytes:
    base = {"sid": SID, "status": "queued", "to": TO.e164, "from": FROM.e164, "date_created": None, "queue_time": "0"}
    return json.dumps(base | fields).encode()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(400, 21211), CarrierRefused),
        (refusal(401, 20003), CarrierRefused),
        (refusal(404, 20404), CarrierRefused),
        (Answer(403, b"<html>"), CarrierRefused),
        (refusal(429, 20429), CarrierThrottled),
        (refusal(400, 22005), CarrierThrottled),
        (refusal(400, 10004), CarrierThrottled),
        (refusal(500), CarrierAmbiguous),
        (Answer(502, b"bad gateway"), CarrierAmbiguous),
        (Answer(307, b"", {"Location": "/elsewhere"}), CarrierAmbiguous),
        (Answer(201, b"not json"), CarrierAmbiguous),
        (Answer(201, b"[]"), CarrierAmbiguous),
        (Answer(201, b"{}"), CarrierAmbiguous),
        (Answer(fate="reset"), CarrierAmbiguous),
        (Answer(fate="hang"), CarrierAmbiguous),
    ],
    ids=lambda value: f"{value.status}-{value.fate}" if isinstance(value, Answer) else value.__name__,
)
def test_a_dial_is_asked_once_and_its_failure_understood(
    server: Answering, monkeypatch: pytest.MonkeyPatch, answer: Answer, error: type[CarrierError]
) -> None:
    monkeypatch.setattr(twilio_client, "TIMEOUT_SECONDS", 0.3)
    server.will(answer)
    with pytest.raises(CarrierError) as raised:
        TwilioCarrier(server.url).dial(ACCOUNT, REQUEST)
    assert type(raised.value) is error
    assert len(server.asked) == 1


def test_what_never_left_may_be_asked_again() -> None:
    for base in (f"http://127.0.0.1:{refused_port()}", "http://nowhere.invalid"):
        with pytest.raises(CarrierThrottled):
            TwilioCarrier(base).dial(ACCOUNT, REQUEST)


def test_a_refusal_keeps_its_code_and_hides_the_number(server: Answering) -> None:
    server.will(refusal(400, 21211, f"The number {TO.e164} is not valid"))
    with pytest.raises(CarrierRefused) as raised:
        TwilioCarrier(server.url).dial(ACCOUNT, REQUEST)
    assert (raised.value.twilio_code, raised.value.http_status) == (21211, 400)
    assert TO.e164 not in str(raised.value)
    assert "is not valid" in str(raised.value)


def test_nothing_of_a_request_is_logged(server: Answering, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.will(Answer(201, a_call()))
    TwilioCarrier(server.url).dial(ACCOUNT, REQUEST)
    assert TO.e164 not in caplog.text
    assert "%2B44" not in caplog.text


def test_an_answer_without_times_is_still_a_call(server: Answering) -> None:
    """Twilio leaves `date_created` empty while a call is being made."""
    server.will(Answer(201, a_call(queue_time="1500")))
    placed = TwilioCarrier(server.url).dial(ACCOUNT, REQUEST)
    assert (placed.sid, placed.created_at, placed.queue_time_ms) == (SID, 0, 1500)


def test_an_ended_call_has_its_end_and_length(server: Answering) -> None:
    times = {"date_created": "Sat, 21 Nov 2026 11:00:00 +0000", "end_time": "Sat, 21 Nov 2026 11:01:05 +0000"}
    server.will(Answer(200, a_call(status="completed", duration="61", answered_by="human", **times)))
    call = TwilioCarrier(server.url).fetch(ACCOUNT, SID)
    assert call is not None
    assert (call.status, call.duration_seconds, call.answered_by) == (CarrierStatus.COMPLETED, 61, "human")
    assert call.ended_at == call.created_at + 65_000


@pytest.mark.parametrize("status", ["busy", "failed", "no-answer", "canceled"])
def test_a_call_that_was_not_answered_ended_when_it_was_changed_last(server: Answering, status: str) -> None:
    """Twilio gives it no end: "empty if the call did not complete successfully"."""
    times = {"date_created": "Sat, 21 Nov 2026 11:00:00 +0000", "date_updated": "Sat, 21 Nov 2026 11:00:09 +0000"}
    server.will(Answer(200, a_call(status=status, end_time=None, **times)))
    call = TwilioCarrier(server.url).fetch(ACCOUNT, SID)
    assert call is not None
    assert call.ended_at == call.created_at + 9_000
    server.will(Answer(200, a_call(status="ringing", end_time=None, **times)))
    ringing = TwilioCarrier(server.url).fetch(ACCOUNT, SID)
    assert ringing is not None
    assert ringing.ended_at is None


def test_a_new_word_for_a_status_ends_nothing(server: Answering) -> None:
    server.will(Answer(200, a_call(status="levitating")))
    call = TwilioCarrier(server.url).fetch(ACCOUNT, SID)
    assert call is not None
    assert call.status is CarrierStatus.QUEUED


@pytest.mark.parametrize("answered", [True, False])
def test_a_call_that_cannot_be_ended_any_more_is_ended(server: Answering, answered: bool) -> None:
    for answer in (refusal(404, 20404), refusal(400, 21220)):
        server.will(answer)
        TwilioCarrier(server.url).hang_up(ACCOUNT, SID, answered=answered)
    server.will(refusal(400, 20001))
    with pytest.raises(CarrierRefused):
        TwilioCarrier(server.url).hang_up(ACCOUNT, SID, answered=answered)


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([("canceled",)], ["canceled"]),
        ([("ringing",)], ["canceled"]),  # taken, and not carried out yet
        ([("in-progress",), ("completed",)], ["canceled", "completed"]),  # answered meanwhile: nothing was changed
        ([(400, 21220), ("completed",)], ["canceled", "completed"]),  # answered meanwhile: refused
    ],
)
def test_who_has_not_answered_is_canceled_first(server: Answering, answers: list[Any], asked: list[str]) -> None:
    server.will(*(refusal(*a) if len(a) == 2 else Answer(200, a_call(status=a[0])) for a in answers))
    TwilioCarrier(server.url).hang_up(ACCOUNT, SID, answered=False)
    assert [request.body.decode() for request in server.asked] == [f"Status={word}" for word in asked]


def test_who_has_answered_is_hung_up_on_at_once(server: Answering) -> None:
    server.will(Answer(200, a_call(status="completed")))
    TwilioCarrier(server.url).hang_up(ACCOUNT, SID, answered=True)
    assert [request.body for request in server.asked] == [b"Status=completed"]


def test_a_search_names_both_numbers_and_no_time(server: Answering) -> None:
    server.will(Answer(200, json.dumps({"calls": [json.loads(a_call())], "page": 0}).encode()))
    found = TwilioCarrier(server.url).find(ACCOUNT, to_number=TO, from_number=FROM, created_after=5)
    assert [call.sid for call in found] == [SID]
    assert "To=%2B" in server.asked[0].path
    assert "From=%2B" in server.asked[0].path
    assert "StartTime" not in server.asked[0].path


def test_a_failed_search_says_why(server: Answering) -> None:
    for answer, error in (
        (refusal(401, 20003), CarrierRefused),
        (refusal(429, 20429), CarrierThrottled),
        (Answer(503, b"<html>"), CarrierAmbiguous),
    ):
        server.will(answer)
        with pytest.raises(CarrierError) as raised:
            TwilioCarrier(server.url).find(ACCOUNT, to_number=TO, from_number=FROM, created_after=5)
        assert type(raised.value) is error
        assert raised.value.http_status == answer.status
