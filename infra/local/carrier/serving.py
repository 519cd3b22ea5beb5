"""The carrier as an HTTP server on the loopback, which can also lose a connection on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.typing import LifespanState
from hypercorn.utils import wrap_app
from starlette.applications import Starlette
from starlette.requests import Request

from infra.local.carrier.controls import Controls
from infra.local.carrier.exchange import Exchange, Settings
from infra.local.carrier.rest import RestApi

HOST = "127.0.0.1"


class Connections:
    """The open connections by their client's port, so that one can be cut off."""

    def __init__(self) -> None:
        self._writers: dict[int, asyncio.StreamWriter] = {}

    def add(self, writer: asyncio.StreamWriter) -> int:
        """Remember a connection; return its key."""
        port: int = writer.get_extra_info("peername")[1]
        self._writers[port] = writer
        return port

    def remove(self, port: int) -> None:
        """Forget one that is over."""
        self._writers.pop(port, None)

    def drop(self, request: Request) -> None:
        """Lose the connection of a request without an answer."""
        if request.client and (writer := self._writers.get(request.client.port)):
            writer.transport.abort()

    def close(self) -> None:
        """Lose all."""
        for writer in list(self._writers.values()):
            writer.transport.abort()


@asynccontextmanager
async def serve(settings: Settings, port: int = 0) -> AsyncIterator[tuple[str, Exchange]]:
    """Run a carrier; yields its base URL and its exchange. Port 0 takes a free one."""
    exchange, connections = Exchange(settings), Connections()
    app = Starlette(routes=[*RestApi(exchange, connections.drop).routes(), *Controls(exchange).routes()])
    wrapped = wrap_app(app, 2**20, "asgi")  # type: ignore[arg-type]  # starlette's own types of ASGI
    loop, config, context = asyncio.get_running_loop(), _config(), WorkerContext(None)
    state: LifespanState = {}
    # hypercorn's own serve() hides its connections; this is its inner half, with ours in sight.
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        key = connections.add(writer)
        try:
            await TCPServer(wrapped, loop, config, context, state, reader, writer)
        finally:
            connections.remove(key)

    server = await asyncio.start_server(connected, HOST, port, backlog=200)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}", exchange
    finally:
        server.close()
        await context.terminated.set()
        await exchange.close()
        connections.close()
        if tasks:
            await asyncio.wait(tasks, timeout=2)
        for task in list(tasks):
            task.cancel()


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = "-"
    config.keep_alive_timeout = 30
    return config
