"""Turns and the transcript made of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["agent", "caller"]
_SPEAKER: dict[Role, str] = {"agent": "Agent", "caller": "Caller"}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said in one go. Times are ms since the media stream began; `latency_ms` voice to voice."""

    index: int
    role: Role
    text: str = field(repr=False)
    started_ms: int
    ended_ms: int
    interrupted: bool = False
    latency_ms: int | None = None


def transcript(turns: Iterable[Turn], *, write: Callable[[str], str] = str) -> str:
    """Write a line a turn, its words as `write` writes them: `Agent: …`, `Caller: …`, in order."""
    return "\n".join(f"{_SPEAKER[t.role]}: {write(t.text)}" for t in sorted(turns, key=lambda t: t.index))


def anyone_spoke(turns: Iterable[Turn]) -> bool:
    """Tell whether the person said anything: without it there is nothing to summarise or remember."""
    return any(t.role == "caller" and t.text.strip() for t in turns)
