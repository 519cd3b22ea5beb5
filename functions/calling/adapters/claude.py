"""The language model by Anthropic's own SDK, for single questions. Conversations stream elsewhere.

An agent has a temperature, and API version 2026-10-21, the SDK's default since 2.0, refuses one from any model
(https://platform.claude.com/docs/en/api/versioning). So the version before it is asked for, and a model that refuses a
temperature even there is asked once more without.
"""

from collections.abc import Mapping
from typing import Any

import anthropic
from anthropic.types import Message

from calling.domain.errors import ModelError
from calling.ports import Completion

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 20.0
_RETRIES = 2
_API_VERSION = "2023-06-01"


class ClaudeModel:
    """Fulfils LanguageModel. `base_url` empty is Anthropic; `model` is used where a request names none."""

    def __init__(self, api_key: str, *, base_url: str = "", model: str) -> None:
        self._model = model
        self._without_temperature: set[str] = set()  # models that have refused one
        self._client = anthropic.Anthropic(
            api_key=api_key,
            base_url=base_url or None,
            timeout=anthropic.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            max_retries=_RETRIES,
            default_headers={"anthropic-version": _API_VERSION},
        )

    def complete(
        self,
        *,
        system: str,
        message: str,
        max_tokens: int,
        temperature: float,
        model: str | None = None,
        tool: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Ask one question; see the port."""
        question: dict[str, Any] = {
            "model": model or self._model,
            "system": system,
            "messages": [{"role": "user", "content": message}],
            "max_tokens": max_tokens,
        }
        if tool is not None:
            question |= {"tools": [dict(tool)], "tool_choice": {"type": "tool", "name": tool["name"]}}
        try:
            answer = self._ask(question, temperature)
        except (anthropic.AnthropicError, ValueError) as error:
            # The message may quote the request, so only its kind goes on.
            raise ModelError(f"Claude did not answer: {type(error).__name__}") from error
        text = "".join(block.text for block in answer.content if block.type == "text").strip()
        arguments = next((dict(b.input) for b in answer.content if b.type == "tool_use"), None)
        if (arguments is None) if tool is not None else not text:
            raise ModelError(f"Claude's answer was empty ({answer.stop_reason}).")
        return Completion(text, arguments)

    def _ask(self, question: dict[str, Any], temperature: float) -> Message:
        model = question["model"]
        if model not in self._without_temperature:
            try:
                return self._create(question | {"extra_body": {"temperature": temperature}})
            except anthropic.BadRequestError as error:
                if "temperature" not in str(error):
                    raise
                self._without_temperature.add(model)
        return self._create(question)

    def _create(self, question: dict[str, Any]) -> Message:
        message = self._client.messages.create(**question)
        # The SDK hands through what it cannot read, a proxy's page for one.
        if not isinstance(message, Message) or not isinstance(message.content, list):
            raise ModelError("Claude's answer could not be read.")
        return message
