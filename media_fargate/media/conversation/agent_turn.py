"""What a turn of the agent is made of, while it lasts and when it has ended."""

from dataclasses import dataclass, field
from typing import Literal

from media.conversation.sentences import SentenceCutter

Kind = Literal["opener", "reply", "prompt", "resumed", "last_words", "message"]


@dataclass(slots=True)
class Reply:
    """A reply of the language model: what it was asked with, and how far it has come."""

    name: str
    asked: str
    text: str = ""
    alive: bool = True
    # Nothing it writes from now on is spoken: it has asked for the call's end.
    closed: bool = False
    # Since when the model is known to be busy; None: it is not, or was.
    waits_since: float | None = None
    cutter: SentenceCutter = field(default_factory=SentenceCutter)


@dataclass(slots=True)
class AgentTurn:
    """The agent's turn in progress; `answers` is when the callee had stopped talking, if this is an answer."""

    kind: Kind
    touched: float
    opening: bool = False
    reply: Reply | None = None
    answers: float | None = None
    waiting: list[str] = field(default_factory=list)
    # The utterance that only asked for patience; what the turn has to say comes behind it.
    filler: str | None = None
    # The model declined to answer, and the turn says that the agent cannot help.
    declines: bool = False
    # The utterances that were put before its words, to say what everybody must hear first.
    notices: set[str] = field(default_factory=set)
    first_audio: float | None = None
    latency: float | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """What became of a turn: words heard, words that were not, whether it was cut short."""

    turn: AgentTurn
    heard: str
    left: str
    interrupted: bool
