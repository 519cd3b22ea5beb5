"""The Messages protocol: what a request must look like, what a message and its stream of events look like.

Knows nothing of HTTP servers, of time, or of what is said.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.local.claude.prompt_reading import text_of

Json = dict[str, Any]
_FIELDS = frozenset(
    [
        "model",
        "messages",
        "max_tokens",
        "system",
        "metadata",
        "stop_sequences",
        "stream",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        "service_tier",
        "container",
        "context_management",
        "mcp_servers",
        "output_config",
        "output_format",
        "cache_control",
        "inference_geo",
        "betas",
    ]
)
_BLOCKS = frozenset(["text", "tool_use", "tool_result", "image", "document", "thinking", "redacted_thinking"])
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 529,
}
_CHARACTERS_A_TOKEN = 4


class ProtocolError(Exception):
    """A request refused: `kind` is Anthropic's error type, `status` the HTTP status it travels with."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = _STATUSES[kind]

    def body(self, request_id: str) -> Json:
        """The error as the service words it."""
        return {"type": "error", "error": {"type": self.kind, "message": str(self)}, "request_id": request_id}


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `tokens` is how many it stands for, for pacing."""

    name: str
    data: Json
    tokens: int = 0

    def encode(self) -> bytes:
        """The event as bytes on the wire."""
        return f"event: {self.name}\ndata: {json.dumps(self.data, separators=(',', ':'))}\n\n".encode()


def validate(body: object, *, counting: bool = False) -> Json:
    """Check a request body and answer it; raises ProtocolError. `counting`: for count_tokens, without max_tokens."""
    if not isinstance(body, dict):
        raise _invalid("The request body must be a JSON object.")
    for name in ("model", "messages", *(() if counting else ("max_tokens",))):
        if name not in body:
            raise _invalid(f"{name}: Field required")
    for name in body:
        if name not in _FIELDS:
            raise _invalid(f"{name}: Extra inputs are not permitted")
    if not isinstance(body["model"], str) or not body["model"]:
        raise _invalid("model: Input should be a valid string")
    _check_numbers(body)
    _check_system(body.get("system", ""))
    _check_messages(body["messages"])
    _check_tools(body.get("tools") or [], body.get("tool_choice"))
    return body


def message(request: Json, content: list[Json], message_id: str, *, stopped: str | None = None) -> Json:
    """The whole answer: content cut to max_tokens and stop_sequences, with ids, stop reason and usage.

    `stopped` is the reason to give, in the middle of the answer where it is one of the early ones. A block `thinking`
    with `tokens` counts as those.
    """
    blocks, reason, sequence = _cut(request, content)
    if stopped in _EARLY:
        length = sum(_length(block) for block in content)
        blocks, reason, sequence = _cut(request | {"max_tokens": max(1, length // 2)}, content)
    reason = stopped or reason
    numbered = [
        {**block, "id": f"toolu_{message_id.removeprefix('msg_')}_{index}"} if block["type"] == "tool_use" else block
        for index, block in enumerate(blocks)
    ]
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": numbered,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": {
            "input_tokens": input_tokens(request),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": sum(_length(block) for block in blocks) or 1,
            "service_tier": "standard",
        },
    }


def events(whole: Json) -> Iterator[Event]:
    """A message as the events it is streamed in."""
    start = {
        **whole,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**whole["usage"], "output_tokens": 1},
    }
    yield Event("message_start", {"type": "message_start", "message": start})
    for index, block in enumerate(whole["content"]):
        empty = shown(block) | _EMPTY[block["type"]]
        yield Event("content_block_start", {"type": "content_block_start", "index": index, "content_block": empty})
        if index == 0:
            yield Event("ping", {"type": "ping"})
        for delta, tokens in _deltas(block):
            data = {"type": "content_block_delta", "index": index, "delta": delta}
            yield Event("content_block_delta", data, tokens)
        yield Event("content_block_stop", {"type": "content_block_stop", "index": index})
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"]}
    usage = {"output_tokens": whole["usage"]["output_tokens"]}
    yield Event("message_delta", {"type": "message_delta", "delta": ending, "usage": usage})
    yield Event("message_stop", {"type": "message_stop"})


def input_tokens(request: Json) -> int:
    """Roughly how many tokens a request is: a quarter of its characters."""
    text = json.dumps([request.get("system", ""), request["messages"], request.get("tools") or []], ensure_ascii=False)
    return max(1, len(text) // _CHARACTERS_A_TOKEN)


_EARLY = frozenset({"refusal", "max_tokens", "model_context_window_exceeded"})
_EMPTY: dict[str, Json] = {
    "text": {"text": ""},
    "tool_use": {"input": {}},
    "thinking": {"thinking": "", "signature": ""},
}


def shown(block: Json) -> Json:
    """A block as a client sees it: without what this room notes on it. A tool cut off has no arguments."""
    return {key: value for key, value in block.items() if key not in ("tokens", "partial")}


def _pieces(block: Json) -> list[str]:
    """What is streamed at a time: a word, or a few characters of a tool's JSON."""
    if block["type"] == "text":
        return re.findall(r"\s*\S+|\s+$", block["text"])
    return list(block.get("partial") or ["", *re.findall(r"(?s).{1,12}", json.dumps(block["input"]))])


def _deltas(block: Json) -> Iterator[tuple[Json, int]]:
    """What follows a block's start, and how many tokens each piece stands for."""
    if block["type"] == "thinking":  # its text is left out unless it is asked for
        yield {"type": "signature_delta", "signature": block["signature"]}, block["tokens"]
        return
    for piece in _pieces(block):
        is_text = block["type"] == "text"
        yield (
            ({"type": "text_delta", "text": piece} if is_text else {"type": "input_json_delta", "partial_json": piece}),
            1,
        )


def _length(block: Json) -> int:
    return int(block["tokens"]) if block["type"] == "thinking" else len(_pieces(block))


def _cut(request: Json, content: list[Json]) -> tuple[list[Json], str, str | None]:
    blocks: list[Json] = []
    left = int(request["max_tokens"])
    for block in content:
        if block["type"] == "thinking":
            blocks.append(block | {"tokens": min(left, block["tokens"])})
            left -= block["tokens"]
            if left <= 0:
                return blocks, "max_tokens", None
            continue
        if block["type"] == "text":
            found = [
                (at, stop) for stop in request.get("stop_sequences") or () if (at := block["text"].find(stop)) >= 0
            ]
            if found:
                at, stop = min(found)
                return [*blocks, {**block, "text": block["text"][:at]}], "stop_sequence", stop
        pieces = _pieces(block)
        if len(pieces) > left:
            half = (
                {"text": "".join(pieces[:left])} if block["type"] == "text" else {"input": {}, "partial": pieces[:left]}
            )
            return [*blocks, block | half], "max_tokens", None
        left -= len(pieces)
        blocks.append(block)
    return blocks, "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn", None


def _invalid(text: str) -> ProtocolError:
    return ProtocolError("invalid_request_error", text)


def _check_numbers(body: Json) -> None:
    tokens = body.get("max_tokens", 1)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 1:
        raise _invalid("max_tokens: Input should be greater than or equal to 1")
    for name in ("temperature", "top_p"):
        value = body.get(name, 0)
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise _invalid(f"{name}: Input should be between 0 and 1")


def _check_system(system: object) -> None:
    if isinstance(system, str):
        return
    if not isinstance(system, list) or not all(isinstance(b, dict) and b.get("type") == "text" for b in system):
        raise _invalid("system: Input should be a valid string or a list of text blocks")
    if not all(isinstance(block.get("text"), str) and block["text"] for block in system):
        raise _invalid("system: text content blocks must be non-empty")


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise _invalid("messages: at least one message is required")
    for index, entry in enumerate(messages):
        if not isinstance(entry, dict) or entry.get("role") not in ("user", "assistant"):
            raise _invalid(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        _check_content(index, entry.get("content"), last=index == len(messages) - 1)
    if messages[0]["role"] != "user":
        raise _invalid('messages: first message must use the "user" role')
    if text_of(messages[-1]["content"]).endswith((" ", "\n")) and messages[-1]["role"] == "assistant":
        raise _invalid("messages: final assistant content cannot end with trailing whitespace")
    _check_tool_results(messages)


def _check_content(index: int, content: object, *, last: bool) -> None:
    if isinstance(content, str):
        if not content and not last:
            raise _invalid(
                f"messages.{index}: all messages must have non-empty content"
                " except for the optional final assistant message"
            )
        if not content:
            raise _invalid(f"messages.{index}: user messages must have non-empty content")
        return
    if not isinstance(content, list) or not content:
        raise _invalid(f"messages.{index}.content: Input should be a valid string or a non-empty list")
    for place, block in enumerate(content):
        where = f"messages.{index}.content.{place}"
        if not isinstance(block, dict) or block.get("type") not in _BLOCKS:
            raise _invalid(f"{where}: Input tag found does not match any of the expected tags")
        if block["type"] == "text" and not str(block.get("text", "")).strip():
            raise _invalid("messages: text content blocks must be non-empty")


def _check_tool_results(messages: list[Json]) -> None:
    """Each use of a tool is answered in the next message, and nothing is answered that was not asked."""
    asked: list[str] = []
    for index, entry in enumerate(messages):
        results = [block.get("tool_use_id") for block in _of_type(entry, "tool_result")]
        for result in results:
            if result not in asked:
                raise _invalid(f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {result}")
        missing = [use for use in asked if use not in results]
        if missing:
            raise _invalid(
                f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately after:"
                f" {', '.join(missing)}"
            )
        asked = [str(block.get("id")) for block in _of_type(entry, "tool_use")]
    if asked:
        raise _invalid(
            f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` blocks immediately after"
        )


def _of_type(entry: Json, kind: str) -> list[Json]:
    content = entry["content"]
    return [block for block in content if block["type"] == kind] if isinstance(content, list) else []


def _check_tools(tools: object, choice: object) -> None:
    if not isinstance(tools, list):
        raise _invalid("tools: Input should be a valid list")
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", str(tool.get("name", ""))):
            raise _invalid(f"tools.{index}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if not isinstance(tool.get("input_schema"), dict) or tool["input_schema"].get("type") != "object":
            raise _invalid(f"tools.{index}.input_schema.type: Field required")
    if choice is None:
        return
    if not isinstance(choice, dict) or choice.get("type") not in ("auto", "any", "tool", "none"):
        raise _invalid(
            "tool_choice: Input tag found does not match any of the expected tags: 'auto', 'any', 'tool', 'none'"
        )
    if choice["type"] == "tool" and choice.get("name") not in [tool["name"] for tool in tools]:
        raise _invalid(f"Tool '{choice.get('name')}' not found in provided tools")
