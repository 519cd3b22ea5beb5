"""Tells a voicemail greeting from a person by kinds of phrases, whatever the punctuation.

One kind is not enough where a person could have said it, and whoever asks or offers help is a person: "he's not
available, can I take a message?". A verdict waits for quiet, since the question often comes last.
"""

from dataclasses import dataclass
from functools import lru_cache

from media.conversation import phrases

# Seconds of quiet that end a greeting. A voice that goes on without a new word is taken for noise after the longer.
_QUIET, _WORDLESS = 1.0, 2.5
# The recogniser's last words are still on their way so long after others.
_LATE_WORDS = 0.5
# Seconds around the verdict within which a beep belongs to the greeting; ringing and waiting calls beep, too.
_BEEP = 3.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which kinds of a recording's phrases were found, and what speaks for a person.

    `yields`: something was asked or offered, so that the turn is handed over. `live`: words of somebody who is on the
    line, which a recording may hold, too.
    """

    families: frozenset[str] = frozenset()
    yields: bool = False
    live: bool = False

    @property
    def strong(self) -> frozenset[str]:
        """The kinds hardly ever said by people who pick up."""
        return self.families & (phrases.STRONG.keys() | {"beep"})

    @property
    def is_person(self) -> bool:
        """Whether the words are those of somebody who is there, whatever the carrier makes of their length."""
        return self.yields or (self.live and len(self.strong) < _TO_OVERRULE)


NO_EVIDENCE = Evidence()
# Strong kinds that make a recording even of words a person might say.
_TO_OVERRULE = 2
# Said together by somebody who is busy: "I'm out, I'll call you back".
_BUSY = frozenset({"absent", "return_call"})


@lru_cache(maxsize=64)
def weigh(text: str, *, beep: bool = False) -> Evidence:
    """Find the kinds of phrases in a transcript; a heard beep counts as one."""
    line = phrases.plain(text)
    found = phrases.families(line) | ({"beep"} if beep else frozenset())
    return Evidence(found, phrases.hands_over(line), bool(phrases.LIVE.search(line)))


def is_machine(evidence: Evidence, *, answered: bool) -> bool:
    """Judge the evidence. `answered`: a turn of the callee has followed the agent's, so it is likely a person."""
    if evidence.yields or not evidence.families - {"beep"}:
        return False
    if answered or evidence.live:
        return len(evidence.strong) >= _TO_OVERRULE
    return bool(evidence.strong) or (len(evidence.families) >= 2 and not evidence.families <= _BUSY)


def verdict_due(*, since: float, last_text: float | None, voice_since: float | None, last_voice: float | None) -> float:
    """When what was said may be judged: after a second of quiet.

    `since` is when the line opened: a carrier's verdict may come before any sound.
    """
    if voice_since is not None:
        return max(voice_since if last_text is None else last_text, voice_since) + _WORDLESS
    heard = since if last_text is None else last_text + _LATE_WORDS - _QUIET
    return max(heard, since if last_voice is None else last_voice) + _QUIET


def beep_counts(beep: float | None, judged: float) -> bool:
    """Whether a beep belongs to what is judged at that time."""
    return beep is not None and abs(judged - beep) <= _BEEP


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
