"""The agent's voice on one call: texts become sound at once, side by side, and reach the carrier in order.

Every utterance is followed by its mark. The carrier buffers, so sound is sent as soon as it is made; what of it has
been played is the play-out model's to say.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from media.audio import mulaw
from media.conversation.inputs import AudioQueued, Input, SpeechFailed
from media.tts import TextToSpeech, TextToSpeechFailed
from media.wire.twilio_stream import MAX_CHUNK

_AT_ONCE = 3  # utterances of a call that are made at the same time


@dataclass(slots=True, eq=False)
class _Utterance:
    """One utterance on its way: sound that waits for its turn, and whether more will come."""

    name: str
    waiting: list[bytes] = field(default_factory=list)
    sent: int = 0
    made: bool = False
    failed: bool = False
    task: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class Mouthpiece:
    """Where sound goes: `sound` and `mark` send to the carrier, `clear` empties its buffer, `tell` informs."""

    sound: Callable[[bytes], None]
    mark: Callable[[str], None]
    clear: Callable[[], None]
    tell: Callable[[Input], None]


class Voice:
    """Speaks utterances in the order they were asked for."""

    def __init__(self, speech: TextToSpeech, voice_id: str, out: Mouthpiece, tasks: asyncio.TaskGroup) -> None:
        self._speech = speech
        self._voice_id = voice_id
        self._out = out
        self._tasks = tasks
        self._line: deque[_Utterance] = deque()
        self._places = asyncio.Semaphore(_AT_ONCE)

    def say(self, name: str, text: str) -> None:
        """Turn text into sound, behind what is to be said already."""
        utterance = _Utterance(name)
        self._line.append(utterance)
        utterance.task = self._tasks.create_task(self._make(utterance, text))

    def play(self, name: str, sound: bytes) -> None:
        """Say sound that is there already."""
        self._line.append(_Utterance(name, waiting=[sound], made=True))
        self._advance()

    def clear(self) -> None:
        """Fall silent: what waits, is being made or is buffered at the carrier is dropped."""
        self.stop()
        self._out.clear()

    def stop(self) -> None:
        """Make nothing more."""
        line, self._line = self._line, deque()
        for utterance in line:
            if utterance.task is not None:
                utterance.task.cancel()

    async def _make(self, utterance: _Utterance, text: str) -> None:
        try:
            async with self._places:
                async for chunk in self._speech.speak(text, voice_id=self._voice_id):
                    utterance.waiting.append(chunk)
                    self._advance()
        except TextToSpeechFailed:
            utterance.failed = True
        utterance.made = True
        utterance.task = None
        self._advance()

    def _advance(self) -> None:
        """Send what may be sent: all of the first utterance, then, when that is whole, of the next."""
        while self._line:
            first = self._line[0]
            while first.waiting:
                self._send(first, first.waiting.pop(0))
                # Telling of it may have fallen silent, or have advanced from within.
                if not self._line or self._line[0] is not first:
                    return
            if not first.made:
                return
            self._line.popleft()
            self._end(first)

    def _send(self, utterance: _Utterance, sound: bytes) -> None:
        for at in range(0, len(sound), MAX_CHUNK):
            self._out.sound(sound[at : at + MAX_CHUNK])
        utterance.sent += len(sound)
        self._out.tell(AudioQueued(utterance.name, mulaw.seconds(sound)))

    def _end(self, utterance: _Utterance) -> None:
        if utterance.failed or not utterance.sent:
            self._out.tell(SpeechFailed(utterance.name))
            return
        self._out.tell(AudioQueued(utterance.name, 0.0, last=True))
        self._out.mark(utterance.name)
