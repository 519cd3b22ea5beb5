"""The transcript as it stands: turns in order, and the same as messages for the language model.

Turns are final when they come here. The conversation is the only writer.
"""

from typing import Any, Literal

from media.conversation.effects import StoreTurn
from media.conversation.words import beyond_hello

NOTHING_SAID = "(The callee has answered and said nothing yet.)"
SILENCE = "(The callee says nothing.)"
WITHHELD = "(The callee said something that you cannot help with.)"


class Transcript:
    """Sealed turns, numbered from 0, and notes for the model that nobody spoke."""

    __slots__ = ("_lines", "agent_spoke", "caller_answered", "caller_text", "turns")

    def __init__(self) -> None:
        self.turns = 0
        self.agent_spoke = False
        # A person: somebody said more than hello after the agent had spoken.
        self.caller_answered = False
        self.caller_text = ""
        self._lines: list[tuple[str, str]] = []

    def add(
        self,
        role: Literal["agent", "caller"],
        text: str,
        *,
        started: float,
        ended: float,
        interrupted: bool = False,
        latency: float | None = None,
    ) -> StoreTurn:
        """Append a turn that holds at least a word, and return the order to store it."""
        if role == "agent":
            self.agent_spoke = True
        else:
            self.caller_answered = self.caller_answered or (self.agent_spoke and bool(beyond_hello(text)))
            self.caller_text = f"{self.caller_text} {text}".strip()
        self._lines.append(("assistant" if role == "agent" else "user", text))
        turn = StoreTurn(self.turns, role, text, started, max(started, ended), interrupted, latency)
        self.turns += 1
        return turn

    def withhold(self) -> None:
        """Keep from the model what the callee said last.

        The model declined to answer it and would decline again as long as it stands there. The record keeps it.
        """
        while self._lines and self._lines[-1][0] == "user":
            self._lines.pop()
        self._lines.append(("user", WITHHELD))

    def note(self, text: str) -> None:
        """Tell the model something that was not spoken."""
        self._lines.append(("user", f"({text})"))

    def messages(self, pending: str) -> tuple[dict[str, Any], ...]:
        """Give the history as Anthropic messages: first and last are the user's, roles alternate, nothing is empty.

        `pending` is what the callee said last and is not stored yet.
        """
        lines = [*self._lines]
        if pending.strip():
            lines.append(("user", pending.strip()))
        if not lines or lines[0][0] != "user":
            lines.insert(0, ("user", NOTHING_SAID))
        if lines[-1][0] != "user":
            lines.append(("user", SILENCE))
        merged: list[dict[str, Any]] = []
        for role, text in lines:
            if merged and merged[-1]["role"] == role:
                merged[-1]["content"] += f" {text}"
            else:
                merged.append({"role": role, "content": text})
        return tuple(merged)
