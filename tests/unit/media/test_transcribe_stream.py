"""One call's recognition over vendor streams that come and go; the vendor is scripted, its SDK's shapes are real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from amazon_transcribe.exceptions import (
    CredentialsException,
    InternalFailureException,
    LimitExceededException,
    ValidationException,
)
from amazon_transcribe.model import Alternative, Item, Result, Transcript, TranscriptEvent

from media.conversation.inputs import Heard
from media.stt import SpeechToTextFailed, transcribe
from media.stt.crt_sessions import Gate
from media.stt.transcribe import TranscribeStream


class Vendor:
    """Stands for the SDK's client: each start takes the next script, a list of events and errors to give."""

    def __init__(self, *scripts: list[Any] | Exception) -> None:
        self.scripts = list(scripts)
        self.sent: list[bytes] = []
        self.ended = asyncio.Event()
        self.starts = 0
        self.send_error: Exception | None = None

    async def start_stream_transcription(self, **_: Any) -> Vendor:
        self.starts += 1
        script = self.scripts.pop(0)
        if isinstance(script, Exception):
            raise script
        self.script = script
        return self

    @property
    def input_stream(self) -> Vendor:
        return self

    async def send_audio_event(self, chunk: bytes) -> None:
        if self.send_error:
            raise self.send_error
        self.sent.append(chunk)

    async def end_stream(self) -> None:
        self.ended.set()

    @property
    def output_stream(self) -> AsyncIterator[Any]:
        return self.events(self.script)

    async def events(self, script: list[Any]) -> AsyncIterator[Any]:
        for step in script:
            if isinstance(step, Exception):
                raise step
            if step == "until ended":
                await self.ended.wait()
            else:
                yield step


def event(text: str, *, partial: bool = False, stable: bool = True) -> TranscriptEvent:
    items = [Item(content=word, stable=stable) for word in text.split()]
    said = Alternative(text, items, [])  # type: ignore[no-untyped-call]  # the SDK's
    return TranscriptEvent(Transcript([Result(result_id="r", is_partial=partial, alternatives=[said])]))


def stream(vendor: Vendor, refused: Callable[[], None] = lambda: None) -> TranscribeStream:
    return TranscribeStream(vendor, Gate(), "en-US", refused)  # type: ignore[arg-type]  # the scripted vendor


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe, "_REOPEN_PAUSE", 0.0)
    monkeypatch.setattr(transcribe, "_DRAIN_TIMEOUT", 0.2)


async def heard_until_closed(recognition: TranscribeStream, count: int) -> list[Heard]:
    found: list[Heard] = []
    async with asyncio.timeout(10):
        async for heard in recognition:
            found.append(heard)
            if len(found) == count:
                await asyncio.sleep(0)
                closing = asyncio.create_task(recognition.close())
    await closing
    return found


async def test_partials_and_finals_become_heard() -> None:
    script = [
        event("good", partial=True, stable=False),
        event("good day", partial=True),
        event("Good day."),
        "until ended",
    ]
    found = await heard_until_closed(stream(Vendor(script)), 3)
    assert [(h.text, h.stable, h.final) for h in found] == [
        ("good", False, False),
        ("good day", True, False),
        ("Good day.", True, True),
    ]


async def test_sound_is_sent_in_order_and_the_input_is_ended() -> None:
    vendor = Vendor([event("one"), "until ended", event("two")])
    recognition = stream(vendor)
    for n in range(5):
        recognition.send(bytes([n, 0]))
    assert [h.text for h in await heard_until_closed(recognition, 1)] == ["one", "two"]
    assert b"".join(vendor.sent) == bytes(b for n in range(5) for b in (n, 0))


async def test_a_lost_stream_is_opened_again_and_its_segments_are_its_own() -> None:
    lost = InternalFailureException("gone")  # type: ignore[no-untyped-call]  # the SDK's
    vendor = Vendor([event("one"), lost], OSError("refused"), [event("two"), "until ended"])
    found = await heard_until_closed(stream(vendor), 2)
    assert [h.text for h in found] == ["one", "two"]
    assert found[0].segment != found[1].segment
    assert vendor.starts == 3


async def test_a_stream_refused_for_quota_is_told_of_each_time() -> None:
    over = LimitExceededException("too many")  # type: ignore[no-untyped-call]  # the SDK's
    refusals: list[None] = []
    vendor = Vendor(over, OSError(), [over])
    with pytest.raises(SpeechToTextFailed):
        await heard_until_closed(stream(vendor, lambda: refusals.append(None)), 1)
    assert len(refusals) == 2


async def test_it_gives_up_after_two_reopenings() -> None:
    vendor = Vendor(OSError(), OSError(), OSError(), OSError())
    with pytest.raises(SpeechToTextFailed):
        await heard_until_closed(stream(vendor), 1)
    assert vendor.starts == 3


async def test_the_sdks_own_errors_count_as_a_lost_stream() -> None:
    vendor = Vendor(CredentialsException("none"), ValidationException("no"), [event("back"), "until ended"])
    assert [h.text for h in await heard_until_closed(stream(vendor), 1)] == ["back"]


async def test_a_failing_input_ends_a_stream_whose_output_stays_silent() -> None:
    vendor = Vendor(["until ended"], ["until ended"], ["until ended"])
    vendor.send_error = OSError("broken")
    recognition = stream(vendor)
    async with asyncio.timeout(10):
        listening = asyncio.create_task(heard_until_closed(recognition, 1))
        while not listening.done():
            recognition.send(bytes(320))
            await asyncio.sleep(0)
    with pytest.raises(SpeechToTextFailed):
        await listening


async def test_a_far_end_that_answers_nothing_to_ten_seconds_of_speech_is_lost() -> None:
    vendor = Vendor(["until ended"], [event("back"), "until ended"])
    recognition = stream(vendor)
    for _ in range(60):
        recognition.send(b"\x00\x40" * 1600)  # loud; a queue keeps five seconds of 20 ms chunks, these are longer
    assert [h.text for h in await heard_until_closed(recognition, 1)] == ["back"]


async def test_silence_is_sent_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe, "_KEEP_ALIVE", 0.01)
    vendor = Vendor(["until ended"])
    recognition = stream(vendor)
    listening = asyncio.create_task(heard_until_closed(recognition, 99))
    async with asyncio.timeout(10):
        while not vendor.sent:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    assert not any(vendor.sent[0])


async def test_closing_does_not_wait_for_ever_for_a_silent_far_end() -> None:
    never = asyncio.Event()

    class Mute(Vendor):
        async def events(self, script: list[Any]) -> AsyncIterator[Any]:
            yield event("one")
            await never.wait()

    assert [h.text for h in await heard_until_closed(stream(Mute([])), 1)] == ["one"]
