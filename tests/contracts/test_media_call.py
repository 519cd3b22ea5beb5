"""Whole calls: the real server, the real SDKs, scripted speech, and a carrier's side that plays in real time."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import wave
from array import array
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.speech.scripted import Decoder
from media.audio import mulaw
from tests.contracts.media_caller import Caller
from tests.contracts.media_world import ACCOUNT, OPENER
from tests.contracts.speech_process import ROOT, Speech, speech_process

POLITE, RUDE = "call_1", "call_2"
INTERRUPTION = "Sorry, who is this?"


@dataclass(frozen=True)
class Calls:
    """What the callers heard and what the house holds."""

    callers: dict[str, Caller]
    records: dict[str, dict[str, Any]]
    folder: Path

    def sides(self, call_id: str) -> tuple[bytes, bytes]:
        """The callee's and the agent's side of a recording, as mu-law."""
        with wave.open(io.BytesIO((self.folder / f"{call_id}.wav").read_bytes())) as file:
            assert (file.getnchannels(), file.getframerate()) == (2, 8000)
            both = array("h", file.readframes(file.getnframes()))
        return mulaw.to_mulaw(both[::2].tobytes()), mulaw.to_mulaw(both[1::2].tobytes())


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """Two calls at the same time: one polite, one in which the callee cuts in."""
    folder = tmp_path_factory.mktemp("recordings")
    with speech_process("scripted", tmp_path_factory.mktemp("media-ca")) as speech:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.contracts.media_process", str(folder), POLITE, RUDE],
            cwd=ROOT,
            env=environment(speech),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdin
            assert process.stdout
            port = int(process.stdout.readline())
            # In a thread: asyncio.run in this one would take the loop that pytest's own async tests count on.
            with ThreadPoolExecutor(1) as thread:
                callers = thread.submit(asyncio.run, asyncio.wait_for(both_calls(port), 60)).result()
            output, _ = process.communicate(timeout=20)
            assert process.returncode == 0
        finally:
            process.kill()
            process.communicate()
    return Calls(callers, json.loads(output), folder)


def environment(speech: Speech) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("functions", "media_fargate", ".")),
        "SSL_CERT_FILE": str(speech.folder / "bundle.pem"),
        "SPEECH_URL": f"http://127.0.0.1:{speech.port}",
        "TRANSCRIBE_ENDPOINT_URL": f"https://localhost:{speech.tls_port}",
        "AWS_ACCESS_KEY_ID": "AKIDLOCAL",
        "AWS_SECRET_ACCESS_KEY": "secretlocal",
    }


async def both_calls(port: int) -> dict[str, Caller]:
    polite, rude = Caller(port, POLITE), Caller(port, RUDE)
    await asyncio.gather(be_polite(polite), be_rude(rude))
    return {POLITE: polite, RUDE: rude}


async def be_polite(caller: Caller) -> None:
    await caller.open()
    await caller.start()
    line = asyncio.create_task(caller.run())
    caller.say("Hello?")
    await caller.heard("appointment.")
    caller.say("No, thank you. Goodbye.")
    await line


async def be_rude(caller: Caller) -> None:
    await caller.open()
    await caller.start()
    line = asyncio.create_task(caller.run())
    caller.say("Hello?")
    await caller.hears(3)
    caller.say(INTERRUPTION)
    while not caller.clears and not caller.closed.is_set():  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    cut = len(caller.words)
    await caller.hears(cut + 3)
    assert caller.socket
    await caller.socket.send(json.dumps({"event": "stop", "stop": {}}))
    await line


def texts(record: dict[str, Any], role: str) -> list[str]:
    return [turn["text"] for turn in record["turns"] if turn["role"] == role]


def test_the_agent_listens_opens_answers_and_says_goodbye_to_the_end(calls: Calls) -> None:
    record, caller = calls.records[POLITE], calls.callers[POLITE]
    assert [turn["role"] for turn in record["turns"]] == ["caller", "agent", "caller", "agent"]
    assert texts(record, "caller") == ["Hello?", "No, thank you. Goodbye."]
    assert texts(record, "agent")[0] == OPENER
    assert "bye" in texts(record, "agent")[1].lower()
    assert " ".join(caller.words) == " ".join(texts(record, "agent"))  # what is stored is what was heard, to the end
    assert caller.clears == 0


def test_the_call_is_hung_up_at_the_carrier_and_its_end_stored(calls: Calls) -> None:
    record = calls.records[POLITE]
    assert (record["reason"], record["closed"], record["hung_up"]) == ("completed", True, True)


def test_the_tokens_the_model_counted_are_on_the_record(calls: Calls) -> None:
    (used,) = calls.records[POLITE]["model_usage"]
    assert used["model"] == "claude-haiku-5-5"
    assert used["input_tokens"] > 100
    assert used["output_tokens"] > 5


def test_times_are_measured(calls: Calls) -> None:
    record = calls.records[POLITE]
    assert record["first_audio_ms"] > 0
    answers = [turn["latency_ms"] for turn in record["turns"] if turn["latency_ms"] is not None]
    assert record["voice_to_voice_ms"] == answers
    assert len(answers) == 1
    spans = [(turn["started_ms"], turn["ended_ms"]) for turn in record["turns"]]
    assert spans == sorted(spans)


def test_an_interrupted_agent_falls_silent_and_is_quoted_only_as_far_as_it_was_heard(calls: Calls) -> None:
    record, caller = calls.records[RUDE], calls.callers[RUDE]
    assert caller.clears == 1
    opener = next(turn for turn in record["turns"] if turn["role"] == "agent")
    assert opener["interrupted"]
    assert OPENER.startswith(opener["text"])
    assert len(opener["text"]) < len(OPENER)
    assert INTERRUPTION in texts(record, "caller")
    assert (record["reason"], record["hung_up"]) == (None, False)  # the other side ended it


@pytest.mark.parametrize("call_id", [POLITE, RUDE])
def test_the_recording_has_the_callee_left_and_what_was_heard_of_the_agent_right(calls: Calls, call_id: str) -> None:
    assert calls.records[call_id]["recording"] == f"recordings/{ACCOUNT}/{call_id}.wav"
    left, right = calls.sides(call_id)
    assert Decoder().feed(left) == " ".join(texts(calls.records[call_id], "caller")).split()
    heard, recorded = calls.callers[call_id].words, Decoder().feed(right)
    # The model of the carrier's buffer may be a network's delay off where a word was cut.
    assert abs(len(heard) - len(recorded)) <= (call_id == RUDE) * 2
    assert " ".join(recorded[:3]) == " ".join(heard[:3]) == "Hello, this is"
