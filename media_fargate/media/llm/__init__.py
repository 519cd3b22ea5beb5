"""The language model in a live conversation: messages in, words and tool calls out as they are written.

A provider is one file here and one line in PROVIDERS. Knows nothing of the carrier or of sound.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast

PROVIDERS = {"claude": "media.llm.claude:Claude"}


class LanguageModelFailed(Exception):
    """A reply could not be had, or broke off after it had begun."""


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """Which model, where (None: the vendor's), and with which key."""

    model: str
    api_key: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of the reply's text."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The model asks for a tool."""

    tool_use: str
    name: str
    arguments: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Manner:
    """How one agent's model speaks: its system prompt, tools, temperature, and length in tokens."""

    system: str = field(repr=False)
    tools: tuple[dict[str, Any], ...] = ()
    model: str | None = None
    temperature: float = 0.3
    max_tokens: int = 300


class ConversationModel(Protocol):
    """A language model, shared by all calls."""

    def reply(self, manner: Manner, messages: Sequence[dict[str, Any]]) -> AsyncIterator[Words | ToolUse]:
        """Yield a reply as it is written. Raises LanguageModelFailed after bounded retries.

        Closing the iterator stops the writing.
        """

    async def close(self) -> None:
        """Let go of connections."""


def provider(name: str, settings: LlmSettings) -> ConversationModel:
    """Load a provider by its name in PROVIDERS."""
    module, _, factory = PROVIDERS[name].partition(":")
    return cast("ConversationModel", getattr(import_module(module), factory)(settings))
