"""What the local Transcribe does with streams that misbehave, without a server."""

import asyncio
import json
from typing import Any

import pytest
from amazon_transcribe.eventstream import EventStreamBuffer, EventStreamMessageSerializer

from infra.local.speech import mulaw
from infra.local.speech.listening import ScriptedListener
from infra.local.speech.scripted import encode
from infra.local.speech.transcribe import PATH, Transcribe

HEADERS = {"language-code": "en-US", "media-encoding": "pcm", "sample-rate": "8000"}
serialize = EventStreamMessageSerializer().serialize


def audio(pcm: bytes) -> bytes:
    inner = serialize({":message-type": "event", ":event-type": "AudioEvent"}, pcm)
    return bytes(serialize({":chunk-signature": b"unsigned"}, inner))


async def speak(app: Transcribe, *messages: dict[str, Any], version: str = "2") -> tuple[int, list[Any]]:
    """One request; its status and its events (or its error body). After the messages nothing comes any more."""
    coming = list(messages)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": version,
        "path": PATH,
        "headers": [(f"x-amzn-transcribe-{name}".encode(), value.encode()) for name, value in HEADERS.items()],
    }
    await app(scope, receive, send)
    status = sent[0]["status"]
    body = b"".join(message["body"] for message in sent[1:])
    if status != 200:
        return status, [dict(sent[0]["headers"])[b"x-amzn-errortype"].decode(), json.loads(body)["Message"]]
    buffer = EventStreamBuffer()  # type: ignore[no-untyped-call]  # the SDK's own
    buffer.add_data(body)
    return status, list(buffer)


def body(data: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


async def test_a_stream_without_audio_is_closed() -> None:
    status, events = await speak(Transcribe(ScriptedListener, patience=0.01), body(audio(bytes(320))))
    assert status == 200
    assert events[-1].headers[":exception-type"] == "BadRequestException"
    assert "no new audio was received for 15 seconds" in json.loads(events[-1].payload)["Message"]


async def test_too_many_streams_are_refused() -> None:
    status, error = await speak(Transcribe(ScriptedListener, streams=0))
    assert status == 429
    assert error[0] == "LimitExceededException"


async def test_a_place_is_free_again_after_its_stream() -> None:
    app = Transcribe(ScriptedListener, streams=1)
    for _ in range(3):
        status, _ = await speak(app, body(b"", more=False))
        assert status == 200


async def test_http_1_is_refused() -> None:
    assert (await speak(Transcribe(ScriptedListener), version="1.1"))[0] == 400


@pytest.mark.parametrize("garbage", [b"\0\0\0\x20" + bytes(40), audio(b"odd")])
async def test_what_cannot_be_read_ends_the_stream(garbage: bytes) -> None:
    status, events = await speak(Transcribe(ScriptedListener), body(garbage))
    assert status == 200
    assert events[-1].headers[":exception-type"] == "BadRequestException"


async def test_a_client_that_leaves_is_told_nothing_more() -> None:
    said = audio(mulaw.decode(encode("Hello there")).tobytes())
    status, events = await speak(Transcribe(ScriptedListener), body(said), {"type": "http.disconnect"})
    assert status == 200
    told = [json.loads(event.payload)["Transcript"]["Results"][0]["IsPartial"] for event in events]
    assert told == [True]  # the second word was not yet shown, and no final follows


async def test_messages_may_come_in_pieces() -> None:
    said = audio(mulaw.decode(encode("Hello there.")).tobytes())
    pieces = [body(said[at : at + 777]) for at in range(0, len(said), 777)]
    _, events = await speak(Transcribe(ScriptedListener), *pieces, body(b"", more=False))
    final = json.loads(events[-1].payload)["Transcript"]["Results"][0]
    assert final["Alternatives"][0]["Transcript"] == "Hello there."
    assert final["IsPartial"] is False


async def test_a_service_that_closes_tells_its_streams() -> None:
    app = Transcribe(ScriptedListener)
    speaking = asyncio.create_task(speak(app, body(audio(bytes(320)))))
    await asyncio.sleep(0)
    app.close()
    status, events = await speaking
    assert status == 200
    assert events[-1].headers[":exception-type"] == "ServiceUnavailableException"
