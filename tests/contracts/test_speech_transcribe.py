"""The local Transcribe, asked by the real SDK over TLS and HTTP/2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.speech import mulaw
from infra.local.speech.scripted import encode
from tests.contracts.speech_process import SILENCE, Speech, speech_process

QUESTION = "Could we move it to Thursday at four?"


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speech]:
    with speech_process("scripted", tmp_path_factory.mktemp("ca")) as running:
        yield running


@pytest.fixture(scope="module")
def answers(scripted: Speech) -> list[dict[str, Any]]:
    """What became of several streams, refused ones among them."""
    twice = SILENCE + encode("Hello?") + SILENCE + encode(QUESTION) + SILENCE
    doubled = mulaw.decode(twice).repeat(2).tobytes()
    return scripted.transcribe(
        {"mulaw": twice},
        {"mulaw": twice, "chunk": 1998},
        {"pcm": doubled, "rate": 16000},
        {"mulaw": encode("Cut short")},
        {"mulaw": SILENCE},
        {"mulaw": SILENCE, "rate": 44100},
        {"mulaw": SILENCE, "language": "tlh-KL"},
        {"mulaw": SILENCE, "chunk": 319},
    )


def finals(answer: dict[str, Any]) -> list[str]:
    return [event["text"] for event in answer["events"] if not event["partial"]]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_every_utterance_has_its_final(answers: list[dict[str, Any]], which: int) -> None:
    assert answers[which]["error"] is None
    assert answers[which]["session"]
    assert finals(answers[which]) == ["Hello?", QUESTION]


def test_partials_grow_word_by_word_under_one_id(answers: list[dict[str, Any]]) -> None:
    of_question = [event for event in answers[0]["events"] if event["text"] != "Hello?"]
    words = QUESTION.split()
    grown = [event["text"] for event in of_question if event["partial"]]
    assert grown[: len(words)] == [" ".join(words[: n + 1]) for n in range(len(words))]
    assert len({event["id"] for event in of_question}) == 1
    assert len({event["id"] for event in answers[0]["events"]}) == 2


def test_all_is_stable_before_it_is_final(answers: list[dict[str, Any]]) -> None:
    *growing, settled, final = [event for event in answers[0]["events"] if event["text"] != "Hello?"]
    assert settled["partial"]
    assert not final["partial"]
    assert settled["text"] == final["text"] == QUESTION
    assert all(item["stable"] for item in settled["items"] + final["items"])
    assert not any(all(item["stable"] for item in event["items"]) for event in growing)


def test_items_have_times_and_punctuation(answers: list[dict[str, Any]]) -> None:
    final = answers[0]["events"][-1]
    assert [item["content"] for item in final["items"]] == [*QUESTION[:-1].split(), "?"]
    assert [item["item_type"] for item in final["items"]] == ["pronunciation"] * 8 + ["punctuation"]
    times = [item["start_time"] for item in final["items"]]
    assert times == sorted(times)
    assert final["start"] == pytest.approx(2.25, abs=0.05)
    assert final["end"] == pytest.approx(4.25, abs=0.05)


def test_the_same_sound_is_heard_the_same_way(answers: list[dict[str, Any]]) -> None:
    def without_ids(answer: dict[str, Any]) -> list[dict[str, Any]]:
        return [{key: value for key, value in event.items() if key != "id"} for event in answer["events"]]

    assert without_ids(answers[0]) == without_ids(answers[1]) == without_ids(answers[2])


def test_what_was_said_last_is_told_at_the_end_of_the_stream(answers: list[dict[str, Any]]) -> None:
    assert finals(answers[3]) == ["Cut short"]


def test_silence_says_nothing(answers: list[dict[str, Any]]) -> None:
    assert answers[4]["events"] == []
    assert answers[4]["error"] is None


@pytest.mark.parametrize("which", [5, 6, 7])
def test_bad_requests_are_refused(answers: list[dict[str, Any]], which: int) -> None:
    assert answers[which]["error"] == "BadRequestException"


def test_a_connection_takes_one_stream(scripted: Speech) -> None:
    first, second = scripted.transcribe({"mulaw": encode("Hello.")}, {"mulaw": encode("Hello.")}, shared=True)
    assert finals(first) == ["Hello."]
    assert second["error"] == "BadRequestException"


def test_no_more_streams_than_the_quota(scripted: Speech) -> None:
    scripted.faults(ramp=100)  # the other limit, of starts a second, is not what is asked about
    many = scripted.transcribe(*({"mulaw": SILENCE + encode("Hi.")} for _ in range(31)))
    scripted.faults()
    refused = [answer for answer in many if answer["error"]]
    assert {answer["error"] for answer in refused} <= {"LimitExceededException"}
    assert all(finals(answer) == ["Hi."] for answer in many if not answer["error"])
    assert len(many) - len(refused) >= 25


def test_real_speech_is_spoken_and_understood(tmp_path_factory: pytest.TempPathFactory) -> None:
    with speech_process("real", tmp_path_factory.mktemp("ca")) as speech:
        asked: dict[str, Any] = {"Text": QUESTION, "Engine": "neural", "OutputFormat": "mulaw", "SampleRate": "8000"}
        his = speech.polly().synthesize_speech(VoiceId="Matthew", **asked)["AudioStream"].read()
        hers = speech.polly().synthesize_speech(VoiceId="Joanna", **asked)["AudioStream"].read()
        heard = speech.transcribe({"mulaw": SILENCE + his + SILENCE}, {"mulaw": SILENCE + hers + SILENCE})
    assert his != hers
    for answer in heard:
        (said,) = finals(answer)
        words = set(re.findall(r"[a-z]+|\d+", said.lower()))
        assert len(words & {"could", "we", "move", "it", "to", "thursday", "at", "four", "4"}) >= 6
