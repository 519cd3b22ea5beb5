"""Beeps: long steady tones, told when they end; nothing else is one."""

import pytest

from media.audio.beep import BeepDetector, pure_tone
from tests.unit.media.sounds import SPEECH, frames, mix, noise, silence, tone


def beeps(sound: bytes) -> list[int]:
    detector = BeepDetector()
    return [n for n, frame in enumerate(frames(sound)) if detector.feed(frame)]


@pytest.mark.parametrize("hertz", [440, 620, 850, 1000, 1400, 1975])
@pytest.mark.parametrize("volume", [1500, 12000])
def test_a_beep_is_told_when_it_ends(hertz: float, volume: float) -> None:
    (end,) = beeps(silence(0.5) + tone(hertz, 0.5, volume) + silence(0.5))
    assert 50 <= end <= 52


def test_a_beep_is_heard_through_a_noisy_line() -> None:
    line = silence(0.5) + tone(1000, 0.4) + silence(0.5)
    assert len(beeps(mix(line, noise(2, 300)))) == 1


def test_a_beep_right_after_the_greeting_counts() -> None:
    assert len(beeps(SPEECH + tone(1000, 0.3) + silence(0.3))) == 1


@pytest.mark.parametrize(
    "sound",
    [
        SPEECH,
        silence(1),
        noise(1, 3000),
        tone(1000, 0.1) + silence(0.5),
        tone(200, 1) + silence(0.2),
        mix(tone(697, 1), tone(1209, 1)) + silence(0.2),
    ],
    ids=["speech", "silence", "noise", "blip", "hum", "key"],
)
def test_nothing_else_is_a_beep(sound: bytes) -> None:
    assert beeps(sound) == []


def test_the_tones_frequency_is_read() -> None:
    assert pure_tone(frames(tone(1000, 0.1))[1]) == pytest.approx(1000, abs=5)
