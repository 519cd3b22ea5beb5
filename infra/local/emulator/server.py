"""The emulator's own process: check the version, mend it, serve until the launcher goes away.

With API_PORT set it also stands at that port as the front door of the HTTP API that was deployed last: `/v1/calls`
there is `/_aws/execute-api/{ApiId}/$default/v1/calls` here, as a custom domain would have it on AWS.
"""

import asyncio
import importlib.metadata
import logging
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

MINISTACK_VERSION = "1.5.33"
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def check_version(installed: str) -> None:
    """Raise SystemExit unless it is the version whose private functions the patches know."""
    if installed != MINISTACK_VERSION:
        raise SystemExit(
            f"The emulator's patches are written for ministack {MINISTACK_VERSION}, but {installed} is installed. "
            f"Install that one, or read infra/local/emulator/patches and tests/flows/test_emulator.py and move both."
        )


def die_with_launcher() -> None:
    """End at once, folder and all, when the launcher's end of our standard input closes: it was killed."""

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="launcher-watch").start()


def with_front_door(app: Application, api_port: int) -> Application:
    """Send whatever arrives at `api_port` to the deployed HTTP API; 503 until there is one."""
    from ministack.services import apigateway  # noqa: PLC0415  it reads the environment when imported

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["server"][1] != api_port:
            await app(scope, receive, send)
            return
        found = [key[-1] for key, api in list(apigateway._apis.all_items()) if api.get("protocolType") == "HTTP"]  # noqa: SLF001
        if not found:
            await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        prefix = f"/_aws/execute-api/{found[-1]}/$default"
        raw = scope.get("raw_path") or scope["path"].encode()
        await app({**scope, "path": prefix + scope["path"], "raw_path": prefix.encode() + raw}, receive, send)

    return front


def serve() -> None:
    """Listen on loopback, at the gateway's port and at the front door's, until SIGTERM."""
    import ministack.app as emulator  # noqa: PLC0415
    from hypercorn.asyncio import serve as hypercorn_serve  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415

    from infra.local.emulator import patches  # noqa: PLC0415

    patches.apply()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it counts for Amazon, and warns that nobody asks
    app: Application = emulator.app
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ['GATEWAY_PORT']}"]
    if os.environ.get("API_PORT"):
        config.bind.append(f"127.0.0.1:{os.environ['API_PORT']}")
        app = with_front_door(app, int(os.environ["API_PORT"]))
    config.keep_alive_timeout = 75
    config.loglevel = os.environ.get("LOG_LEVEL", "WARNING")
    config.graceful_timeout = 0.2
    config.shutdown_timeout = 0.5
    asyncio.run(hypercorn_serve(app, config))  # type: ignore[arg-type]  # hypercorn's own scope types are closed


if __name__ == "__main__":
    check_version(importlib.metadata.version("ministack"))
    die_with_launcher()
    # Threads that wait for task tokens would hold the interpreter back; nothing of theirs outlives us.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    code = 1
    try:
        serve()
        code = 0
    except Exception:  # noqa: BLE001  said, then ended hard: a thread that reads would stall the interpreter's own way out
        traceback.print_exc()
    os._exit(code)
