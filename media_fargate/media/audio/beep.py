"""A voicemail's beep: one steady tone for a fifth of a second or more, then its end.

A pure tone obeys x[n-1] + x[n+1] = 2 cos(w) x[n]. The best-fitting factor gives its frequency, and what is left over
says how pure it is: speech, which has many harmonics, leaves much. Two passes in C over a frame, a few microseconds,
where a bank of Goertzel filters would take half a millisecond.
"""

import math

from media.audio import mulaw
from media.audio.mulaw import audioop

_LOWEST, _HIGHEST = 400.0, 2100.0  # Hz: beeps of answering machines lie well inside
_IMPURITY = 0.25  # residue's share of the tone that noise 20 dB below it may leave
_LOUD = 300  # rms a beep has at least
_MIN_FRAMES = 10  # 200 ms
_DRIFT = 25.0  # Hz a steady tone may seem to move between frames


class BeepDetector:
    """Finds the end of a beep in one stream of 20 ms frames."""

    def __init__(self) -> None:
        self._tone: float | None = None
        self._frames = 0

    def feed(self, pcm: bytes) -> bool:
        """Take 20 ms of 16-bit PCM at 8 kHz; True on the frame after which a beep has ended."""
        tone = pure_tone(pcm) if mulaw.loudness(pcm) >= _LOUD else None
        if tone is not None and (self._tone is None or abs(tone - self._tone) <= _DRIFT):
            self._tone, self._frames = tone, self._frames + 1
            return False
        ended = self._frames >= _MIN_FRAMES
        self._tone, self._frames = tone, int(tone is not None)
        return ended


def pure_tone(pcm: bytes) -> float | None:
    """Frequency in Hz of the one tone a frame consists of; None where it is anything else."""
    half = audioop.mul(pcm, 2, 0.49)  # the sum of two neighbours must not clip
    neighbours = audioop.add(half[:-4], half[4:], 2)
    centre = half[2:-2]
    factor = audioop.findfactor(neighbours, centre)
    residue = audioop.rms(audioop.add(neighbours, audioop.mul(centre, 2, -factor), 2), 2)
    if abs(factor) >= 2.0 or residue > _IMPURITY * audioop.rms(centre, 2):
        return None
    frequency = math.acos(factor / 2.0) * mulaw.RATE / math.tau
    return frequency if _LOWEST <= frequency <= _HIGHEST else None
