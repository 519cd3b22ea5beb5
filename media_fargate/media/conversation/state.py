"""Everything one conversation knows at a moment. Written by `facts` and `acts`, read by `dues`."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from media.conversation.agent import Agent
from media.conversation.callee import Callee
from media.conversation.config import ConversationConfig
from media.conversation.effects import Effect
from media.conversation.transcript import Transcript
from media.conversation.voicemail import NO_EVIDENCE, Evidence, weigh

Reason = Literal[
    "completed", "voicemail_detected", "voicemail_left", "silence_timeout", "max_duration_reached", "canceled", "error"
]


class Phase(Enum):
    """Where the call is."""

    WAITING = "waiting"  # the stream has not begun
    OPENING = "opening"  # the line is open, the agent listens before its first words
    TALKING = "talking"
    CLOSING = "closing"  # the last words are being said
    LEAVING = "leaving"  # a machine answered and takes messages
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Closing:
    """Why the call is being ended, and whether the callee can still prevent it."""

    reason: Reason
    revocable: bool = False


@dataclass(slots=True)
class State:
    """The facts. Times are seconds of the inputs' clock."""

    config: ConversationConfig
    phase: Phase = Phase.WAITING
    callee: Callee = field(default_factory=Callee)
    agent: Agent = field(default_factory=Agent)
    transcript: Transcript = field(default_factory=Transcript)
    started: float = 0.0
    first_voice: float | None = None
    # Since when neither side has said anything; "Are you still there?" does not count.
    quiet_since: float = 0.0
    prompted: bool = False
    # What the agent had left to say when voice without words interrupted it.
    cut_off: str = ""
    empty_replies: int = 0
    # Replies in a row that the model declined to give, and the callee was told so.
    refusals: int = 0
    closing: Closing = field(default_factory=lambda: Closing("completed"))
    verdict: str | None = None
    machine_found: bool = False
    leaving_since: float = 0.0
    beep: float | None = None
    # What the present input leads to.
    effects: list[Effect] = field(default_factory=list)

    @property
    def evidence(self) -> Evidence:
        """What speaks for a machine; after a turn of a person only their present words count."""
        if self.config.direction == "inbound" or not self.config.detect_voicemail:
            return NO_EVIDENCE
        person = self.transcript.caller_answered
        answered = self.callee.answered.text if self.callee.answered is not None else ""
        before = "" if person else self.transcript.caller_text
        text = " ".join(filter(None, (before, answered, self.callee.turn.text)))
        return weigh(text, beep=self.beep is not None and not person)

    @property
    def is_person(self) -> bool:
        """Whether somebody answered the agent, so that a carrier's verdict alone must not end the call."""
        said = self.callee.turn.text
        answers = self.transcript.agent_spoke and bool(said) and not weigh(said).families
        return self.config.direction == "inbound" or self.transcript.caller_answered or answers
