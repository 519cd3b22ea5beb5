"""A Claude message's stream of events, put together: words at once, tools when they are whole, tokens as counted."""

import json
import logging
from collections.abc import Iterator
from typing import Any

from anthropic.types import InputJSONDelta, RawMessageStreamEvent, TextDelta, ToolUseBlock

from calling.domain.model_usage import ModelUsage
from media.llm import Ended, Piece, Stop, ToolUse, Words

logger = logging.getLogger(__name__)

_STOPS: dict[str | None, Stop] = {
    "end_turn": "done",
    "tool_use": "done",
    "stop_sequence": "done",
    "pause_turn": "done",  # only the vendor's own tools pause; none is offered
    "max_tokens": "cut",
    "refusal": "refused",
    "model_context_window_exceeded": "too_long",
}


class Parts:
    """One message. `ended` once it was whole; a stream that stops before was cut off."""

    def __init__(self, model: str) -> None:
        self.ended = False
        self._model = model
        self._tool: ToolUseBlock | None = None
        self._arguments: list[str] = []
        self._unread: ToolUseBlock | None = None  # a tool whose arguments are no JSON: cut, or broken
        self._stop: Stop = "done"
        self._counted = ModelUsage(model)

    def take(self, event: RawMessageStreamEvent) -> Iterator[Piece]:
        """Take the next event. Raises ValueError for arguments that are no JSON object though the message is whole."""
        match event.type:
            case "message_start":
                yield self._more(event.message.usage)
            case "content_block_start" if isinstance(event.content_block, ToolUseBlock):
                self._tool, self._arguments = event.content_block, []
            case "content_block_delta" if isinstance(event.delta, TextDelta):
                if event.delta.text:
                    yield Words(event.delta.text)
            case "content_block_delta" if isinstance(event.delta, InputJSONDelta):
                self._arguments.append(event.delta.partial_json)
            case "content_block_stop" if self._tool is not None:
                yield from self._tool_ended(self._tool)
            case "message_delta":
                yield self._more(event.usage)
                yield from self._stopped(event.delta.stop_reason)
            case "message_stop":
                self.ended = True
                yield Ended(self._stop)
            case _:
                pass

    def _tool_ended(self, tool: ToolUseBlock) -> Iterator[Piece]:
        self._tool = None
        try:
            arguments = json.loads("".join(self._arguments) or "{}")
        except ValueError:
            arguments = None
        if isinstance(arguments, dict):
            yield ToolUse(tool.id, tool.name, arguments)
        else:
            self._unread = tool

    def _stopped(self, reason: str | None) -> Iterator[Piece]:
        self._stop = _STOPS.get(reason, "done")
        if self._stop != "done":
            logger.warning("reply ended early: %s", reason)
        tool, self._unread = self._unread or self._tool, None
        if tool is None or self._stop == "refused":
            return
        if self._stop == "done":
            raise ValueError("a tool's arguments are no object")
        yield ToolUse(tool.id, tool.name, {}, cut=True)

    def _more(self, usage: Any) -> ModelUsage:  # noqa: ANN401  the SDK has one class for the start, one for the end
        """Say what has come since the last count; the service counts from the message's start."""
        before = self._counted
        self._counted = now = ModelUsage(
            self._model,
            _known(usage.input_tokens, before.input_tokens),
            _known(usage.cache_creation_input_tokens, before.cache_write_tokens),
            _known(usage.cache_read_input_tokens, before.cache_read_tokens),
            _known(usage.output_tokens, before.output_tokens),
        )
        return ModelUsage(
            self._model,
            now.input_tokens - before.input_tokens,
            now.cache_write_tokens - before.cache_write_tokens,
            now.cache_read_tokens - before.cache_read_tokens,
            now.output_tokens - before.output_tokens,
        )


def _known(counted: int | None, before: int) -> int:
    return before if counted is None else counted
