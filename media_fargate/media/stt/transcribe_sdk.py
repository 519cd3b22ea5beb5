"""Amazon Transcribe through `amazon-transcribe`: HTTP/2, and one connection a stream, for the service takes no more.

The SDK itself shares a connection among all streams of a client, so a stream has a session manager of its own here.
Two things of the SDK's are mended. It answers an empty read of a stream's body at once, and awscrt asks again at once:
one open stream keeps a core busy (awslabs/amazon-transcribe-streaming-sdk, threads 25, 84, 109, 121). And a task that
waits for awscrt must not be cancelled, or awscrt's thread trips over its future: such tasks end by closing the
connection. awscrt leaves Nagle's algorithm on, which costs some milliseconds: media.stt.transcribe_websocket does not.
"""

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from io import BufferedIOBase
from typing import Any
from urllib.parse import ParseResult, urlparse

from amazon_transcribe.auth import StaticCredentialResolver
from amazon_transcribe.client import TranscribeStreamingClient
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.eventstream import BaseEvent
from amazon_transcribe.exceptions import HTTPException, SDKError, ServiceException
from amazon_transcribe.httpsession import AwsCrtHttpResponse, AwsCrtHttpSessionManager
from amazon_transcribe.model import StartStreamTranscriptionEventStream, TranscriptEvent
from awscrt import http
from awscrt.exceptions import AwsCrtError
from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup

from media.stt import SttSettings
from media.stt.recognition import Recognition, RequestRejected, Result, StreamLost
from media.stt.transcribe import ENCODING, SAMPLE_RATE, STABILITY, Identity, failure

_CONNECT_TIMEOUT_MS = 3000
_ROUND = 0.005  # s between two looks at bodies that have nothing to send
_CLOSE_TIMEOUT = 2.0  # s
_BROKEN = (SDKError, AwsCrtError, OSError, RuntimeError)


class TranscribeSdk:
    """The recogniser all calls share; each of them has a connection of its own."""

    def __init__(self, settings: SttSettings, refused: Callable[[], None]) -> None:
        self._refused = refused
        self._identity = Identity()
        url = settings.endpoint_url
        # The credentials are each stream's own; these keep the SDK from looking for others.
        self._client = TranscribeStreamingClient(
            region=settings.region,
            endpoint_resolver=StaticEndpointResolver(url) if url else None,  # type: ignore[no-untyped-call]  # the SDK's
            credential_resolver=StaticCredentialResolver("", ""),
        )
        self._sessions = _OneConnection()

    def open(self, *, language: str) -> Recognition:
        """Begin a call's recognition."""
        return Recognition(partial(self._connect, language), self._refused)

    async def _connect(self, language: str) -> "_Stream":
        own = await self._identity.frozen()
        client, session = copy.copy(self._client), self._sessions.another()
        client._credential_resolver = StaticCredentialResolver(  # noqa: SLF001
            str(own.access_key), str(own.secret_key), own.token
        )
        client._session_manager = session  # noqa: SLF001
        starting = asyncio.create_task(
            client.start_stream_transcription(
                language_code=language,
                media_sample_rate_hz=SAMPLE_RATE,
                media_encoding=ENCODING,
                enable_partial_results_stabilization=True,
                partial_results_stability=STABILITY,
            )
        )
        try:
            return _Stream(await asyncio.shield(starting), session)
        except _BROKEN as e:
            session.close()
            raise _meaning(e) from e
        except asyncio.CancelledError:
            session.close()  # with which the start fails, in its own time
            starting.add_done_callback(lambda task: task.exception())
            raise


class _Stream:
    """One stream on its connection. A task of its own reads, which ends when the connection does."""

    def __init__(self, opened: StartStreamTranscriptionEventStream, session: "_OneConnection") -> None:
        self._opened = opened
        self._session = session
        self._results: asyncio.Queue[Result | Exception | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def send(self, pcm: bytes) -> None:
        """Sign a chunk of sound and give it to the connection's thread."""
        if self._reading.done():
            raise StreamLost("ended")
        try:
            await self._opened.input_stream.send_audio_event(pcm)
        except _BROKEN as e:
            raise _meaning(e) from e

    async def end(self) -> None:
        """Send the empty, signed message that ends the sound."""
        try:
            await self._opened.input_stream.end_stream()  # type: ignore[no-untyped-call]  # the SDK's
        except _BROKEN as e:
            raise _meaning(e) from e

    async def close(self) -> None:
        """Close the connection and wait until nobody reads from it."""
        self._session.close()
        await asyncio.wait({self._reading}, timeout=_CLOSE_TIMEOUT)

    async def __aiter__(self) -> AsyncIterator[Result]:
        """Yield results; raise what the service's exception means."""
        while (found := await self._results.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found

    async def _read(self) -> None:
        end = None
        try:
            async for event in self._opened.output_stream:
                for result in _results(event):
                    self._results.put_nowait(result)
        except _BROKEN as e:
            end = _meaning(e)
        finally:
            self._results.put_nowait(end)


def _meaning(error: Exception) -> StreamLost | RequestRejected:
    name = getattr(error, "error_code", None) or type(error).__name__
    return failure(name, str(error)) if isinstance(error, ServiceException) else StreamLost(name)


def _results(event: BaseEvent | None) -> list[Result]:
    if not isinstance(event, TranscriptEvent):
        return []
    return [_result(result) for result in event.transcript.results if result.alternatives]


def _result(result: Any) -> Result:  # noqa: ANN401  # the SDK says of everything that it may be None
    best, final = result.alternatives[0], not result.is_partial
    return Result(
        id=result.result_id,
        text=best.transcript,
        final=final,
        stable=final or (bool(best.items) and all(item.stable for item in best.items)),
        start=result.start_time,
        end=result.end_time,
    )


class _OneConnection(AwsCrtHttpSessionManager):
    """The SDK's session manager for one request: its connection lives as long as the stream."""

    def __init__(self) -> None:
        # One thread reads the bodies of all connections, so that one of them can wait for all.
        group = EventLoopGroup(1)
        super().__init__(ClientBootstrap(group, DefaultHostResolver(group)))  # type: ignore[no-untyped-call]  # the SDK's
        self._socket_options.connect_timeout_ms = _CONNECT_TIMEOUT_MS
        self._rounds = _Rounds()
        self._connection: http.HttpClientConnection | None = None
        self._closed = False

    def another(self) -> "_OneConnection":
        """Make one for another stream; authorities are read once and threads are shared."""
        return copy.copy(self)

    def close(self) -> None:
        """Close the connection, or have it closed as soon as it is there."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()

    async def make_request(
        self,
        url: str,
        method: str = "GET",
        headers: Any = None,  # noqa: ANN401  # the SDK's
        body: Any = None,  # noqa: ANN401
    ) -> AwsCrtHttpResponse:
        """Connect, and send the request."""
        target: ParseResult = urlparse(url)
        self._connection = await self._create_connection(target)
        if self._closed:
            self._connection.close()
            raise HTTPException("closed meanwhile")
        request = http.HttpRequest(
            method=method,
            path=self._get_path(target),
            headers=http.HttpHeaders(headers),
            body_stream=_PacedBody(body, self._rounds),
        )
        response = _Response()  # type: ignore[no-untyped-call]  # the SDK's
        response._set_stream(self._connection.request(request, response._on_headers, response._on_body))  # noqa: SLF001
        return response


class _Response(AwsCrtHttpResponse):
    """A response that fails when its connection is lost before it has begun; the SDK's own waits for ever."""

    def _on_complete(self, completion_future: Any) -> None:  # noqa: ANN401  # the SDK's
        for future in (self._status_code_future, self._headers_future):
            if not future.done():
                future.set_exception(HTTPException("connection lost"))
        super()._on_complete(completion_future)  # type: ignore[no-untyped-call]  # the SDK's


class _Rounds:
    """Paces the reading of bodies. awscrt's thread asks each in turn: when one comes again, all have been asked."""

    def __init__(self) -> None:
        self._asked: set[int] = set()

    def empty(self, body: object) -> None:
        """Note that a body has nothing to send; wait a moment where a round is over."""
        if id(body) in self._asked:
            self._asked.clear()
            time.sleep(_ROUND)
        self._asked.add(id(body))


class _PacedBody(BufferedIOBase):
    """A request's body, read by awscrt's thread."""

    def __init__(self, body: BufferedIOBase, rounds: _Rounds) -> None:
        self._body = body
        self._rounds = rounds

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # whatever awscrt gives to be filled
        """Read what there is; BlockingIOError, after its round, where there is nothing."""
        try:
            return int(self._body.readinto(buffer))
        except BlockingIOError:
            self._rounds.empty(self)
            return int(self._body.readinto(buffer))

    readinto1 = readinto
