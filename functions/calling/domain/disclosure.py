"""What anybody hears first: that an AI is speaking, and that the call is recorded where the agent says so.

Laws in several places ask for it, and nobody may depend on a model's mood for it. Pure text.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

AI_NOTICE = "This is an AI assistant speaking."

_GAP = re.compile(r"[^\w]+")
_SELF = (
    r"(?:\bi am|\bi'?m|\bthis is|\bit'?s|\byou(?: a|')re (?:speaking|talking) (?:with|to)|\bmy name is|\bname'?s"
    r"|\bhere is|\bspeaking with)"
)
# Between "I am" and "AI" nothing that would make it somebody else's, or a denial.
_WORD = r"(?:(?!not\b|never\b|and\b|about\b|no\b|sell|offer|call|regarding|behind|build|us(?:e|ing)\b)[\w'-]+,? +)"
_KIND = r"(?:assistant|agent|caller|receptionist|representative|voice|system|model|program|helper|attendant|operator)"
_SAYS_AI = re.compile(
    rf"{_SELF},? +{_WORD}{{0,10}}?(?:an?|the|your|our|their|[\w-]+'s?) +(?:\w+ +){{0,2}}?"
    rf"(?:ai|a\.i\.|artificial intelligence)(?: +(?:\w+ +)?{_KIND}\b|(?=[.,!?;:]| (?:calling|speaking|from)\b|$))",
    re.IGNORECASE,
)


class AiDisclosure(StrEnum):
    """When an agent says that it is an AI."""

    OPENING = "opening"
    WHEN_ASKED = "when_asked"


def holds(text: str, notice: str) -> bool:
    """Whether whoever hears this text has heard the notice, in its own words or, of the AI, in others.

    Where it is in doubt it is not: a notice heard twice does no harm.
    """
    if notice == AI_NOTICE and _SAYS_AI.search(text.replace("\u2019", "'")):
        return True
    return f" {_plain(notice)} " in f" {_plain(text)} "


def lacking(text: str, notices: Iterable[str]) -> str:
    """Give the notices that this text does not hold, as sentences to say before it; "" for none."""
    return " ".join(notice for notice in notices if not holds(text, notice))


def _plain(text: str) -> str:
    return _GAP.sub(" ", text.lower()).strip()
