"""Calls through one of the recognisers against the laptop's Transcribe, as a process of its own.

A process of its own, because awscrt reads SSL_CERT_FILE once, when it is loaded, and so that its descriptors and its
CPU time can be counted. Arguments: provider, Transcribe's URL, the URL of the speech service's controls, scenario.
It prints what became of the calls, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from infra.local.speech import mulaw
from infra.local.speech.scripted import encode
from media.stt import PROVIDERS, SpeechToText, SpeechToTextFailed, SttSettings, SttStream, provider

FRAME, TICK = 320, 0.02
_PATIENCE = 50.0  # s for a scenario


@dataclass
class Call:
    """One callee, who says two lines with a pause between them."""

    number: int
    finals: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    failed: bool = False

    def lines(self) -> tuple[str, str]:
        return lines_of(self.number)


def lines_of(number: int) -> tuple[str, str]:
    return f"Call {number} speaking.", f"And {number} once more."


@dataclass
class World:
    stt: SpeechToText
    controls: str
    calls: list[Call] = field(default_factory=list)

    async def faults(self, **speech: Any) -> None:
        """Have things go wrong from now on; streams that live go on as they were begun."""
        body = json.dumps({"speech": speech}).encode()
        request = urllib.request.Request(self.controls, body, method="PUT")  # noqa: S310  our own address
        await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=5).close())  # noqa: S310

    async def speak(self, count: int = 1, *, language: str = "en-US", failing: int = 0) -> None:
        """Hold so many calls at once; each stays on the line in silence after its lines until so many have failed."""
        calls = [Call(len(self.calls) + n) for n in range(count)]
        self.calls += calls
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*(self._hold(call, language, failing) for call in calls))

    async def _hold(self, call: Call, language: str, failing: int) -> None:
        stream = self.stt.open(language=language)
        listening = asyncio.create_task(listen(stream, call))
        quiet = b"\xff" * 2800
        first, second = map(encode, call.lines())
        pcm = mulaw.decode(quiet + first + quiet + second + b"\xff" * 4000).tobytes()
        frames = [pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME)]
        began, sent = time.monotonic(), 0
        while not listening.done() and (sent < len(frames) or sum(c.failed for c in self.calls) < failing):
            stream.send(frames[min(sent, len(frames) - 1)])  # the last one is silence
            sent += 1
            await asyncio.sleep(max(0.0, began + sent * TICK - time.monotonic()))
        await stream.close()
        listening.cancel()
        await asyncio.wait({listening})


async def listen(stream: SttStream, call: Call) -> None:
    try:
        async for heard in stream:
            if heard.final:
                call.finals.append(heard.text)
                call.segments.append(heard.segment)
    except SpeechToTextFailed:
        call.failed = True


async def forty_at_once(world: World) -> None:
    await world.faults(streams=100, ramp=25)
    await world.speak(40)


async def limit_of_25(world: World) -> None:
    await world.faults(streams=25, ramp=100)
    await world.speak(40, failing=15)


async def twenty_cut_at_once(world: World) -> None:
    """In the middle of the second line: half of them lose their connection, half have their stream reset."""
    await world.faults(drop_after_ms=1500)
    dropped = asyncio.create_task(world.speak(10))
    await asyncio.sleep(0.4)
    await world.faults(reset_after_ms=1500)
    reset = asyncio.create_task(world.speak(10))
    await asyncio.sleep(0.4)
    await world.faults()
    await asyncio.gather(dropped, reset)


async def going_away(world: World) -> None:
    await world.faults(go_away_after_ms=300)
    first = asyncio.create_task(world.speak(1))
    await asyncio.sleep(0.8)
    await world.faults()
    await asyncio.gather(first, world.speak(2))


async def unknown_language(world: World) -> None:
    await world.speak(1, language="tlh-KL")


async def renewed_credentials(world: World) -> None:
    call = asyncio.create_task(world.speak(1))
    await asyncio.sleep(0.8)
    world.stt._identity._session.set_credentials("local", "local")  # type: ignore[attr-defined]
    await asyncio.gather(call, world.speak(1))


SCENARIOS: dict[str, Callable[[World], Awaitable[None]]] = {
    scenario.__name__: scenario
    for scenario in (
        forty_at_once,
        limit_of_25,
        twenty_cut_at_once,
        going_away,
        unknown_language,
        renewed_credentials,
    )
}


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208  names are all that is wanted


async def warm_up(stt: SpeechToText) -> None:
    stream = stt.open(language="en-US")
    stream.send(mulaw.decode(encode("Hello.")).tobytes())
    async for heard in stream:
        if heard.final:
            return
        closing = asyncio.create_task(stream.close())
    await closing


async def play(name: str, url: str, controls: str, scenario: str) -> dict[str, Any]:
    refusals: list[None] = []
    stt = provider(name, SttSettings("us-east-1", url), refused=lambda: refusals.append(None))
    world = World(stt, controls)
    await world.faults()
    await warm_up(stt)  # what is made once, is made
    before = descriptors()
    await SCENARIOS[scenario](world)
    for _ in range(100):  # awscrt closes in a thread of its own
        if (left := descriptors() - before) <= 0:
            break
        await asyncio.sleep(0.05)
    return {"calls": [asdict(call) for call in world.calls], "refused": len(refusals), "left": max(left, 0)}


def main() -> None:
    name, url, controls, scenario = sys.argv[1:]
    assert name in PROVIDERS
    print(json.dumps(asyncio.run(play(name, url, controls, scenario))), flush=True)  # noqa: T201
    os._exit(0)  # awscrt's threads do not end by themselves


if __name__ == "__main__":
    main()
