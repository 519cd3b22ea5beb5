"""What can happen to a conversation, as plain facts.

The session turns sockets, timers and vendor streams into these; the conversation knows nothing else of the world.
Times are not in here: `Conversation.receive(input, now)` is told the time of each.
"""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The carrier's media stream has begun: the callee (or caller) is on the line."""


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """Voice activity began on the callee's side (an edge, already debounced by the detector)."""


@dataclass(frozen=True, slots=True)
class VoiceStopped:
    """Voice activity ended: the last voiced frame was just before this input's time."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcript of the callee's current or last utterance.

    `segment` names the recogniser's result; a later Heard of the same segment replaces the earlier text.
    `stable` is True when the recogniser will not change these words; `final` ends the segment.
    """

    segment: str
    text: str
    final: bool = False
    stable: bool = False


@dataclass(frozen=True, slots=True)
class Beep:
    """A voicemail's beep has ended (a long steady tone, then silence)."""


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key was pressed: one of 0-9, *, #."""

    digit: str


@dataclass(frozen=True, slots=True)
class AudioQueued:
    """Audio of an utterance was handed to the carrier: `seconds` more of speech are in its play-out buffer.

    `last`: no more audio of this utterance will follow, so its whole length is known.
    """

    utterance: str
    seconds: float
    last: bool = False


@dataclass(frozen=True, slots=True)
class MarkEchoed:
    """The carrier echoed a mark: all audio before it was played, or dropped by a clear.

    The conversation tells which.
    """

    name: str


@dataclass(frozen=True, slots=True)
class SpeechFailed:
    """Text could not be turned into audio; nothing (more) of this utterance will be queued."""

    utterance: str


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A piece of the language model's reply."""

    reply: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplyTool:
    """The language model asks for a tool. `cut`: it ran into its length, so the arguments are lost."""

    reply: str
    tool_use: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The language model writes no more of this reply: all is said, or it ran into its length, declined to answer
    (what it wrote is then to be forgotten), or the conversation has become too long for it.
    """

    reply: str
    stop: Literal["done", "cut", "refused", "too_long"] = "done"


@dataclass(frozen=True, slots=True)
class ReplyWaiting:
    """The language model is busy or out of reach; it is asked again, for some seconds in all."""

    reply: str


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The language model gave up on this reply after its bounded retries."""

    reply: str


@dataclass(frozen=True, slots=True)
class CarrierVerdict:
    """The carrier's answering-machine detection has spoken, in Twilio's words (human, machine_start, …)."""

    answered_by: str


@dataclass(frozen=True, slots=True)
class HearingLost:
    """The recogniser gave up for good: the agent will understand nothing any more."""


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """Somebody outside asked for this call to end (the API, a drain)."""

    reason: Literal["canceled", "error"] = "canceled"


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The media stream closed: the other side hung up, or the line was lost."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline the conversation asked for (`Conversation.deadline`) has come."""


Input = (
    StreamStarted
    | VoiceStarted
    | VoiceStopped
    | Heard
    | Beep
    | Dtmf
    | AudioQueued
    | MarkEchoed
    | SpeechFailed
    | ReplyText
    | ReplyTool
    | ReplyEnded
    | ReplyWaiting
    | ReplyFailed
    | CarrierVerdict
    | HearingLost
    | HangUpRequested
    | StreamEnded
    | Tick
)
