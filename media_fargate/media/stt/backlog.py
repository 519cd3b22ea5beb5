"""The last seconds of a callee's sound, so that one stream after another hears what no result has covered yet.

Sound is 16-bit PCM at 8 kHz. Positions are seconds of the current stream's sound, which begins anew with each stream.
"""

from media.audio import mulaw

BYTES_A_SECOND = 2 * mulaw.RATE
_KEPT = 8 * BYTES_A_SECOND  # longer than all tries to open a stream take
_FRAME = 2 * mulaw.FRAME
_LEAD = 10 * _FRAME  # 200 ms before the first sound that is not quiet
_QUIET = 120  # rms; see media.audio.vad


class Backlog:
    """Sound that was not sent yet, after sound that was sent and is not understood yet."""

    __slots__ = ("_data", "_mark", "_sent", "_total")

    def __init__(self) -> None:
        self._data = bytearray()
        self._sent = 0  # bytes at the front that the current stream has been sent
        self._total = 0  # bytes it has been sent in all
        self._mark: int | None = None  # where in the data the unfinished result begins; negative: forgotten

    @property
    def waiting(self) -> int:
        """Bytes to be sent."""
        return len(self._data) - self._sent

    def add(self, pcm: bytes) -> None:
        """Append sound; the oldest is forgotten where there is too much of it."""
        self._data += pcm
        self._forget(len(self._data) - _KEPT)

    def take(self, most: int) -> bytes:
        """Take the next sound to be sent, at most so many bytes; it is kept for a next stream."""
        pcm = bytes(self._data[self._sent : self._sent + most])
        self._sent += len(pcm)
        self._total += len(pcm)
        return pcm

    def unfinished(self, since: float) -> None:
        """Note from which position on a result covers sound that may still change."""
        self._mark = self._at(since)

    def understood(self, until: float) -> None:
        """Forget sound up to a position: a result that will not change any more covers it."""
        self._mark = None
        self._forget(min(self._sent, self._at(until)))

    @property
    def whole(self) -> bool:
        """Whether all sound of the unfinished result is still here."""
        return self._mark is not None and self._mark >= 0

    def rewind(self) -> None:
        """Begin a new stream: everything is to be sent again, but for the quiet at its beginning."""
        whole = self.whole
        self._sent = self._total = 0
        end = len(self._data) - _LEAD
        quiet = next((at for at in range(0, end, _FRAME) if not self._is_quiet(at)), end)
        self._forget(quiet - _LEAD)
        self._mark = 0 if whole else None

    def _at(self, position: float) -> int:
        """Find a position of the current stream in the data."""
        return round(position * mulaw.RATE) * 2 - (self._total - self._sent)

    def _is_quiet(self, at: int) -> bool:
        return mulaw.loudness(bytes(self._data[at : at + _FRAME])) < _QUIET

    def _forget(self, count: int) -> None:
        if count > 0:
            del self._data[:count]
            self._sent = max(0, self._sent - count)
            self._mark = None if self._mark is None else self._mark - count
