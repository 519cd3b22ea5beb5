"""The carrier as an HTTP server on the loopback, which can also lose a connection on purpose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request

from infra.local.carrier.controls import Controls
from infra.local.carrier.exchange import Exchange, Settings
from infra.local.carrier.rest import RestApi
from infra.local.serving import HOST, Connections, listening


@asynccontextmanager
async def serve(settings: Settings, port: int = 0) -> AsyncIterator[tuple[str, Exchange]]:
    """Run a carrier; yields its base URL and its exchange. Port 0 takes a free one."""
    exchange, connections = Exchange(settings), Connections()

    def drop(request: Request) -> None:
        if connection := connections.of(request.client):
            connection.lose()

    app = Starlette(routes=[*RestApi(exchange, drop).routes(), *Controls(exchange).routes()])
    async with listening(app, port, connections, _config()) as bound:
        try:
            yield f"http://{HOST}:{bound}", exchange
        finally:
            await exchange.close()
            connections.close()


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = "-"
    config.keep_alive_timeout = 30
    return config
