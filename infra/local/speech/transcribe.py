"""Amazon Transcribe's streaming operation as its SDK speaks it: HTTP/2, event-stream messages in both directions.

An ASGI app for one path. It knows the protocol, the service's limits and its exceptions; what was said is a
Listener's business. It logs no words.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import numpy as np
from amazon_transcribe.eventstream import EventStreamBuffer, ParserError

from infra.local.speech.listening import Listener, Tell
from infra.local.speech.results import Hypothesis, exception_event, transcript_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import Message, Receive, Scope, Send

PATH: Final = "/stream-transcription"
_PATIENCE: Final = 15.0  # seconds without audio
_LONGEST_CHUNK: Final = 32 * 1024
_PREFIX: Final = "x-amzn-transcribe-"
_LANGUAGES: Final = {"en-US", "en-GB", "en-AU", "en-IN", "en-IE", "en-NZ", "en-ZA", "en-AB", "en-WL"}


class _Refusal(Exception):
    """An exception of the service: its name and its message."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Transcribe:
    """The ASGI app. At most `streams` transcriptions at once; silence on the wire is borne for `patience` seconds."""

    def __init__(self, listener: Callable[[Tell], Listener], streams: int = 25, patience: float = _PATIENCE) -> None:
        self._listener = listener
        self._streams = streams
        self._patience = patience
        self._open: set[asyncio.Task[None]] = set()
        self._closing = False

    def close(self) -> None:
        """End all streams as the service does when it is unavailable."""
        self._closing = True
        for task in self._open:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        try:
            rate = self._admit(scope, headers)
        except _Refusal as refusal:
            await _while_draining(receive, _refuse(send, refusal))
            return
        task: asyncio.Task[None] | None = asyncio.current_task()
        assert task is not None  # noqa: S101  # a request is always served in a task
        self._open.add(task)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _answer_headers(headers)})
            await self._transcribe(rate, receive, send)
        finally:
            self._open.discard(task)

    def _admit(self, scope: Scope, headers: dict[str, str]) -> int:
        """The sample rate of an acceptable request."""
        if scope.get("http_version") != "2":
            raise _Refusal("BadRequestException", "Transcription streams need HTTP/2.")
        if headers.get(f"{_PREFIX}language-code") not in _LANGUAGES:
            raise _Refusal("BadRequestException", "The language is not one of those that are understood here.")
        if headers.get(f"{_PREFIX}media-encoding") != "pcm":
            raise _Refusal("BadRequestException", "Only the media encoding pcm is understood here.")
        rate = headers.get(f"{_PREFIX}sample-rate")
        if rate not in ("8000", "16000"):
            raise _Refusal("BadRequestException", "The sample rate must be 8000 or 16000.")
        if len(self._open) >= self._streams:
            raise _Refusal("LimitExceededException", "You have reached the maximum number of concurrent streams.")
        return int(rate)

    async def _transcribe(self, rate: int, receive: Receive, send: Send) -> None:
        async def tell(said: Hypothesis) -> None:
            await send({"type": "http.response.body", "body": transcript_event(said), "more_body": True})

        listener = self._listener(tell)
        last = b""
        try:
            async with aclosing(_audio(receive, self._patience)) as audio:
                async for pcm in audio:
                    await listener.feed(pcm if rate == 8000 else _halved(pcm))
            await listener.close()
        except _Refusal as refusal:
            last = exception_event(refusal.name, str(refusal))
        except _Gone:
            return
        except asyncio.CancelledError:
            if not self._closing:
                raise
            last = exception_event("ServiceUnavailableException", "The service is shutting down.")
        finally:
            listener.abandon()
        await _while_draining(receive, send({"type": "http.response.body", "body": last, "more_body": False}))


async def _while_draining(receive: Receive, sending: Awaitable[None]) -> None:
    """Send the end of an answer while what still comes of the request is read and thrown away.

    The server's reader waits for room in the request's queue, and with it all other streams of the connection.
    """

    async def drain() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    draining = asyncio.create_task(drain())
    try:
        await sending
    finally:
        draining.cancel()


class _Gone(Exception):
    """The client has left without ending its stream."""


async def _audio(receive: Receive, patience: float) -> AsyncGenerator[bytes, None]:
    """The sound of a request's body, until its end. A refusal for anything else."""
    outer: EventStreamBuffer = _new_buffer()
    more = True
    while more:
        message = await _next(receive, patience)
        more = message.get("more_body", False)
        outer.add_data(message.get("body", b""))
        for chunk in _chunks(outer):
            if not chunk:
                return
            yield chunk


async def _next(receive: Receive, patience: float) -> Message:
    try:
        async with asyncio.timeout(patience):  # not wait_for, which on 3.11 can swallow a cancellation
            message = await receive()
    except TimeoutError:
        reason = "Your request timed out because no new audio was received for 15 seconds."
        raise _Refusal("BadRequestException", reason) from None
    if message["type"] == "http.disconnect":
        raise _Gone
    return message


def _chunks(outer: EventStreamBuffer) -> list[bytes]:
    """The audio in the messages that are complete; an empty chunk ends the stream."""
    found: list[bytes] = []
    try:
        for signed in outer:
            if not signed.payload:
                return [*found, b""]
            inner = _new_buffer()
            inner.add_data(signed.payload)
            event = next(inner)
            if event.headers.get(":event-type") == "AudioEvent":
                found.append(_checked(event.payload))
    except (ParserError, StopIteration):
        raise _Refusal("BadRequestException", "A message of the stream could not be read.") from None
    return found


def _new_buffer() -> EventStreamBuffer:
    return EventStreamBuffer()  # type: ignore[no-untyped-call]  # the SDK's own


def _checked(pcm: bytes) -> bytes:
    if len(pcm) > _LONGEST_CHUNK or len(pcm) % 2:
        raise _Refusal("BadRequestException", "An audio chunk must be whole 16-bit samples and at most 32 KB.")
    return pcm


def _halved(pcm: bytes) -> bytes:
    """16 kHz to 8 kHz by every second sample: exact for scripted speech, good enough for a voice."""
    return np.frombuffer(pcm, np.int16)[::2].tobytes()


def _answer_headers(asked: dict[str, str]) -> list[tuple[bytes, bytes]]:
    echoed = {name: value for name, value in asked.items() if name.startswith(_PREFIX)}
    echoed.setdefault(f"{_PREFIX}session-id", str(uuid.uuid4()))
    echoed |= {"content-type": "application/vnd.amazon.eventstream", "x-amzn-request-id": str(uuid.uuid4())}
    return [(name.encode(), value.encode()) for name, value in echoed.items()]


async def _refuse(send: Send, refusal: _Refusal) -> None:
    status = 429 if refusal.name == "LimitExceededException" else 400
    headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", refusal.name.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"Message": str(refusal)}).encode()})
