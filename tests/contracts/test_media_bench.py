"""`make media-bench` serves whoever knocks, with the providers its environment names."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.benchmarks.media_bench import OPENER
from tests.contracts.media_caller import Caller
from tests.contracts.speech_process import ROOT, _free_port, speech_process
from tests.contracts.test_media_call import environment
from tests.contracts.test_media_program import await_health


@pytest.fixture
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with speech_process("scripted", tmp_path_factory.mktemp("bench-ca")) as speech:
        port, at = _free_port(), f"http://127.0.0.1:{speech.port}"
        told = {"MEDIA_PORT": str(port), "AWS_ENDPOINT_URL_POLLY": at, "ANTHROPIC_BASE_URL": at, "TWILIO_API_URL": at}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.media_bench"], cwd=ROOT, env=environment(speech) | told
        )
        try:
            assert await_health(process, port) == {"status": "ok", "live_calls": 0}
            yield port
            process.send_signal(signal.SIGINT)
            assert process.wait(40) == 0
        finally:
            process.kill()
            process.wait()


async def test_a_stranger_is_let_in_and_talked_to(port: int) -> None:
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
    assert len(caller.words) > len(OPENER.split())
