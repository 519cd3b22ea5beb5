"""The language model by Anthropic's own SDK, for single questions. Conversations stream elsewhere."""

from collections.abc import Mapping
from typing import Any

import anthropic

from calling.domain.errors import ModelError
from calling.ports import Completion

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 20.0
_RETRIES = 2


class ClaudeModel:
    """Fulfils LanguageModel. `base_url` empty is Anthropic; `model` is used where a request names none."""

    def __init__(self, api_key: str, *, base_url: str = "", model: str) -> None:
        self._model = model
        self._client = anthropic.Anthropic(
            api_key=api_key,
            base_url=base_url or None,
            timeout=anthropic.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            max_retries=_RETRIES,
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
        forced: dict[str, Any] = {}
        if tool is not None:
            forced = {"tools": [dict(tool)], "tool_choice": {"type": "tool", "name": tool["name"]}}
        try:
            answer = self._client.messages.create(
                model=model or self._model,
                system=system,
                messages=[{"role": "user", "content": message}],
                max_tokens=max_tokens,
                temperature=temperature,
                **forced,
            )
        except anthropic.AnthropicError as error:
            # The message may quote the request, so only its kind goes on.
            raise ModelError(f"Claude did not answer: {type(error).__name__}") from error
        text = "".join(block.text for block in answer.content if block.type == "text").strip()
        arguments = next((dict(b.input) for b in answer.content if b.type == "tool_use"), None)
        if (arguments is None) if tool is not None else not text:
            raise ModelError(f"Claude's answer was empty ({answer.stop_reason}).")
        return Completion(text, arguments)
