"""What the local Transcribe says, in the shapes of the real one: results, exceptions, event-stream messages.

It knows nothing of sound or of how a text came to be.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from amazon_transcribe.eventstream import EventStreamMessageSerializer

_SERIALIZER: Final = EventStreamMessageSerializer()
_WORD: Final = re.compile(r"(.*?)([.,?!]?)")


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text for a stretch of sound. The first `stable` words will not change any more."""

    text: str
    start: float
    end: float
    stable: int
    final: bool
    result_id: str


@dataclass(slots=True)
class ResultId:
    """The id that all results of one utterance share."""

    value: str = field(default_factory=lambda: str(uuid.uuid4()))

    def renew(self) -> None:
        """Begin another utterance."""
        self.value = str(uuid.uuid4())


class Late:
    """Tells results in their order, none sooner than so many milliseconds after the sound it covers."""

    def __init__(
        self, tell: Callable[[Hypothesis], Awaitable[None]], partial_ms: float | None, final_ms: float | None
    ) -> None:
        self._tell = tell
        self._delays = {False: partial_ms, True: final_ms}
        self._seconds = 0.0  # of sound so far
        self._told = asyncio.Lock()  # first come, first served
        self._waiting: set[asyncio.Task[None]] = set()

    def heard(self, seconds: float) -> None:
        """Count sound that has come."""
        self._seconds += seconds

    async def tell(self, said: Hypothesis) -> None:
        """Tell at once where nothing is delayed; else when it is time."""
        delay = self._delays[said.final]
        if not self._waiting and delay is None:
            await self._tell(said)
            return
        due = asyncio.get_running_loop().time() - (self._seconds - said.end) + (delay or 0) / 1000
        task = asyncio.create_task(self._tell_at(due, said))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _tell_at(self, due: float, said: Hypothesis) -> None:
        async with self._told:
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await self._tell(said)

    async def flush(self) -> None:
        """Wait until everything is told."""
        if self._waiting:
            await asyncio.wait(self._waiting)

    def abandon(self) -> None:
        """Tell nothing more."""
        for task in self._waiting:
            task.cancel()


def transcript_event(said: Hypothesis) -> bytes:
    """One TranscriptEvent of one result."""
    result = {
        "Alternatives": [{"Transcript": said.text, "Items": _items(said)}],
        "ChannelId": "ch_0",
        "StartTime": round(said.start, 3),
        "EndTime": round(said.end, 3),
        "IsPartial": not said.final,
        "ResultId": said.result_id,
    }
    return _message("event", "TranscriptEvent", {"Transcript": {"Results": [result]}})


def exception_event(name: str, message: str) -> bytes:
    """An exception that ends the stream."""
    return _message("exception", name, {"Message": message})


def _items(said: Hypothesis) -> list[dict[str, Any]]:
    """Words, their times spread by their lengths; a mark after a word is an item of its own, as in the real one."""
    words = said.text.split()
    share = (said.end - said.start) / max(1, sum(len(word) for word in words))
    items: list[dict[str, Any]] = []
    at = said.start
    for place, word in enumerate(words):
        until = at + share * len(word)
        stable = said.final or place < said.stable
        bare, mark = _WORD.fullmatch(word).groups()  # type: ignore[union-attr]  # it matches every word
        if bare:
            items.append(_item("pronunciation", bare, at, until, stable=stable))
        if mark:
            items.append(_item("punctuation", mark, until, until, stable=stable))
        at = until
    return items


def _item(kind: str, content: str, start: float, end: float, *, stable: bool) -> dict[str, Any]:
    confidence = {"Confidence": 0.95} if kind == "pronunciation" else {}
    return {
        "Type": kind,
        "Content": content,
        "StartTime": round(start, 3),
        "EndTime": round(end, 3),
        "Stable": stable,
        "VocabularyFilterMatch": False,
    } | confidence


def _message(kind: str, name: str, body: dict[str, Any]) -> bytes:
    headers: Any = {":message-type": kind, f":{kind}-type": name, ":content-type": "application/json"}
    framed: bytes = _SERIALIZER.serialize(headers, json.dumps(body).encode())
    return framed
