"""The conversation's Claude client over real HTTP: what it asks, and what it makes of answers that break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from media.llm import LanguageModelFailed, LlmSettings, Manner, ToolUse, Words, claude
from media.llm.claude import Claude

MANNER = Manner("You are Emma.", ({"name": "end_call", "input_schema": {"type": "object"}},), temperature=0.7)
ASKED = [{"role": "user", "content": "Hello?"}]


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


START = {
    "type": "message_start",
    "message": {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "x",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
}
OPEN_TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
CLOSE = {"type": "content_block_stop", "index": 0}
END: list[dict[str, Any]] = [
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 5},
    },
    {"type": "message_stop"},
]


def text(words: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}}


def arguments(part: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": part}}


GOOD = sse(START, OPEN_TEXT, text("Hello, "), {"type": "ping"}, text("Sarah."), CLOSE, *END)
TOOL = sse(
    START,
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "t1", "name": "end_call", "input": {}},
    },
    arguments('{"farewell": '),
    arguments('"Bye."}'),
    CLOSE,
    *END,
)
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
HALF = sse(START, OPEN_TEXT, text("Hello, "))


class Service:
    """Answers requests in turn: (status, body) whole, or broken off where a third part says so."""

    def __init__(self, *answers: tuple[Any, ...]) -> None:
        self.answers = list(answers)
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0
        self.together: asyncio.Barrier | None = None

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for writer in self.writers:  # kept connections: since 3.12 a server waits for them
            writer.close()
        await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                self.heads.append(head)
                length = int(head.split("content-length: ")[1].split("\r\n")[0])
                self.bodies.append(json.loads(await reader.readexactly(length)))
                if self.together:
                    await self.together.wait()
                status, body, *broken = self.answers.pop(0)
                kind = "text/event-stream" if status == 200 else "application/json"
                claimed = len(body) + 100 if broken else len(body)
                writer.write(
                    f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {claimed}\r\n\r\n".encode()
                )
                writer.write(body)
                await writer.drain()
                if broken:
                    return
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claude, "_RETRY_PAUSE", 0.0)


@pytest.fixture
async def ask() -> AsyncIterator[Any]:
    clients: dict[int, Claude] = {}

    async def ask(service: Service) -> list[Words | ToolUse]:
        url = f"http://127.0.0.1:{service.port}"
        client = clients.setdefault(service.port, Claude(LlmSettings("claude-haiku-4-5", "key", url)))
        async with asyncio.timeout(20):
            return [piece async for piece in client.reply(MANNER, ASKED)]

    yield ask
    for client in clients.values():
        await client.close()


async def test_words_come_as_they_are_written_over_one_kept_connection(ask: Any) -> None:
    async with Service((200, GOOD), (200, GOOD)) as service:
        assert await ask(service) == [Words("Hello, "), Words("Sarah.")]
        await ask(service)
        assert service.connections == 1


async def test_a_tool_comes_whole(ask: Any) -> None:
    async with Service((200, TOOL)) as service:
        assert await ask(service) == [ToolUse("t1", "end_call", {"farewell": "Bye."})]


async def test_the_prompt_is_cacheable_and_the_manner_is_asked_for(ask: Any) -> None:
    async with Service((200, GOOD)) as service:
        await ask(service)
    (body,) = service.bodies
    assert "\r\nanthropic-version: 2023-06-01\r\n" in service.heads[0]  # the last that takes a temperature
    assert body["system"] == [{"type": "text", "text": "You are Emma.", "cache_control": {"type": "ephemeral"}}]
    assert (body["model"], body["temperature"], body["stream"]) == ("claude-haiku-4-5", 0.7, True)
    assert body["messages"] == ASKED
    assert body["tools"] == list(MANNER.tools)


@pytest.mark.parametrize(
    "failure",
    [
        (529, json.dumps(OVERLOADED).encode()),
        (500, b"{}"),
        (200, sse(START, OVERLOADED)),
        (200, sse(START), "broken"),
        (200, b""),
    ],
    ids=["overloaded", "error", "error-in-stream", "broken", "empty"],
)
async def test_a_reply_that_fails_before_its_first_word_is_asked_for_again_twice(ask: Any, failure: Any) -> None:
    async with Service(failure, failure, (200, GOOD)) as service:
        assert await ask(service) == [Words("Hello, "), Words("Sarah.")]
    async with Service(failure, failure, failure, (200, GOOD)) as service:
        with pytest.raises(LanguageModelFailed):
            await ask(service)
        assert len(service.bodies) == 3


@pytest.mark.parametrize("failure", [(200, HALF, "broken"), (200, HALF), (200, HALF + sse(OVERLOADED))])
async def test_a_reply_that_breaks_off_later_is_not_asked_for_again(ask: Any, failure: Any) -> None:
    async with Service(failure, (200, GOOD)) as service:
        with pytest.raises(LanguageModelFailed):
            await ask(service)
        assert len(service.bodies) == 1


async def test_a_refusal_is_final(ask: Any) -> None:
    async with Service((401, b'{"type":"error","error":{"type":"authentication_error","message":"no"}}')) as service:
        with pytest.raises(LanguageModelFailed):
            await ask(service)
        assert len(service.bodies) == 1


async def test_a_model_without_temperature_is_asked_without_it_from_then_on(ask: Any) -> None:
    refusal = b'{"type":"error","error":{"type":"invalid_request_error","message":"temperature: not supported"}}'
    async with Service((400, refusal), (200, GOOD), (200, GOOD)) as service:
        await ask(service)
        await ask(service)
    assert ["temperature" in body for body in service.bodies] == [True, False, False]


async def test_two_first_replies_at_once_both_learn_that_a_model_takes_no_temperature() -> None:
    refusal = b'{"type":"error","error":{"type":"invalid_request_error","message":"temperature: not supported"}}'
    async with Service((400, refusal), (400, refusal), (200, GOOD), (200, GOOD)) as service:
        service.together = asyncio.Barrier(2)  # neither is answered before both have asked
        client = Claude(LlmSettings("claude-haiku-4-5", "key", f"http://127.0.0.1:{service.port}"))

        async def ask() -> list[Words | ToolUse]:
            return [piece async for piece in client.reply(MANNER, ASKED)]

        async with asyncio.timeout(20):
            replies = await asyncio.gather(ask(), ask())
        await client.close()
    assert all(reply == [Words("Hello, "), Words("Sarah.")] for reply in replies)
    assert ["temperature" in body for body in service.bodies] == [True, True, False, False]
