"""The recording of a call: a stereo WAV, callee left, agent right, on the call's own time line.

It is written to an unnamed temporary file as the call goes, so a long call costs no memory; the header is completed
when it is closed. A disk that fails costs the recording, never the call.
"""

import logging
import tempfile
import wave
from contextlib import suppress
from typing import BinaryIO, cast

from media.audio import mulaw
from media.audio.playout import Playout

logger = logging.getLogger(__name__)

_BATCH = mulaw.RATE  # samples written at a time: a second
_LONGEST_GAP = 60 * mulaw.RATE  # a callee's timestamp further ahead than this is a mistake, not a silence


class Recorder:
    """Records one call. The callee's frames drive it; the agent's side is taken from the play-out model."""

    def __init__(self, playout: Playout) -> None:
        """Open the file. Raises OSError."""
        self._playout = playout
        self.lost = False  # the disk failed: what follows is not recorded
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
        if self.lost:
            return
        gap = at - self._position
        if 0 < gap <= _LONGEST_GAP:
            self._append(mulaw.SILENCE * gap)
        elif gap < 0:
            audio = audio[-gap:]
        self._append(audio)
        if self._pending >= _BATCH:
            try:
                self._write()
            except OSError as e:
                self._lose(e)

    def finish(self, now: int) -> bytes | None:
        """Complete the recording up to sample `now`, close it, and return the WAV file's bytes; None if it was lost."""
        if self.lost:
            return None
        if 0 < now - self._position <= _LONGEST_GAP:
            self._append(mulaw.SILENCE * (now - self._position))
        try:
            self._write()
            self._wav.close()
            self._file.seek(0)
            data = self._file.read()
            self._file.close()
        except OSError as e:
            self._lose(e)
            return None
        return data

    def discard(self) -> None:
        """Close and forget it."""
        for part in (self._wav, self._file):
            with suppress(OSError, ValueError):  # what was not written yet is not wanted any more
                part.close()
        self._callee, self._pending = [], 0

    def _lose(self, error: OSError) -> None:
        logger.warning("recording lost: %s", type(error).__name__)
        self.lost = True
        self.discard()

    def _append(self, audio: bytes) -> None:
        self._callee.append(audio)
        self._pending += len(audio)
        self._position += len(audio)

    def _write(self) -> None:
        left = b"".join(self._callee)
        self._callee, self._pending = [], 0
        self._wav.writeframesraw(mulaw.stereo(left, self._playout.take(self._position)))
