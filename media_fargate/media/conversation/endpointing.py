"""When the callee's turn is over: quiet after the last voice, longer where the words say that more will come.

Pure functions of what was heard; finals of the recogniser are not waited for.
"""

from media.conversation.words import words

# Words nobody ends on.
_OPEN_ENDS = "and but so or because if that the a an to of for with my your um uh er i i'm we is are was at on in like"
_UNFINISHED = frozenset(_OPEN_ENDS.split())
_MORE_TO_COME = 0.7
_WORDS_WITHOUT_VOICE = 0.5
_VOICE_WITHOUT_NEW_WORDS = 1.5


def patience(text: str, silence: float) -> float:
    """Seconds of quiet that end this text: `silence`, and more after words nobody ends on."""
    said = words(text)
    unfinished = text.rstrip().endswith((",", "\u2026", "...", "-")) or (bool(said) and said[-1] in _UNFINISHED)
    return silence + (_MORE_TO_COME if unfinished and not text.rstrip().endswith(("?", "!")) else 0.0)


def endpoint_due(
    *,
    text: str,
    text_is_final: bool,
    last_text: float | None,
    voice_since: float | None,
    last_voice: float | None,
    voiced: bool,
    silence: float,
) -> float | None:
    """When the callee's turn ends and a reply is due; None: not before something else is heard.

    Voice that goes on after a final transcript without new words is noise: the words end the turn.
    """
    if not text or last_text is None:
        return None
    if voice_since is not None:
        return last_text + _VOICE_WITHOUT_NEW_WORDS if text_is_final and last_text > voice_since else None
    if voiced and last_voice is not None:
        return last_voice + patience(text, silence)
    return last_text + patience(text, silence) + (0.0 if text_is_final else _WORDS_WITHOUT_VOICE)
