"""The agent's voice: in order, and silent at once where what it tells leads to a clear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from media.conversation.inputs import AudioQueued, Input
from media.speaking import Mouthpiece, Voice


class Speech:
    """Makes three chunks of every text; `gate` holds back whatever begins with "First"."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def speak(self, text: str, *, voice_id: str) -> AsyncIterator[bytes]:
        if text.startswith("First"):
            await self.gate.wait()
        for _ in range(3):
            yield text[0].encode() * 800

    async def close(self) -> None:
        pass


class Line:
    """What reached the carrier, and a wish to clear on one utterance's first chunk."""

    def __init__(self, clear_on: str) -> None:
        self.sent: list[str] = []
        self.clear_on = clear_on
        self.voice: Voice | None = None

    def tell(self, what: Input) -> None:
        assert self.voice
        if isinstance(what, AudioQueued) and what.utterance == self.clear_on:
            self.clear_on = ""
            self.voice.clear()

    def mouthpiece(self) -> Mouthpiece:
        return Mouthpiece(
            lambda sound: self.sent.append(sound[:1].decode()),
            lambda name: self.sent.append(f"mark {name}"),
            lambda: self.sent.append("clear"),
            self.tell,
        )


async def spoken(clear_on: str) -> list[str]:
    """Say two utterances; the second is whole before the first begins."""
    speech, line = Speech(), Line(clear_on)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        line.voice = Voice(speech, "Joanna", line.mouthpiece(), tasks)
        line.voice.say("one", "First.")
        line.voice.say("two", "Second.")
        for _ in range(10):
            await asyncio.sleep(0)  # the second is made meanwhile
        speech.gate.set()
    return line.sent


async def test_utterances_are_sent_in_order_each_with_its_mark() -> None:
    assert await spoken("") == ["F", "F", "F", "mark one", "S", "S", "S", "mark two"]


async def test_a_clear_while_an_utterance_is_being_sent_ends_it_there() -> None:
    assert await spoken("two") == ["F", "F", "F", "mark one", "S", "clear"]


async def test_a_clear_on_the_first_utterance_drops_both() -> None:
    assert await spoken("one") == ["F", "clear"]
