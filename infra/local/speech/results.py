"""What the local Transcribe says, in the shapes of the real one: results, exceptions, event-stream messages.

It knows nothing of sound or of how a text came to be.
"""

from __future__ import annotations

import json
import re
import uuid
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
