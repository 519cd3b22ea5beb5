"""What one conversation is told before it begins: its limits, its manners, and the fixed phrases it may need.

Knows nothing of agents, numbers or accounts; the session fills it from the brief.
"""

from dataclasses import dataclass
from typing import Literal

from media.conversation.notices import Notice


@dataclass(frozen=True, slots=True)
class ConversationConfig:
    """Everything that steers one conversation. Times are seconds.

    `opener_text` None: nothing was prepared, the language model is asked for the first turn.
    `notices`: what must be heard before anything else is.
    `pickup_delay`: how long an outbound call listens for a hello before the agent speaks.
    `endpoint_silence`: quiet after the callee's last voice before a reply is asked for.
    `interruption_sensitivity`: 0 (never interrupted) to 100 (by the shortest word).
    `amd_timeout`: how long a greeting may go on before a message is given up.
    `farewell_timeout`: margin after the goodbye should have been played, if its mark does not come back.
    `stall_timeout`: how long the model or the speech may leave the agent stuck without a sign of progress.
    """

    direction: Literal["outbound", "inbound"] = "outbound"
    opener_text: str | None = None
    opener_has_audio: bool = False
    ai_speaks_first: bool = True
    notices: tuple[Notice, ...] = ()
    pickup_delay: float = 1.2
    endpoint_silence: float = 0.2
    interruption_sensitivity: int = 50
    silence_hangup: float = 30.0
    max_duration: float = 600.0
    voicemail_action: Literal["hangup", "leave_message", "ignore"] = "hangup"
    voicemail_message: str | None = None
    detect_voicemail: bool = True
    amd_timeout: float = 30.0
    farewell_timeout: float = 2.0
    stall_timeout: float = 10.0
    deaf: str = "I'm sorry, I have trouble hearing you. Goodbye."
    cannot_go_on: str = "I'm sorry, something is wrong on my side and I can't go on. Goodbye."
    one_moment: str = "One moment, please."
    cannot_help: str = "I'm sorry, I can't help with that."
    silence_prompt: str = "Are you still there?"
    time_up: str = "I'm sorry, our time is up. Goodbye."
    default_farewell: str = "Goodbye."
