"""The language model by Anthropic's own SDK, for single questions. Conversations stream elsewhere (media/llm).

A busy model is waited for some seconds, then a second one is asked where one is named. What a model does not accept
is learnt from its refusal and left out from then on.
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import anthropic
from anthropic.types import Message

from calling.adapters.claude_access import FINAL, UNSIGNED, client, request, retry_after, sent
from calling.domain.errors import ModelError
from calling.domain.language_model import ModelTraits, assumed, healed, pause_after, told_to_call
from calling.domain.model_usage import ModelUsage
from calling.ports import Completion, ModelAccess

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 20.0
_PATIENCE = 8.0  # s; an opener must be ready while the phone rings
_SECOND_PATIENCE = 1.0  # s, for the second model


class ClaudeModel:
    """Fulfils LanguageModel. `model` is used where a request names none; `fallback` empty: there is no second one."""

    def __init__(
        self, access: ModelAccess, *, model: str, fallback: str = "", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._access = access
        self._model = model
        self._fallback = fallback
        self._sleep = sleep
        self._learnt: dict[str, ModelTraits] = {}
        self._client = client(access, timeout=anthropic.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS))

    def complete(
        self,
        *,
        system: str,
        message: str,
        max_tokens: int,
        temperature: float,
        model: str | None = None,
        traits: ModelTraits | None = None,
        tool: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Ask one question; see the port."""
        first = model or self._model
        self._learnt.setdefault(first, traits or assumed(first))
        asked = _Question(system, message, max_tokens, temperature, tool)
        try:
            try:
                return self._patiently(first, asked, _PATIENCE)
            except anthropic.APIError as busy:
                if not self._fallback or self._fallback == first or _is_final(busy):
                    raise
                return self._patiently(self._fallback, asked, _SECOND_PATIENCE)
        except (anthropic.AnthropicError, ValueError, *UNSIGNED) as error:
            # The message may quote the request, so only its kind goes on.
            raise ModelError(f"Claude did not answer: {type(error).__name__}") from error

    def _patiently(self, model: str, asked: "_Question", patience: float) -> Completion:
        waited, failures = 0.0, 0
        while True:
            began = time.monotonic()
            try:
                return self._once(model, asked)
            except anthropic.APIError as error:
                if isinstance(error, anthropic.APIStatusError) and error.status_code in FINAL:
                    raise
                failures += 1
                waited += time.monotonic() - began
                pause = pause_after(
                    failures, waited=waited, patience=patience, asked=retry_after(error), jitter=random.random()
                )
                if pause is None:
                    raise
                waited += pause
                self._sleep(pause)

    def _once(self, model: str, asked: "_Question") -> Completion:
        """Ask; what is refused is left out and asked again, each thing once."""
        while True:
            traits = self._learnt.setdefault(model, assumed(model))
            arguments = asked.arguments(self._access, model, traits)
            try:
                return _read(model, self._client.messages.create(**arguments), asked.tool)
            except anthropic.BadRequestError as refusal:
                better = healed(traits, sent(arguments), str(refusal))
                if better is None:
                    raise
                self._learnt[model] = better


class _Question:
    """A question, independent of the model it is put to."""

    def __init__(
        self, system: str, message: str, max_tokens: int, temperature: float, tool: Mapping[str, Any] | None
    ) -> None:
        self.tool = tool
        self._system = system
        self._message = message
        self._max_tokens = max_tokens
        self._temperature = temperature

    def arguments(self, access: ModelAccess, model: str, traits: ModelTraits) -> dict[str, Any]:
        name = str(self.tool["name"]) if self.tool is not None else None
        depends = request(access, model, traits, max_tokens=self._max_tokens, temperature=self._temperature, force=name)
        must_be_told = name is not None and "tool_choice" not in depends
        system = f"{self._system}\n\n{told_to_call(name)}" if name is not None and must_be_told else self._system
        tools = {} if self.tool is None else {"tools": [dict(self.tool)]}
        return {"system": system, "messages": [{"role": "user", "content": self._message}], **tools, **depends}


def _is_final(error: anthropic.APIError) -> bool:
    """Tell whether another model would meet the same. A model that is gone (404) says nothing about the second."""
    return isinstance(error, anthropic.APIStatusError) and error.status_code in FINAL - {404}


def _read(model: str, message: Message, tool: Mapping[str, Any] | None) -> Completion:
    # The SDK hands through what it cannot read, a proxy's page for one.
    if not isinstance(message, Message) or not isinstance(message.content, list):
        raise ModelError("Claude's answer could not be read.")
    text = "".join(block.text for block in message.content if block.type == "text").strip()
    arguments = next((dict(b.input) for b in message.content if b.type == "tool_use"), None)
    if message.stop_reason == "refusal":
        raise ModelError("Claude refused to answer.")
    if (arguments is None) if tool is not None else not text:
        raise ModelError(f"Claude's answer was empty ({message.stop_reason}).")
    return Completion(text, arguments, _usage(model, message), cut=message.stop_reason == "max_tokens")


def _usage(model: str, message: Message) -> ModelUsage:
    used = message.usage
    return ModelUsage(
        model,
        used.input_tokens,
        used.cache_creation_input_tokens or 0,
        used.cache_read_input_tokens or 0,
        used.output_tokens,
    )
