"""What a conversation wants done, as plain orders the session carries out in the order given.

Every utterance the agent speaks has a name; its mark carries the same name, so an echoed mark proves it was heard.
"""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class StartReply:
    """Ask the language model for the next reply to `messages` (Anthropic message shape, oldest first)."""

    reply: str
    messages: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CancelReply:
    """Stop a reply that is no longer wanted; nothing of it may arrive afterwards."""

    reply: str


@dataclass(frozen=True, slots=True)
class Speak:
    """Turn text into audio, queue it behind what is queued already, then send the mark `utterance`."""

    utterance: str
    text: str


@dataclass(frozen=True, slots=True)
class PlayOpener:
    """Queue the opener's audio that was made before the call, then send the mark `utterance`."""

    utterance: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Drop everything queued at the carrier and everything still being made: the agent falls silent now."""


@dataclass(frozen=True, slots=True)
class StoreTurn:
    """A turn is complete: store it. Agent turns hold only what a mark proved was played.

    Times are the `now` values (seconds) of the inputs; `latency` is from the callee's last voice to the agent's
    first audio of this turn, in seconds, or None (not an answer to anything).
    """

    index: int
    role: Literal["agent", "caller"]
    text: str
    started: float
    ended: float
    interrupted: bool = False
    latency: float | None = None


@dataclass(frozen=True, slots=True)
class ReportVoicemail:
    """A machine answered; the speech matcher found it (the carrier's own verdict is already a stored fact)."""

    method: Literal["speech", "carrier"]


@dataclass(frozen=True, slots=True)
class VoicemailLeft:
    """The voicemail message was played to its end."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call at the carrier. The conversation is over; it asks for nothing more.

    Reasons are the record's `ended_reason` words.
    """

    reason: Literal[
        "completed",
        "callee_hangup",
        "caller_hangup",
        "voicemail_detected",
        "voicemail_left",
        "silence_timeout",
        "max_duration_reached",
        "canceled",
        "error",
    ]


Effect = StartReply | CancelReply | Speak | PlayOpener | Clear | StoreTurn | ReportVoicemail | VoicemailLeft | HangUp
