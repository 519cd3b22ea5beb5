"""What the language model may ask for in a conversation: a table of tools, each a function from arguments to an order.

A tool never sees the conversation; it says what it wants and the conversation decides when.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EndCall:
    """Say the farewell, wait until it was heard, hang up."""

    farewell: str


@dataclass(frozen=True, slots=True)
class MachineAnswered:
    """The model believes that it is talking to a machine."""


Order = EndCall | MachineAnswered


def end_call(arguments: Mapping[str, Any]) -> Order:
    """Read `farewell`; anything that is not text counts as none."""
    farewell = arguments.get("farewell")
    return EndCall(farewell.strip() if isinstance(farewell, str) else "")


def voicemail_detected(arguments: Mapping[str, Any]) -> Order:  # noqa: ARG001  # the table's signature
    """Take the model's word for it."""
    return MachineAnswered()


# What a tool means whose arguments were lost: it needs none, or has a phrase of its own to fall back on.
WITHOUT_ARGUMENTS = frozenset({"end_call", "voicemail_detected"})
TOOLS: Mapping[str, Callable[[Mapping[str, Any]], Order]] = {
    "end_call": end_call,
    "voicemail_detected": voicemail_detected,
}
