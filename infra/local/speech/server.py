"""Stands the local Polly, Transcribe and Claude up behind two ports of one loop: plain HTTP, and TLS with HTTP/2.

It composes; what the services say is theirs to know. In `scripted` mode no model is loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from infra.local.claude.app import app as claude
from infra.local.speech import late_bodies, polly, scripted
from infra.local.speech.certificates import Certificates
from infra.local.speech.listening import Listener, ScriptedListener, Tell
from infra.local.speech.transcribe import PATH, Transcribe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from infra.local.speech.piper_voice import Mouth
    from infra.local.speech.voices import Voice

Mode = Literal["real", "scripted"]
_GRACE = 1.5  # seconds that requests get to finish


@dataclass(frozen=True, slots=True)
class Senses:
    """How the services hear and speak, and how to let go of it."""

    speaker: polly.Speaker
    listener: Callable[[Tell], Listener]
    close: Callable[[], None]


class _PiperSpeaker:
    """Speaks with the one mouth, a sentence at a time, off the loop."""

    def __init__(self, mouth: Mouth, pool: ThreadPoolExecutor) -> None:
        self._mouth = mouth
        self._pool = pool

    async def say(self, sentence: str, voice: Voice, rate: int) -> NDArray[np.int16]:
        """Speak one sentence when those before it are spoken."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._mouth.say, sentence, voice, rate)


def scripted_senses() -> Senses:
    """Senses that read and write scripted speech."""
    scripted.encode("one two three four five six")  # makes the waveforms that later words reuse
    return Senses(polly.ScriptedSpeaker(), ScriptedListener, lambda: None)


def real_senses() -> Senses:
    """Load the models, both at once, and warm them up. Blocks for some seconds."""
    # Heavy, and not wanted in scripted mode.
    from infra.local.speech.listening import Ear, WhisperListener  # noqa: PLC0415
    from infra.local.speech.piper_voice import Mouth  # noqa: PLC0415
    from infra.local.speech.recogniser import Recogniser  # noqa: PLC0415

    pool = ThreadPoolExecutor(1, thread_name_prefix="mouth")
    coming = pool.submit(Mouth)
    ear = Ear(Recogniser())
    mouth = coming.result()

    def close() -> None:
        pool.shutdown(wait=False, cancel_futures=True)
        ear.close()

    return Senses(_PiperSpeaker(mouth, pool), lambda tell: WhisperListener(tell, ear), close)


def application(senses: Senses, transcribe: Transcribe) -> Starlette:
    """Make the ASGI app of all services."""
    return Starlette(
        routes=[
            Route("/health", _health),
            Route(PATH, endpoint=transcribe, methods=["POST"]),
            *polly.routes(senses.speaker),
            Mount("/", app=claude),
        ]
    )


async def run(senses: Senses, port: int, tls_port: int, certificates: Certificates, stop: asyncio.Event) -> None:
    """Serve until stop is set; transcriptions then end, and other requests get a moment to finish."""
    transcribe = Transcribe(senses.listener)
    app = application(senses, transcribe)
    late_bodies.ignore()
    config = Config()
    config.bind = [f"127.0.0.1:{tls_port}"]
    config.insecure_bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = str(certificates.server), str(certificates.key)
    config.alpn_protocols = ["h2"]
    config.loglevel = "WARNING"
    config.graceful_timeout = _GRACE
    config.shutdown_timeout = _GRACE
    # A client keeps its connections for as long as a demo lasts.
    config.keep_alive_timeout = 300
    config.keep_alive_max_requests = 1_000_000
    serving = asyncio.create_task(serve(cast("Any", app), config, shutdown_trigger=stop.wait))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    transcribe.close()
    # The server may wait for an open stream for ever: not longer than this.
    await asyncio.wait({serving}, timeout=_GRACE + 0.5)
    stopping.cancel()
    serving.cancel()
    (failure,) = await asyncio.gather(serving, return_exceptions=True)
    if failure is not None and not stop.is_set():
        raise failure


async def _health(request: Request) -> Response:  # noqa: ARG001
    return JSONResponse({"status": "ok"})
