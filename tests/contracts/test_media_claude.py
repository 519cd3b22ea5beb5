"""The conversation's Claude client over real HTTP: what it asks, and what it makes of answers that break."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest

from calling.adapters.claude import ClaudeModel
from calling.domain.errors import ModelError
from calling.domain.language_model import LlmAccess, ModelTraits, Restraint
from calling.domain.model_usage import ModelUsage, added
from calling.ports import ModelAccess
from media.llm import Ended, LanguageModelFailed, LlmSettings, Manner, Piece, Stop, ToolUse, Waiting, Words
from media.llm.claude import Claude

MANNER = Manner("You are Emma.", ({"name": "end_call", "input_schema": {"type": "object"}},), temperature=0.7)
ASKED = [{"role": "user", "content": "Hello?"}]


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


START: dict[str, Any] = {
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
OPEN_TOOL = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "tool_use", "id": "t1", "name": "end_call", "input": {}},
}


def ended(reason: str) -> list[dict[str, Any]]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]


END = ended("end_turn")


def text(words: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}}


def arguments(part: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": part}}


GOOD = sse(START, OPEN_TEXT, text("Hello, "), {"type": "ping"}, text("Sarah."), CLOSE, *END)
SAID: list[Piece] = [Words("Hello, "), Words("Sarah.")]
TOOL = sse(
    START,
    OPEN_TOOL,
    arguments('{"farewell": '),
    arguments('"Bye."}'),
    CLOSE,
    *END,
)
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
HALF = sse(START, OPEN_TEXT, text("Hello, "))


class Service:
    """Answers requests in turn: (status, body) whole, with headers, or broken off where a third part says so."""

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
                status, body, *more = self.answers.pop(0)
                headers = "".join(f"{k}: {v}\r\n" for part in more if isinstance(part, dict) for k, v in part.items())
                broken = "broken" in more
                kind = "text/event-stream" if status == 200 else "application/json"
                claimed = len(body) + 100 if broken else len(body)
                writer.write(
                    f"HTTP/1.1 {status} X\r\n{headers}content-type: {kind}\r\n"
                    f"content-length: {claimed}\r\n\r\n".encode()
                )
                writer.write(body)
                await writer.drain()
                if broken:
                    return
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


@dataclass
class Asking:
    """Asks a service for replies as one process would; nothing is slept, `pauses` holds what would have been."""

    pauses: list[float] = field(default_factory=list)
    clients: dict[int, Claude] = field(default_factory=dict)

    async def __call__(
        self, service: Service, manner: Manner = MANNER, *, every: bool = False, **settings: Any
    ) -> list[Piece]:
        """Give the pieces of a reply; unless `every`, those that are heard."""
        way = ModelAccess(api_key="key", base_url=f"http://127.0.0.1:{service.port}")
        given: dict[str, Any] = {"model": "claude-haiku-4-5", "access": way} | settings
        client = self.clients.setdefault(service.port, Claude(LlmSettings(**given), self.sleep))
        async with asyncio.timeout(20):
            pieces = [piece async for piece in client.reply(manner, ASKED)]
        return pieces if every else [p for p in pieces if isinstance(p, Words | ToolUse)]

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
async def ask() -> AsyncIterator[Asking]:
    asking = Asking()
    yield asking
    for client in asking.clients.values():
        await client.close()


async def test_words_come_as_they_are_written_over_one_kept_connection(ask: Asking) -> None:
    async with Service((200, GOOD), (200, GOOD)) as service:
        assert await ask(service) == SAID
        await ask(service)
        assert service.connections == 1


async def test_a_tool_comes_whole(ask: Asking) -> None:
    async with Service((200, TOOL)) as service:
        assert await ask(service) == [ToolUse("t1", "end_call", {"farewell": "Bye."})]


async def test_the_prompt_is_kept_and_the_manner_is_asked_for(ask: Asking) -> None:
    async with Service((200, GOOD)) as service:
        await ask(service)
    (body,) = service.bodies
    kept = {"type": "ephemeral"}
    assert body["system"] == [{"type": "text", "text": "You are Emma.", "cache_control": kept}]
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hello?", "cache_control": kept}]}
    ]
    assert (body["model"], body["stream"], body["tools"]) == ("claude-haiku-4-5", True, list(MANNER.tools))


async def test_tokens_are_those_the_stream_counts(ask: Asking) -> None:
    usage = {
        "input_tokens": 40,
        "cache_read_input_tokens": 700,
        "cache_creation_input_tokens": 20,
        "output_tokens": 1,
    }
    start = {**START, "message": {**START["message"], "usage": usage}}
    async with Service((200, sse(start, OPEN_TEXT, text("Hi."), CLOSE, *END))) as service:
        pieces = await ask(service, every=True)
    assert added(p for p in pieces if isinstance(p, ModelUsage)) == (ModelUsage("claude-haiku-4-5", 40, 20, 700, 5),)
    assert pieces[-1] == Ended("done")


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", "done"),
        ("max_tokens", "cut"),
        ("refusal", "refused"),
        ("model_context_window_exceeded", "too_long"),
        ("a_reason_of_tomorrow", "done"),
    ],
)
async def test_why_a_reply_ended_is_told(ask: Asking, reason: str, stop: Stop) -> None:
    async with Service((200, sse(START, OPEN_TEXT, text("Sure."), CLOSE, *ended(reason)))) as service:
        assert (await ask(service, every=True))[-1] == Ended(stop)


async def test_a_tool_cut_by_the_limit_is_told_without_its_arguments(ask: Asking) -> None:
    cut = sse(START, OPEN_TOOL, arguments('{"farewell": "Thank you for yo'), CLOSE, *ended("max_tokens"))
    async with Service((200, cut)) as service:
        assert await ask(service) == [ToolUse("t1", "end_call", {}, cut=True)]
        assert len(service.bodies) == 1, "the same limit would cut it again"


async def test_arguments_that_are_broken_though_whole_are_asked_for_again(ask: Asking) -> None:
    broken = sse(START, OPEN_TOOL, arguments('{"farewell": "Tha'), CLOSE, *ended("tool_use"))
    async with Service((200, broken), (200, TOOL)) as service:
        assert await ask(service) == [ToolUse("t1", "end_call", {"farewell": "Bye."})]


BUSY = (529, json.dumps(OVERLOADED).encode())
TRANSIENT = [BUSY, (500, b"{}"), (200, sse(START, OVERLOADED)), (200, sse(START), "broken"), (200, b"")]


@pytest.mark.parametrize("failure", TRANSIENT, ids=["overloaded", "error", "error-in-stream", "broken", "empty"])
async def test_a_reply_that_fails_before_its_first_word_is_waited_for(ask: Asking, failure: Any) -> None:
    async with Service(*[failure] * 4, (200, GOOD)) as service:
        pieces = await ask(service, every=True)
    assert [p for p in pieces if isinstance(p, Words | Waiting)] == [*[Waiting()] * 4, *SAID]


async def test_a_busy_model_is_waited_for_about_five_seconds_in_all(ask: Asking) -> None:
    async with Service(*[BUSY] * 20) as service:
        with pytest.raises(LanguageModelFailed):
            await ask(service)
        assert 5 <= len(service.bodies) <= 8
    assert 4.5 <= sum(ask.pauses) <= 5.0


async def test_the_service_says_how_long_to_wait(ask: Asking) -> None:
    async with Service((429, b"{}", {"retry-after": "2"}), (200, GOOD)) as service:
        assert await ask(service) == SAID
    assert ask.pauses == [2.0]


async def test_who_asks_for_more_than_is_left_is_not_waited_for(ask: Asking) -> None:
    async with Service((429, b"{}", {"retry-after": "30"})) as service:
        with pytest.raises(LanguageModelFailed):
            await ask(service)
        assert (len(service.bodies), ask.pauses) == (1, [])


async def test_the_second_model_answers_for_one_that_is_busy_and_is_asked_first_for_a_while(ask: Asking) -> None:
    second = "claude-sonnet-5"
    async with Service((429, b"{}", {"retry-after": "30"}), (200, GOOD), (200, GOOD)) as service:
        pieces = await ask(service, every=True, fallback_model=second)
        assert [p for p in pieces if isinstance(p, Words | Waiting)] == [Waiting(), *SAID]
        assert await ask(service) == SAID
    assert [body["model"] for body in service.bodies] == ["claude-haiku-4-5", second, second]
    assert "temperature" not in service.bodies[1], "each model is asked in its own way"


async def test_the_second_model_stands_in_for_one_that_was_retired(ask: Asking) -> None:
    async with Service((404, b"{}"), (200, GOOD)) as service:
        assert await ask(service, fallback_model="claude-haiku-5-5") == SAID


async def test_a_service_that_wants_no_wait_is_not_asked_without_one(ask: Asking) -> None:
    async with Service(*[(529, b"{}", {"retry-after": "0"})] * 20) as service:
        with pytest.raises(LanguageModelFailed):
            await ask(service)
        assert 5 <= len(service.bodies) <= 8


async def test_what_one_request_met_says_nothing_of_the_model_to_the_next(ask: Asking) -> None:
    async with Service((413, b"{}"), (200, HALF), (200, GOOD)) as service:
        for _ in range(2):
            with pytest.raises(LanguageModelFailed):
                await ask(service, fallback_model="claude-sonnet-5")
        assert await ask(service) == SAID
    assert {body["model"] for body in service.bodies} == {"claude-haiku-4-5"}


@pytest.mark.parametrize("status", [400, 401, 402, 403, 413])
async def test_what_is_refused_for_good_is_asked_of_nobody_again(ask: Asking, status: int) -> None:
    async with Service((status, b"{}"), (200, GOOD)) as service:
        with pytest.raises(LanguageModelFailed):
            await ask(service, fallback_model="claude-sonnet-5")
        assert (len(service.bodies), ask.pauses) == (1, [])


@pytest.mark.parametrize("failure", [(200, HALF, "broken"), (200, HALF), (200, HALF + sse(OVERLOADED))])
async def test_a_reply_that_breaks_off_later_is_not_asked_for_again(ask: Asking, failure: Any) -> None:
    async with Service(failure, (200, GOOD)) as service:
        with pytest.raises(LanguageModelFailed):
            await ask(service, fallback_model="claude-sonnet-5")
        assert len(service.bodies) == 1


def refusing(message: str) -> tuple[int, bytes]:
    return 400, json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}}).encode()


NO_TEMPERATURE = refusing("`temperature` is deprecated for this model.")


async def test_what_a_model_refuses_is_left_out_from_then_on(ask: Asking) -> None:
    async with Service(NO_TEMPERATURE, (200, GOOD), (200, GOOD)) as service:
        await ask(service)
        await ask(service)
    assert ["temperature" in body for body in service.bodies] == [True, False, False]
    versions = [head.split("anthropic-version: ")[1][:10] for head in service.heads]
    assert versions == ["2023-06-01", "2026-10-21", "2026-10-21"], "the older version is for the temperature alone"


async def test_a_model_that_cannot_be_kept_from_thinking_is_asked_for_little_of_it(ask: Asking) -> None:
    always = refusing(
        '"thinking.type.disabled" is not supported for this model. Use "thinking.type.adaptive" and '
        '"output_config.effort" to control thinking behavior.'
    )
    async with Service(always, (200, GOOD)) as service:
        await ask(service, model="claude-next-6")
    first, second = service.bodies
    assert first["thinking"] == {"type": "disabled"}
    assert ("thinking" in second, second["output_config"]) == (False, {"effort": "low"})
    assert second["max_tokens"] == first["max_tokens"] + 1_000


async def test_what_is_known_of_the_agents_model_is_used_at_once(ask: Asking) -> None:
    manner = replace(MANNER, model="claude-next-6", traits=ModelTraits(Restraint.BETWEEN_TOOLS))
    async with Service((200, GOOD)) as service:
        await ask(service, manner)
    assert service.bodies[0]["thinking"] == {"type": "between_tools"}


async def test_two_first_replies_at_once_both_learn_that_a_model_takes_no_temperature(ask: Asking) -> None:
    async with Service(NO_TEMPERATURE, NO_TEMPERATURE, (200, GOOD), (200, GOOD)) as service:
        service.together = asyncio.Barrier(2)  # neither is answered before both have asked
        assert [*await asyncio.gather(ask(service), ask(service))] == [SAID, SAID]
    assert ["temperature" in body for body in service.bodies] == [True, True, False, False]


@pytest.mark.parametrize(
    ("access", "service_name", "path", "model"),
    [
        (LlmAccess.AWS, "aws-external-anthropic", "/v1/messages", "claude-haiku-5-5"),
        (LlmAccess.BEDROCK, "bedrock-mantle", "/v1/messages", "anthropic.claude-haiku-5-5"),
    ],
)
async def test_iam_signs_where_there_is_no_key(
    ask: Asking,
    monkeypatch: pytest.MonkeyPatch,
    access: LlmAccess,
    service_name: str,
    path: str,
    model: str,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with Service((200, GOOD)) as service:
        way = ModelAccess(access, "", f"http://127.0.0.1:{service.port}", "eu-west-2", "wrkspc_1")
        assert await ask(service, model="claude-haiku-5-5", access=way) == SAID
    (head,) = service.heads
    assert head.startswith(f"post {path} ")
    assert re.search(rf"authorization: aws4-hmac-sha256 credential=akidtest/\d+/eu-west-2/{service_name}/", head)
    assert ("anthropic-workspace-id: wrkspc_1" in head) == (access is LlmAccess.AWS)
    assert service.bodies[0]["model"] == model


@pytest.mark.parametrize("access", [LlmAccess.AWS, LlmAccess.BEDROCK])
async def test_without_credentials_to_sign_with_a_reply_fails_as_any_other(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, access: LlmAccess, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    async with Service() as service:
        way = ModelAccess(access, "", f"http://127.0.0.1:{service.port}", "eu-west-3", "wrkspc_1")
        with pytest.raises(LanguageModelFailed):
            await ask(service, access=way)
        with pytest.raises(ModelError):
            await asyncio.to_thread(
                ClaudeModel(way, model="claude-haiku-5-5").complete,
                system="s",
                message="m",
                max_tokens=9,
                temperature=0.3,
            )
