"""The play-out model and the recording: both sides, where they were heard."""

import io
import wave
from array import array
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio import mulaw
from media.audio.playout import Playout
from media.audio.recorder import Recorder
from tests.unit.media.sounds import tone

A, B, S = b"\x01", b"\x02", mulaw.SILENCE


def test_sound_is_played_when_it_comes_and_in_order() -> None:
    line = Playout()
    line.queue(A * 100, 50)
    line.queue(B * 100, 60)
    assert line.remaining(60) == 190
    assert line.take(300) == S * 50 + A * 100 + B * 100 + S * 50


def test_a_clear_drops_what_was_not_played() -> None:
    line = Playout()
    line.queue(A * 100, 0)
    line.queue(B * 100, 0)
    line.clear(120)
    assert line.remaining(120) == 0
    line.queue(A * 10, 130)
    assert line.take(150) == A * 100 + B * 20 + S * 10 + A * 10 + S * 10


@given(
    st.lists(
        st.tuples(st.sampled_from(["queue", "clear", "take"]), st.integers(0, 50), st.integers(0, 120)), max_size=30
    )
)
def test_however_it_is_read_the_time_line_is_whole(steps: list[tuple[str, int, int]]) -> None:
    pieces, whole, now, read = Playout(), Playout(), 0, b""
    for what, later, size in steps:
        now += later
        for line in (pieces, whole):
            if what == "queue":
                line.queue(A * size, now)
            elif what == "clear":
                line.clear(now)
        if what == "take":
            read += pieces.take(now)
    assert read + pieces.take(now + 5000) == whole.take(now + 5000)
    assert len(read) <= now


def samples(data: bytes | None) -> "tuple[array[int], array[int]]":
    assert data is not None
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        both = array("h", file.readframes(file.getnframes()))
    return both[::2], both[1::2]


def test_the_callee_is_left_the_agent_right_at_their_times() -> None:
    line = Playout()
    recorder = Recorder(line)
    callee, agent = tone(500, 1), tone(900, 0.5)
    for n in range(100):  # two seconds; the callee speaks in the first, the agent from 1.2 s
        if n == 60:
            line.queue(agent, 60 * 160)
        recorder.heard(callee[n * 160 : n * 160 + 160].ljust(160, S), n * 160)
    left, right = samples(recorder.finish(100 * 160))
    assert len(left) == len(right) == 16_000
    assert left[:8000].tobytes() == mulaw.to_pcm(callee)
    assert not any(left[8000:])
    assert right[9600:13600].tobytes() == mulaw.to_pcm(agent)
    assert not any(right[:9600])
    assert not any(right[13600:])


def test_gaps_become_silence_and_repeats_are_cut() -> None:
    recorder = Recorder(Playout())
    recorder.heard(tone(500, 0.02), 0)
    recorder.heard(tone(500, 0.02), 0)
    recorder.heard(tone(500, 0.02), 800)
    left, _ = samples(recorder.finish(960))
    assert len(left) == 960
    assert not any(left[160:800])
    assert any(left[800:])


def test_a_recording_without_a_word_is_still_a_file() -> None:
    left, right = samples(Recorder(Playout()).finish(0))
    assert not left
    assert not right


def test_what_was_cleared_is_not_on_the_recording() -> None:
    line = Playout()
    recorder = Recorder(line)
    line.queue(tone(900, 1), 0)
    line.clear(800)
    _, right = samples(recorder.finish(8000))
    assert any(right[:800])
    assert not any(right[800:])


class FullDisk(io.BytesIO):
    """Takes `room` bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: object) -> int:
        self.room -= len(memoryview(data))  # type: ignore[arg-type]  # bytes in any shape
        if self.room < 0:
            raise OSError(28, "No space left on device")
        return super().write(data)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("room", [0, 50, 40_000])
def test_a_full_disk_costs_the_recording_and_nothing_else(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    disk: Callable[[], FullDisk] = lambda: FullDisk(room)  # noqa: E731
    monkeypatch.setattr("media.audio.recorder.tempfile.TemporaryFile", disk)
    recorder = Recorder(Playout())
    for n in range(100):
        recorder.heard(tone(500, 0.02), n * 160)
    assert recorder.finish(100 * 160) is None
    assert recorder.lost
    recorder.discard()


def test_a_disk_that_fills_at_the_end_costs_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.audio.recorder.tempfile.TemporaryFile", lambda: FullDisk(100))
    recorder = Recorder(Playout())
    recorder.heard(tone(500, 0.02), 0)
    assert recorder.finish(8000) is None
