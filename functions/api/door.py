"""The outermost layer: a request id, the size of bodies, the headers every response has, and the last `except`.

It knows ASGI, not FastAPI: what it answers itself must not depend on the app that may just have failed.
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from traceback import extract_tb
from typing import Any

from starlette.responses import Response

from api.auth import Allowance, untouched
from api.problems import from_error, unexpected
from api.services import Services
from calling.domain.errors import InvalidRequest

MAX_BODY = 4 * 1024 * 1024

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Door:
    """ASGI middleware around the whole app."""

    def __init__(self, app: App, services: Services, docs: str, log: logging.Logger) -> None:
        self._app = app
        self._services = services
        self._docs = docs
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = _request_id(scope) or self._services.ids.new("req")
        begun = False

        async def finish(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                allowance: Allowance = state.get("allowance") or untouched(self._services, scope["method"])
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode()), *allowance.headers()]
                message = {**message, "headers": headers}
            await send(message)

        try:
            body = await _read(receive)
            if body is None:
                await self._too_large()(scope, receive, finish)
                return
            await self._app(scope, _replay(body), finish)
        except Exception as error:  # the API's one door: whatever happens has an answer
            self._log.error("request failed", extra={"request_id": request_id, **_where(error)})
            if begun:
                raise
            await unexpected(docs=self._docs)(scope, receive, finish)

    def _too_large(self) -> Response:
        error = InvalidRequest("A body is at most 4 MB.", code="body_too_large", field="body")
        return from_error(error, docs=self._docs)


def _request_id(scope: Scope) -> str | None:
    """Give the gateway's own id of the request, so that its access log and ours agree."""
    event = scope.get("aws.event")
    found = event.get("requestContext", {}).get("requestId") if isinstance(event, dict) else None
    return found if isinstance(found, str) and found else None


def _where(error: Exception) -> dict[str, object]:
    """Say what failed and where, without its message: libraries put numbers, prompts and secrets into those."""
    frames = extract_tb(error.__traceback__)[-6:]
    return {"error": type(error).__qualname__, "frames": [f"{f.filename}:{f.lineno} {f.name}" for f in frames]}


async def _read(receive: Receive) -> bytes | None:
    """Read the whole body; None once it is too large."""
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
        more = bool(message.get("more_body", False))
    return b"".join(parts)


def _replay(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
