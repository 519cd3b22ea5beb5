"""Small facts about spoken words: which only nod, which only part, which ask for the floor.

Pure functions of text; knows nothing of time or of who is speaking.
"""

import re

_WORD = re.compile(r"[a-z0-9']+(?:-[a-z0-9']+)*")

_NODS = """
    uh-huh uhuh uh huh mhm mm mmm mm-hm mm-hmm mmhm mmhmm hm hmm yeah yep yup yes ok okay right sure aha ah oh um er
    uh-uh alright cool great good nice fine gotcha exactly absolutely
"""
BACKCHANNELS = frozenset(_NODS.split())
_BACKCHANNEL_PHRASES = ("i see", "got it", "all right", "of course", "i know", "go on", "sounds good", "uh huh")
_PARTING_PHRASES = (
    "have a good one",
    "have a good day",
    "have a great day",
    "have a nice day",
    "have a lovely day",
    "thank you very much",
    "thank you so much",
    "thank you",
    "thanks a lot",
    "you too",
    "and you",
    "take care",
    "see you then",
    "see you later",
    "see you soon",
    "see you",
    "talk to you later",
    "talk soon",
    "good bye",
    "good night",
    "bye now",
    "no problem",
    "you're welcome",
)
_PARTING_WORDS = "bye goodbye bye-bye cheers thanks cheerio ciao later welcome you"
_PARTINGS = frozenset(_PARTING_WORDS.split())
_HELLO_PHRASES = ("good morning", "good afternoon", "good evening", "good day", "hi there", "hello there", "hey there")
_HELLO_WORDS = "hello hi hey hiya hallo hullo yello ello morning afternoon evening"
_HELLOS = frozenset(_HELLO_WORDS.split())
_LET_ME_SPEAK = "stop wait no hang hold sorry excuse actually but pause what who pardon listen"
_FLOOR_WORDS = frozenset(_LET_ME_SPEAK.split())


def words(text: str) -> list[str]:
    """Split into lower-case words without punctuation."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))


def _without(said: list[str], phrases: tuple[str, ...], single: frozenset[str]) -> list[str]:
    line = f" {' '.join(said)} "
    for phrase in phrases:
        while f" {phrase} " in line:
            line = line.replace(f" {phrase} ", " ")
    return [word for word in line.split() if word not in single]


def meaningful(text: str) -> list[str]:
    """Words that are more than a nod ("uh-huh", "I see")."""
    return _without(words(text), _BACKCHANNEL_PHRASES, BACKCHANNELS)


def beyond_hello(text: str) -> list[str]:
    """Words that are more than a greeting ("Hello?", "Good morning")."""
    return _without(words(text), _HELLO_PHRASES, _HELLOS)


def is_backchannel(text: str) -> bool:
    """Whether the text is nothing but nods; empty text is not one."""
    return bool(words(text)) and not meaningful(text)


def beyond_goodbye(text: str) -> list[str]:
    """Words that are neither nods nor parting words: somebody still has something to say."""
    left = _without(words(text), _PARTING_PHRASES, _PARTINGS)
    return _without(left, _BACKCHANNEL_PHRASES, BACKCHANNELS)


def says_goodbye(text: str) -> bool:
    """Whether a parting word is in the text."""
    said = f" {' '.join(words(text))} "
    return any(f" {word} " in said for word in ("bye", "goodbye", "bye-bye")) or any(
        f" {phrase} " in said for phrase in _PARTING_PHRASES if phrase.startswith(("have a", "take care", "good"))
    )


def asks_for_the_floor(text: str) -> bool:
    """Whether one of the words means "let me speak" by itself ("wait", "no", "sorry")."""
    return not _FLOOR_WORDS.isdisjoint(words(text))


def already_said(said: str, farewell: str) -> bool:
    """Whether the farewell would repeat what was just said: the same words, or a second goodbye."""
    line, again = f" {' '.join(words(said))} ", f" {' '.join(words(farewell))} "
    return again in line or (says_goodbye(said) and says_goodbye(farewell))
