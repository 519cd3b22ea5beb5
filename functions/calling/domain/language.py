"""The languages a call can be held in: all three of recogniser, voice and phrase tables must exist for one.

Today that is English. The accents are those that Amazon Transcribe hears in a stream (its guide's table of supported
languages); the voices are `agent.VOICES`; the phrases (nods, goodbyes, voicemail greetings, wishes not to be called)
are those of `media.conversation` and `domain.do_not_call`.
"""

from calling.domain.errors import InvalidRequest

PHRASES = frozenset({"en"})  # languages that have phrase tables
ACCENTS = ("en-US", "en-GB", "en-AU", "en-IN", "en-IE", "en-NZ", "en-ZA", "en-AB", "en-WL")
# What is heard where nothing says which accent; its keys are the languages that need no accent to be named.
_USUAL = {"en": "en-US"}
LANGUAGES = (*_USUAL, *ACCENTS)  # what an agent's `language` may be

_BY_LOWER = {code.lower(): code for code in LANGUAGES}


def base(code: str) -> str:
    """Read the language of a code: `en` of `en-GB`."""
    return code.partition("-")[0].lower()


def spoken(code: str) -> str:
    """Read a language as an agent may have it, in any case of letters.

    Raises:
        InvalidRequest: `language_not_supported`.
    """
    known = _BY_LOWER.get(code.strip().lower())
    if known is None or base(known) not in PHRASES:
        raise InvalidRequest(
            f"Calls are held in English only: language is one of {', '.join(LANGUAGES)}.",
            code="language_not_supported",
            field="language",
        )
    return known


def accent(language: str, voice_language: str) -> str:
    """Choose what the recogniser listens for: the accent that was asked for, else the voice's own, else the usual.

    Never fails: a record from before languages were checked may hold any text, and its calls shall hear.
    """
    for code in (language, voice_language):
        known = _BY_LOWER.get(code.strip().lower())
        if known in ACCENTS:
            return known
    return _USUAL.get(base(voice_language), ACCENTS[0])
