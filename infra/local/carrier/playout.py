"""The buffer between an agent and a listener: sound in any pieces, out in frames, with marks and clear.

As at Twilio a mark is echoed when the sound before it has been played, or at once when `clear` throws that sound away.
Pure: whoever owns it calls `tick` every 20 ms.
"""

from __future__ import annotations

from collections import deque

from infra.local.carrier.audio import FRAME


class Playout:
    """What waits to be played on one line."""

    __slots__ = ("_buffer", "_marks", "_played", "_received")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._marks: deque[tuple[int, str]] = deque()
        self._played = 0
        self._received = 0

    @property
    def empty(self) -> bool:
        """Nothing waits, neither sound nor mark."""
        return not self._buffer and not self._marks

    def append(self, mulaw: bytes) -> None:
        """Add sound behind all that waits."""
        self._buffer += mulaw
        self._received += len(mulaw)

    def mark(self, name: str) -> None:
        """Ask to be told when all sound so far has been played."""
        self._marks.append((self._received, name))

    def clear(self) -> list[str]:
        """Throw away all sound; return the marks that were waiting, in order."""
        self._buffer.clear()
        self._played = self._received
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def tick(self) -> tuple[bytes, list[str]]:
        """Play one frame; return it (shorter or empty when sound ran out) and the marks reached before it."""
        reached = []
        while self._marks and self._marks[0][0] <= self._played:
            reached.append(self._marks.popleft()[1])
        frame = bytes(self._buffer[:FRAME])
        del self._buffer[:FRAME]
        self._played += len(frame)
        return frame, reached
