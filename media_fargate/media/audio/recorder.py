"""The recording of a call: a stereo WAV, callee left, agent right, on the call's own time line.

It is written to an unnamed temporary file as the call goes, so a long call costs no memory; the header is completed
when it is closed.
"""

import tempfile
import wave
from typing import BinaryIO, cast

from media.audio import mulaw
from media.audio.playout import Playout

CONTENT_TYPE = "audio/wav"
_BATCH = mulaw.RATE  # samples written at a time: a second
_LONGEST_GAP = 60 * mulaw.RATE  # a callee's timestamp further ahead than this is a mistake, not a silence


class Recorder:
    """Records one call. The callee's frames drive it; the agent's side is taken from the play-out model."""

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # lives as long as the call
        self._wav = wave.open(self._file, "wb")  # noqa: SIM115
        self._wav.setnchannels(2)
        self._wav.setsampwidth(2)
        self._wav.setframerate(mulaw.RATE)
        self._callee: list[bytes] = []  # since the last batch was written
        self._pending = 0
        self._position = 0

    def heard(self, audio: bytes, at: int) -> None:
        """Add the callee's mu-law that began at sample `at`; gaps become silence, what overlaps is cut."""
        gap = at - self._position
        if 0 < gap <= _LONGEST_GAP:
            self._append(mulaw.SILENCE * gap)
        elif gap < 0:
            audio = audio[-gap:]
        self._append(audio)
        if self._pending >= _BATCH:
            self._write()

    def finish(self, now: int) -> bytes:
        """Complete the recording up to sample `now`, close it, and return the WAV file's bytes."""
        if 0 < now - self._position <= _LONGEST_GAP:
            self._append(mulaw.SILENCE * (now - self._position))
        self._write()
        self._wav.close()
        self._file.seek(0)
        data = self._file.read()
        self._file.close()
        return data

    def discard(self) -> None:
        """Close and forget it."""
        self._wav.close()
        self._file.close()

    def _append(self, audio: bytes) -> None:
        self._callee.append(audio)
        self._pending += len(audio)
        self._position += len(audio)

    def _write(self) -> None:
        left = b"".join(self._callee)
        self._callee, self._pending = [], 0
        self._wav.writeframesraw(mulaw.stereo(left, self._playout.take(self._position)))
