"""Amazon Transcribe through its WebSocket API: one socket a call.

The request is signed in its query (Signature Version 4, valid for five minutes at most); what follows is not signed.
Each binary message is one event-stream frame, in amazon-transcribe's own codec. An empty AudioEvent ends the sound.
The service answers with TranscriptEvent frames; a failure is one last frame with an `:exception-type`, then a close.
"""

import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from amazon_transcribe.eventstream import EventStreamBuffer, EventStreamMessageSerializer, ParserError
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from media.stt import SttSettings
from media.stt.recognition import Recognition, Result, StreamLost, StreamRefused
from media.stt.transcribe import ENCODING, SAMPLE_RATE, STABILITY, Identity, failure

_PATH = "/stream-transcription-websocket"
_EXPIRES = 300  # s; the service takes no more
_CLOSE_TIMEOUT = 1.0  # s for the closing handshake
_SIGNED_AS = {"wss": "https", "ws": "http"}
_HEADERS: Any = {
    ":content-type": "application/octet-stream",
    ":event-type": "AudioEvent",
    ":message-type": "event",
}


class TranscribeWebSocket:
    """The recogniser all calls share; each of them has a socket of its own."""

    def __init__(self, settings: SttSettings, refused: Callable[[], None]) -> None:
        self._refused = refused
        self._region = settings.region
        self._address = address(settings)
        # Read once: the system's authorities take 20 ms to read.
        self._tls = ssl.create_default_context() if self._address.startswith("wss:") else None
        self._identity = Identity()

    def open(self, *, language: str) -> Recognition:
        """Begin a call's recognition."""
        return Recognition(partial(self._connect, language), self._refused)

    async def _connect(self, language: str) -> "_Stream":
        url = signed(self._address, language, self._region, await self._identity.frozen())
        with _lost():
            socket = await connect(
                url,
                ssl=self._tls,
                proxy=None,
                compression=None,  # PCM does not shrink, and deflate costs more than all else
                ping_interval=None,  # the service need not answer pings; sound is sent all the time
                open_timeout=None,
                close_timeout=_CLOSE_TIMEOUT,
                user_agent_header=None,
            )
        return _Stream(socket)


class _Stream:
    """One socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._serialize = EventStreamMessageSerializer().serialize

    async def send(self, pcm: bytes) -> None:
        """Send a chunk of sound."""
        with _lost():
            await self._socket.send(self._serialize(_HEADERS, pcm))

    async def end(self) -> None:
        """Send the empty chunk that ends the sound."""
        await self.send(b"")

    async def close(self) -> None:
        """Close the socket, also where whoever waits for the closing handshake is cancelled."""
        try:
            await self._socket.close()
        finally:
            self._socket.transport.abort()

    async def __aiter__(self) -> AsyncIterator[Result]:
        """Yield results; raise what an exception frame means."""
        with _lost():
            async for message in self._socket:
                for result in _results(message):
                    yield result


def signed(to: str, language: str, region: str, credentials: ReadOnlyCredentials) -> str:
    """Sign the request for a stream in this language; `to` is a ws:// or wss:// URL."""
    scheme, host, path, query, _ = urlsplit(to)
    asked = dict(parse_qsl(query)) | {
        "language-code": language,
        "media-encoding": ENCODING,
        "sample-rate": str(SAMPLE_RATE),
        "enable-partial-results-stabilization": "true",
        "partial-results-stability": STABILITY,
    }
    request = AWSRequest("GET", urlunsplit((_SIGNED_AS[scheme], host, path, urlencode(asked), "")))
    SigV4QueryAuth(credentials, "transcribe", region, expires=_EXPIRES).add_auth(request)
    return scheme + str(request.url)[len(_SIGNED_AS[scheme]) :]


def address(settings: SttSettings) -> str:
    """The service's address, or the endpoint of its own that this process was given: ws(s):// or http(s)://."""
    given = settings.endpoint_url or f"wss://transcribestreaming.{settings.region}.amazonaws.com:8443"
    scheme, host, path, query, _ = urlsplit(given)
    socket_scheme = {secure: plain for plain, secure in _SIGNED_AS.items()}.get(scheme, scheme)
    return urlunsplit((socket_scheme, host, path.rstrip("/") or _PATH, query, ""))


@contextmanager
def _lost() -> Iterator[None]:
    """Raise StreamLost for what may happen to a connection."""
    try:
        yield
    except (WebSocketException, OSError, ParserError, ValueError, KeyError) as e:
        raise _meaning(e) from e


def _meaning(error: Exception) -> StreamLost:
    name = type(error).__name__
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return (StreamRefused if status == HTTPStatus.TOO_MANY_REQUESTS else StreamLost)(f"{name} {status}")
    if isinstance(error, ConnectionClosed) and error.rcvd is not None:
        return StreamLost(f"{name} {error.rcvd.code}")
    return StreamLost(name)


def _results(message: str | bytes) -> Iterator[Result]:
    """Read one frame."""
    buffer = EventStreamBuffer()  # type: ignore[no-untyped-call]  # the SDK's
    buffer.add_data(message.encode() if isinstance(message, str) else message)
    for frame in buffer:
        body = json.loads(frame.payload)
        if frame.headers.get(":message-type") == "exception":
            raise failure(str(frame.headers[":exception-type"]), str(body.get("Message", "")))
        if frame.headers.get(":event-type") == "TranscriptEvent":
            yield from map(_result, filter(_has_words, body["Transcript"]["Results"]))


def _has_words(result: dict[str, Any]) -> bool:
    return bool(result.get("Alternatives"))


def _result(result: dict[str, Any]) -> Result:
    best, final = result["Alternatives"][0], not result["IsPartial"]
    items = best.get("Items") or []
    return Result(
        id=result["ResultId"],
        text=best["Transcript"],
        final=final,
        stable=final or (bool(items) and all(item.get("Stable") for item in items)),
        start=result["StartTime"],
        end=result["EndTime"],
    )
