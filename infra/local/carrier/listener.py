"""What a person heard of the agent: seconds of sound and, where speech is scripted, its words.

Pure; fed with every played frame.
"""

from __future__ import annotations

from typing import Protocol

from infra.local.carrier.audio import TICK
from infra.local.carrier.person import QUIET


class WordDecoder(Protocol):
    """Reads words back from sound."""

    def feed(self, mulaw: bytes) -> list[str]:
        """Take sound, return the words completed by it."""
        ...


def listener(scripted: bool) -> Listener:
    """A listener for this run: only scripted speech carries words."""
    if not scripted:
        return Listener(None)
    from infra.local.speech.scripted import Decoder  # noqa: PLC0415  # only scripted runs need it

    return Listener(Decoder())


class Listener:
    """Collects what was heard; a pause, or a clear, begins a new utterance."""

    def __init__(self, decoder: WordDecoder | None) -> None:
        self._decoder = decoder
        self._last_loud = 0.0
        self._new = True
        self.heard: list[str] = []
        self.seconds = 0.0

    def hear(self, now: float, frame: bytes, loud: bool) -> None:
        """Take one played frame."""
        if loud:
            if now - self._last_loud >= QUIET:
                self._new = True
            self._last_loud = now
            self.seconds += TICK
        if self._decoder is None or not frame:
            return
        for word in self._decoder.feed(frame):
            if self._new or not self.heard:
                self.heard.append(word)
                self._new = False
            else:
                self.heard[-1] += f" {word}"

    def cut(self) -> None:
        """The agent's sound was thrown away: what follows is a new utterance."""
        self._new = True
