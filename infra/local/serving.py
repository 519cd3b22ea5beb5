"""ASGI apps on the loopback, served by hypercorn, with connections that can be seen and lost on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.typing import LifespanState
from hypercorn.utils import wrap_app

HOST = "127.0.0.1"
_GRACE = 2.0  # s that connections get to end by themselves


@dataclass(slots=True)
class Connection:
    """One client's TCP connection."""

    writer: asyncio.StreamWriter
    streams: int = 0  # that the app has served on it, where it counts them

    def lose(self) -> None:
        """Cut it off without a word."""
        self.writer.transport.abort()


class Connections:
    """The open connections by their client's port."""

    def __init__(self) -> None:
        self._open: dict[int, Connection] = {}

    def add(self, writer: asyncio.StreamWriter) -> int:
        """Remember a connection; return its key."""
        port: int = writer.get_extra_info("peername")[1]
        self._open[port] = Connection(writer)
        return port

    def remove(self, port: int) -> None:
        """Forget one that is over."""
        self._open.pop(port, None)

    def of(self, client: tuple[str, int] | None) -> Connection | None:
        """The connection of an ASGI scope's client, if it is still there."""
        return self._open.get(client[1]) if client else None

    def close(self) -> None:
        """Lose all."""
        for connection in list(self._open.values()):
            connection.lose()


@asynccontextmanager
async def listening(
    app: Any,  # noqa: ANN401  # hypercorn's and starlette's types of ASGI differ
    port: int,
    connections: Connections,
    config: Config,
) -> AsyncIterator[int]:
    """Serve an app, with TLS where the config has a certificate; yields the port. Port 0 takes a free one."""
    wrapped = wrap_app(app, 2**20, "asgi")
    loop, context = asyncio.get_running_loop(), WorkerContext(None)
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
        except* KeyError:
            pass  # hypercorn 0.18 forgets a stream it has answered, and trips over what still comes of its body
        finally:
            connections.remove(key)

    tls = config.create_ssl_context() if config.ssl_enabled else None
    server = await asyncio.start_server(connected, HOST, port, backlog=200, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await context.terminated.set()
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE)
        for task in list(tasks):
            task.cancel()
