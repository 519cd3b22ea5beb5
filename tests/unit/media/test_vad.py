"""Voice edges: one at the onset, one after the hangover, none for clicks and noise."""

import pytest

from media.audio import mulaw
from media.audio.vad import Edge, VoiceDetector
from tests.unit.media.sounds import SPEECH, frames, mix, noise, silence


def edges(sound: bytes) -> list[tuple[float, Edge]]:
    detector = VoiceDetector()
    found = [((n + 1) * mulaw.FRAME_SECONDS, detector.feed(frame)) for n, frame in enumerate(frames(sound))]
    return [(at, edge) for at, edge in found if edge is not None]


def test_speech_begins_and_ends_once() -> None:
    (began, start), (ended, stop) = edges(silence(0.5) + SPEECH + silence(1))
    assert (start.kind, stop.kind) == ("started", "stopped")
    assert 0.5 <= began <= 0.7
    assert began - start.ago == pytest.approx(0.5, abs=0.1)
    over = 0.5 + mulaw.seconds(SPEECH)
    assert ended - stop.ago == pytest.approx(over, abs=0.1)
    assert 0.2 <= ended - over <= 0.35


def test_speech_over_noise_has_edges_at_its_ends() -> None:
    kinds = [edge.kind for _, edge in edges(mix(silence(1) + SPEECH + silence(1), noise(30, 60)))]
    assert kinds == ["started", "stopped"]


def test_a_pause_between_words_is_no_end() -> None:
    found = edges(SPEECH[:8000] + silence(0.12) + SPEECH[8000:16000] + silence(0.5))
    assert [edge.kind for _, edge in found] == ["started", "stopped"]


@pytest.mark.parametrize("sound", [silence(2), noise(2, 60), silence(0.5) + SPEECH[2000:2320] + silence(1)])
def test_silence_noise_and_clicks_are_no_voice(sound: bytes) -> None:
    assert edges(sound) == []


def test_reset_forgets_a_voice() -> None:
    detector = VoiceDetector()
    for frame in frames(SPEECH[:8000]):
        detector.feed(frame)
    assert detector.voiced
    detector.reset()
    assert not detector.voiced
    assert all(detector.feed(frame) is None for frame in frames(silence(1)))
