"""When an utterance begins, pauses and ends, and what is thrown away of what a recogniser invents."""

from itertools import pairwise

import numpy as np
import pytest

from infra.local.speech.recogniser import _is_noise, _without_echo
from infra.local.speech.resampling import resample
from infra.local.speech.results import Hypothesis, _items
from infra.local.speech.utterances import Ended, Endpointer, Event, Grown, Paused

FRAME = b"\x01\x00" * 160


def play(pattern: str) -> list[tuple[int, Event]]:
    """Feed one frame a character, 'x' voiced; the events with the frame that led to each."""
    endpointer = Endpointer()
    return [(at, event) for at, mark in enumerate(pattern, 1) for event in endpointer.feed(FRAME, mark == "x")]


def decisive(events: list[tuple[int, Event]]) -> list[tuple[int, Event]]:
    return [(at, event) for at, event in events if not isinstance(event, Grown)]


def test_a_click_is_not_speech() -> None:
    assert play("." * 20 + "xx" + "." * 60) == []


def test_speech_pauses_and_ends() -> None:
    events = decisive(play("." * 50 + "x" * 20 + "." * 40))
    assert [(at, type(event)) for at, event in events] == [(80, Paused), (90, Ended)]
    paused, ended = events[0][1].stretch, events[1][1].stretch
    assert paused == ended  # so a text made at the pause is the final one
    assert ended.start == pytest.approx((53 - 15) * 0.02)
    assert ended.end == pytest.approx(70 * 0.02)
    assert len(ended.pcm) == (15 + 17 + 10) * 320


def test_a_short_pause_does_not_end_it() -> None:
    events = play("." * 20 + "x" * 20 + "." * 15 + "x" * 20 + "." * 20)
    assert [type(event) for _, event in decisive(events)] == [Paused, Paused, Ended]
    assert {event.stretch.number for _, event in events} == {1}


def test_a_growing_utterance_is_looked_at_every_half_second() -> None:
    grown = [at for at, event in play("x" * 120) if isinstance(event, Grown)]
    assert [b - a for a, b in pairwise(grown)] == [25] * (len(grown) - 1)
    assert len(grown) == 4


def test_an_endless_utterance_is_cut_without_loss() -> None:
    events = [event for _, event in play("x" * 1200 + "." * 20) if isinstance(event, Ended)]
    assert [event.stretch.number for event in events] == [1, 2, 3]
    assert all(len(event.stretch.pcm) <= 12 * 16000 for event in events)
    assert sum(len(event.stretch.pcm) for event in events) == 320 * (1200 + 10)


def test_the_end_of_the_stream_ends_it() -> None:
    endpointer = Endpointer()
    for _ in range(10):
        endpointer.feed(FRAME, voiced=True)
    (ended,) = endpointer.close()
    assert isinstance(ended, Ended)
    assert endpointer.close() == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Could we move it to Thursday? Could we move", "Could we move it to Thursday?"),
        ("I'm not interested. Take me off your list. Take me off", "I'm not interested. Take me off your list."),
        ("Hello? Hello? Hello? Hello?", "Hello?"),
        ("Hello? Hello?", "Hello? Hello?"),
        ("Yes. Yes, please", "Yes. Yes, please"),
        ("Who is calling, please?", "Who is calling, please?"),
        ("No", "No"),
    ],
)
def test_echoes_are_dropped(text: str, kept: str) -> None:
    assert _without_echo(text, seconds=4.0) == kept


def test_what_nobody_could_say_twice_in_the_time_was_said_once() -> None:
    assert _without_echo("Hello? Hello?", seconds=0.7) == "Hello?"
    assert _without_echo("Hello? Hello?", seconds=1.5) == "Hello? Hello?"


@pytest.mark.parametrize(
    ("text", "sureness", "silence", "noise"),
    [
        ("Hello?", -0.3, 0.1, False),
        ("Hello?", -0.3, 0.9, False),
        ("you", -0.5, 0.9, True),
        ("[BLANK_AUDIO]", -0.1, 0.1, True),
        ("I'm still here.", -2.3, 0.2, True),
        ("Something", -1.1, 0.8, True),
        ("no no no no no no no no", -0.2, 0.1, True),
        (" . ", -0.2, 0.1, True),
    ],
)
def test_inventions_are_noise(text: str, sureness: float, silence: float, noise: bool) -> None:
    assert _is_noise(text, sureness, silence) is noise


def test_resampling_keeps_what_fits_and_drops_what_does_not() -> None:
    time = np.arange(22050) / 22050
    low, high = (np.sin(2 * np.pi * f * time).astype(np.float32) for f in (1000, 6000))
    kept, dropped = resample(low, 22050, 8000), resample(high, 22050, 8000)
    assert len(kept) == 8000
    assert int(np.abs(np.fft.rfft(kept)).argmax()) == 1000  # Hz, in a second
    assert np.sqrt(np.mean(kept[400:-400] ** 2)) == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert np.abs(dropped)[400:-400].max() < 0.02
    assert len(resample(low, 22050 * 1.3, 8000)) == round(22050 * 8000 / (22050 * 1.3))
    assert len(resample(low[:0], 22050, 8000)) == 0


def test_items_split_marks_from_words() -> None:
    items = _items(Hypothesis("Hello, it's 4 p.m.?", 1.0, 2.0, 2, final=False, result_id="r"))
    assert [(item["Content"], item["Stable"]) for item in items] == [
        ("Hello", True),
        (",", True),
        ("it's", True),
        ("4", False),
        ("p.m.", False),
        ("?", False),
    ]
    assert items[0]["StartTime"] == 1.0
    assert items[-1]["EndTime"] == 2.0
