"""The HTTP door of the local Claude: headers, errors, and tokens paced in real time.

Reads the pace from the environment (CLAUDE_FIRST_TOKEN_MS, CLAUDE_TOKEN_MS); logs nothing of what is said.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from infra.local.claude import models
from infra.local.claude.faults import Faults
from infra.local.claude.prompt_cache import PromptCache
from infra.local.claude.protocol import Json, ProtocolError, events, input_tokens, message, shown, validate
from infra.local.claude.rules import answer

_MAX_BODY = 32 * 1024 * 1024
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an answer comes, in milliseconds."""

    first_token: float = 150
    token: float = 15

    @classmethod
    def from_environment(cls) -> "Pace":
        """Read CLAUDE_FIRST_TOKEN_MS and CLAUDE_TOKEN_MS."""
        return cls(
            float(os.environ.get("CLAUDE_FIRST_TOKEN_MS", "150")), float(os.environ.get("CLAUDE_TOKEN_MS", "15"))
        )


def create_app(pace: Pace, faults: Faults | None = None) -> Starlette:
    """Make the application; mount it at the root: its paths begin with /v1."""
    cache, wrong = PromptCache(), faults or Faults()

    async def create_message(request: Request) -> Response:
        body = validate(await _body(request))
        model = models.find(body["model"])
        model.check(body, request.headers["anthropic-version"])
        if wrong.overloaded():
            raise ProtocolError("overloaded_error", "Overloaded")
        thought = model.thinking_tokens(body)
        thinking = [{"type": "thinking", "thinking": "", "signature": "c2ln", "tokens": thought}] if thought else []
        stopped = wrong.plan.stop_reason
        whole = message(body, [*thinking, *answer(body)], f"msg_{uuid.uuid4().hex}", stopped=stopped)
        whole["usage"] |= _cached(body, cache.use(body, kept_from=model.kept_from))
        slowed = Pace(pace.first_token + wrong.plan.delay_ms, pace.token)
        if body.get("stream"):
            headers = {"cache-control": "no-cache", "request-id": request.state.request_id}
            return StreamingResponse(
                _paced(whole, slowed), media_type="text/event-stream; charset=utf-8", headers=headers
            )
        await asyncio.sleep((slowed.first_token + pace.token * whole["usage"]["output_tokens"]) / 1000)
        return JSONResponse(whole | {"content": [shown(block) for block in whole["content"]]})

    async def describe_model(request: Request) -> Response:
        return JSONResponse(models.find(request.path_params["model"]).info())

    async def count_tokens(request: Request) -> Response:
        return JSONResponse({"input_tokens": input_tokens(validate(await _body(request), counting=True))})

    return Starlette(
        routes=[
            Route("/v1/models/{model}", _guarded(describe_model), methods=["GET"]),
            Route("/v1/messages", _guarded(create_message), methods=["POST"]),
            Route("/v1/messages/count_tokens", _guarded(count_tokens), methods=["POST"]),
        ]
    )


async def _paced(whole: Json, pace: Pace) -> AsyncIterator[bytes]:
    """Stream a message; the first token and those after it come in their time, whatever encoding them costs."""
    loop = asyncio.get_running_loop()
    due = loop.time() + pace.first_token / 1000
    for event in events(whole):
        if event.tokens:
            due += pace.token * (event.tokens - 1) / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))
            due += pace.token / 1000
        yield event.encode()


def _cached(body: Json, used: tuple[int, int]) -> Json:
    """What of the input was read from the cache or written to it does not count as input."""
    read, written = used
    return {
        "input_tokens": max(0, input_tokens(body) - read - written),
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Check the headers, give the request an id, and turn refusals into Anthropic's error bodies."""

    async def guarded(request: Request) -> Response:
        request_id = request.state.request_id = f"req_{uuid.uuid4().hex[:24]}"
        try:
            _check_headers(request)
            response = await endpoint(request)
        except (ProtocolError, models.Refusal) as refusal:
            error = refusal if isinstance(refusal, ProtocolError) else ProtocolError(refusal.kind, str(refusal))
            response = JSONResponse(error.body(request_id), status_code=error.status)
            if error.kind == "rate_limit_error":
                response.headers["retry-after"] = "1"
        response.headers["request-id"] = request_id
        return response

    return guarded


def _check_headers(request: Request) -> None:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer")  # the SDK's way since its version 2
    if not (request.headers.get("x-api-key", "") or bearer).strip():
        raise ProtocolError("authentication_error", "x-api-key header is required")
    version = request.headers.get("anthropic-version")
    if not version:
        raise ProtocolError("invalid_request_error", "anthropic-version: header is required")
    if version not in models.VERSIONS:
        raise ProtocolError("invalid_request_error", f'anthropic-version: "{version}" is not a valid version')


async def _body(request: Request) -> object:
    raw = await request.body()
    if len(raw) > _MAX_BODY:
        raise ProtocolError("request_too_large", "Request exceeds the maximum size")
    try:
        return await request.json()
    except ValueError as error:
        raise ProtocolError("invalid_request_error", "The request body is not valid JSON.") from error


faults = Faults()
app = create_app(Pace.from_environment(), faults)
