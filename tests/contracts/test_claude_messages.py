"""The local Claude over its real protocol: the anthropic SDK cannot tell that it is not talking to the service."""

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from infra.local.claude.app import Pace, create_app
from infra.local.claude.faults import Faults, ModelFaults
from infra.local.claude.models import MODELS

FAULTS = Faults()
MODEL = "claude-haiku-4-5"
SYSTEM = (
    "<identity>\nYou are Maya, an AI agent speaking on the phone.\n</identity>\n\n"
    "<instructions>\nYou are Maya from Brightside Dental.\n</instructions>\n\n"
    "<purpose>\nRemind the caller about their appointment tomorrow at 2pm.\n</purpose>"
)
OPENER = "Hello, this is Maya from Brightside Dental. I'm calling to remind you about your appointment tomorrow at 2pm."
OPENING: list[Any] = [{"role": "user", "content": "Write the opening line of this call."}]
GOODBYE: list[Any] = [
    {"role": "user", "content": "(The callee has answered and said nothing yet.)"},
    {"role": "assistant", "content": OPENER},
    {"role": "user", "content": "That's all, goodbye."},
]
END_CALL: Any = {
    "name": "end_call",
    "description": "End the call.",
    "input_schema": {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "farewell": {"type": "string"}},
        "required": ["reason", "farewell"],
    },
}


@contextmanager
def served() -> Iterator[str]:
    """The application on a free port of this machine, in a thread with its own loop."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    loop, stop, config = asyncio.new_event_loop(), asyncio.Event(), Config()
    port = listener.getsockname()[1]
    config.bind = [f"fd://{listener.detach()}"]  # the server closes it
    application: Any = create_app(Pace(first_token=0, token=0), FAULTS)
    thread = threading.Thread(
        target=loop.run_until_complete, args=(serve(application, config, shutdown_trigger=stop.wait),)
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served() as base_url:
        yield base_url


@pytest.fixture(autouse=True)
def _own_credentials_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client(url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=url, api_key="sk-local", max_retries=0, timeout=20) as made:
        yield made


def test_a_whole_message(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=200, system=SYSTEM, messages=OPENING)
    assert [(block.type, getattr(block, "text", None)) for block in message.content] == [("text", OPENER)]
    assert (message.role, message.model, message.stop_reason) == ("assistant", MODEL, "end_turn")
    assert message.usage.input_tokens > len(SYSTEM) // 8
    assert message.usage.output_tokens > 10
    assert message.usage.cache_read_input_tokens == 0
    assert (message._request_id or "").startswith("req_")


def test_a_stream_assembles_to_the_same_message(client: anthropic.Anthropic) -> None:
    whole = client.messages.create(model=MODEL, max_tokens=200, system=SYSTEM, messages=OPENING)
    with client.messages.stream(model=MODEL, max_tokens=200, system=SYSTEM, messages=OPENING) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 5
    assert "".join(pieces) == OPENER
    assert [block.text for block in final.content if block.type == "text"] == [OPENER]
    assert (final.stop_reason, final.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)


def test_the_events_of_a_stream_come_in_their_order(client: anthropic.Anthropic) -> None:
    with client.messages.create(model=MODEL, max_tokens=200, system=SYSTEM, messages=OPENING, stream=True) as stream:
        kinds = [event.type for event in stream]
    told = re.sub(r"(content_block_delta )+", "content_block_delta+ ", " ".join(kinds) + " ").strip()
    assert (
        told == "message_start content_block_start content_block_delta+ content_block_stop message_delta message_stop"
    )


def test_the_stream_on_the_wire_has_a_ping_and_named_events(url: str) -> None:
    headers = {"x-api-key": "sk-local", "anthropic-version": "2023-06-01"}
    body = {"model": MODEL, "max_tokens": 9, "system": SYSTEM, "messages": OPENING, "stream": True}
    response = httpx.post(f"{url}/v1/messages", headers=headers, json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["request-id"].startswith("req_")
    events = [
        (part.split("\n")[0], json.loads(part.split("data: ")[1])) for part in response.text.strip().split("\n\n")
    ]
    assert all(name == f"event: {data['type']}" for name, data in events)
    assert events[2][1] == {"type": "ping"}
    assert events[-2][1]["delta"]["stop_reason"] == "max_tokens"


def test_a_tool_is_used(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=300, system=SYSTEM, messages=GOODBYE, tools=[END_CALL])
    [block] = message.content
    assert isinstance(block, anthropic.types.ToolUseBlock)
    assert (message.stop_reason, block.name, block.id[:6]) == ("tool_use", "end_call", "toolu_")
    assert block.input == {
        "reason": "the conversation is complete",
        "farewell": "Thank you for your time. Goodbye.",
    }


def test_a_tool_used_in_a_stream_arrives_as_partial_json(client: anthropic.Anthropic) -> None:
    with client.messages.stream(
        model=MODEL, max_tokens=300, system=SYSTEM, messages=GOODBYE, tools=[END_CALL]
    ) as stream:
        parts = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    [block] = final.content
    assert isinstance(block, anthropic.types.ToolUseBlock)
    assert json.loads("".join(parts)) == block.input
    assert final.stop_reason == "tool_use"


def test_the_result_of_a_tool_closes_the_turn(client: anthropic.Anthropic) -> None:
    first = client.messages.create(model=MODEL, max_tokens=300, system=SYSTEM, messages=GOODBYE, tools=[END_CALL])
    use = first.content[0]
    assert isinstance(use, anthropic.types.ToolUseBlock)
    after: list[Any] = [
        *GOODBYE,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "ended"}]},
    ]
    message = client.messages.create(model=MODEL, max_tokens=300, system=SYSTEM, messages=after, tools=[END_CALL])
    assert (message.content, message.stop_reason) == ([], "end_turn")
    with pytest.raises(anthropic.BadRequestError, match="tool_result"):
        client.messages.create(
            model=MODEL, max_tokens=9, messages=[*after[:-1], {"role": "user", "content": "Hm."}], tools=[END_CALL]
        )


def test_a_forced_tool_records_the_summary(client: anthropic.Anthropic) -> None:
    transcript = f"Agent: {OPENER}\nCaller: This is Sarah. Could we move it to Thursday at four?"
    message = client.messages.create(
        model=MODEL,
        max_tokens=500,
        system="You summarise phone calls. Call record_summary.",
        messages=[
            {
                "role": "user",
                "content": "<purpose>\nRemind the caller about their appointment.\n</purpose>\n"
                f"<date>Saturday, 21 November 2026</date>\n<transcript>\n{transcript}\n</transcript>",
            }
        ],
        tools=[{"name": "record_summary", "input_schema": {"type": "object"}}],
        tool_choice={"type": "tool", "name": "record_summary"},
    )
    [block] = message.content
    assert isinstance(block, anthropic.types.ToolUseBlock)
    assert isinstance(block.input, dict)
    assert "Sarah moved the appointment to Thursday at four." in str(block.input["summary"])
    assert (block.input["successful"], block.input["person"]) == (True, {"name": "Sarah"})


async def test_the_async_client_streams_and_sends_system_as_cached_blocks(url: str) -> None:
    blocks: list[Any] = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
    async with (
        anthropic.AsyncAnthropic(base_url=url, api_key="sk-local", max_retries=0, timeout=20) as client,
        client.messages.stream(model=MODEL, max_tokens=200, system=blocks, messages=OPENING) as stream,
    ):
        said = "".join([piece async for piece in stream.text_stream])
    assert said == OPENER


async def test_an_abandoned_stream_leaves_the_server_well(url: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="sk-local", max_retries=0, timeout=20) as client:
        async with client.messages.stream(model=MODEL, max_tokens=200, system=SYSTEM, messages=OPENING) as stream:
            async for _ in stream.text_stream:
                break
        message = await client.messages.create(model=MODEL, max_tokens=200, system=SYSTEM, messages=OPENING)
    assert message.stop_reason == "end_turn"


def test_stop_sequences_and_token_limits_cut_the_answer(client: anthropic.Anthropic) -> None:
    stopped = client.messages.create(
        model=MODEL, max_tokens=200, system=SYSTEM, messages=OPENING, stop_sequences=[" from"]
    )
    assert getattr(stopped.content[0], "text", None) == "Hello, this is Maya"
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", " from")
    short = client.messages.create(model=MODEL, max_tokens=2, system=SYSTEM, messages=OPENING)
    assert getattr(short.content[0], "text", None) == "Hello, this"
    assert short.stop_reason == "max_tokens"


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model=MODEL, system=SYSTEM, messages=OPENING)
    used = client.messages.create(model=MODEL, max_tokens=200, system=SYSTEM, messages=OPENING).usage
    assert counted.input_tokens == used.input_tokens


@pytest.mark.parametrize(
    ("model", "error", "kind"),
    [
        ("claude-test-overloaded", anthropic.InternalServerError, "overloaded_error"),
        ("claude-test-rate-limited", anthropic.RateLimitError, "rate_limit_error"),
        ("claude-test-api-error", anthropic.InternalServerError, "api_error"),
        ("gpt-unknown", anthropic.NotFoundError, "not_found_error"),
    ],
)
def test_errors_reach_the_sdk_as_its_own(
    client: anthropic.Anthropic, model: str, error: type[anthropic.APIStatusError], kind: str
) -> None:
    for streamed in (False, True):
        with pytest.raises(error) as caught:
            client.messages.create(model=model, max_tokens=10, messages=OPENING, stream=streamed)
        body: Any = caught.value.body
        assert (body["type"], body["error"]["type"]) == ("error", kind)
        assert caught.value.request_id == body["request_id"]
    if kind == "overloaded_error":
        assert caught.value.status_code == 529


@pytest.mark.parametrize("headers", [{"x-api-key": "sk-local"}, {"authorization": "Bearer sk-local"}])
def test_a_key_is_taken_from_either_header(url: str, headers: dict[str, str]) -> None:
    body = {"model": MODEL, "max_tokens": 10, "messages": OPENING}
    response = httpx.post(f"{url}/v1/messages", headers={"anthropic-version": "2023-06-01", **headers}, json=body)
    assert response.status_code == 200


def test_a_key_is_required(client: anthropic.Anthropic) -> None:
    without: Any = {"Authorization": anthropic.omit, "X-Api-Key": anthropic.omit}
    with pytest.raises(anthropic.AuthenticationError) as caught:
        client.messages.create(model=MODEL, max_tokens=10, messages=OPENING, extra_headers=without)
    body: Any = caught.value.body
    assert body["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, "first message must use"),
        ({"messages": [{"role": "system", "content": "Hi"}]}, "Input should be 'user' or 'assistant'"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]}, "non-empty"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 2}, "temperature"),
        ({"system": [{"type": "image"}]}, "system"),
        ({"tools": [{"name": "no spaces", "input_schema": {"type": "object"}}]}, "tools.0.name"),
        ({"tool_choice": {"type": "tool", "name": "absent"}}, "absent"),
        ({"sytem": "typo"}, "Extra inputs are not permitted"),
        ({"max_tokens": None}, "max_tokens"),
    ],
)
def test_what_the_service_would_refuse_is_refused(url: str, change: dict[str, Any], complaint: str) -> None:
    headers = {"x-api-key": "sk-local", "anthropic-version": "2023-06-01"}
    body = {"model": MODEL, "max_tokens": 10, "messages": OPENING} | change
    response = httpx.post(f"{url}/v1/messages", headers=headers, json=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert complaint in response.json()["error"]["message"]


def test_missing_fields_headers_and_broken_json_are_refused(url: str) -> None:
    headers = {"x-api-key": "sk-local", "anthropic-version": "2023-06-01"}
    without_limit = httpx.post(f"{url}/v1/messages", headers=headers, json={"model": MODEL, "messages": OPENING})
    assert "max_tokens: Field required" in without_limit.json()["error"]["message"]
    broken = httpx.post(f"{url}/v1/messages", headers=headers, content=b"{")
    assert broken.json()["error"]["type"] == "invalid_request_error"
    unversioned = httpx.post(f"{url}/v1/messages", headers={"x-api-key": "sk-local"}, json={})
    assert "anthropic-version" in unversioned.json()["error"]["message"]


def create(url: str, version: str, **change: Any) -> httpx.Response:
    headers = {"x-api-key": "sk-local", "anthropic-version": version}
    body = {"model": MODEL, "max_tokens": 200, "system": SYSTEM, "messages": OPENING} | change
    return httpx.post(f"{url}/v1/messages", headers=headers, json=body)


FORCED = {"tools": [END_CALL], "tool_choice": {"type": "tool", "name": "end_call"}}
OFF = {"thinking": {"type": "disabled"}}


@pytest.mark.parametrize(
    ("version", "change", "complaint"),
    [
        ("2026-10-21", {"temperature": 0.3}, "temperature"),
        ("2026-10-21", {"temperature": 1}, "temperature"),
        ("2023-06-01", {"temperature": 0.3, "model": "claude-haiku-5-5"}, "`temperature` is deprecated"),
        ("2026-10-21", OFF | {"model": "claude-sonnet-5-5"}, "between_tools"),
        ("2026-10-21", OFF | {"model": "claude-opus-5-5"}, "output_config.effort"),
        ("2026-10-21", {"thinking": {"type": "between_tools"}, "model": "claude-haiku-5-5"}, "between_tools"),
        ("2026-10-21", {"output_config": {"effort": "low"}}, "effort"),
        ("2026-10-21", FORCED | {"model": "claude-opus-5-5"}, "tool_choice"),
        ("2026-10-21", FORCED | {"model": "claude-haiku-5-5"}, "tool_choice"),  # it thinks
        ("2027-01-01", {}, "anthropic-version"),
    ],
)
def test_what_a_model_or_a_version_does_not_take_is_refused(
    url: str, version: str, change: dict[str, Any], complaint: str
) -> None:
    response = create(url, version, **change)
    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")
    assert complaint in response.json()["error"]["message"]


def test_what_they_do_take_is_answered(url: str) -> None:
    assert create(url, "2023-06-01", temperature=0.3).status_code == 200
    assert create(url, "2026-10-21", model="claude-haiku-5-5", **OFF, **FORCED).status_code == 200


def test_a_model_thinks_unless_it_is_told_not_to_and_its_thoughts_count(client: anthropic.Anthropic) -> None:
    asked: Any = {"model": "claude-haiku-5-5", "system": SYSTEM, "messages": OPENING}
    quiet = client.messages.create(max_tokens=200, thinking={"type": "disabled"}, **asked)
    assert [block.type for block in quiet.content] == ["text"]
    starved = client.messages.create(max_tokens=200, **asked)
    assert ([block.type for block in starved.content], starved.stop_reason) == (["thinking"], "max_tokens")
    with client.messages.stream(max_tokens=1_000, output_config={"effort": "low"}, **asked) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.usage.output_tokens == quiet.usage.output_tokens + 60


def test_models_are_described(client: anthropic.Anthropic) -> None:
    for name in MODELS:
        info = client.models.retrieve(name)
        assert info.id == name
        assert info.capabilities is not None
        assert info.capabilities.thinking.types.disabled.supported == ("disabled" in MODELS[name].types)
    assert client.models.retrieve("claude-sonnet-4-5").lifecycle == "deprecated"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-gpt-9")
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="claude-gpt-9", max_tokens=9, messages=OPENING)


def test_a_bill_that_was_not_paid(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.PaymentRequiredError):
        client.messages.create(model="claude-test-unpaid", max_tokens=9, messages=OPENING)


def test_a_tool_is_cut_by_the_limit_too(client: anthropic.Anthropic) -> None:
    asked: Any = {"model": MODEL, "max_tokens": 3, "system": SYSTEM, "messages": GOODBYE, "tools": [END_CALL]}
    with client.messages.create(stream=True, **asked) as stream:
        parts = [e.delta.partial_json for e in stream if e.type == "content_block_delta"]
    assert 0 < len("".join(parts)) < 40
    whole = client.messages.create(**asked)
    assert whole.stop_reason == "max_tokens"


def test_long_prompts_are_kept_and_short_ones_are_not(client: anthropic.Anthropic) -> None:
    def used(text: str, model: str, *messages: Any) -> tuple[int, int]:
        system: Any = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
        thinking: Any = {"type": "disabled"}
        usage = client.messages.create(
            model=model, max_tokens=9, system=system, thinking=thinking, messages=messages or OPENING
        ).usage
        return usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0

    long = SYSTEM * 12  # some 800 tokens
    assert used(SYSTEM, "claude-haiku-5-5") == used(SYSTEM, "claude-haiku-5-5") == (0, 0)
    written, read = used(long, "claude-haiku-5-5")
    assert (written > 512, read) == (True, 0)
    assert used(long, "claude-haiku-5-5") == (0, written)
    assert used(long, MODEL) == used(long, MODEL) == (0, 0), "Haiku 4.5 keeps nothing below 4,096"


@pytest.fixture
def faults() -> Iterator[Faults]:
    yield FAULTS
    FAULTS.put(ModelFaults())


def test_faults_on_purpose(client: anthropic.Anthropic, faults: Faults) -> None:
    faults.put(ModelFaults(fail=1.0))
    with pytest.raises(anthropic.InternalServerError, match="Overloaded"):
        client.messages.create(model=MODEL, max_tokens=9, messages=OPENING)
    for reason in ("refusal", "max_tokens", "model_context_window_exceeded"):
        faults.put(ModelFaults.model_validate({"stop_reason": reason}))
        message = client.messages.create(model=MODEL, max_tokens=200, system=SYSTEM, messages=OPENING)
        assert message.stop_reason == reason
        said = getattr(message.content[0], "text", "")
        assert OPENER.startswith(said)
        assert 0 < len(said) < len(OPENER)
