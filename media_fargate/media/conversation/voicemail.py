"""Tells a voicemail greeting from a person by families of phrases. Works on unfinished transcripts.

One family is not enough where a person could have said it: "he's not available, can I take a message?" is a person.
"""

import re
from dataclasses import dataclass

_FLAGS = re.IGNORECASE
_YOU_ARE = r"(?:you(?:'ve| have)? (?:called|dial+ed|reached)|you(?:'re| are) (?:calling|trying to (?:reach|call)))"

# Said by machines and hardly ever by the person who picks up.
_STRONG = {
    "leave_message": r"\b(?:leave|record)(?: (?:me|us|him|her|them))?(?: (?:a|your))?"
    r"(?: (?:short|brief|detailed|quick))?(?: voice)? ?(?:message|voicemail)\b|\bleave your (?:name|number|details)\b",
    "tone": r"\b(?:after|at|following|hear|wait for) the (?:\w+ )?(?:tone|beep|signal)\b",
    "mailbox": r"\b(?:voice ?-?mail ?box|mailbox|voice ?-?mail|answering (?:machine|service)) (?:of|for|belonging to)\b"
    r"|\breached the (?:\w+ )?(?:voice ?-?mail|mailbox)|\b(?:forwarded|transferred) to (?:an automated |a )?voice"
    r"|\bautomated voice (?:messag|system)|\b(?:my|our|his|her|'s) voice ?-?mail\b",
    "party": r"\bthe (?:person|number|party|subscriber|customer|mobile) (?:that )?" + _YOU_ARE,
    "mailbox_closed": r"\b(?:mail ?box|voice ?-?mail|inbox)\b[^.?!]{0,40}"
    r"\b(?:full|not (?:been )?(?:set ?up|activated|initiali[sz]ed)|cannot accept)",
    "not_in_service": r"\b(?:not in service|no longer in service|been disconnected|not been recogni[sz]ed)\b",
}
_WEAK = {
    "unavailable": r"\b(?:not|n't|un) ?(?:currently )?available\b|\bunavailable\b"
    r"|\b(?:can ?not|can't|unable to|couldn't|could not) (?:come|get) to (?:the|my|your)(?: tele)? ?(?:phone|call)"
    r"|\b(?:can ?not|can't|unable to|couldn't|could not) (?:take|answer) (?:your|the|this|my)(?: tele| phone)? ?"
    r"(?:call|phone)|\bmissed your call\b|\baway from (?:my|the) (?:phone|desk)\b",
    "you_reached": r"\byou(?:'ve| have) reached\b",
    "return_call": r"\b(?:get back to you|return your call|call you back|back to you as soon)\b",
    "press": r"\bpress (?:\d|one|two|three|four|five|six|seven|eight|nine|zero|star|pound|hash|the)\b",
    "thanks_for_calling": r"\bthank(?:s| you) for (?:calling|your call)\b",
}
_FAMILIES = {name: re.compile(pattern, _FLAGS) for name, pattern in (_STRONG | _WEAK).items()}
# Hands the turn back: everything from here to the end of the sentence is a person's question.
_YIELD = re.compile(
    r"\b(?:can|could|may|shall) (?:i|we) (?:take|ask|help|tell|pass|give|know)\b[^.?!]*"
    r"|(?<!if )\b(?:would|do|did) you (?:like|want|wish)(?: me)? to\b[^.?!]*"
    r"|\b(?:who(?:'s| is) (?:this|that|calling|speaking)|how (?:can|may) (?:i|we) help)\b[^.?!]*"
    r"|[^.?!]*\?",
    _FLAGS,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which families of phrases were found outside questions, and whether a question handed the turn back."""

    families: frozenset[str] = frozenset()
    yields: bool = False

    @property
    def strong(self) -> frozenset[str]:
        """The families hardly ever said by people who pick up."""
        return self.families & (_STRONG.keys() | {"beep"})


NO_EVIDENCE = Evidence()


def weigh(text: str, *, beep: bool = False) -> Evidence:
    """Find the phrase families in a transcript; a heard beep counts as one."""
    plain = text.replace("\u2019", "'")
    said = _YIELD.sub(" ", plain)
    found = {name for name, pattern in _FAMILIES.items() if pattern.search(said)}
    return Evidence(frozenset(found | ({"beep"} if beep else set())), bool(_YIELD.search(plain)))


def is_machine(evidence: Evidence, *, answered: bool) -> bool:
    """Judge the evidence. `answered`: a turn of the callee has followed the agent's, so it is likely a person."""
    spoken = evidence.families - {"beep"}
    if not spoken:
        return False
    if answered:
        return len(evidence.strong) >= 2 and not evidence.yields
    if evidence.yields:
        return len(evidence.families) >= 2 and bool(evidence.strong - {"beep"})
    return len(evidence.families) >= 2 or bool(evidence.strong)


def takes_messages(evidence: Evidence) -> bool:
    """Whether the machine will record anything: a full mailbox or a dead number will not."""
    return not evidence.families & {"mailbox_closed", "not_in_service"}


def message_due(
    *, since: float, beep: float | None, voice_since: float | None, last_voice: float | None
) -> float | None:
    """When to leave the message: just after the beep, or after two seconds of quiet; None: the greeting goes on.

    `since` is when the machine was found.
    """
    if beep is not None and (last_voice is None or beep >= last_voice - 0.5):
        return beep + 0.2
    return None if voice_since is not None else max(last_voice or since, since - 2.0) + 2.0
