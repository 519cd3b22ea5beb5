"""One suite for all recognisers, against a Transcribe that is as strict as the service: it takes one stream a
connection, has quotas, checks signatures, loses connections, and ends what it does not understand.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from media.stt import PROVIDERS
from tests.contracts.recognition_process import Call
from tests.contracts.speech_process import ROOT, Speech, speech_process


@dataclass(frozen=True)
class Outcome:
    """What became of a scenario's calls."""

    calls: list[Call]
    refused: int
    left: int

    def heard(self) -> list[Call]:
        """The calls all of whose words came back, each its own and none twice."""
        return [call for call in self.calls if call.finals == list(call.lines())]


@dataclass(frozen=True)
class Recogniser:
    name: str
    speech: Speech

    def play(self, scenario: str) -> Outcome:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("functions", "media_fargate", ".")),
            "SSL_CERT_FILE": str(self.speech.folder / "bundle.pem"),
            "AWS_ACCESS_KEY_ID": "AKIDLOCAL",
            "AWS_SECRET_ACCESS_KEY": "secretlocal",
        }
        transcribe, controls = self.speech.transcribe_url, self.speech.controls_url
        run = subprocess.run(
            [sys.executable, "-m", "tests.contracts.recognition_process", self.name, transcribe, controls, scenario],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
        )
        found = json.loads(run.stdout)
        return Outcome([Call(**call) for call in found["calls"]], found["refused"], found["left"])


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speech]:
    with speech_process("scripted", tmp_path_factory.mktemp("recognisers-ca")) as running:
        yield running


@pytest.fixture(scope="module", params=sorted(PROVIDERS))
def recogniser(request: pytest.FixtureRequest, speech: Speech) -> Recogniser:
    return Recogniser(request.param, speech)


def test_forty_streams_begun_at_once_are_all_heard_though_a_ramp_refuses_some(recogniser: Recogniser) -> None:
    outcome = recogniser.play("forty_at_once")
    assert len(outcome.heard()) == len(outcome.calls) == 40
    assert outcome.refused > 0
    assert outcome.left == 0


def test_above_the_quota_who_is_heard_and_who_is_not_is_told_apart(recogniser: Recogniser) -> None:
    outcome = recogniser.play("limit_of_25")
    failed = [call for call in outcome.calls if call.failed]
    assert len(outcome.heard()) == 25
    assert [call.number for call in outcome.calls if call not in outcome.heard()] == [call.number for call in failed]
    assert all(call.finals == [] for call in failed)
    assert outcome.refused == 6 * len(failed) == 6 * 15
    assert outcome.left == 0


def test_twenty_connections_cut_at_once_are_opened_again_and_no_word_is_lost(recogniser: Recogniser) -> None:
    outcome = recogniser.play("twenty_cut_at_once")
    assert len(outcome.heard()) == len(outcome.calls) == 20
    assert all(first.startswith("1.") and second.startswith(("1.", "2.")) for first, second in segments(outcome))
    assert outcome.left == 0


def test_a_connection_that_takes_no_more_streams_keeps_nobody_from_being_heard(recogniser: Recogniser) -> None:
    outcome = recogniser.play("going_away")
    assert outcome.heard() == outcome.calls
    assert len(outcome.calls) == 3
    assert outcome.left == 0


def test_a_language_the_service_does_not_know_is_final(recogniser: Recogniser) -> None:
    outcome = recogniser.play("unknown_language")
    assert [(call.finals, call.failed) for call in outcome.calls] == [([], True)]
    assert outcome.refused == 0


def test_credentials_that_are_renewed_break_no_stream(recogniser: Recogniser) -> None:
    outcome = recogniser.play("renewed_credentials")
    assert outcome.heard() == outcome.calls
    assert len(outcome.calls) == 2
    assert all(segment.startswith("1.") for pair in segments(outcome) for segment in pair)


def segments(outcome: Outcome) -> list[list[str]]:
    return [call.segments for call in outcome.calls]
