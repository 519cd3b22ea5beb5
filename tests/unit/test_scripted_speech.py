"""Scripted speech: loud, speech-like, and exact about which words were played."""

import warnings

import numpy as np
import pytest
import webrtcvad
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.speech import mulaw
from infra.local.speech.scripted import MAX_WORD_BYTES, Decoder, encode

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

SENTENCE = "Hello? This is Sarah, calling about Thursday's appointment — could we move it to four o'clock?"
FRAME = 160
SILENCE = b"\xff" * FRAME

texts = st.text(max_size=60).filter(
    lambda text: all(len(w.encode(errors="replace")) <= MAX_WORD_BYTES for w in text.split())
)
words = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=12), max_size=8
)


def heard(sound: bytes, step: int = FRAME) -> list[str]:
    decoder = Decoder()
    return [word for at in range(0, len(sound), step) for word in decoder.feed(sound[at : at + step])]


def speech_share(sound: bytes, lead: int) -> float:
    pcm = mulaw.decode(SILENCE * 10 + SILENCE[:lead] + sound + SILENCE * 10).tobytes()
    detector = webrtcvad.Vad(3)
    first, last = 10 + (lead > 0), (10 * FRAME + lead + len(sound)) // FRAME
    inside = [detector.is_speech(pcm[320 * i : 320 * (i + 1)], 8000) for i in range(first, last)]
    return float(sum(inside) / len(inside))


def test_every_word_comes_back_with_its_punctuation() -> None:
    assert heard(encode(SENTENCE)) == SENTENCE.split()


def test_no_text_is_no_sound() -> None:
    assert encode("") == encode("  \n ") == b""


@pytest.mark.parametrize("pace", [0, -1.0])
def test_a_pace_must_be_positive(pace: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        encode("Hello", pace)


@settings(max_examples=40, deadline=None)
@given(texts, st.integers(1, 700), st.integers(0, 333), st.sampled_from([2.5, 4.0, 7.0]))
def test_any_text_survives_any_cutting(text: str, step: int, lead: int, pace: float) -> None:
    assert heard(b"\xff" * lead + encode(text, pace), step) == text.split()


@settings(max_examples=30, deadline=None)
@given(words)
def test_the_bits_survive_16_bit_samples(spoken: list[str]) -> None:
    sound = encode(" ".join(spoken))
    assert mulaw.encode(mulaw.decode(sound)) == sound
    assert audioop.lin2ulaw(audioop.ulaw2lin(sound, 2), 2) == sound


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_loss_costs_only_the_words_it_touches(data: st.DataObject) -> None:
    spoken = [f"word{i}," for i in range(10)]
    sound = encode(" ".join(spoken))
    pace = len(sound) // len(spoken)
    start = data.draw(st.integers(0, len(sound)))
    end = data.draw(st.integers(start, len(sound)))
    silence = data.draw(st.integers(0, 400))
    got = heard(sound[:start] + b"\xff" * silence + sound[end:])
    untouched = [w for i, w in enumerate(spoken) if (i + 1) * pace <= start or i * pace >= end]
    assert [w for w in got if w in untouched] == untouched
    assert set(got) <= set(spoken)
    assert sorted(got) == got


@pytest.mark.parametrize("played", range(6))
def test_an_interrupted_utterance_reveals_only_what_was_played(played: int) -> None:
    sound = encode("one two three four five six", 4.0)
    assert heard(sound[: played * 2000 + 900]) == ["one", "two", "three", "four", "five"][:played]


def test_a_word_cut_by_a_clear_does_not_hide_the_next() -> None:
    first, second = encode("interrupted"), encode("Yes? Go on.")
    for cut in range(0, len(first), 97):
        got = heard(first[:cut] + second)
        assert got[-3:] == ["Yes?", "Go", "on."]


def test_utterances_follow_each_other() -> None:
    assert heard(encode("Hello.") + SILENCE * 3 + encode("Hello. Hello.") + encode("Bye!")) == ["Hello."] * 3 + ["Bye!"]


def test_a_word_without_end_is_spoken_in_parts() -> None:
    word = "é" * 501
    assert "".join(heard(encode(word))) == word


def test_nothing_is_heard_in_silence_or_noise() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 80_000, dtype=np.uint8).tobytes()
    assert heard(noise + b"\xff" * 8000 + b"\x00" * 8000) == []


@pytest.mark.parametrize("pace", [2.0, 2.5, 3.0, 4.0, 5.0, 6.0])
@pytest.mark.parametrize("lead", [0, 37, 111])
def test_a_voice_detector_takes_it_for_speech(pace: float, lead: int) -> None:
    assert speech_share(encode(SENTENCE, pace), lead) >= 0.95
    assert speech_share(encode("Yes.", pace), lead) >= 0.9


def test_it_is_loud_and_lasts_as_long_as_words_do() -> None:
    sound = encode(SENTENCE, 4.0)
    assert len(sound) == len(SENTENCE.split()) * 2000
    assert 2000 < audioop.rms(audioop.ulaw2lin(sound, 2), 2) < 9000


def test_mulaw_tables_agree_with_audioop() -> None:
    every_byte, every_sample = bytes(range(256)), np.arange(-32768, 32768).astype(np.int16)
    assert mulaw.decode(every_byte).tobytes() == audioop.ulaw2lin(every_byte, 2)
    assert mulaw.encode(every_sample) == audioop.lin2ulaw(every_sample.tobytes(), 2)
