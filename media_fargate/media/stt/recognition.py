"""One call's recognition, over vendor streams that come and go: what all vendors' streams have in common.

Sound is sent in chunks, silence where the callee's side falls silent (services end a stream without sound), and all
that no final result has covered is sent again to the next stream. A stream that is lost, refused or deaf is followed
by another as media.stt.retrying decides; a request the service rejects is final.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Protocol

from media.audio import mulaw
from media.conversation.inputs import Heard
from media.stt import SpeechToTextFailed
from media.stt.backlog import BYTES_A_SECOND, Backlog
from media.stt.retrying import Failures

logger = logging.getLogger(__name__)

_CHUNK = BYTES_A_SECOND // 25  # 40 ms: half the CPU of single frames; partials come at multiples of it
_LONGEST_CHUNK = BYTES_A_SECOND  # a second is the most that Transcribe takes at once
# The first partial of a barge-in hangs on its first sound: after a pause, what rises to _ONSET goes frame by frame.
_ONSET = 300  # rms
_PAUSE = BYTES_A_SECOND // 5
_URGENT = BYTES_A_SECOND // 2  # since the onset
_KEEP_ALIVE = 1.0  # s without sound after which silence is sent; Transcribe ends a stream after 15 s without
_SILENCE = bytes(BYTES_A_SECOND // 5)
_LOUD = 1000  # rms
_DEAF = 10 * BYTES_A_SECOND  # of loud sound without a word back: the far end is gone
_START_TIMEOUT = 5.0  # s
_SEND_TIMEOUT = 5.0  # s
_DRAIN_TIMEOUT = 3.0  # s for results still coming after the input ended
_PROVEN = 5.0  # s after which a stream on which little was said counts as one that worked: refusals come sooner
_LITTLE = 2 * BYTES_A_SECOND  # of loud sound


class StreamLost(Exception):
    """A stream broke or was not to be had; another one may work. The text is for the log."""


class StreamRefused(StreamLost):
    """The service refused or ended a stream because the account's quota is met."""


class RequestRejected(Exception):
    """The service will never accept what this call asks for. The text is for the log."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a stream makes of a stretch of its sound, `start` to `end` in seconds since it began.

    Results of one `id` replace each other until one is `final`. `stable`: none of these words will change.
    """

    id: str
    text: str
    final: bool
    stable: bool
    start: float
    end: float


class VendorStream(Protocol):
    """One open stream at a vendor. All methods raise StreamLost; reading raises RequestRejected too."""

    async def send(self, pcm: bytes) -> None:
        """Send at most a second of 16-bit PCM at 8 kHz."""

    async def end(self) -> None:
        """Say that no more sound will come."""

    def __aiter__(self) -> AsyncIterator[Result]:
        """Yield results until the stream is over; closing it ends this too."""

    async def close(self) -> None:
        """Let go of everything at once. May be called again. Raises nothing."""


class Recognition:
    """One call's recognition. `connect` opens a stream at the vendor, `refused` is told of quotas that were met."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[VendorStream]],
        refused: Callable[[], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._connect = connect
        self._refused = refused
        self._chance = chance
        self._sound = Backlog()
        self._quiet = _PAUSE  # bytes since the last sound that was not quiet
        self._urgent = 0  # bytes to go frame by frame; negative: none
        self._ready = asyncio.Event()  # there is a chunk to send, or the end to tell
        self._closing = asyncio.Event()
        self._finished = asyncio.Event()
        self._failures = Failures()
        self._streams = 0
        self._opened: float | None = None  # when the current stream was
        self._answered = False  # by the current stream
        self._unanswered = 0  # bytes of loud sound since its last result
        self._open: str | None = None  # the segment that is not final
        self._names: dict[str, str] = {}  # of the current stream's results

    def send(self, pcm: bytes) -> None:
        """Queue 16-bit PCM at 8 kHz."""
        self._sound.add(pcm)
        if mulaw.loudness(pcm) < _ONSET:
            self._quiet += len(pcm)
        else:
            self._urgent = _URGENT if self._quiet >= _PAUSE else self._urgent
            self._quiet = 0
        if self._sound.waiting >= _CHUNK or self._urgent > 0:
            self._ready.set()
        self._urgent -= len(pcm)

    async def close(self) -> None:
        """End the input and wait for the last results."""
        self._closing.set()
        self._ready.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_TIMEOUT):
                await self._finished.wait()

    async def __aiter__(self) -> AsyncIterator[Heard]:
        """Yield transcripts until closed."""
        try:
            while not self._closing.is_set():
                try:
                    async with aclosing(self._one_stream()) as transcripts:
                        async for heard in transcripts:
                            yield heard
                except StreamLost as lost:
                    logger.warning("transcription stream lost: %s", lost)
                    await self._wait_for_next(lost)
                except RequestRejected as rejected:
                    logger.error("transcription rejected: %s", rejected)  # noqa: TRY400  # the service's words say it
                    raise SpeechToTextFailed from rejected
        finally:
            self._finished.set()

    async def _wait_for_next(self, lost: StreamLost) -> None:
        """Wait until the next stream may be tried. Raises SpeechToTextFailed where there will be none."""
        if isinstance(lost, StreamRefused):
            self._refused()
        now = asyncio.get_running_loop().time()
        lived = self._opened is not None and now - self._opened >= _PROVEN
        worked = self._answered or (lived and self._unanswered <= _LITTLE)
        self._failures = self._failures.another(now, worked=worked)
        pause = self._failures.pause(now, self._chance())
        if pause is None:
            raise SpeechToTextFailed from lost
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._closing.wait()

    async def _one_stream(self) -> AsyncGenerator[Heard, None]:
        self._begin_stream()
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                stream = await self._connect()
        except TimeoutError as e:
            raise StreamLost("no answer") from e
        self._opened = asyncio.get_running_loop().time()
        feeding = asyncio.create_task(self._feed(stream))
        try:
            async for result in stream:
                self._answered, self._unanswered = True, 0
                yield self._told(result)
        finally:
            feeding.cancel()
            await asyncio.wait({feeding})
        if not feeding.cancelled() and (failure := feeding.exception()) is not None:
            raise failure
        if not self._closing.is_set():
            raise StreamLost("ended")

    def _begin_stream(self) -> None:
        self._streams += 1
        self._opened, self._answered, self._names = None, False, {}
        if not self._sound.whole:
            self._open = None  # its first words are not sent again: what comes will be a segment of its own
        self._sound.rewind()
        self._unanswered = -self._sound.waiting  # what it is sent at once, it cannot answer at once
        if self._sound.waiting:
            self._ready.set()

    async def _feed(self, stream: VendorStream) -> None:
        """Send sound as it comes, and the end when this call's has come. The stream is closed with this task."""
        try:
            while not self._closing.is_set() or self._sound.waiting:
                await self._something_to_send()
                while sound := self._sound.take(_LONGEST_CHUNK):
                    self._mind_silence(sound)
                    async with asyncio.timeout(_SEND_TIMEOUT):
                        await stream.send(sound)
            await stream.end()
            await asyncio.sleep(_DRAIN_TIMEOUT)
        except TimeoutError as e:
            raise StreamLost("stuck") from e
        finally:
            await stream.close()

    async def _something_to_send(self) -> None:
        try:
            async with asyncio.timeout(_KEEP_ALIVE):
                await self._ready.wait()
        except TimeoutError:
            self._sound.add(_SILENCE)
        if not self._closing.is_set():
            self._ready.clear()

    def _mind_silence(self, sound: bytes) -> None:
        """Raise StreamLost once the callee has spoken for long without a word of the service's."""
        if mulaw.loudness(sound) >= _LOUD:
            self._unanswered += len(sound)
            if self._unanswered > _DEAF:
                raise StreamLost("deaf")

    def _told(self, result: Result) -> Heard:
        """Name a result's segment. The first of a new stream goes on with what the last one left unfinished."""
        name = self._names.get(result.id)
        if name is None:
            name = self._open if self._open and not self._names else f"{self._streams}.{result.id}"
            self._names[result.id] = name
        if result.final:
            self._open = None
            self._sound.understood(result.end)
        else:
            self._open = name
            self._sound.unfinished(result.start)
        return Heard(segment=name, text=result.text, final=result.final, stable=result.stable)
