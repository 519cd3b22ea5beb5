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
from media.conversation.words import beyond_hello, meaningful

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
    agent: Agent = field(init=False)
    transcript: Transcript = field(default_factory=Transcript)
    started: float = 0.0
    first_voice: float | None = None
    # Since when neither side has said anything; "Are you still there?" does not count.
    quiet_since: float = 0.0
    prompted: bool = False
    # What the agent had left to say when voice without words interrupted it.
    cut_off: str = ""
    # All of an opener that was cut off when it had just begun, and how often it was said again.
    opener_cut: str = ""
    opener_repeats: int = 0
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

    def __post_init__(self) -> None:
        """The agent owes what the configuration says."""
        self.agent = Agent(self.config.notices)

    @property
    def evidence(self) -> Evidence:
        """What the callee's words speak for; after a turn of a person only their present words count."""
        return self.evidence_with(beep=False)

    def evidence_with(self, *, beep: bool) -> Evidence:
        """What speaks for a machine or a person, with a beep that was heard with the words."""
        if self.config.direction == "inbound" or not self.config.detect_voicemail:
            return NO_EVIDENCE
        person = self.transcript.caller_answered
        answered = self.callee.answered.text if self.callee.answered is not None else ""
        before = "" if person else self.transcript.caller_text
        text = " ".join(filter(None, (before, answered, self.callee.turn.text)))
        return weigh(text, beep=beep and not person)

    @property
    def is_person(self) -> bool:
        """Whether somebody is there who asked, offered or answered: a carrier's verdict alone must not end the call."""
        said = self.callee.turn.text
        answers = self.transcript.agent_spoke and bool(beyond_hello(said)) and not weigh(said).families
        inbound = self.config.direction == "inbound"
        return inbound or self.transcript.caller_answered or answers or self.evidence.is_person

    @property
    def more_than_hello(self) -> list[str]:
        """The callee's words that are no nod, nor a hello into an opener that has just begun."""
        text = self.callee.turn.text
        return meaningful(" ".join(beyond_hello(text)) if self.opener_cut or self.opening else text)

    @property
    def hello_cut_opener(self) -> bool:
        """Whether a hello, and no more, has cut the opener off."""
        said = bool(meaningful(self.callee.turn.text))
        return bool(self.opener_cut) and said and not self.more_than_hello

    @property
    def opening(self) -> bool:
        """Whether the agent is saying its first words."""
        return self.agent.turn is not None and self.agent.turn.opening

    @property
    def ends_greeting(self) -> bool:
        """Whether the carrier has heard a machine's greeting end."""
        return (self.verdict or "").startswith("machine_end")
