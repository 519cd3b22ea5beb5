"""Transcribe's WebSocket door: a request signed in its query, then one event-stream frame a binary message, unsigned.

An ASGI app for one path. Whatever is wrong is said after the upgrade, in one last frame, and the socket is closed.
Source: the developer guide's "Using Amazon Transcribe streaming with WebSockets".
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote

from amazon_transcribe.eventstream import EventStreamBuffer, ParserError

from infra.local.serving import Connections
from infra.local.speech.results import exception_event
from infra.local.speech.transcribe import SECRETS, Gone, Refusal, Transcribe, checked, in_time

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PATH: Final = "/stream-transcription-websocket"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_LONGEST_EXPIRY: Final = 300  # seconds
_FAREWELL: Final = 1.0  # seconds
_HEADERS: Final = {
    ":content-type": "application/octet-stream",
    ":event-type": "AudioEvent",
    ":message-type": "event",
}


class WebSocketDoor:
    """The ASGI app."""

    def __init__(self, service: Transcribe, connections: Connections) -> None:
        self._service = service
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        await receive()  # the request to connect
        headers = [(b"x-amzn-requestid", str(uuid.uuid4()).encode()), (b"x-amzn-sessionid", str(uuid.uuid4()).encode())]
        await send({"type": "websocket.accept", "headers": headers})
        timers = self._troubles(scope)

        async def answer(frame: bytes) -> None:
            await send({"type": "websocket.send", "bytes": frame})

        try:
            rate = self._service.admit("websocket", _signed_parameters(scope))
            audio = _audio(receive, rate, self._service.patience)
            last = await self._service.transcribe("websocket", rate, audio, answer)
        except Refusal as refusal:
            last = exception_event(refusal.name, str(refusal))
        except Gone:
            return
        finally:
            for timer in timers:
                timer.cancel()
        if last:
            await answer(last)
            await _until_gone(receive)
        await send({"type": "websocket.close", "code": 1000})

    def _troubles(self, scope: Scope) -> list[asyncio.TimerHandle]:
        """Have happen to the connection what the faults say."""
        connection, plan = self._connections.of(scope.get("client")), self._service.faults.plan
        loop = asyncio.get_running_loop()
        planned = [after for after in (plan.drop_after_ms, plan.reset_after_ms) if after is not None]
        return [loop.call_later(after / 1000, connection.lose) for after in planned if connection is not None]


def _signed_parameters(scope: Scope) -> dict[str, str]:
    """What is asked for in the query, once its signature is found right. Raises Refusal."""
    query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
    host = next((value.decode() for key, value in scope["headers"] if key == b"host"), "")
    given = query.pop("X-Amz-Signature", "")
    signing = {name: value for name, value in query.items() if name.startswith("X-Amz-")}
    if (signing.get("X-Amz-Algorithm"), signing.get("X-Amz-SignedHeaders")) != (_ALGORITHM, "host"):
        raise Refusal("BadRequestException", "The request must be signed in its query, over the host alone.")
    access_key, _, credential_scope = signing.get("X-Amz-Credential", "").partition("/")
    expected = _signature(query, host, SECRETS.get(access_key), credential_scope)
    if expected is None or not hmac.compare_digest(expected, given):
        raise Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    _check_time(signing)
    return {name: value for name, value in query.items() if name not in signing}


def _signature(query: dict[str, str], host: str, secret: str | None, credential_scope: str) -> str | None:
    """Signature Version 4 of the request; None for a key that is not known, or a scope that is not the service's."""
    parts = credential_scope.split("/")
    if secret is None or len(parts) != 4 or parts[2:] != ["transcribe", "aws4_request"]:
        return None
    sorted_query = "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in sorted(query.items()))
    nothing = hashlib.sha256(b"").hexdigest()
    canonical = "\n".join(["GET", PATH, sorted_query, f"host:{host}", "", "host", nothing])
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join([_ALGORITHM, query.get("X-Amz-Date", ""), credential_scope, hashed])
    key = b"AWS4" + secret.encode()
    for part in parts:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def _check_time(signing: dict[str, str]) -> None:
    try:
        since = dt.datetime.strptime(signing["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        expires = int(signing["X-Amz-Expires"])
    except (KeyError, ValueError):
        raise Refusal("BadRequestException", "X-Amz-Date and X-Amz-Expires must be given.") from None
    if not 0 < expires <= _LONGEST_EXPIRY:
        raise Refusal("BadRequestException", "X-Amz-Expires must be 300 seconds at most.")
    if abs(dt.datetime.now(dt.UTC) - since) > dt.timedelta(seconds=expires):
        raise Refusal("BadRequestException", "The signature has expired.")


async def _until_gone(receive: Receive) -> None:
    """Read on until the client has understood: a socket closed under its sound would be reset, and the reason lost."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL):
            while (await receive())["type"] != "websocket.disconnect":
                pass


async def _audio(receive: Receive, rate: int, patience: float) -> AsyncGenerator[bytes, None]:
    """The sound of the messages, until an empty one."""

    async def message() -> bytes:
        received = await receive()
        if received["type"] == "websocket.disconnect":
            raise Gone
        return received.get("bytes") or b""

    while chunk := _chunk(await in_time(message(), patience), rate):
        yield chunk


def _chunk(message: bytes, rate: int) -> bytes:
    buffer = EventStreamBuffer()  # type: ignore[no-untyped-call]  # the SDK's own
    buffer.add_data(message)
    try:
        event = next(buffer)
    except (ParserError, StopIteration):
        raise Refusal("BadRequestException", "Unexpected WebSocket frame received.") from None
    if event.headers != _HEADERS:
        raise Refusal("BadRequestException", "Unexpected WebSocket frame received.")
    return checked(event.payload, rate)
