"""Days and times as people say them: finds them in a sentence and says them back in the same words.

Knows English only, and no calendar: "Thursday at four" stays "Thursday at four".
"""

import re
from dataclasses import dataclass

WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_HOURS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_ORDINALS = (
    "(?:twenty[- ]|thirty[- ])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|tenth|eleventh|twelfth"
    "|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth"
)
_DATE = (
    rf"(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{MONTHS})(?:,? \d{{4}})?"
    rf"|(?:{MONTHS}) (?:the )?\d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}})?"
    rf"|the (?:{_ORDINALS}) of (?:{MONTHS})|the \d{{1,2}}(?:st|nd|rd|th)"
)
_PART = "morning|afternoon|evening|lunchtime|night"
_DAY = (
    rf"(?:(?:this |next |coming )?(?:{WEEKDAYS})(?:,? (?:{_DATE}))?(?: (?:{_PART}))?"
    rf"|the day after tomorrow|tomorrow(?: (?:{_PART}))?|today|tonight|this (?:{_PART})|{_DATE}|next week|next month)"
)
_CLOCK = (
    r"(?:\d{1,2}[:.]\d{2}(?: ?[ap]\.?m\b\.?)?|\d{1,2} ?[ap]\.?m\b\.?|\d{1,2} ?o'? ?clock|noon|midday|midnight"
    rf"|(?:half|(?:a )?quarter|ten|twenty|five) (?:past|to) (?:{_HOURS})"
    rf"|(?:{_HOURS}) (?:thirty|fifteen|forty[- ]five|o'? ?clock|[ap]\.?m\b\.?))"
)
# A bare number is a time only after a word that says so ("at four"), and never when it counts ("at two people").
_COUNTED = "people|persons|minutes?|days?|weeks?|months?|hours?|years?|times|percent|%|of\\b"
_BARE = rf"(?:\d{{1,2}}|{_HOURS})\b(?! ?(?:{_COUNTED}))"
_OF_DAY = r"(?: in the (?:morning|afternoon|evening)| at night)?"
_AT = r",? (?:at |around |about |by |for |after |before )?"
_SLOT = re.compile(
    rf"\b(?:(?P<day1>{_DAY})(?:{_AT}(?P<time1>(?:{_CLOCK}|{_BARE}){_OF_DAY}))?"
    rf"|(?P<time2>{_CLOCK}{_OF_DAY}|(?<=\bat )(?:{_BARE}){_OF_DAY})(?:,? (?:on |this coming )?(?P<day2>{_DAY}))?"
    rf"|(?:(?<=\bto )|(?<=\bmake it )|(?<=\baround )|(?<=\babout )|(?<=\bsay ))(?P<time3>(?:{_BARE}){_OF_DAY}))(?!\w)",
    re.IGNORECASE,
)
_REFUSED_BEFORE = re.compile(
    r"\b(?:can't|cannot|can not|couldn't|won't|not|don't|isn't|instead of|rather than|from|busy|away|working|off)"
    r"(?: \w+){0,3}[ ,]*$",
    re.IGNORECASE,
)
_REFUSED_AFTER = re.compile(
    r"^,? (?:really )?(?:doesn't|does not|isn't|is not|won't|wouldn't|is no good|is bad|is out)", re.IGNORECASE
)
_AIMED_AT = re.compile(r"\b(?:to|for|make it|until|till|do|say|have|about|on|at|is|prefer)(?: the)?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Slot:
    """A day, a time of day, or both, in the words they were said in."""

    day: str = ""
    time: str = ""

    def __str__(self) -> str:
        return f"{self.day} at {self.time}" if self.day and self.time else self.day or self.time

    @property
    def when(self) -> str:
        """The slot with the preposition speech wants: "on Thursday at four", "tomorrow", "at four"."""
        if not self.day:
            return f"at {self.time}" if self.time else ""
        bare = re.match(r"(?:this|next|coming|tomorrow|today|tonight|the day after)\b", self.day, re.IGNORECASE)
        return str(self) if bare else f"on {self}"

    @property
    def vague(self) -> bool:
        """Whether no day can be told from it ("next week")."""
        return bool(re.fullmatch(r"next (?:week|month)", self.day, re.IGNORECASE))

    def merged_into(self, earlier: "Slot | None") -> "Slot":
        """Fill what this one leaves open from an earlier one; a new day drops the earlier time."""
        if earlier is None or self.day:
            return self
        return Slot(earlier.day if not earlier.vague else "", self.time)


def _proper(words: str) -> str:
    """Capitalise the names of days and months, whatever the recogniser wrote."""
    lowered = re.sub(
        r"^(?:Next|This|Coming|Tomorrow|Today|Tonight|The)\b", lambda found: found[0].lower(), words.strip(" ,")
    )
    return re.sub(rf"\b(?:{WEEKDAYS}|{MONTHS})\b", lambda found: found[0].capitalize(), lowered, flags=re.IGNORECASE)


def _slot(found: re.Match[str]) -> Slot:
    day = found["day1"] or found["day2"] or ""
    time = found["time1"] or found["time2"] or found["time3"] or ""
    time = time[:1].lower() + time[1:]
    return Slot(
        _proper(day),
        time.strip(" ,").rstrip(".") if not re.search(r"[ap]\.m\.$", time, re.IGNORECASE) else time.strip(),
    )


def slots_in(text: str) -> list[Slot]:
    """Every day and time the text names, in order."""
    return [_slot(found) for found in _SLOT.finditer(text.replace("\u2019", "'"))]


def first_slot(text: str) -> Slot | None:
    """The fullest day and time of a text, the first of equals; None if it names none."""
    return max(slots_in(text), key=lambda slot: bool(slot.day) + bool(slot.time), default=None)


def wanted_slot(text: str) -> Slot | None:
    """The day and time a speaker asks for, passing over those they refuse ("not Friday"); None if there is none."""
    text = text.replace("\u2019", "'")
    wanted: list[tuple[bool, bool, int, Slot]] = []
    for found in _SLOT.finditer(text):
        before, after = text[: found.start()], text[found.end() :]
        if not _REFUSED_BEFORE.search(before) and not _REFUSED_AFTER.search(after):
            slot = _slot(found)
            wanted.append((bool(_AIMED_AT.search(before)), bool(slot.day and slot.time), found.start(), slot))
    if not wanted:
        return None
    best = max(wanted, key=lambda entry: (bool(entry[3].day), *entry[:3]))[3]
    times = [slot.time for *_, slot in wanted if not slot.day]
    return Slot(best.day, times[-1]) if best.day and not best.time and times else best
