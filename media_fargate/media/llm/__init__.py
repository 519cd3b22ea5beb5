"""The language model in a live conversation: messages in, words and tool calls out as they are written.

A provider is one file here and one line in PROVIDERS. Knows nothing of the carrier or of sound.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, Protocol, cast

from calling.domain.language_model import ModelTraits
from calling.domain.model_usage import ModelUsage
from calling.ports import ModelAccess

PROVIDERS = {"claude": "media.llm.claude:Claude"}

# Why a reply ended: all was said; it ran into its length; the model declined; the conversation is too long for it.
Stop = Literal["done", "cut", "refused", "too_long"]


class LanguageModelFailed(Exception):
    """A reply could not be had, or broke off after it had begun."""


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """Which model, the way to it, and which second one is asked where it is busy (empty: none)."""

    model: str
    access: ModelAccess
    fallback_model: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of the reply's text."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The model asks for a tool. `cut`: it ran into its length while it did, and the arguments are lost."""

    tool_use: str
    name: str
    arguments: dict[str, Any] = field(repr=False)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """The service is busy or out of reach, nothing is written yet; it is asked again, for some seconds in all."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last piece of a reply."""

    stop: Stop


Piece = Words | ToolUse | Waiting | ModelUsage | Ended


@dataclass(frozen=True, slots=True)
class Manner:
    """How one agent's model speaks: its system prompt, tools, temperature, and length in tokens.

    `model` None is the deployment's; `traits` None: nobody has asked what it accepts.
    """

    system: str = field(repr=False)
    tools: tuple[dict[str, Any], ...] = ()
    model: str | None = None
    traits: ModelTraits | None = None
    temperature: float = 0.3
    max_tokens: int = 300


class ConversationModel(Protocol):
    """A language model, shared by all calls."""

    def reply(self, manner: Manner, messages: Sequence[dict[str, Any]]) -> AsyncIterator[Piece]:
        """Yield a reply as it is written, and what it cost as it is counted; the last piece is Ended.

        Closing the iterator stops the writing. Raises LanguageModelFailed after bounded retries.
        """

    async def close(self) -> None:
        """Let go of connections."""


def provider(name: str, settings: LlmSettings) -> ConversationModel:
    """Load a provider by its name in PROVIDERS."""
    module, _, factory = PROVIDERS[name].partition(":")
    return cast("ConversationModel", getattr(import_module(module), factory)(settings))
