"""`python -m infra.local.speech`: the laptop's Transcribe, Polly and Claude in one process.

It reads SPEECH (real or scripted), SPEECH_PORT, SPEECH_TLS_PORT (default: the next one) and SPEECH_CA_DIR, writes the
certificates first, answers `/health` once the models are loaded, and ends on SIGTERM or SIGINT without leaving files.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from infra.local.speech import certificates
from infra.local.speech.server import Mode, Senses, real_senses, run, scripted_senses


@dataclass(frozen=True, slots=True)
class _Settings:
    mode: Mode
    port: int
    tls_port: int
    folder: Path | None


def _settings() -> _Settings:
    mode = os.environ.get("SPEECH", "real")
    if mode not in get_args(Mode):
        sys.exit(f"SPEECH must be one of {', '.join(get_args(Mode))}.")
    port = int(os.environ.get("SPEECH_PORT", "9100"))
    folder = os.environ.get("SPEECH_CA_DIR")
    return _Settings(
        mode=cast("Mode", mode),
        port=port,
        tls_port=int(os.environ.get("SPEECH_TLS_PORT") or port + 1),
        folder=Path(folder) if folder else None,
    )


async def _serve(settings: _Settings, files: certificates.Certificates) -> bool:
    """Load, serve, and say whether nothing is left running."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_without_hangups)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    senses = await _load(settings.mode, stop)
    if senses is None:
        return False
    print(f"speech: {settings.mode}, http {settings.port}, tls {settings.tls_port}", flush=True)
    try:
        await run(senses, settings.port, settings.tls_port, files, stop)
    finally:
        senses.close()
    return True


def _without_hangups(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what nobody caught, but not that a client closed its connection without ceremony."""
    if not isinstance(context.get("exception"), (ssl.SSLError, ConnectionError)):
        loop.default_exception_handler(context)


async def _load(mode: Mode, stop: asyncio.Event) -> Senses | None:
    """The senses, or nothing if the process was asked to end meanwhile."""
    if mode == "scripted":
        return scripted_senses()
    loading = asyncio.create_task(asyncio.to_thread(real_senses))
    stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
    await asyncio.wait([loading, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return loading.result() if loading.done() else None


def main() -> None:
    """Run until told to end."""
    settings = _settings()
    with tempfile.TemporaryDirectory(prefix="redial-speech-") as spare:
        files = certificates.make(settings.folder or Path(spare))
        runner = asyncio.Runner()
        try:
            finished = runner.run(_serve(settings, files))
        finally:
            files.remove()
    if not finished:
        os._exit(0)  # a model that is being loaded cannot be interrupted
    runner.close()


if __name__ == "__main__":
    main()
