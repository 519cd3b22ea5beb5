"""Amazon Transcribe streaming through `amazon-transcribe`, one shared client, one HTTP/2 connection.

A stream that is lost is opened again, twice at most a call; sound queued meanwhile is kept for a few seconds. A stream
without sound is closed by the service after 15 s, so silence is sent where the callee's side falls silent.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import botocore.session
from amazon_transcribe.auth import CredentialResolver, Credentials
from amazon_transcribe.client import TranscribeStreamingClient
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.eventstream import BaseEvent
from amazon_transcribe.exceptions import LimitExceededException, SDKError
from amazon_transcribe.model import StartStreamTranscriptionEventStream, TranscriptEvent
from awscrt.exceptions import AwsCrtError

from media.audio import mulaw
from media.conversation.inputs import Heard
from media.stt import SpeechToTextFailed, SttSettings
from media.stt.crt_sessions import Gate, GatedSessions

logger = logging.getLogger(__name__)

_START_TIMEOUT = 5.0  # s
_SEND_TIMEOUT = 5.0  # s; sending only queues, unless credentials must be fetched
_DRAIN_TIMEOUT = 3.0  # s for results still coming after the input ended
_DEAF = 10 * 8000 * 2  # bytes of loud sound sent without a word back: the far end is gone
_LOUD = 1000  # rms
_KEEP_ALIVE = 1.0  # s without sound after which silence is sent
_SILENCE = bytes(1600 * 2)  # 200 ms
_MAX_KEPT = 250  # chunks (5 s) kept while a stream is opened
_REOPENINGS = 2
_REOPEN_PAUSE = 0.2  # s, the second time twice that
_CREDENTIALS_KEPT = 60.0  # s
_LOST = (SDKError, AwsCrtError, TimeoutError, OSError, RuntimeError)


class _BotocoreCredentials(CredentialResolver):
    """AWS's default chain, by the library every other AWS client here uses."""

    def __init__(self) -> None:
        self._session = botocore.session.Session()
        self._current: Credentials | None = None
        self._good_until = 0.0

    async def get_credentials(self) -> Credentials | None:
        """Resolve credentials; asked for every chunk, so they are kept for a minute (botocore renews far earlier)."""
        now = asyncio.get_running_loop().time()
        if self._current is None or now >= self._good_until:
            self._current = await asyncio.to_thread(self._resolve)
            self._good_until = now + _CREDENTIALS_KEPT
        return self._current

    def _resolve(self) -> Credentials | None:
        found = self._session.get_credentials()
        if found is None:
            return None
        frozen = found.get_frozen_credentials()
        return Credentials(str(frozen.access_key), str(frozen.secret_key), frozen.token)


class Transcribe:
    """The shared client. Made once a process, on first use, so that no connection outlives a loop."""

    def __init__(self, settings: SttSettings, refused: Callable[[], None]) -> None:
        self._refused = refused
        url = settings.endpoint_url
        resolver = StaticEndpointResolver(url) if url else None  # type: ignore[no-untyped-call]  # the SDK's
        self._client = TranscribeStreamingClient(
            region=settings.region, endpoint_resolver=resolver, credential_resolver=_BotocoreCredentials()
        )
        self._gate = Gate()
        # The SDK's own session manager spins a core while a stream is open and leaves Nagle's algorithm on.
        self._client._session_manager = GatedSessions(self._client._eventloop, self._gate)  # noqa: SLF001

    def open(self, *, language: str, keywords: tuple[str, ...] = ()) -> "TranscribeStream":
        """Begin a call's recognition. Transcribe boosts words by vocabularies only, so keywords are not used."""
        del keywords
        return TranscribeStream(self._client, self._gate, language, self._refused)


class TranscribeStream:
    """One call's recognition over one vendor stream at a time."""

    def __init__(
        self, client: TranscribeStreamingClient, gate: Gate, language: str, refused: Callable[[], None]
    ) -> None:
        self._refused = refused
        self._client = client
        self._gate = gate
        self._language = language
        self._queue: deque[bytes] = deque(maxlen=_MAX_KEPT)
        self._more = asyncio.Event()
        self._ended = False
        self._finished = asyncio.Event()
        self._streams = 0
        self._unanswered = 0  # bytes of loud sound since the last event

    def send(self, pcm: bytes) -> None:
        """Queue 16-bit PCM at 8 kHz."""
        self._queue.append(pcm)
        self._more.set()

    async def close(self) -> None:
        """End the input and wait for the last results."""
        self._ended = True
        self._more.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._finished.wait(), _DRAIN_TIMEOUT)

    async def __aiter__(self) -> AsyncIterator[Heard]:
        """Yield transcripts until closed."""
        try:
            while not self._ended:
                try:
                    async for heard in self._one_stream():
                        yield heard
                except _LOST as e:
                    if isinstance(e, LimitExceededException):
                        self._refused()
                    logger.warning("transcription stream lost: %s", type(e).__name__)
                if not self._ended:
                    if self._streams > _REOPENINGS:
                        raise SpeechToTextFailed
                    self._unanswered = 0
                    await asyncio.sleep(_REOPEN_PAUSE * self._streams)
        finally:
            self._finished.set()

    async def _one_stream(self) -> AsyncIterator[Heard]:
        self._streams += 1
        stream = await asyncio.wait_for(self._start(), _START_TIMEOUT)
        pump = asyncio.create_task(self._pump(stream))
        events = aiter(stream.output_stream)
        try:
            while (event := await _next(events, pump)) is not None:
                self._unanswered = 0
                for heard in _transcripts(event, self._streams):
                    yield heard
        finally:
            pump.cancel()
            with suppress(asyncio.CancelledError, *_LOST):
                await pump

    async def _start(self) -> StartStreamTranscriptionEventStream:
        return await self._client.start_stream_transcription(
            language_code=self._language,
            media_sample_rate_hz=8000,
            media_encoding="pcm",
            enable_partial_results_stabilization=True,
            partial_results_stability="high",
        )

    async def _pump(self, stream: StartStreamTranscriptionEventStream) -> None:
        """Send what is queued as it comes, and end the input when this call's has ended."""
        while not self._ended or self._queue:
            if not self._queue:
                self._more.clear()
                try:
                    await asyncio.wait_for(self._more.wait(), _KEEP_ALIVE)
                except TimeoutError:
                    self._queue.append(_SILENCE)
                continue
            sound = b"".join(self._queue)
            self._queue.clear()
            if mulaw.loudness(sound) >= _LOUD:
                self._unanswered += len(sound)
                if self._unanswered > _DEAF:
                    raise TimeoutError
            for at in range(0, len(sound), 16_000):  # the service takes 32 KB a chunk
                await asyncio.wait_for(stream.input_stream.send_audio_event(sound[at : at + 16_000]), _SEND_TIMEOUT)
            self._gate.wake()
        await stream.input_stream.end_stream()  # type: ignore[no-untyped-call]  # the SDK's
        self._gate.wake()


async def _next(events: AsyncIterator[BaseEvent | None], pump: "asyncio.Task[None]") -> BaseEvent | None:
    """Wait for the next event, None at their end. A pump that fails fails this; one that is done bounds the wait."""
    reading = asyncio.ensure_future(anext(events, None))
    try:
        if not pump.done():
            await asyncio.wait({reading, pump}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            pump.result()
            await asyncio.wait_for(reading, _DRAIN_TIMEOUT)
        return reading.result()
    finally:
        reading.cancel()


def _transcripts(event: BaseEvent, stream: int) -> list[Heard]:
    """Read the results of an event; several streams of a call never share a segment's name."""
    if not isinstance(event, TranscriptEvent):
        return []
    found = []
    for result in event.transcript.results:
        if result.alternatives:
            best = result.alternatives[0]
            stable = all(item.stable for item in best.items) if best.items else False
            found.append(
                Heard(
                    segment=f"{stream}.{result.result_id}",
                    text=best.transcript,
                    final=not result.is_partial,
                    stable=stable or not result.is_partial,
                )
            )
    return found
