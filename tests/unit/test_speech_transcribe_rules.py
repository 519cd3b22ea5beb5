"""What the local Transcribe refuses and how it ends streams, at each of its doors, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from amazon_transcribe.auth import Credentials
from amazon_transcribe.eventstream import EventSigner, EventStreamBuffer, EventStreamMessageSerializer
from botocore.credentials import ReadOnlyCredentials

from infra.local.serving import Connections
from infra.local.speech import mulaw
from infra.local.speech.faults import Faults, SpeechFaults
from infra.local.speech.listening import ScriptedListener
from infra.local.speech.scripted import encode
from infra.local.speech.transcribe import Transcribe
from infra.local.speech.transcribe_http2 import PATH as HTTP2_PATH
from infra.local.speech.transcribe_http2 import Http2Door
from infra.local.speech.transcribe_websocket import PATH as WEBSOCKET_PATH
from infra.local.speech.transcribe_websocket import WebSocketDoor
from media.stt.transcribe_websocket import signed

SPOKEN = {"language-code": "en-US", "media-encoding": "pcm", "sample-rate": "8000"}
SEED = "ab" * 32
AUTHORIZATION = f"AWS4-HMAC-SHA256 Credential=local/20261128/us-east-1/transcribe/aws4_request, Signature={SEED}"
HEADERS: Any = {":content-type": "application/octet-stream", ":event-type": "AudioEvent", ":message-type": "event"}
serialize = EventStreamMessageSerializer().serialize


class Heard:
    """What one stream was answered: the exception that ended it, and the texts before it."""

    def __init__(self, frames: bytes, refusal: tuple[str, str] | None = None) -> None:
        buffer = EventStreamBuffer()  # type: ignore[no-untyped-call]  # the SDK's own
        buffer.add_data(frames)
        self.exception: str | None
        self.exception, self.message = refusal or (None, "")
        self.results: list[dict[str, Any]] = []
        for frame in buffer:
            body = json.loads(frame.payload)
            if frame.headers[":message-type"] == "exception":
                self.exception, self.message = frame.headers[":exception-type"], body["Message"]
            else:
                self.results += body["Transcript"]["Results"]

    @property
    def finals(self) -> list[str]:
        return [r["Alternatives"][0]["Transcript"] for r in self.results if not r["IsPartial"]]


def scripted(messages: list[dict[str, Any]]) -> Callable[[], Any]:
    """Messages, after which nothing comes any more."""
    coming = list(messages)

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else await asyncio.get_running_loop().create_future()

    return receive


async def over_http2(service: Transcribe, *chunks: bytes, leaves: bool = False, **asked: str) -> Heard:
    signer, last = EventSigner("transcribe", "us-east-1"), bytes.fromhex(SEED)
    messages: list[dict[str, Any]] = []
    for chunk in chunks:
        event = serialize(HEADERS, chunk) if chunk else b""
        signature = signer.sign(event, last, Credentials("local", "local"))
        last = signature[":chunk-signature"]  # type: ignore[assignment]  # bytes
        messages.append({"type": "http.request", "body": serialize(signature, event), "more_body": True})
    return await speak_http2(service, *messages, *[{"type": "http.disconnect"}] * leaves, **asked)


async def speak_http2(service: Transcribe, *messages: dict[str, Any], version: str = "2", **asked: str) -> Heard:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {f"x-amzn-transcribe-{name}": value for name, value in (SPOKEN | asked).items()}
    headers["authorization"] = AUTHORIZATION
    scope = {
        "type": "http",
        "http_version": version,
        "path": HTTP2_PATH,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await Http2Door(service, Connections())(scope, scripted(list(messages)), send)
    body = b"".join(message["body"] for message in sent[1:])
    if sent[0]["status"] == 200:
        return Heard(body)
    assert sent[0]["status"] in (400, 429)
    name = dict(sent[0]["headers"])[b"x-amzn-errortype"].decode()
    return Heard(b"", (name, json.loads(body)["Message"]))


async def over_websocket(service: Transcribe, *chunks: bytes, leaves: bool = False, **asked: str) -> Heard:
    messages = [{"type": "websocket.receive", "bytes": serialize(HEADERS, chunk)} for chunk in chunks]
    return await speak_websocket(service, query(**asked), *messages, *[{"type": "websocket.disconnect"}] * leaves)


def query(key: str = "local", secret: str = "local", token: str | None = None, **asked: str) -> str:  # noqa: S107  # the house's own
    extra = "&".join(f"{name}={value}" for name, value in asked.items() if name not in SPOKEN)
    to = f"wss://localhost:8443{WEBSOCKET_PATH}?{extra}"
    language = asked.get("language-code", "en-US")
    return urlsplit(signed(to, language, "us-east-1", ReadOnlyCredentials(key, secret, token))).query


async def speak_websocket(service: Transcribe, query: str, *messages: dict[str, Any]) -> Heard:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": WEBSOCKET_PATH,
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost:8443")],
    }
    coming = scripted([{"type": "websocket.connect"}, *messages])

    async def receive() -> dict[str, Any]:
        told_why = b":exception-type" in sent[-1].get("bytes", b"") if sent else False
        return {"type": "websocket.disconnect"} if told_why else await coming()

    await WebSocketDoor(service, Connections())(scope, receive, send)
    assert sent[0]["type"] == "websocket.accept"
    if sent[-1]["type"] == "websocket.close":
        sent.pop()
    return Heard(b"".join(message["bytes"] for message in sent[1:]))


DOORS = pytest.mark.parametrize("door", [over_http2, over_websocket])


def service(patience: float = 15.0, **faults: Any) -> Transcribe:
    found = Faults()
    found.put(SpeechFaults(**faults))
    return Transcribe(ScriptedListener, found, patience=patience)


def said(text: str) -> bytes:
    return mulaw.decode(encode(text)).tobytes()


@DOORS
async def test_a_stream_is_heard_and_ended_by_an_empty_chunk(door: Any) -> None:
    heard = await door(service(), said("Hello there."), b"")
    assert (heard.finals, heard.exception) == (["Hello there."], None)


@DOORS
async def test_a_stream_without_audio_is_ended(door: Any) -> None:
    heard = await door(service(patience=0.01), bytes(320))
    assert heard.exception == "BadRequestException"
    assert "no new audio was received for 15 seconds" in heard.message


@DOORS
@pytest.mark.parametrize("faults", [{"streams": 0}, {"ramp": 0}, {"refuse": 1.0}])
async def test_quotas_refuse(door: Any, faults: dict[str, Any]) -> None:
    assert (await door(service(**faults), b"")).exception == "LimitExceededException"


@DOORS
async def test_a_slot_is_free_again_after_its_stream(door: Any) -> None:
    one = service(streams=1)
    for _ in range(3):
        assert (await door(one, b"")).exception is None


async def test_each_door_has_a_quota_of_its_own() -> None:
    one = service(streams=1)
    waiting = asyncio.create_task(over_http2(one, bytes(320)))
    await asyncio.sleep(0)
    assert (await over_http2(one, b"")).exception == "LimitExceededException"
    assert (await over_websocket(one, b"")).exception is None
    waiting.cancel()


@DOORS
async def test_more_than_25_streams_may_not_begin_within_a_second(door: Any) -> None:
    busy = service(streams=100)
    answers = [(await door(busy, b"")).exception for _ in range(30)]
    assert answers == [None] * 25 + ["LimitExceededException"] * 5


@DOORS
@pytest.mark.parametrize("asked", [{"language-code": "tlh-KL"}, {"language-code": "en"}, {"keywords": "Smile"}])
async def test_what_is_not_understood_is_refused(door: Any, asked: dict[str, str]) -> None:
    heard = await door(service(), b"", **asked)
    assert heard.exception == "BadRequestException"
    assert next(iter(asked)) in heard.message


@DOORS
@pytest.mark.parametrize("chunk", [b"odd", bytes(16_002)])
async def test_a_chunk_is_whole_samples_and_a_second_at_most(door: Any, chunk: bytes) -> None:
    assert (await door(service(), chunk)).exception == "BadRequestException"


@DOORS
async def test_a_second_is_not_too_much(door: Any) -> None:
    assert (await door(service(), bytes(16_000), b"")).exception is None


@DOORS
async def test_a_client_that_leaves_is_told_nothing_more(door: Any) -> None:
    heard = await door(service(), said("Hello there"), leaves=True)
    assert [result["IsPartial"] for result in heard.results] == [True]  # the second word was not yet shown


@DOORS
async def test_a_service_that_closes_tells_its_streams(door: Any) -> None:
    ending = service()
    speaking = asyncio.create_task(door(ending, bytes(320)))
    for _ in range(5):
        await asyncio.sleep(0)
    ending.close()
    assert (await speaking).exception == "ServiceUnavailableException"


@DOORS
@pytest.mark.parametrize("faults", [{"final_ms": 400.0}, {"final_ms": 400.0, "partial_ms": 300.0}])
async def test_late_results_come_in_their_order(door: Any, faults: dict[str, float]) -> None:
    quiet = bytes(16_000)
    heard = await door(service(**faults), said("Hello."), quiet, said("Bye now."), quiet, b"")
    assert heard.finals == ["Hello.", "Bye now."]
    ids = [result["ResultId"] for result in heard.results]
    assert ids == sorted(ids, key=ids.index)  # no utterance begins before the last one's final
    assert len(ids) > len(set(ids)) == 2


# --- HTTP/2 alone


async def test_http_1_is_refused() -> None:
    assert (await speak_http2(service(), version="1.1")).exception == "BadRequestException"


async def test_messages_must_be_signed_each_on_the_last() -> None:
    event = serialize(HEADERS, bytes(320))
    signature = EventSigner("transcribe", "us-east-1").sign(event, bytes(32), Credentials("local", "local"))
    wrong = {"type": "http.request", "body": serialize(signature, event), "more_body": True}
    assert (await speak_http2(service(), wrong)).exception == "BadRequestException"


async def test_what_cannot_be_read_ends_the_stream() -> None:
    garbage = {"type": "http.request", "body": b"\0\0\0\x20" + bytes(40), "more_body": True}
    assert (await speak_http2(service(), garbage)).exception == "BadRequestException"


# --- WebSocket alone


@pytest.mark.parametrize(
    ("tampered", "exception"),
    [
        (lambda q: q.replace("X-Amz-Expires=300", "X-Amz-Expires=301"), "UnrecognizedClientException"),
        (lambda q: q.replace("en-US", "en-GB"), "UnrecognizedClientException"),
        (lambda q: q.replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=date"), "BadRequestException"),
        (lambda q: q.split("&X-Amz-Signature")[0], "UnrecognizedClientException"),
        (lambda _: query("unknown"), "UnrecognizedClientException"),
        (lambda _: query(secret="wrong"), "UnrecognizedClientException"),
    ],
)
async def test_a_request_is_signed_as_it_stands(tampered: Callable[[str], str], exception: str) -> None:
    assert (await speak_websocket(service(), tampered(query()))).exception == exception


async def test_a_session_token_is_signed_too() -> None:
    message = {"type": "websocket.receive", "bytes": serialize(HEADERS, b"")}
    assert (await speak_websocket(service(), query(token="a+token/="), message)).exception is None


@pytest.mark.parametrize(
    "message",
    [
        {"text": "hello"},
        {"bytes": b"\0\0\0\x20" + bytes(40)},
        {"bytes": serialize({":event-type": "AudioEvent", ":message-type": "event"}, bytes(320))},
        {"bytes": serialize(HEADERS | {":event-type": "TextEvent"}, bytes(320))},
    ],
)
async def test_only_audio_events_are_taken(message: dict[str, Any]) -> None:
    heard = await speak_websocket(service(), query(), {"type": "websocket.receive", **message})
    assert heard.exception == "BadRequestException"
