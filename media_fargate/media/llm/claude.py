"""Claude through one shared `AsyncAnthropic`: a new client a turn would cost 40 ms of the loop each.

A reply that fails before its first word is asked for again, twice at most; one that breaks off later is not, for its
words have been spoken. A broken stream surfaces as the HTTP library's own error, an overload in mid-stream as an
APIStatusError: both count.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
from anthropic import AnthropicError, APIStatusError, AsyncAnthropic, DefaultAsyncHttpxClient
from anthropic.types import InputJSONDelta, RawMessageStreamEvent, TextDelta, ToolUseBlock

from media.llm import LanguageModelFailed, LlmSettings, Manner, ToolUse, Words

logger = logging.getLogger(__name__)

_RETRIES = 2
_RETRY_PAUSE = 0.25  # s, the second time twice that
_CONNECT, _READ = 5.0, 6.0  # s; a read is the wait for the next piece
_KEEP_ALIVE = 120.0  # s
# The SDK's default, 2026-10-21, refuses a temperature (platform.claude.com/docs/en/api/versioning); agents have one.
_API_VERSION = "2023-06-01"
# Refused for good: asking again changes nothing.
_FINAL = frozenset({400, 401, 403, 404, 413, 422})


class Claude:
    """The shared client."""

    def __init__(self, settings: LlmSettings) -> None:
        self._model = settings.model
        self._without_temperature: set[str] = set()  # models that have refused it
        self._client = AsyncAnthropic(
            api_key=settings.api_key,
            base_url=settings.base_url,
            max_retries=0,
            default_headers={"anthropic-version": _API_VERSION},
            http_client=DefaultAsyncHttpxClient(
                timeout=httpx2.Timeout(_READ, connect=_CONNECT),
                limits=httpx2.Limits(max_connections=500, max_keepalive_connections=100, keepalive_expiry=_KEEP_ALIVE),
            ),
        )

    async def reply(self, manner: Manner, messages: Sequence[dict[str, Any]]) -> AsyncIterator[Words | ToolUse]:
        """Yield a reply as it is written."""
        for attempt in range(_RETRIES + 1):
            begun = False
            warm = (manner.model or self._model) not in self._without_temperature
            try:
                async for piece in self._once(manner, messages, warm=warm):
                    begun = True
                    yield piece
            except (AnthropicError, httpx2.HTTPError, OSError, ValueError) as e:
                logger.warning("reply failed: %s %s", type(e).__name__, getattr(e, "status_code", ""))
                final = isinstance(e, APIStatusError) and self._is_final(manner, e, warm=warm)
                if begun or final or attempt == _RETRIES:
                    raise LanguageModelFailed(type(e).__name__) from e
            else:
                return
            await asyncio.sleep(_RETRY_PAUSE * (attempt + 1))

    def _is_final(self, manner: Manner, refusal: APIStatusError, *, warm: bool) -> bool:
        """Tell whether asking again is pointless. A request refused for its temperature is worth asking without."""
        if warm and refusal.status_code == 400 and "temperature" in str(refusal):
            self._without_temperature.add(manner.model or self._model)
            return False
        return refusal.status_code in _FINAL

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def _once(
        self, manner: Manner, messages: Sequence[dict[str, Any]], *, warm: bool
    ) -> AsyncIterator[Words | ToolUse]:
        order: dict[str, Any] = {
            "model": manner.model or self._model,
            "max_tokens": manner.max_tokens,
            # The same in every turn of a call, and long: cached, a later turn reads it at a tenth of its price.
            "system": [{"type": "text", "text": manner.system, "cache_control": {"type": "ephemeral"}}],
            "messages": list(messages),
            "stream": True,
        }
        if manner.tools:
            order["tools"] = list(manner.tools)
        if warm:
            # The SDK's own signature has dropped it; models that have it still take it under this API version.
            order["extra_body"] = {"temperature": manner.temperature}
        stream = await self._client.messages.create(**order)
        parts = _Parts()
        async with stream:
            async for event in stream:
                piece = parts.take(event)
                if piece is not None:
                    yield piece
        if not parts.ended:
            raise httpx2.RemoteProtocolError("the stream ended before the message did")


class _Parts:
    """Puts a message's events together: words go on at once, a tool's arguments when they are whole."""

    def __init__(self) -> None:
        self.ended = False
        self._tool: ToolUseBlock | None = None
        self._arguments: list[str] = []

    def take(self, event: RawMessageStreamEvent) -> Words | ToolUse | None:
        """Take the next event. Raises ValueError for arguments that are no JSON object."""
        if event.type == "content_block_start" and isinstance(event.content_block, ToolUseBlock):
            self._tool, self._arguments = event.content_block, []
        elif event.type == "content_block_delta":
            if isinstance(event.delta, TextDelta):
                return Words(event.delta.text) if event.delta.text else None
            if isinstance(event.delta, InputJSONDelta):
                self._arguments.append(event.delta.partial_json)
        elif event.type == "content_block_stop" and self._tool is not None:
            tool, self._tool = self._tool, None
            arguments = json.loads("".join(self._arguments) or "{}")
            if not isinstance(arguments, dict):
                raise ValueError("a tool's arguments are no object")
            return ToolUse(tool.id, tool.name, arguments)
        elif event.type == "message_stop":
            self.ended = True
        return None
