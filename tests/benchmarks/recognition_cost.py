"""CPU seconds of recognition for a minute of one call: `python -m tests.benchmarks.recognition_cost [CALLS [SECONDS]]`.

Each provider in a process of its own, in real time, against the laptop's Transcribe (scripted) over TLS; the callees
speak half the time. What feeding the sound costs is in it.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.local.speech import mulaw
from infra.local.speech.scripted import encode
from media.stt import PROVIDERS, SpeechToText, SttSettings, provider
from tests.contracts.speech_process import ROOT, speech_process

FRAME, TICK = 320, 0.02
WORDS = "This is what somebody says who has something to say."


async def hold(stt: SpeechToText, seconds: float, delay: float) -> int:
    """Hold one call; return how many transcripts came."""
    await asyncio.sleep(delay)
    stream, heard = stt.open(language="en-US"), 0

    async def listen() -> None:
        nonlocal heard
        async for _ in stream:
            heard += 1

    listening = asyncio.create_task(listen())
    line = encode(WORDS)
    sound = mulaw.decode(line + b"\xff" * len(line)).tobytes()
    began = time.monotonic()
    for n in range(round(seconds / TICK)):
        at = n * FRAME % (len(sound) // FRAME * FRAME)
        stream.send(sound[at : at + FRAME])
        await asyncio.sleep(max(0.0, began + (n + 1) * TICK - time.monotonic()))
    await stream.close()
    listening.cancel()
    await asyncio.wait({listening})
    return heard


async def measure(name: str, url: str, calls: int, seconds: float) -> dict[str, str | float]:
    """Hold calls and count CPU seconds."""
    stt = provider(name, SttSettings("us-east-1", url), refused=lambda: None)
    before = time.process_time()
    heard = await asyncio.gather(*(hold(stt, seconds, n / calls) for n in range(calls)))
    used = time.process_time() - before
    cost = round(used / calls / seconds * 60, 3)
    return {"provider": name, "calls": calls, "cpu_s_a_call_minute": cost, "transcripts": sum(heard)}


def main() -> None:
    """Measure all providers, or (as the process of one) one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("calls", type=int, nargs="?", default=20)
    parser.add_argument("seconds", type=float, nargs="?", default=20.0)
    parser.add_argument("--provider")
    parser.add_argument("--url")
    asked = parser.parse_args()
    if asked.provider:
        print(json.dumps(asyncio.run(measure(asked.provider, asked.url, asked.calls, asked.seconds))), flush=True)
        os._exit(0)  # awscrt's threads do not end by themselves
    with tempfile.TemporaryDirectory() as folder, speech_process("scripted", Path(folder)) as speech:
        credentials = {"AWS_ACCESS_KEY_ID": "AKIDLOCAL", "AWS_SECRET_ACCESS_KEY": "secretlocal"}
        environment = os.environ | credentials | {"SSL_CERT_FILE": str(speech.folder / "bundle.pem")}
        for name in PROVIDERS:
            command = [sys.executable, "-m", "tests.benchmarks.recognition_cost", *sys.argv[1:]]
            command += ["--provider", name, "--url", speech.transcribe_url]
            subprocess.run(command, cwd=ROOT, env=environment, check=True)


if __name__ == "__main__":
    main()
