"""From a stream's sound to what was said: with the recogniser, or by reading scripted speech.

A Listener is fed 8 kHz 16-bit sound as it comes and tells its results through a callback, in order. It knows nothing
of HTTP or of event streams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import webrtcvad

from infra.local.speech import mulaw
from infra.local.speech.results import Hypothesis, ResultId
from infra.local.speech.scripted import Decoder
from infra.local.speech.utterances import FRAME_BYTES, FRAME_SECONDS, Ended, Endpointer, Event, Grown, Paused, Stretch

if TYPE_CHECKING:  # the model's packages are heavy, and scripted speech needs none of them
    from infra.local.speech.recogniser import Recogniser

Tell = Callable[[Hypothesis], Awaitable[None]]

_LOUD: Final = 1000  # of 32767: what scripted speech always exceeds while a word lasts


class Listener(Protocol):
    """One stream's ear."""

    async def feed(self, pcm: bytes) -> None:
        """Hear the next samples."""

    async def close(self) -> None:
        """Say what remains to be said of the sound so far."""

    def abandon(self) -> None:
        """Stop at once."""


class _Frames:
    """Cuts any chunks into frames of 20 ms."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, pcm: bytes) -> list[bytes]:
        data = self._rest + pcm
        whole = len(data) // FRAME_BYTES * FRAME_BYTES
        self._rest = data[whole:]
        return [data[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]


class ScriptedListener:
    """Reads the words that scripted speech carries; every delay is counted in the sound, so a run repeats exactly.

    A word shows in a partial result 60 ms after it is complete; all but the newest are stable. 160 ms after the voice
    everything is stable, after 300 ms (or when no word has come for 0.8 s) the result is final.
    """

    _SHOWN: Final = 3  # frames
    _STABLE: Final = 8
    _FINAL: Final = 15
    _NO_WORD: Final = 40

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._frames = _Frames()
        self._decoder = Decoder()
        self._id = ResultId()
        self._count = 0
        self._coming: list[tuple[int, str]] = []  # frame in which a word is shown
        self._words: list[str] = []
        self._voice_start = self._voice_end = self._last_word = 0
        self._settled = False

    async def feed(self, pcm: bytes) -> None:
        """Hear the next samples."""
        for frame in self._frames.cut(pcm):
            await self._hear(frame)

    async def close(self) -> None:
        """Show and finish what was heard."""
        self._words += [word for _, word in self._coming]
        self._coming = []
        await self._finish()

    def abandon(self) -> None:
        """Nothing runs in the background."""

    async def _hear(self, frame: bytes) -> None:
        self._count += 1
        samples = np.frombuffer(frame, np.int16)
        if int(np.abs(samples.astype(np.int32)).max()) > _LOUD:
            if not self._words and not self._coming and self._count - self._voice_end > self._FINAL:
                self._voice_start = self._count - 1
            self._voice_end = self._count
        for word in self._decoder.feed(mulaw.encode(samples)):
            self._coming.append((self._count + self._SHOWN, word))
            self._last_word = self._count
        if self._coming and self._coming[0][0] <= self._count:
            self._words.append(self._coming.pop(0)[1])
            self._settled = False
            await self._say(stable=len(self._words) - 1)
        await self._consider_quiet()

    async def _consider_quiet(self) -> None:
        quiet = self._count - self._voice_end
        if not self._words or self._coming:
            return
        if quiet >= self._FINAL or self._count - self._last_word >= self._NO_WORD:
            await self._finish()
        elif quiet >= self._STABLE and not self._settled:
            self._settled = True
            await self._say(stable=len(self._words))

    async def _say(self, *, stable: int, final: bool = False) -> None:
        start, end = self._voice_start * FRAME_SECONDS, max(self._voice_end, self._voice_start + 1) * FRAME_SECONDS
        await self._tell(Hypothesis(" ".join(self._words), start, end, stable, final, self._id.value))

    async def _finish(self) -> None:
        if self._words:
            await self._say(stable=len(self._words), final=True)
            self._words = []
            self._settled = False
            self._voice_start = self._count
            self._id.renew()


class Ear:
    """The one recogniser all streams share: two at a time, and only what must be known may take the second place."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="ear")
        self._busy = 0

    @property
    def free(self) -> bool:
        """Whether nothing is being recognised, so that a partial result costs nobody time."""
        return self._busy == 0

    async def hear(self, pcm: bytes, *, carefully: bool) -> str:
        """The words in 8 kHz sound."""
        self._busy += 1
        try:
            samples = np.frombuffer(pcm, np.int16)
            beams = 3 if carefully else 1
            hearing = partial(self._recogniser.transcribe, samples, beams=beams)
            return await asyncio.get_running_loop().run_in_executor(self._pool, hearing)
        finally:
            self._busy -= 1

    def close(self) -> None:
        """Let the threads end after what they are doing."""
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True)
class _Heard:
    """What the latest look at an utterance made of it."""

    number: int
    end: float
    words: list[str]
    agreed: int  # words that this look and the one before have in common


class WhisperListener:
    """Detects speech and has it recognised: while it grows when the ear is free, always when it pauses and ends.

    Results are told in the order of the sound. A text made at the pause is the final one if no more voice came.
    """

    def __init__(self, tell: Tell, ear: Ear) -> None:
        self._tell = tell
        self._ear = ear
        self._frames = _Frames()
        self._voice = webrtcvad.Vad(3)
        self._endpointer = Endpointer()
        self._id = ResultId()
        self._heard: _Heard | None = None
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()
        self._worker = asyncio.create_task(self._work())

    async def feed(self, pcm: bytes) -> None:
        """Hear the next samples; never waits for the recogniser."""
        if self._worker.done():
            self._worker.result()  # it has failed: so does the stream
        for frame in self._frames.cut(pcm):
            for event in self._endpointer.feed(frame, self._voice.is_speech(frame, 8000)):
                if not isinstance(event, Grown) or (self._ear.free and self._waiting.empty()):
                    self._waiting.put_nowait(event)

    async def close(self) -> None:
        """Finish what was heard."""
        for event in self._endpointer.close():
            self._waiting.put_nowait(event)
        self._waiting.put_nowait(None)
        await self._worker

    def abandon(self) -> None:
        """Forget what was heard."""
        self._worker.cancel()

    async def _work(self) -> None:
        while (event := await self._waiting.get()) is not None:
            stretch = event.stretch
            if isinstance(event, Paused) and not self._waiting.empty():
                continue  # more has happened since: the end is already known
            if self._heard is None or (self._heard.number, self._heard.end) != (stretch.number, stretch.end):
                await self._listen(stretch, carefully=not isinstance(event, Grown))
            await self._report(event)

    async def _listen(self, stretch: Stretch, *, carefully: bool) -> None:
        words = (await self._ear.hear(stretch.pcm, carefully=carefully)).split()
        before = self._heard.words if self._heard and self._heard.number == stretch.number else []
        if not words:
            words = before  # what was told once is not taken back as silence
        agreed = next((n for n, (a, b) in enumerate(zip(before, words, strict=False)) if a != b), len(before))
        self._heard = _Heard(stretch.number, stretch.end, words, min(agreed, len(words)))

    async def _report(self, event: Event) -> None:
        heard, final = self._heard, isinstance(event, Ended)
        if heard is not None and heard.words:
            stable = heard.agreed if isinstance(event, Grown) else len(heard.words)
            text = " ".join(heard.words)
            await self._tell(Hypothesis(text, event.stretch.start, event.stretch.end, stable, final, self._id.value))
        if final:
            self._id.renew()
