"""Hear "stop calling me". Pure; it reads what a person said on a call.

A wish not to be called at all counts, one about a time or a place does not ("don't call me before five", "don't call
me at work"): revoking consent must be heard, and a person who asks for another hour must not be lost.
"""

import re
from collections.abc import Iterable

from calling.domain.transcript import Turn

_NOT_NOW = (
    r"(?!\W+(?:\w+\W+){0,3}?(?:before|after|until|till|between|today|tonight|tomorrow|now|right now|this (?:week|morning|"
    r"afternoon|evening)|on (?:mon|tues|wednes|thurs|fri|satur|sun)days?|on weekends?|at (?:work|night|home|this (?:hour|time))|"
    r"in the (?:morning|afternoon|evening)|so (?:early|late)|this (?:early|late)|back)\b)"
)
_NEGATION = r"(?:don['’]?t|do not|never|not to|please not|shouldn['’]?t|must not)"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\bstop (?:calling|phoning|ringing|contacting|bothering|harassing)\b{_NOT_NOW}",
        rf"\b{_NEGATION} (?:ever )?(?:call|phone|ring|contact) (?:me|us|here|this (?:number|phone|house))\b{_NOT_NOW}",
        rf"\b{_NEGATION} (?:ever )?(?:call|phone|ring|contact)(?: \w+)? (?:again|any ?more|ever)\b",
        r"\b(?:take|remove|delete|get|put) (?:me|us|my (?:number|name|phone number|details)|this number)"
        r" (?:off|from|out of|on)\b.{0,30}\b(?:list|database|system|records|do[- ]not[- ]call)\b",
        r"\b(?:remove|delete|erase|lose) (?:my|this) (?:phone )?number\b",
        r"\bno more (?:phone )?calls\b",
        r"\bunsubscribe\b",
        r"\bdo[- ]not[- ]call list\b",
    )
)


def asks_not_to_be_called(turns: Iterable[Turn]) -> bool:
    """Tell whether the person on the line asked not to be called any more."""
    return any(pattern.search(turn.text) for turn in turns if turn.role == "caller" for pattern in _PATTERNS)
