"""Transcribe's HTTP/2 door: one stream a connection, event-stream messages both ways, each chunk signed on the last.

An ASGI app for one path. Sources: the developer guide's "Setting up streaming transcriptions": "Amazon Transcribe only
supports one stream per HTTP/2 session."
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
import uuid
from collections.abc import AsyncGenerator, Awaitable
from typing import TYPE_CHECKING, Any, Final

from amazon_transcribe.auth import Credentials
from amazon_transcribe.eventstream import EventSigner, EventStreamBuffer, ParserError

from infra.local.serving import Connection, Connections
from infra.local.speech.transcribe import SECRETS, Gone, Refusal, Transcribe, checked, in_time

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PATH: Final = "/stream-transcription"
_PREFIX: Final = "x-amzn-transcribe-"
_AUTHORIZATION: Final = re.compile(
    r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/transcribe/aws4_request,.*Signature=(?P<signature>[0-9a-f]{64})"
)
# Frames of HTTP/2 that hypercorn has no words for: length, type, flags, stream, then stream or error code.
_GO_AWAY: Final = bytes.fromhex("000008 07 00 00000000 00000001 00000000")  # stream 1 is the last; NO_ERROR
_RESET: Final = bytes.fromhex("000004 03 00 00000001 00000002")  # stream 1; INTERNAL_ERROR


class Http2Door:
    """The ASGI app."""

    def __init__(self, service: Transcribe, connections: Connections) -> None:
        self._service = service
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        connection = self._connections.of(scope.get("client"))
        try:
            rate = self._admit(scope, headers, connection)
            signatures = _Signatures(headers.get("authorization", ""))
        except Refusal as refusal:
            await _while_draining(receive, _refuse(send, refusal))
            return
        await send({"type": "http.response.start", "status": 200, "headers": _answer_headers(headers)})
        timers = self._troubles(connection)

        async def answer(frame: bytes) -> None:
            await send({"type": "http.response.body", "body": frame, "more_body": True})

        audio = _audio(receive, signatures, rate, self._service.patience)
        try:
            last = await self._service.transcribe("http/2", rate, audio, answer)
        except Gone:
            return
        finally:
            for timer in timers:
                timer.cancel()
        await _while_draining(receive, send({"type": "http.response.body", "body": last, "more_body": False}))

    def _admit(self, scope: Scope, headers: dict[str, str], connection: Connection | None) -> int:
        if scope.get("http_version") != "2":
            raise Refusal("BadRequestException", "Transcription streams need HTTP/2.")
        if connection is not None:
            connection.streams += 1
            if connection.streams > 1:
                raise Refusal("BadRequestException", "Only one stream per HTTP/2 session is supported.")
        asked = {name.removeprefix(_PREFIX): value for name, value in headers.items() if name.startswith(_PREFIX)}
        return self._service.admit("http/2", asked)

    def _troubles(self, connection: Connection | None) -> list[asyncio.TimerHandle]:
        """Have happen to the connection what the faults say."""
        if connection is None:
            return []
        plan, writer = self._service.faults.plan, connection.writer
        planned: list[tuple[float | None, Any]] = [
            (plan.drop_after_ms, connection.lose),
            (plan.reset_after_ms, lambda: writer.write(_RESET)),
            (plan.go_away_after_ms, lambda: writer.write(_GO_AWAY)),
        ]
        loop = asyncio.get_running_loop()
        return [loop.call_later(after / 1000, trouble) for after, trouble in planned if after is not None]


class _Signatures:
    """Checks that each message is signed on the one before, with the key of the request. Raises Refusal."""

    def __init__(self, authorization: str) -> None:
        found = _AUTHORIZATION.search(authorization)
        secret = SECRETS.get(found["key"]) if found else None
        if found is None or secret is None:
            raise Refusal("UnrecognizedClientException", "The request is not signed by anybody known.")
        self._last = bytes.fromhex(found["signature"])
        self._credentials = Credentials(found["key"], secret)
        self._signer = EventSigner("transcribe", found["region"])

    def check(self, message: Any) -> None:  # noqa: ANN401  # the SDK's untyped message
        """Check one message."""
        signer, milliseconds = self._signer, message.headers.get(":date", 0)
        date = dt.datetime.fromtimestamp((milliseconds + 0.5) / 1000, dt.UTC)
        signer._utc_now = lambda: date  # noqa: SLF001  # the SDK's own signer, at the message's time
        expected = signer.sign(message.payload, self._last, self._credentials)[":chunk-signature"]
        if message.headers.get(":chunk-signature") != expected or not isinstance(expected, bytes):
            raise Refusal("BadRequestException", "The signature of a message does not match.")
        self._last = expected


async def _audio(receive: Receive, signatures: _Signatures, rate: int, patience: float) -> AsyncGenerator[bytes, None]:
    """The sound of a request's body, until its end."""
    outer = EventStreamBuffer()  # type: ignore[no-untyped-call]  # the SDK's own
    more = True

    async def body() -> bytes:
        nonlocal more
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        more = message.get("more_body", False)
        return bytes(message.get("body", b""))

    while more:
        outer.add_data(await in_time(body(), patience))
        for chunk in _chunks(outer, signatures, rate):
            if not chunk:
                return
            yield chunk


def _chunks(outer: EventStreamBuffer, signatures: _Signatures, rate: int) -> list[bytes]:
    """The audio in the messages that are complete; an empty chunk ends the stream."""
    found: list[bytes] = []
    try:
        for message in outer:
            signatures.check(message)
            if not message.payload:
                return [*found, b""]
            inner = EventStreamBuffer()  # type: ignore[no-untyped-call]  # the SDK's own
            inner.add_data(message.payload)
            event = next(inner)
            if event.headers.get(":event-type") == "AudioEvent":
                found.append(checked(event.payload, rate))
    except (ParserError, StopIteration):
        raise Refusal("BadRequestException", "A message of the stream could not be read.") from None
    return found


async def _while_draining(receive: Receive, sending: Awaitable[None]) -> None:
    """Send the end of an answer while what still comes of the request is read and thrown away.

    The server's reader waits for room in the request's queue, and with it all else of the connection.
    """

    async def drain() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    draining = asyncio.create_task(drain())
    try:
        await sending
    finally:
        draining.cancel()


def _answer_headers(asked: dict[str, str]) -> list[tuple[bytes, bytes]]:
    echoed = {name: value for name, value in asked.items() if name.startswith(_PREFIX)}
    echoed.setdefault(f"{_PREFIX}session-id", str(uuid.uuid4()))
    echoed |= {"content-type": "application/vnd.amazon.eventstream", "x-amzn-request-id": str(uuid.uuid4())}
    return [(name.encode(), value.encode()) for name, value in echoed.items()]


async def _refuse(send: Send, refusal: Refusal) -> None:
    status = 429 if refusal.name == "LimitExceededException" else 400
    headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", refusal.name.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"Message": str(refusal)}).encode()})
