"""When somebody speaks and when they have finished: the policy, without clock, model or stream.

Time is counted in the audio itself, in frames of 20 ms, so the same sound always leads to the same decisions.

    quiet --3 voiced frames of 5--> speaking --200 ms quiet--> Paused --200 ms more--> Ended --> quiet
                                    every 500 ms: Grown      voice: speaking     11 s: Ended, and speaking goes on
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

FRAME_BYTES: Final = 320  # 20 ms of 16-bit samples at 8 kHz
FRAME_SECONDS: Final = 0.02
_ONSET: Final = 3  # voiced frames among the last five
_RECENT: Final = 5
_PREROLL: Final = 15  # frames kept from before the onset: soft consonants
_PAUSE: Final = 10  # frames of quiet after which the text may be prepared
_END: Final = 20  # frames of quiet that end an utterance
_GROWTH: Final = 25  # frames between two looks at a growing utterance
_LONGEST: Final = 550  # frames: what the recogniser can hear at once, with a margin


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech heard so far in one utterance. Times are seconds from the beginning of the stream."""

    number: int
    start: float
    end: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Grown:
    """Somebody is speaking and has said more."""

    stretch: Stretch


@dataclass(frozen=True, slots=True)
class Paused:
    """They fell silent a moment ago and may have finished."""

    stretch: Stretch


@dataclass(frozen=True, slots=True)
class Ended:
    """They have finished."""

    stretch: Stretch


Event = Grown | Paused | Ended


class Endpointer:
    """Cuts a stream of frames into utterances. Feed it each frame of 20 ms with what a voice detector says of it."""

    __slots__ = ("_count", "_frames", "_number", "_preroll", "_recent", "_speaking", "_voice_end")

    def __init__(self) -> None:
        self._count = 0  # frames heard at all
        self._number = 0
        self._frames: list[bytes] = []  # of the utterance
        self._preroll: deque[bytes] = deque(maxlen=_PREROLL)
        self._recent: deque[bool] = deque(maxlen=_RECENT)
        self._speaking = False
        self._voice_end = 0  # frames of the utterance up to its last voiced one

    def feed(self, frame: bytes, voiced: bool) -> list[Event]:
        """Take the next frame; say what follows from it."""
        self._count += 1
        self._recent.append(voiced)
        if not self._speaking:
            self._preroll.append(frame)
            if sum(self._recent) >= _ONSET:
                self._begin(list(self._preroll))
            return []
        self._frames.append(frame)
        if voiced:
            self._voice_end = len(self._frames)
        quiet = len(self._frames) - self._voice_end
        if quiet >= _END:
            return [self._finish()]
        if len(self._frames) >= _LONGEST:
            ended = self._finish()
            self._begin([])
            return [ended]
        if quiet == _PAUSE:
            return [Paused(self._stretch())]
        if quiet < _PAUSE and len(self._frames) % _GROWTH == 0:
            return [Grown(self._stretch())]
        return []

    def close(self) -> list[Event]:
        """End the stream; an utterance that was going on has ended with it."""
        return [self._finish()] if self._speaking else []

    def _begin(self, frames: list[bytes]) -> None:
        self._speaking = True
        self._frames = frames
        self._voice_end = len(frames)
        self._number += 1

    def _finish(self) -> Ended:
        ended = Ended(self._stretch())
        self._speaking = False
        self._preroll.clear()
        self._recent.clear()
        return ended

    def _stretch(self) -> Stretch:
        start = self._count - len(self._frames)
        heard = self._frames[: min(self._voice_end + _PAUSE, len(self._frames))]
        return Stretch(self._number, start * FRAME_SECONDS, (start + self._voice_end) * FRAME_SECONDS, b"".join(heard))
