"""Hear "stop calling me". Pure; it reads what a person said on a call.

A wish not to be called at all counts, one about a time or a place does not ("don't call me before five", "don't call
me at work"): revoking consent must be heard, and a person who asks for another hour must not be lost.
"""

import re
from collections.abc import Iterable

from calling.domain.transcript import Turn

_CALL = r"(?:call|phone|ring|dial|contact|bother|harass|pester)"
_CALLING = r"(?:calling|phoning|ringing|dialing|dialling|contacting|bothering|harassing|pestering)"
_NOT = (
    r"(?:don'?t|do not|never|not to|please not|shouldn'?t|should not|mustn'?t|must not|can'?t|cannot|may not|"
    r"no longer|(?:want|rather|prefer|wish|like) you not)"
)
_HOW = r"(?: (?:ever|you|you ever|you dare|dare|bother|even|keep|to|try to|try and|go))*"
_MY_PHONE = r"my (?:number|phone|house|home|mobile|cell|landline|line)"
_ME = rf"(?:me|us|here|this (?:number|phone|house|line)|{_MY_PHONE})"
# May stand between the wish and what limits or confirms it.
_FILLER = r"(?:,? (?:please|again|any ?more|ever|back|so|right|sir|ok|okay|like this|like that|at least|or anything))*"
# A time or a place: the wish is for another hour, not for silence.
_LIMIT = (
    r"(?:before|after|until|till?|between|during|while|when|unless|today|tonight|tomorrow|now(?! on)|just now|yet|"
    r"later|on (?:mon|tues|wednes|thurs|fri|satur|sun)days?|on weekends?|on the weekend|at (?!all\b)|"
    r"in (?:the|a) (?:\w+ )?(?:morning|afternoon|evening|minute|hour|night|middle)|in an hour|(?:this|that|too|so) "
    r"(?:early|late|often)|this (?:week|month|morning|afternoon|evening)|next |early|late\b|"
    r"for (?:a|an|the|another|now|\d+|one|two|three|four|five|six)\b|not (?:today|now|tonight|tomorrow))"
)
_UNLIMITED = rf"(?!{_FILLER},? {_LIMIT})"
_END = r"(?= *(?:[.,;:!?…—-]|$))"
# "Don't call me Sarah" gives a name: after "me" must come an end, or a word that goes on with the wish.
_GOES_ON = (
    r"(?: (?:again|any ?more|any longer|ever|please|thanks?|sir|ma'?am|mate|man|okay|ok|or|and|with|because|cause|cos|"
    r"i|i'm|i'?ve|i don'?t|we|we're|it's|you|you're|no|never|take|stop|remove|in (?:the )?future|from now|at all|"
    r"about (?:this|that|it|any)|already|\w+ times|for (?:any|this|that)|like|back|"
    r"all the time|every|so|on this|on my)\b)"
)
_WISH = rf"{_UNLIMITED}(?:{_END}|(?={_GOES_ON}))"
_MINE = (
    r"(?:me|us|my (?:phone |cell |mobile |home )?(?:number|name|details|info|information|data)|this (?:phone )?number)"
)
_LISTS = r"(?:list|lists|database|system|records?|books?|files?|contacts|registry|sheet|directory|rota)"
_NO_CALL = r"(?:do[ -]not[ -]call|don'?t[ -]call|no[ -]call|dnc|opt[ -]out)"

_DONT = r"(?:do not|don'?t|never|no longer)(?: ever)?"
_CONSENT = r"(?:consent|permission)"
_OFF = r"(?:off|from|out of|removed from|taken off|deleted from)"
_OTHER_LIST = r"(?!.{0,20}\b(?:wait|waiting|guest|standby|shopping)\b)"

# What somebody else does or does not do is no wish: "they never call me", "I can't stop calling", "if you don't call".
_OTHERS = (
    r"(?:they|he|she|we|i|it|who|kids?|children|sons?|daughters?|friends?|parents|family|brothers?|sisters?|doctors?|"
    r"banks?|company|nobody|somebody|someone|everyone|mother|father|mum|mom|dad|wife|husband|that|which|would|did)"
)
_CLAIMED = r"(?:if|when|because|since|unless|why|how come|hope|hoped|thought|glad|sad|upset|worried) you|" + _OTHERS
_YOU = r"(?<!told )(?<!tell )(?<!telling )(?<!asked )(?<!asking )(?<!want )you"  # "I told you never to call"
_UNABLE = (
    r"(?:can'?t|cannot|couldn'?t|won'?t|wouldn'?t|don'?t|didn'?t|doesn'?t|never|not|did you|i|i'll|we|he|she|they)"
)
_SOMEBODY = r"they|he|she|you|who"

# (what is said, what must not stand just before it)
_TABLE: tuple[tuple[str, str | None], ...] = (
    # stop calling
    (
        rf"\b(?:stop|quit|cease) (?:\w+ing )?{_CALLING} {_ME}(?: (?:right )?now| immediately| at once)?\b{_WISH}",
        _UNABLE,
    ),
    (rf"\b(?:stop|quit|cease) {_CALLING}(?: (?:again|please|now))?{_END}", _UNABLE),
    (
        (
            rf"\b(?:stop|quit|cease|end|enough)(?: (?:with|of|making|it with))?(?: all)? (?:these|those|the|your|this)"
            rf"(?: \w+)? (?:calls|calling)\b{_UNLIMITED}"
        ),
        _UNABLE,
    ),
    (
        rf"\b(?:these|the|your|those)(?: \w+)? calls (?:(?:have |need )?to|must|should) (?:stop|end)\b{_UNLIMITED}",
        None,
    ),
    (rf"\b(?:refrain from|no) (?:ever )?{_CALLING} {_ME}\b{_WISH}", None),
    (r"\bcease and desist\b", None),
    (r"\bleave (?:me|us) alone\b", rf"{_UNABLE}|just"),
    # don't call
    (rf"\b{_NOT}{_HOW} (?:{_CALL}|{_CALLING}|be {_CALLING}) {_ME}\b{_WISH}", rf"{_CLAIMED}|{_YOU}"),
    (
        rf"\byou (?:should|must|can|may) ?(?:not|n't|'t|t) (?:be {_CALLING}|{_CALL}) {_ME}\b{_WISH}",
        r"if|why|because|since",
    ),
    (
        (
            rf"\b{_NOT}{_HOW} (?:{_CALL}|{_CALLING}|be {_CALLING})(?: {_ME})?(?: back)?"
            rf" (?:ever again|again|any ?more|ever)\b{_UNLIMITED}"
        ),
        _CLAIMED,
    ),
    (rf"\bnever call(?: {_ME})? back\b{_UNLIMITED}", rf"{_CLAIMED}|{_YOU}"),
    (rf"\byou(?: are|'re) not (?:allowed |permitted |supposed )?to {_CALL} {_ME}\b{_WISH}", None),
    (rf"\brather you didn'?t {_CALL}(?: {_ME})?\b{_WISH}", None),
    (
        (
            rf"\b{_DONT} (?:want|wish|care|like|need)(?: to (?:get|receive|have|take))?"
            rf"(?: (?:any|these|your|more|any more|further|no more|the))*(?: \w+)? calls\b(?! about){_UNLIMITED}"
        ),
        _SOMEBODY,
    ),
    (
        (
            rf"\b{_DONT} (?:want|wish|like)(?: (?:you(?: people| guys)?|anyone|anybody))?"
            rf"(?: ever)? (?:to {_CALL}|{_CALLING})(?: {_ME})?\b{_WISH}"
        ),
        r"they|he|she|you|who|i don't|do",
    ),
    (
        (
            r"\b(?:do not|don'?t|never|no longer|not)(?: ever)? (?:want(?: to)?|wish to|to)(?: ever)? (?:be|get) "
            rf"(?:called|contacted|phoned|bothered)\b{_WISH}"
        ),
        _SOMEBODY,
    ),
    (
        (
            rf"\b{_DONT} want to (?:ever )?hear from (?:you|this company|your company)\b"
            rf"{_UNLIMITED}"
        ),
        _SOMEBODY,
    ),
    (
        rf"\bno (?:more|further) (?:\w+ )?(?:calls|phone calls|contact)\b{_UNLIMITED}",
        r"get|got|had|have|are|were|was|there's",
    ),
    # consent
    (
        (
            r"\b(?:do not|don'?t|didn'?t|did not|no longer|never)(?: \w+)? (?:consent|consented|agree|agreed)"
            r" (?:to|for) (?:[\w']+ ){0,3}(?:calls?|called|contacted|calling)\b"
        ),
        _SOMEBODY,
    ),
    (
        rf"\b(?:revok(?:e|ing)|withdraw(?:ing)?|tak(?:e|ing) back) (?:my|all|any) (?:\w+ )?{_CONSENT}\b",
        None,
    ),
    (
        (
            rf"\b{_DONT}(?: \w+)? (?:have|give|gave|given)(?: you)? (?:my |any )?{_CONSENT}"
            r" (?:to|for) (?:[\w']+ ){0,3}(?:call|calls|contact|phone)\b"
        ),
        r"they|he|she|who",
    ),
    # lists
    (
        (
            rf"\b(?:take|taking|remove|delete|get|strike|cross|scratch|drop|erase|pull|wipe|want) {_MINE}(?: \w+)?"
            rf" {_OFF}\b{_OTHER_LIST}.{{0,30}}\b{_LISTS}\b"
        ),
        r"don'?t|not|didn'?t|never|they|he|she",
    ),
    (
        rf"\b(?:be|get) (?:taken|removed|deleted) (?:off|from)\b{_OTHER_LIST}.{{0,30}}\b{_LISTS}\b",
        r"not|not to|don't want to",
    ),
    (
        r"\b(?:remove|delete|erase|lose|forget) (?:my|this|our) (?:(?:phone|cell|mobile|home) )?number\b",
        r"don'?t|not|didn'?t|did|never|you|i|i'll|they|he|she|we|won'?t|not to",
    ),
    (
        rf"\b(?:put|add|place|register) {_MINE} (?:on|to|in|into) .{{0,20}}\b{_NO_CALL}\b",
        r"don'?t|not",
    ),
    (
        r"\bdo[ -]not[ -]call (?:list|registry|register|database)\b",
        r"(?:not|n't) on (?:the|a|any|your)|what(?: i|')s (?:the|a)",
    ),
    (r"\b(?:unsubscribe|opt(?:ing)?(?: me| us)? out)\b", r"don'?t|not|don'?t want to|not want to|can i|didn'?t|never"),
)
_PATTERNS = tuple((re.compile(said), re.compile(rf"\b(?:{before}) $") if before else None) for said, before in _TABLE)


def asks_not_to_be_called(turns: Iterable[Turn]) -> bool:
    """Tell whether the person on the line asked not to be called any more."""
    return any(_asks(_plain(turn.text)) for turn in turns if turn.role == "caller")


def _asks(text: str) -> bool:
    return any(
        before is None or not before.search(text, 0, found.start())
        for said, before in _PATTERNS
        for found in said.finditer(text)
    )


def _plain(text: str) -> str:
    """Small letters, straight apostrophes, single blanks: however it was typed or recognised."""
    return " ".join(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
