"""One call's recognition over vendor streams that come and go; the vendor is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from media.conversation.inputs import Heard
from media.stt import SpeechToTextFailed, recognition, retrying
from media.stt.recognition import Recognition, RequestRejected, Result, StreamLost, StreamRefused, VendorStream

LOUD, QUIET = b"\x00\x40" * 160, bytes(320)  # 20 ms


class Vendor:
    """Each connection takes the next script: results and errors to give, and "until ended" or "until closed"."""

    def __init__(self, *scripts: list[Any] | Exception) -> None:
        self.scripts = list(scripts)
        self.streams: list[Stream] = []

    async def connect(self) -> VendorStream:
        script = self.scripts.pop(0)
        self.streams.append(Stream([] if isinstance(script, Exception) else script))
        if isinstance(script, Exception):
            raise script
        return self.streams[-1]

    @property
    def sent(self) -> list[bytes]:
        """What the last stream was sent."""
        return self.streams[-1].sent


class Stream:
    def __init__(self, script: list[Any]) -> None:
        self.script = script
        self.sent: list[bytes] = []
        self.ended = asyncio.Event()
        self.closed = asyncio.Event()
        self.send_error: Exception | None = None

    async def send(self, pcm: bytes) -> None:
        if self.send_error:
            raise self.send_error
        self.sent.append(pcm)

    async def end(self) -> None:
        self.ended.set()

    async def close(self) -> None:
        self.closed.set()

    async def __aiter__(self) -> AsyncIterator[Result]:
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Result):
                yield step
            elif step == "until ended":
                either = [asyncio.create_task(event.wait()) for event in (self.ended, self.closed)]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            elif step == "until closed":
                await self.closed.wait()
            else:
                await step(self)


async def until(true: Callable[[], object]) -> None:
    """Let the others go on until something is so."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # whatever it may be
            await asyncio.sleep(0)


def result(text: str, *, final: bool = True, stable: bool = True, id: str = "r", end: float = 0.0) -> Result:  # noqa: A002
    return Result(id, text, final, stable, 0.0, end)


def recognise(vendor: Vendor, refused: Callable[[], None] = lambda: None) -> Recognition:
    return Recognition(vendor.connect, refused, chance=lambda: 0.0)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(recognition, "_DRAIN_TIMEOUT", 0.2)


async def heard_until_closed(call: Recognition, count: int) -> list[Heard]:
    found: list[Heard] = []
    async with asyncio.timeout(10):
        async for heard in call:
            found.append(heard)
            if len(found) == count:
                await asyncio.sleep(0)
                closing = asyncio.create_task(call.close())
    await closing
    return found


async def test_partials_and_finals_become_heard() -> None:
    script = [result("good", final=False, stable=False), result("good day", final=False), result("Good day.")]
    found = await heard_until_closed(recognise(Vendor([*script, "until ended"])), 3)
    assert [(h.text, h.stable, h.final) for h in found] == [
        ("good", False, False),
        ("good day", True, False),
        ("Good day.", True, True),
    ]
    assert len({h.segment for h in found}) == 1


async def test_sound_is_sent_in_order_and_the_input_is_ended() -> None:
    vendor = Vendor([result("one"), "until ended", result("two")])
    call = recognise(vendor)
    for n in range(5):
        call.send(LOUD[:-2] + bytes([n, 0]))
    assert [h.text for h in await heard_until_closed(call, 1)] == ["one", "two"]
    assert b"".join(vendor.sent) == b"".join(LOUD[:-2] + bytes([n, 0]) for n in range(5))
    assert vendor.streams[0].closed.is_set()


async def chunks_of(*frames: bytes) -> list[int]:
    """The chunks in which frames are sent that come one by one."""
    done = asyncio.Event()
    vendor = Vendor([lambda _: done.wait(), result("all"), "until ended"])
    call = recognise(vendor)
    listening = asyncio.create_task(heard_until_closed(call, 1))
    await until(lambda: vendor.streams)
    for frame in frames:
        call.send(frame)
        for _ in range(5):
            await asyncio.sleep(0)
    sent = [len(chunk) for chunk in vendor.sent]
    done.set()
    await listening
    return sent


async def test_sound_is_sent_in_chunks_of_forty_milliseconds() -> None:
    assert await chunks_of(*[QUIET] * 6) == [640] * 3


async def test_the_first_half_second_of_speech_goes_frame_by_frame() -> None:
    assert await chunks_of(*[QUIET] * 10, *[LOUD] * 29) == [640] * 5 + [320] * 25 + [640] * 2


async def test_a_short_gap_in_speech_is_no_pause() -> None:
    assert await chunks_of(*[LOUD] * 25, *[QUIET] * 4, *[LOUD] * 4) == [320] * 25 + [640] * 4


async def test_a_lost_stream_is_opened_again_and_its_segments_are_its_own() -> None:
    vendor = Vendor([result("one"), StreamLost("gone")], StreamLost("no way"), [result("two"), "until ended"])
    found = await heard_until_closed(recognise(vendor), 2)
    assert [h.text for h in found] == ["one", "two"]
    assert found[0].segment != found[1].segment
    assert len(vendor.streams) == 3


async def test_a_stream_that_ends_unasked_is_lost_too() -> None:
    vendor = Vendor([result("one")], [result("two"), "until ended"])
    assert [h.text for h in await heard_until_closed(recognise(vendor), 2)] == ["one", "two"]


async def test_six_streams_are_tried() -> None:
    vendor = Vendor(*[StreamLost("no way")] * 7)
    with pytest.raises(SpeechToTextFailed):
        await heard_until_closed(recognise(vendor), 1)
    assert len(vendor.streams) == retrying.TRIES == 6


async def test_the_count_begins_anew_after_a_stream_that_worked() -> None:
    lost = StreamLost("gone")
    vendor = Vendor(*[lost] * 5, [result("one"), lost], *[lost] * 4, [result("two"), "until ended"])
    assert [h.text for h in await heard_until_closed(recognise(vendor), 2)] == ["one", "two"]


async def test_a_stream_that_lived_long_in_silence_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_PROVEN", -1.0)
    vendor = Vendor(*[[StreamLost("gone")]] * 10, [result("one"), "until ended"])
    assert [h.text for h in await heard_until_closed(recognise(vendor), 1)] == ["one"]


async def test_a_service_that_answers_no_start_has_not_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_START_TIMEOUT", 0.0)
    monkeypatch.setattr(recognition, "_PROVEN", -1.0)

    async def connect() -> VendorStream:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(SpeechToTextFailed):
        await heard_until_closed(Recognition(connect, lambda: None, chance=lambda: 0.0), 1)


async def test_a_stream_that_left_much_unanswered_has_not_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_PROVEN", -1.0)
    monkeypatch.setattr(recognition, "_LITTLE", 8_000)
    call: Recognition

    async def speak(_: Stream) -> None:
        for _n in range(50):
            call.send(LOUD)
        await until(lambda: not call._sound.waiting)

    vendor = Vendor(*[[speak, StreamLost("gone")]] * 6)
    call = recognise(vendor)
    with pytest.raises(SpeechToTextFailed):
        await heard_until_closed(call, 1)
    assert len(vendor.streams) == retrying.TRIES


async def test_a_rejected_request_is_final(caplog: pytest.LogCaptureFixture) -> None:
    vendor = Vendor([RequestRejected("BadRequestException: no such language")], [result("never")])
    with pytest.raises(SpeechToTextFailed):
        await heard_until_closed(recognise(vendor), 1)
    assert len(vendor.streams) == 1
    assert "BadRequestException: no such language" in caplog.text


async def test_each_stream_refused_for_quota_is_told_of() -> None:
    refusals: list[None] = []
    over = StreamRefused("LimitExceededException")
    vendor = Vendor(over, StreamLost("gone"), [result("one"), over], [result("two"), "until ended"])
    assert len(await heard_until_closed(recognise(vendor, lambda: refusals.append(None)), 2)) == 2
    assert len(refusals) == 2


async def test_sound_that_no_result_covers_is_sent_again() -> None:
    async def refuse_once_sent(stream: Stream) -> None:
        await until(lambda: len(b"".join(stream.sent)) == 10 * 320)
        raise StreamRefused("LimitExceededException")

    vendor = Vendor([refuse_once_sent], [result("all"), "until ended"])
    call = recognise(vendor)
    for _ in range(10):
        call.send(LOUD)
    await heard_until_closed(call, 1)
    assert b"".join(vendor.sent) == LOUD * 10


async def test_sound_that_a_final_result_covers_is_not_sent_again() -> None:
    async def ten_frames(stream: Stream) -> None:
        await until(lambda: len(b"".join(stream.sent)) == 10 * 320)

    vendor = Vendor([ten_frames, result("one", end=0.12), StreamLost("gone")], [result("two"), "until ended"])
    call = recognise(vendor)
    for _ in range(10):
        call.send(LOUD)
    await heard_until_closed(call, 2)
    assert b"".join(vendor.sent) == LOUD * 4


async def test_a_new_stream_goes_on_with_the_segment_that_the_lost_one_left_open() -> None:
    async def sent(stream: Stream) -> None:
        await until(lambda: stream.sent)

    vendor = Vendor(
        [sent, result("I would like", final=False, id="a"), StreamLost("gone")],
        [sent, result("I would like to", final=False, id="b"), result("I would like to come.", id="b"), result("Yes.")],
    )
    vendor.scripts[-1].append("until ended")  # type: ignore[union-attr]  # a list
    call = recognise(vendor)
    for _ in range(4):
        call.send(LOUD)
    first, *same, other = await heard_until_closed(call, 4)
    assert {h.segment for h in same} == {first.segment}
    assert other.segment != first.segment


async def test_a_segment_whose_first_words_are_forgotten_is_not_gone_on_with() -> None:
    async def sent(stream: Stream) -> None:
        await until(lambda: stream.sent)

    call: Recognition

    async def forget(_: Stream) -> None:
        for _n in range(9 * 50):
            call.send(LOUD)

    vendor = Vendor(
        [sent, result("I would like", final=False, id="a"), forget, StreamLost("gone")],
        [result("to come."), "until ended"],
    )
    call = recognise(vendor)
    call.send(LOUD)
    before, after = await heard_until_closed(call, 2)
    assert before.segment != after.segment


async def test_a_failing_input_ends_a_stream_whose_output_stays_silent() -> None:
    async def fail_to_send(stream: Stream) -> None:
        stream.send_error = StreamLost("broken")
        await stream.closed.wait()

    vendor = Vendor(*[[fail_to_send]] * 6)
    call = recognise(vendor)
    listening = asyncio.create_task(heard_until_closed(call, 1))
    async with asyncio.timeout(10):
        while not listening.done():
            call.send(LOUD)
            await asyncio.sleep(0)
    with pytest.raises(SpeechToTextFailed):
        await listening


async def test_a_far_end_that_answers_nothing_to_ten_seconds_of_speech_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_DEAF", 3 * 16_000)
    call: Recognition

    async def speak(_: Stream) -> None:
        for _n in range(4 * 50):
            call.send(LOUD)

    vendor = Vendor([speak, "until closed"], [result("back"), "until ended"])
    call = recognise(vendor)
    assert [h.text for h in await heard_until_closed(call, 1)] == ["back"]


async def test_a_start_that_is_not_answered_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_START_TIMEOUT", 0.01)
    vendor, waited = Vendor([result("one"), "until ended"]), False

    async def connect() -> VendorStream:
        nonlocal waited
        if not waited:
            waited = True
            await asyncio.Event().wait()
        return await vendor.connect()

    call = Recognition(connect, lambda: None, chance=lambda: 0.0)
    assert [h.text for h in await heard_until_closed(call, 1)] == ["one"]


async def test_silence_is_sent_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_KEEP_ALIVE", 0.01)
    vendor = Vendor(["until ended"])
    listening = asyncio.create_task(heard_until_closed(recognise(vendor), 99))
    await until(lambda: vendor.streams and vendor.sent)
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    assert not any(vendor.sent[0])
    assert vendor.streams[0].closed.is_set()


async def test_closing_does_not_wait_for_ever_for_a_silent_far_end() -> None:
    vendor = Vendor([result("one"), "until closed"])
    assert [h.text for h in await heard_until_closed(recognise(vendor), 1)] == ["one"]


async def test_closing_between_two_streams_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 60.0)
    vendor = Vendor(StreamLost("no way"))
    call = recognise(vendor)
    listening = asyncio.create_task(heard_until_closed(call, 99))
    await until(lambda: vendor.streams)
    await call.close()
    async with asyncio.timeout(10):
        with suppress(UnboundLocalError):  # nothing was heard, so nothing closed it there
            await listening
