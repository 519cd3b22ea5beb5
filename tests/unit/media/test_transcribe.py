"""What both ways to Transcribe say and understand, without a connection."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from amazon_transcribe.eventstream import EventStreamMessageSerializer
from amazon_transcribe.exceptions import HTTPException
from amazon_transcribe.structures import BufferableByteStream
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from infra.local.speech.results import Hypothesis, exception_event, transcript_event
from media.stt import SttSettings
from media.stt.recognition import RequestRejected, Result, StreamLost, StreamRefused
from media.stt.transcribe import Identity, failure
from media.stt.transcribe_sdk import _PacedBody, _Response, _Rounds
from media.stt.transcribe_websocket import _lost, _results, _Stream, address, signed

IDLE = "Your request timed out because no new audio was received for 15 seconds."
PATH = "/stream-transcription-websocket"


@pytest.mark.parametrize(
    ("name", "message", "meaning"),
    [
        ("LimitExceededException", "You have reached your limit of concurrent streams.", StreamRefused),
        ("ThrottlingException", "Rate exceeded", StreamRefused),
        ("BadRequestException", "The language is not supported.", RequestRejected),
        ("BadRequestException", IDLE, StreamLost),
        ("InternalFailureException", "", StreamLost),
        ("ServiceUnavailableException", "", StreamLost),
        ("ExpiredTokenException", "", StreamLost),
    ],
)
def test_what_an_exception_means(name: str, message: str, meaning: type[Exception]) -> None:
    assert type(failure(name, message)) is meaning


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ("", f"wss://transcribestreaming.eu-west-2.amazonaws.com:8443{PATH}"),
        ("wss://localhost:8071", f"wss://localhost:8071{PATH}"),
        ("https://localhost:8071/", f"wss://localhost:8071{PATH}"),
        ("http://127.0.0.1:8070", f"ws://127.0.0.1:8070{PATH}"),
        ("ws://127.0.0.1:9100/there?sample-rate=16000&more=1", "ws://127.0.0.1:9100/there?sample-rate=16000&more=1"),
    ],
)
def test_an_endpoint_of_its_own_may_be_any_of_these(given: str, where: str) -> None:
    assert address(SttSettings("eu-west-2", given)) == where


def test_the_request_says_what_is_wanted_and_is_signed_in_its_query_alone() -> None:
    to = "ws://127.0.0.1:9100/there?sample-rate=16000&more=1"
    url = urlsplit(signed(to, "en-GB", "eu-west-2", ReadOnlyCredentials("AKID", "secret", "a+token=")))
    query = {name: value for name, (value,) in parse_qs(url.query).items()}
    assert (url.scheme, url.netloc, url.path) == ("ws", "127.0.0.1:9100", "/there")
    assert {name: value for name, value in query.items() if not name.startswith("X-Amz-")} == {
        "language-code": "en-GB",
        "media-encoding": "pcm",
        "sample-rate": "8000",
        "enable-partial-results-stabilization": "true",
        "partial-results-stability": "high",
        "more": "1",
    }
    assert query["X-Amz-Security-Token"] == "a+token="
    assert query["X-Amz-SignedHeaders"] == "host"
    assert int(query["X-Amz-Expires"]) <= 300
    assert query["X-Amz-Credential"].endswith("/eu-west-2/transcribe/aws4_request")


def said(text: str, *, final: bool, stable: int) -> bytes:
    return transcript_event(Hypothesis(text, 1.0, 2.5, stable, final, "r1"))


def test_a_frame_becomes_results() -> None:
    assert list(_results(said("Good day.", final=True, stable=2))) == [Result("r1", "Good day.", True, True, 1.0, 2.5)]
    assert list(_results(said("good day", final=False, stable=2))) == [Result("r1", "good day", False, True, 1.0, 2.5)]
    assert list(_results(said("good day", final=False, stable=1))) == [Result("r1", "good day", False, False, 1.0, 2.5)]


@pytest.mark.parametrize("stable", [None, "absent"])
def test_a_word_of_which_nothing_is_said_is_not_stable(stable: str | None) -> None:
    item: dict[str, Any] = {"Content": "good", "Type": "pronunciation"} | ({} if stable else {"Stable": None})
    result = {"Alternatives": [{"Transcript": "good", "Items": [item]}], "IsPartial": True, "ResultId": "r"}
    body = {"Transcript": {"Results": [result | {"StartTime": 0.0, "EndTime": 0.5}]}}
    headers: Any = {":message-type": "event", ":event-type": "TranscriptEvent"}
    (heard,) = _results(EventStreamMessageSerializer().serialize(headers, json.dumps(body).encode()))
    assert not heard.stable


def test_a_result_without_words_is_none() -> None:
    headers: Any = {":message-type": "event", ":event-type": "TranscriptEvent"}
    for results in ([], [{"Alternatives": [], "IsPartial": True}]):
        body = json.dumps({"Transcript": {"Results": results}}).encode()
        assert list(_results(EventStreamMessageSerializer().serialize(headers, body))) == []


def test_an_exception_frame_is_raised() -> None:
    with pytest.raises(StreamRefused):
        list(_results(exception_event("LimitExceededException", "too many")))


@pytest.mark.parametrize(
    ("error", "meaning", "text"),
    [
        (InvalidStatus(Response(429, "Too Many Requests", Headers())), StreamRefused, "InvalidStatus 429"),
        (InvalidStatus(Response(403, "Forbidden", Headers())), StreamLost, "InvalidStatus 403"),
        (ConnectionClosedError(Close(1011, "internal error"), None), StreamLost, "ConnectionClosedError 1011"),
        (ConnectionClosedError(None, None), StreamLost, "ConnectionClosedError"),
        (ConnectionRefusedError("no"), StreamLost, "ConnectionRefusedError"),
    ],
)
def test_what_may_happen_to_a_socket(error: Exception, meaning: type[Exception], text: str) -> None:
    with pytest.raises(StreamLost) as lost, _lost():
        raise error
    assert (type(lost.value), str(lost.value)) == (meaning, text)


async def test_credentials_that_cannot_be_renewed_cost_a_stream_and_not_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    identity = Identity()

    def away() -> ReadOnlyCredentials:
        raise CredentialRetrievalError(provider="container-role", error_msg="timed out at 169.254.170.2")

    monkeypatch.setattr(identity, "_resolve", away)
    with pytest.raises(StreamLost, match=r"no credentials: CredentialRetrievalError$"):
        await identity.frozen()


async def test_a_socket_is_let_go_of_where_its_closing_handshake_is_not_waited_for() -> None:
    class Silent:
        aborted = False

        @property
        def transport(self) -> Silent:
            return self

        def abort(self) -> None:
            self.aborted = True

        async def close(self) -> None:
            await asyncio.Event().wait()

    socket: Any = Silent()
    closing = asyncio.create_task(_Stream(socket).close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    assert socket.aborted


# --- what is mended of the SDK's


def test_a_round_is_over_when_a_body_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    rounds, one, other = _Rounds(), object(), object()
    for body in (one, other, one, other, other):
        rounds.empty(body)
    assert len(waits) == 2


def test_a_body_gives_what_came_while_it_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    body = BufferableByteStream()  # type: ignore[no-untyped-call]  # the SDK's
    paced, buffer = _PacedBody(body, _Rounds()), bytearray(10)
    monkeypatch.setattr(time, "sleep", lambda _: body.write(b"sound"))
    with pytest.raises(BlockingIOError):
        paced.readinto(memoryview(buffer))
    assert paced.readinto(memoryview(buffer)) == 5
    assert buffer[:5] == b"sound"


async def test_a_connection_lost_before_its_answer_fails_the_answer() -> None:
    response = _Response()  # type: ignore[no-untyped-call]  # the SDK's
    response._on_complete(None)
    async with asyncio.timeout(1):
        with pytest.raises(HTTPException):
            await response.resolve_response()
