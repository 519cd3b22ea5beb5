"""Claude through one shared client of the SDK: a new client a turn would cost 40 ms of the loop each.

A reply that fails before its first word is asked for again, for about five seconds in all; then a second model is
asked where one is named. One that breaks off later is not, for its words have been spoken. A broken stream surfaces
as the HTTP library's own error, an overload in mid-stream as an APIStatusError: both count.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

import httpx2
from anthropic import AnthropicError, APIStatusError, DefaultAsyncHttpxClient

from calling.adapters.claude_access import FINAL, UNSIGNED, async_client, request, retry_after, sent
from calling.domain.language_model import ModelTraits, assumed, healed, pause_after
from media.llm import LanguageModelFailed, LlmSettings, Manner, Piece, ToolUse, Waiting, Words
from media.llm.parts import Parts

logger = logging.getLogger(__name__)

_PATIENCE, _SECOND_PATIENCE = 5.0, 1.0  # s a busy model is waited for: the first, and the second
_REMEMBERED = 30.0  # s after which a model that was given up is asked first again
_CONNECT, _READ = 5.0, 6.0  # s; a read is the wait for the next piece
_KEEP_ALIVE = 120.0  # s
_FAILURES = (AnthropicError, httpx2.HTTPError, OSError, ValueError, *UNSIGNED)


class Claude:
    """The shared client."""

    def __init__(self, settings: LlmSettings, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._settings = settings
        self._sleep = sleep
        self._learnt: dict[str, ModelTraits] = {}
        self._given_up: dict[str, float] = {}  # the loop's time at which a model is worth asking again
        self._client = async_client(
            settings.access,
            http_client=DefaultAsyncHttpxClient(
                timeout=httpx2.Timeout(_READ, connect=_CONNECT),
                limits=httpx2.Limits(max_connections=500, max_keepalive_connections=100, keepalive_expiry=_KEEP_ALIVE),
            ),
        )

    async def reply(self, manner: Manner, messages: Sequence[dict[str, Any]]) -> AsyncGenerator[Piece]:
        """Yield a reply as it is written."""
        first = manner.model or self._settings.model
        if manner.traits is not None:
            self._learnt.setdefault(first, manner.traits)
        models = self._in_turn(first)
        for model in models:
            last = model == models[-1]
            try:
                async with aclosing(self._patiently(model, manner, messages, first=model == first)) as pieces:
                    async for piece in pieces:
                        yield piece
            except _GivenUp as given_up:
                if given_up.another_may:  # else it is this request's fault, or the account's: other calls may have it
                    self._given_up[model] = asyncio.get_running_loop().time() + _REMEMBERED
                if last or not given_up.another_may:
                    raise LanguageModelFailed(str(given_up)) from given_up.__cause__
                logger.warning("model given up, the second one is asked")
                yield Waiting()
            else:
                return

    def _in_turn(self, first: str) -> tuple[str, ...]:
        """Name the models to ask; one that was given up just now is asked last."""
        second = self._settings.fallback_model
        if not second or second == first:
            return (first,)
        now = asyncio.get_running_loop().time()
        return (second, first) if self._given_up.get(first, now) > now else (first, second)

    async def _patiently(
        self, model: str, manner: Manner, messages: Sequence[dict[str, Any]], *, first: bool
    ) -> AsyncGenerator[Piece]:
        """Ask one model until it answers, it refuses for good, or its patience is used up: _GivenUp."""
        loop, patience = asyncio.get_running_loop(), _PATIENCE if first else _SECOND_PATIENCE
        waited, failures = 0.0, 0
        while True:
            begun, asked_at = False, loop.time()
            try:
                async with aclosing(self._once(model, manner, messages)) as pieces:
                    async for piece in pieces:
                        begun = begun or isinstance(piece, Words | ToolUse)
                        yield piece
            except _FAILURES as e:
                status = e.status_code if isinstance(e, APIStatusError) else None
                logger.warning("reply failed: %s %s", type(e).__name__, status or "")
                if begun or status in FINAL:
                    raise _GivenUp(type(e).__name__, another_may=not begun and status == 404) from e
                failures += 1
                waited += loop.time() - asked_at
                pause = pause_after(
                    failures, waited=waited, patience=patience, asked=retry_after(e), jitter=random.random()
                )
                if pause is None:
                    raise _GivenUp(type(e).__name__, another_may=True) from e
            else:
                return
            yield Waiting()
            waited += pause
            await self._sleep(pause)

    async def _once(self, model: str, manner: Manner, messages: Sequence[dict[str, Any]]) -> AsyncGenerator[Piece]:
        """Ask; what is refused is left out and asked again, each thing once."""
        while True:
            traits = self._learnt.setdefault(model, assumed(model))
            arguments = self._arguments(model, traits, manner, messages)
            try:
                stream = await self._client.messages.create(**arguments)
            except APIStatusError as refusal:
                better = healed(traits, sent(arguments), str(refusal)) if refusal.status_code == 400 else None
                if better is None:
                    raise
                self._learnt[model] = better
                continue
            parts = Parts(model)
            async with stream:
                async for event in stream:
                    for piece in parts.take(event):
                        yield piece
            if not parts.ended:
                raise httpx2.RemoteProtocolError("the stream ended before the message did")
            return

    def _arguments(
        self, model: str, traits: ModelTraits, manner: Manner, messages: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        depends = request(
            self._settings.access, model, traits, max_tokens=manner.max_tokens, temperature=manner.temperature
        )
        tools = {"tools": list(manner.tools)} if manner.tools else {}
        return (
            {"system": [_kept(manner.system)], "messages": _kept_to_the_end(messages), "stream": True} | tools | depends
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()


class _GivenUp(Exception):
    """A model will not answer; `another_may`: nothing was said, and the fault was not in the request or the account."""

    def __init__(self, why: str, *, another_may: bool) -> None:
        super().__init__(why)
        self.another_may = another_may


def _kept(text: str) -> dict[str, Any]:
    """Mark where the service may keep what it has read so far, for five minutes.

    A later turn reads that again at a tenth of its price or less; writing it costs a quarter more. Nothing is kept of a
    prompt that is too short: 512 tokens on Haiku 5.5 and Sonnet 5.5, 4,096 on Haiku 4.5.
    """
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}


def _kept_to_the_end(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The next turn's messages begin with these, so they are kept as well."""
    *before, last = messages
    return [*before, last | {"content": [_kept(cast("str", last["content"]))]}]
