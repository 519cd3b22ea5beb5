"""A model of the carrier's play-out buffer: what of the agent's speech has been played by when.

The carrier plays what it is sent in order, in real time, and drops all of it on `clear`. It tells nothing back but
marks, so the same arithmetic is done here. Times are samples since the media stream began; the caller gives `now`.
"""

from collections import deque

from media.audio.mulaw import SILENCE


class Playout:
    """One call's buffer at the carrier.

    `take` reads the agent's side of the recording as it was really played: what a clear dropped is never in it.
    """

    def __init__(self) -> None:
        self._queued: deque[tuple[int, bytes]] = deque()  # (first sample, mu-law), in order, not yet taken
        self._end = 0  # the sample at which everything queued has been played
        self._taken = 0

    def queue(self, audio: bytes, now: int) -> None:
        """Add mu-law behind what is queued; it starts at once where the buffer has run dry."""
        start = max(now, self._end, self._taken)
        self._queued.append((start, audio))
        self._end = start + len(audio)

    def clear(self, now: int) -> None:
        """Drop what has not been played by now."""
        cut = max(now, self._taken)
        kept = [(start, audio[: cut - start]) for start, audio in self._queued if start < cut]
        self._queued = deque(kept)
        self._end = min(self._end, cut)

    def remaining(self, now: int) -> int:
        """Samples that are still to be played."""
        return max(0, self._end - now)

    def take(self, until: int) -> bytes:
        """Read on to sample `until`: mu-law, silence where nothing was played."""
        parts: list[bytes] = []
        while self._taken < until:
            if not self._queued or self._queued[0][0] >= until:
                parts.append(SILENCE * (until - self._taken))
                self._taken = until
                break
            start, audio = self._queued.popleft()
            if start > self._taken:
                parts.append(SILENCE * (start - self._taken))
                self._taken = start
            room = until - start
            if len(audio) > room:
                self._queued.appendleft((until, audio[room:]))
            parts.append(audio[:room])
            self._taken += min(len(audio), room)
        return b"".join(parts)
