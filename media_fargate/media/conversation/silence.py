"""When nothing has come from the callee for too long. Pure function of the clock's facts."""

# Voice without words (a television, a street) puts the decision off, but not for ever.
_NOISE_HOLDS = 10.0
_AFTER_VOICE = 1.5


def silence_due(*, quiet_since: float, limit: float, voice_since: float | None, last_voice: float | None) -> float:
    """When `limit` seconds without a word are over, and nobody is just speaking."""
    due = quiet_since + limit
    if voice_since is not None:
        return max(due, voice_since + _NOISE_HOLDS)
    return due if last_voice is None else max(due, last_voice + _AFTER_VOICE)
