"""Stands the local Polly, Transcribe and Claude up behind two ports of one loop: plain HTTP, and TLS with HTTP/2.

It composes; what the services say is theirs to know. In `scripted` mode no model is loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from hypercorn.config import Config
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

from infra.local.claude import app as claude
from infra.local.claude.faults import ModelFaults
from infra.local.serving import Connections, listening
from infra.local.speech import polly, scripted, transcribe_http2, transcribe_websocket
from infra.local.speech.certificates import Certificates
from infra.local.speech.faults import Faults, SpeechFaults
from infra.local.speech.listening import Listener, ScriptedListener, Tell
from infra.local.speech.transcribe import Transcribe
from infra.local.speech.transcribe_http2 import Http2Door
from infra.local.speech.transcribe_websocket import WebSocketDoor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from infra.local.speech.piper_voice import Mouth
    from infra.local.speech.voices import Voice

Mode = Literal["real", "scripted"]


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


class HouseFaults(BaseModel):
    """What the carrier passes on of its `PUT /_sim/faults`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    seed: int = 0
    speech: SpeechFaults = SpeechFaults()
    model: ModelFaults = ModelFaults()


def application(senses: Senses, transcribe: Transcribe, connections: Connections) -> Starlette:
    """Make the ASGI app of all services."""
    faults = transcribe.faults

    async def put_faults(request: Request) -> Response:
        try:
            wanted = HouseFaults.model_validate_json(await request.body())
        except ValidationError as error:
            return Response(str(error), HTTPStatus.BAD_REQUEST)
        faults.put(wanted.speech, wanted.seed)
        claude.faults.put(wanted.model, wanted.seed)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return Starlette(
        routes=[
            Route("/health", _health),
            Route("/_sim/faults", put_faults, methods=["PUT"]),
            Route(transcribe_http2.PATH, endpoint=Http2Door(transcribe, connections), methods=["POST"]),
            WebSocketRoute(transcribe_websocket.PATH, endpoint=WebSocketDoor(transcribe, connections)),
            *polly.routes(senses.speaker, faults),
            Mount("/", app=claude.app),
        ]
    )


async def run(senses: Senses, port: int, tls_port: int, certificates: Certificates, stop: asyncio.Event) -> None:
    """Serve until stop is set; transcriptions then end, and other requests get a moment to finish."""
    connections = Connections()
    transcribe = Transcribe(senses.listener, Faults())
    app = application(senses, transcribe, connections)
    secure = _config()
    secure.certfile, secure.keyfile = str(certificates.server), str(certificates.key)
    secure.alpn_protocols = ["h2", "http/1.1"]
    async with listening(app, port, connections, _config()), listening(app, tls_port, connections, secure):
        await stop.wait()
        transcribe.close()


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = "-"
    config.loglevel = "WARNING"
    # A client keeps its connections for as long as a demo lasts.
    config.keep_alive_timeout = 300
    config.keep_alive_max_requests = 1_000_000
    return config


async def _health(request: Request) -> Response:  # noqa: ARG001
    return JSONResponse({"status": "ok"})
