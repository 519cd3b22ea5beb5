"""`make media-bench` serves whoever knocks, with the providers its environment names."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from media.stt import PROVIDERS
from tests.benchmarks.media_bench import OPENER
from tests.contracts.media_caller import Caller
from tests.contracts.speech_process import ROOT, Speech, _free_port, speech_process
from tests.contracts.test_media_call import environment
from tests.contracts.test_media_program import await_health

NOWHERE = "wss://localhost:1"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speech]:
    with speech_process("scripted", tmp_path_factory.mktemp("bench-ca")) as speech:
        yield speech


@pytest.fixture(params=PROVIDERS)
def port(speech: Speech, request: pytest.FixtureRequest) -> Iterator[int]:
    """A bench's server, given both of Transcribe's addresses as load generators do: one is its recogniser's."""
    port, at, over = _free_port(), f"http://127.0.0.1:{speech.port}", speech.transcribe_url
    told = {"MEDIA_PORT": str(port), "AWS_ENDPOINT_URL_POLLY": at, "ANTHROPIC_BASE_URL": at, "TWILIO_API_URL": at}
    sockets = over.replace("https:", "wss:") + "/stream-transcription-websocket?sample-rate=8000"
    addresses = (over, NOWHERE) if request.param == "transcribe-sdk" else (NOWHERE, sockets)
    told |= dict(zip(("TRANSCRIBE_ENDPOINT_URL", "TRANSCRIBE_WS_URL"), addresses, strict=True))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.media_bench"],
        cwd=ROOT,
        env=environment(speech) | told | {"STT_PROVIDER": request.param},
    )
    try:
        assert await_health(process, port) == {"status": "ok", "live_calls": 0}
        yield port
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0
    finally:
        process.kill()
        process.wait()


async def test_a_stranger_is_let_in_heard_and_answered(port: int) -> None:
    caller = Caller(port, "call_of_nobody")
    await caller.open(path="/ws", sign="")
    await caller.start(customParameters={}, accountSid="AC" + "0" * 32)
    line = asyncio.create_task(caller.run())
    async with asyncio.timeout(40):
        caller.say("Hello?")
        await caller.heard("appointment.")
        assert " ".join(caller.words) == OPENER
        caller.say("No, thank you. Goodbye.")
        await line
    answer = " ".join(caller.words[len(OPENER.split()) :]).lower()
    assert "bye" in answer
    assert "trouble hearing" not in answer
