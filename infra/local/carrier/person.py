"""How a called person behaves, without clock, socket or task: `tick(now, agent_loud)` decides every 20 ms.

`now` is seconds since the person answered. Sound comes from `clip(text)`, which may be None while it is not ready yet.
A behaviour's `said` holds each line once it has been spoken to its end; `cut()`, at the end of the call, adds the words
of an unfinished one in proportion to the time spoken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from infra.local.carrier.audio import FRAME, SILENCE, TICK, beep
from infra.local.carrier.people import Person

FIRST_WORDS: Final = 0.3  # after answer
QUIET: Final = 0.7  # the agent has finished when nothing was heard for so long
THINKING: Final = 0.5  # between the end of the agent's turn and the next line
GOODBYE: Final = 1.0  # between the end of the agent's turn and hanging up
STILL_SPEAKING: Final = 0.2  # who was heard so shortly ago is in mid-sentence
RECORDING: Final = 60.0  # of a voicemail

Clip = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Act:
    """What the person does in these 20 ms."""

    frame: bytes = SILENCE
    hang_up: bool = False


class Behaviour(Protocol):
    """What a line needs of whoever answered."""

    said: list[str]

    @property
    def message_over(self) -> bool:
        """A machine's greeting, with its beep if it has one, is over."""
        ...

    @property
    def agent_turns(self) -> int:
        """How often the agent has begun to speak."""
        ...

    def tick(self, now: float, agent_loud: bool) -> Act:
        """Live 20 ms."""
        ...

    def cut(self) -> None:
        """The call is over: keep what was said of an unfinished line."""
        ...


class Ear:
    """When the agent speaks, by loudness alone."""

    __slots__ = ("began", "heard_since_line", "in_turn", "last_loud", "turns")

    def __init__(self) -> None:
        self.turns = 0
        self.in_turn = False
        self.began = 0.0
        self.last_loud = 0.0
        self.heard_since_line = False

    def hear(self, now: float, loud: bool) -> None:
        """Take one frame."""
        if loud:
            if not self.in_turn:
                self.in_turn, self.began, self.turns = True, now, self.turns + 1
            self.last_loud = now
            self.heard_since_line = True
        elif self.in_turn and now - self.last_loud >= QUIET:
            self.in_turn = False

    def line_over(self, now: float) -> None:
        """The person has finished a line: only what the agent says from now on answers it."""
        still = self.in_turn and now - self.last_loud < STILL_SPEAKING
        self.heard_since_line = self.in_turn = still

    def answered(self, now: float, pause: float) -> bool:
        """The agent has spoken since the last line, and its turn ended `pause` seconds ago."""
        return self.heard_since_line and not self.in_turn and now - self.last_loud >= QUIET + pause - TICK / 2


class Mouth:
    """One line at a time, in frames."""

    __slots__ = ("_position", "_sound", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._sound = b""
        self._position = 0

    @property
    def speaking(self) -> bool:
        """A line is being said."""
        return self._position < len(self._sound)

    def begin(self, text: str, sound: bytes) -> None:
        """Start a line."""
        self._text, self._sound, self._position = text, sound, 0

    def frame(self) -> bytes:
        """The next 20 ms of it, padded with silence."""
        piece = self._sound[self._position : self._position + FRAME]
        self._position += FRAME
        return piece.ljust(FRAME, b"\xff")

    def words_so_far(self) -> str:
        """The words of the unfinished line that have been said, by the share of its time."""
        if not self.speaking:
            return ""
        words = self._text.split()
        return " ".join(words[: int(len(words) * self._position / len(self._sound))])


class Human:
    """Someone who says lines in turn with the agent."""

    def __init__(self, person: Person, clip: Clip) -> None:
        self._person = person
        self._clip = clip
        self._lines = person.utterances()
        self._next = 0
        self._mouth = Mouth()
        self._ear = Ear()
        self._interrupted_turn = 0
        self.said: list[str] = []
        self.message_over = False

    @property
    def agent_turns(self) -> int:
        """How often the agent has begun to speak."""
        return self._ear.turns

    def tick(self, now: float, agent_loud: bool) -> Act:
        """Live 20 ms."""
        person = self._person
        self._ear.hear(now, agent_loud)
        if person.talk_seconds is not None and now >= person.talk_seconds:
            return Act(hang_up=True)
        if not self._mouth.speaking:
            if self._wants_to_leave(now):
                return Act(hang_up=True)
            if not self._wants_to_speak(now) or not self._begin():
                return Act()
        frame = self._mouth.frame()
        if self._mouth.speaking:
            return Act(frame)
        self._ear.line_over(now)
        self.said.append(self._lines[self._next - 1])
        return Act(frame, hang_up=person.hangs_up_after_lines == len(self.said))

    def cut(self) -> None:
        """Keep the words of an unfinished line."""
        if words := self._mouth.words_so_far():
            self.said.append(words)

    def _wants_to_leave(self, now: float) -> bool:
        if self._next < len(self._lines) or self._person.after_lines != "hangup":
            return False
        return self._ear.answered(now, GOODBYE)

    def _wants_to_speak(self, now: float) -> bool:
        if self._next >= len(self._lines):
            return False
        if self._next == 0:
            return now >= FIRST_WORDS
        return self._interrupts(now) or self._ear.answered(now, THINKING)

    def _interrupts(self, now: float) -> bool:
        patience, ear = self._person.interrupts_after_ms, self._ear
        if patience is None or not ear.in_turn or ear.turns % 2 or ear.turns == self._interrupted_turn:
            return False
        return now - ear.began >= patience / 1000

    def _begin(self) -> bool:
        text = self._lines[self._next]
        sound = self._clip(text)
        if sound is None:
            return False
        if self._ear.in_turn:
            self._interrupted_turn = self._ear.turns
        self._mouth.begin(text, sound or SILENCE)
        self._next += 1
        return True


class Voicemail:
    """A machine: greeting, beep, then it records until its tape is full."""

    def __init__(self, person: Person, clip: Clip) -> None:
        self._person = person
        self._clip = clip
        self._script: list[tuple[str, bytes | None]] = [(text, None) for text in person.utterances()]
        if person.beep:
            self._script.append(("", beep()))
        self._mouth = Mouth()
        self._ear = Ear()
        self._current = ""
        self._over_at: float | None = None
        self.said: list[str] = []

    @property
    def message_over(self) -> bool:
        """Greeting and beep are over."""
        return self._over_at is not None

    @property
    def agent_turns(self) -> int:
        """How often the agent has begun to speak."""
        return self._ear.turns

    def tick(self, now: float, agent_loud: bool) -> Act:
        """Live 20 ms."""
        self._ear.hear(now, agent_loud)
        if self._person.talk_seconds is not None and now >= self._person.talk_seconds:
            return Act(hang_up=True)
        if self._over_at is not None:
            return Act(hang_up=now - self._over_at >= RECORDING)
        if now < FIRST_WORDS or not (self._mouth.speaking or self._begin(now)):
            return Act()
        frame = self._mouth.frame()
        if not self._mouth.speaking:
            if self._current:
                self.said.append(self._current)
            if not self._script:
                self._over_at = now
        return Act(frame)

    def cut(self) -> None:
        """Keep the words of an unfinished greeting."""
        if words := self._mouth.words_so_far():
            self.said.append(words)

    def _begin(self, now: float) -> bool:
        if not self._script:
            self._over_at = now
            return False
        text, sound = self._script[0]
        if sound is None:
            sound = self._clip(text)
        if sound is None:
            return False
        del self._script[0]
        self._current = text
        self._mouth.begin(text, sound or SILENCE)
        return True


def behaviour_of(person: Person, clip: Clip) -> Behaviour:
    """The behaviour that belongs to a person who answers."""
    return Voicemail(person, clip) if person.answers == "voicemail" else Human(person, clip)
