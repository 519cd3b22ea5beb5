"""When the agent says its first words: at the first pause after a hello, or when nobody has said one.

Pure function of what was heard since the line opened.
"""

from media.conversation.voicemail import Evidence

# A person's hello is short; what goes on longer may be a machine, whose pauses are not an invitation.
_HELLO = 2.5
_MONOLOGUE_PAUSE = 1.5
_NOISE_AFTER = 5.0
_TEXT_WAIT = 1.0
_LONGEST_GREETING = 20.0


def opener_due(
    *,
    started: float,
    delay: float | None,
    silence: float,
    text: str,
    evidence: Evidence,
    voice_began: float | None,
    voice_since: float | None,
    last_voice: float | None,
    needs_text: bool,
) -> float | None:
    """When to speak first; None: not before something is heard.

    `delay` None: the agent waits to be spoken to. `voice_began` is the first voice of the call. `needs_text`: nothing
    was prepared, so what the callee says is worth a moment's wait.
    """
    if voice_since is not None:
        return voice_since + (_LONGEST_GREETING if text else _NOISE_AFTER)
    if last_voice is None or voice_began is None:
        return (started + delay if delay is not None else None) if not text else 0.0
    if last_voice - voice_began > _HELLO or (evidence.families and not evidence.yields):
        return last_voice + max(_MONOLOGUE_PAUSE, silence)
    if needs_text and not text:
        return last_voice + max(_TEXT_WAIT, silence)
    return last_voice + silence
