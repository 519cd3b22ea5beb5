"""Who answers the telephone: what may be said about a person, and the book of all of them.

This is the edge where JSON becomes a Person; how a person behaves is in `person`.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

E164: Final = re.compile(r"\+[1-9]\d{6,14}")
DEFAULT: Final = "default"
GREETING: Final = (
    "Hi, you have reached my voicemail. I can't come to the phone right now. "
    "Please leave a message after the tone and I will call you back."
)
Verdict = Literal[
    "human", "machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax", "unknown"
]
Seconds = Annotated[float, Field(ge=0)]


class Person(BaseModel):
    """How one number behaves when it is called. Times are seconds or, where named so, milliseconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    answers: Literal["human", "voicemail", "busy", "no-answer", "fail", "refuse"] = "human"
    ring_seconds: Seconds = 1.0
    lines: list[str] = ["Hello?"]
    after_lines: Literal["wait", "hangup"] = "wait"
    hangs_up_after_lines: Annotated[int, Field(ge=1)] | None = None
    talk_seconds: Seconds | None = None
    interrupts_after_ms: Seconds | None = None
    silent: bool = False
    greeting: str = GREETING
    beep: bool = True
    amd: Verdict | None = None
    amd_after_ms: Seconds = 2500.0
    sip_code: Annotated[int, Field(ge=400, le=699)] = 404
    error_code: int = 21211

    @property
    def amd_verdict(self) -> str:
        """What answering machine detection says of this person in its Enable mode."""
        if self.amd is not None:
            return self.amd
        return "machine_start" if self.answers == "voicemail" else "human"

    def utterances(self) -> list[str]:
        """All texts this person may say, in order."""
        if self.silent:
            return []
        return [self.greeting] if self.answers == "voicemail" else list(self.lines)


class People:
    """The book of all people; whoever is not in it is the default person."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}

    def find(self, number: str) -> Person:
        """The person at a number."""
        return self._people.get(number) or self._people.get(DEFAULT) or Person()

    def put(self, people: dict[str, Person]) -> None:
        """Set these, each whole; others stay."""
        self._people.update(people)

    def forget(self, number: str | None = None) -> None:
        """Forget one, or all."""
        if number is None:
            self._people.clear()
        else:
            self._people.pop(number, None)

    def everyone(self) -> dict[str, Person]:
        """A copy of the book."""
        return dict(self._people)


def explain(error: ValidationError) -> str:
    """A sentence that names every wrong field."""
    parts = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"]) or "body"
        parts.append(f"unknown field {field}" if problem["type"] == "extra_forbidden" else f"{field}: {problem['msg']}")
    return "; ".join(parts)
