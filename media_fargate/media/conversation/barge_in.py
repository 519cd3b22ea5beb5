"""When the callee takes the floor from the agent, and when only nodding.

Pure functions. Sensitivity 0 never yields; a nod ("uh-huh") never interrupts at any.
"""

from media.conversation.words import asks_for_the_floor, beyond_goodbye, is_backchannel, meaningful, words

_RESUME_AFTER = 1.0
_NOISE_AFTER = 4.0
_YIELD_AFTER = 0.2


def voice_needed(sensitivity: int) -> float:
    """Seconds of voice without a word that interrupt: 0.9 at 1, 0.3 at 50, 0.12 at 100."""
    if sensitivity <= 50:
        return 0.9 - 0.6 * max(sensitivity, 0) / 50
    return 0.3 - 0.18 * (min(sensitivity, 100) - 50) / 50


def words_needed(sensitivity: int) -> int:
    """Words beyond nods that interrupt."""
    if sensitivity >= 75:
        return 1
    return 2 if sensitivity >= 25 else 3


def takes_floor(text: str, sensitivity: int) -> bool:
    """Whether these words, said while the agent speaks, ask it to stop."""
    if sensitivity <= 0:
        return False
    return asks_for_the_floor(text) or len(meaningful(text)) >= words_needed(sensitivity)


def interruption_due(*, sensitivity: int, text: str, voice_since: float | None, noise: bool) -> float | None:
    """When the agent must fall silent; None: not for what is known now."""
    if sensitivity <= 0:
        return None
    if takes_floor(text, sensitivity):
        return 0.0
    if voice_since is None or noise or is_backchannel(text):
        return None
    return voice_since + voice_needed(sensitivity)


def yield_due(*, text: str, asked: str, restarts: bool, voice_since: float | None, noise: bool) -> float | None:
    """When an answer nobody has heard yet is dropped, since the callee has more to say.

    `asked` is what the answer was asked for; `restarts`: whether more words alone make it stale.
    """
    if restarts and len(words(text)) > len(words(asked)):
        return 0.0
    return None if voice_since is None or noise else voice_since + _YIELD_AFTER


def resume_due(*, text: str, voice_since: float | None, last_voice: float | None) -> float | None:
    """When an interruption has proved false (a cough, a nod, noise) and the agent goes on with what was cut off."""
    if meaningful(text):
        return None
    if voice_since is not None:
        return voice_since + _NOISE_AFTER
    return None if last_voice is None else last_voice + _RESUME_AFTER


def calls_off_goodbye(text: str, sensitivity: int) -> bool:
    """Whether words said over the goodbye are more than a goodbye."""
    said = beyond_goodbye(text)
    return sensitivity > 0 and (len(said) >= words_needed(sensitivity) or asks_for_the_floor(" ".join(said)))
