"""Hear "stop calling me". Pure; it reads what a person said on a call.

A wish not to be called at all counts, one about a time or a place does not ("don't call me before five", "don't call
me at work"): revoking consent must be heard, and a person who asks for another hour must not be lost.
"""

import re
from collections.abc import Iterable

from calling.domain.transcript import Turn

_CALL = r"(?:call|phone|telephone|ring|dial|contact|bother|bug|spam|harass|pester)"
_CALLING = (
    r"(?:calling|phoning|telephoning|ringing|dialing|dialling|contacting|"
    r"bothering|bugging|spamming|harassing|pestering)"
)
_CALLED = r"(?:called|phoned|telephoned|rung|dialled|contacted|bothered)"
# A wish may name other ways too: "don't phone or text me".
_ANY_WAY = (
    rf"(?:(?:text|e-?mail|message|write to)(?: or| and|,) )?{_CALL}"
    rf"(?: (?:or|and) (?:text|e-?mail|message|write to|{_CALL}))?"
)
_NOT = (
    r"(?:don'?t|do not|never|not to|please not|shouldn'?t|should not|mustn'?t|must not|can'?t|cannot|may not|"
    r"no longer|(?:want|rather|prefer|wish|like) you not)"
)
_HOW = r"(?: (?:ever|you|you ever|you dare|dare|bother|even|keep|to|try to|try and|go))*"
_MY_PHONE = r"my (?:number|phone|house|home|mobile|cell|landline|line)"
_MY_FAMILY = r"my (?:father|mother|dad|mum|mom|parents|wife|husband|partner|son|daughter|family|gran|grandmother|nan)"
_ME = rf"(?:me|us|here|this (?:number|phone|house|line|address)|{_MY_PHONE}|{_MY_FAMILY})"
# May stand between the wish and what limits or confirms it.
_FILLER = r"(?:,? (?:please|again|any ?more|ever|back|so|right|sir|ok|okay|like this|like that|at least|or anything))*"
# A time, a place or another way to be reached: the wish is for another hour, not for silence.
_LIMIT = (
    r"(?:before|after|until|till?|between|during|while|when|unless|today|tonight|tomorrow|now(?! on)|just now|yet|"
    r"later|on (?:mon|tues|wednes|thurs|fri|satur|sun)days?|on weekends?|on the weekend|"
    r"at (?!all\b|this (?:house|number|address)\b)|"
    r"in (?:the|a) (?:\w+ )?(?:morning|afternoon|evening|minute|hour|night|middle)|in an hour|(?:this|that|too|so) "
    r"(?:early|late|often)|this (?:week|month|morning|afternoon|evening)|next |early|late\b|"
    r"(?:and |but |so )?(?:i'll|i will|we'll|we will|i can|let me) (?:just )?"
    r"(?:call|ring|phone|contact|come|get back)\b|"
    r"(?:and |but |just |please )*(?:try|use|call|ring|phone) (?:me|us|my|the|him|her)\b|"
    r"on (?:this|that|my) [\w ]{1,15}[,;.] (?:but |so |please |just )*(?:try|use|call|ring|phone)\b|"
    r"for (?:a|an|the|another|now|\d+|one|two|three|four|five|six)\b|not (?:today|now|tonight|tomorrow))"
)
_UNLIMITED = rf"(?!{_FILLER},? {_LIMIT})"
_END = r"(?= *(?:[.,;:!?…—-]|$))"
# "Don't call me Sarah" gives a name: after "me" must come an end, or a word that goes on with the wish.
_GOES_ON = (
    r"(?: (?:again|any ?more|any longer|ever|please|thanks?|okay|ok|or|and|by (?:tele)?phone|with|because|cause|cos|"
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

_LEAD = r"(?:please|just|no|nope|yes|yeah|well|oh|okay|ok|hey|look|listen|sorry|right|i said|i told you(?: to)?|and|so)"
_DONT = r"(?:do not|don'?t|never|no longer)(?: ever)?"
_COLD = r"(?:sales|cold|marketing|unsolicited|spam|nuisance|telemarketing|robo)"
_CONSENT = r"(?:consent|permission)"
_NOT_THIS = r"don'?t|not|didn'?t|never|won'?t|not to|(?:don'?t|do not|didn'?t|never) (?:want to|wanna|mean to)"
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
    r"(?:did (?:(?:the|my|our|his|her|your) )?\w+|when do you|when did you|can'?t|cannot|couldn'?t|won'?t|wouldn'?t|"
    r"don'?t|didn'?t|doesn'?t|never|not|did you|i|i'll|we|he|she|they)"
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
    (
        r"\bleave (?:me|us) alone\b(?! (?:with|until|till|to|in the|for (?:a|an|the|one|two|five|ten)\b))",
        rf"{_UNABLE}|just",
    ),
    # "Stop." and no more, as one answers a text message; "stop, give me a second" goes on
    (rf"(?:^|[.!?] )(?:{_LEAD},? )*stop(?:,? (?:please|now|right now|stop))*[.!]*$", None),
    # don't call
    (rf"\b{_NOT}{_HOW} (?:{_ANY_WAY}|{_CALLING}|be {_CALLING}) {_ME}\b{_WISH}", rf"{_CLAIMED}|{_YOU}"),
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
    (
        r"\b(?:do not|don'?t|never) (?:ever )?(?:call|phone|telephone|ring)(?: back)?(?= *(?:[.!]|$))",
        rf"{_CLAIMED}|{_YOU}|why|or|to|(?:he|she|they) (?:said|says|say)",
    ),
    (rf"\b(?:rather|prefer) not (?:to )?be {_CALLED}\b{_WISH}", None),
    (rf"\b{_DONT} make (?:any )?(?:more|further) (?:\w+ )?calls\b{_UNLIMITED}", _OTHERS),
    (rf"\b(?:stop|cease|end) (?:all|any)(?: further)? (?:calls|contact|communication)\b{_UNLIMITED}", _UNABLE),
    (rf"\brefrain from {_CALLING}\b{_UNLIMITED}", None),
    (
        rf"\byou (?:don'?t|do not) (?:have|need) to {_CALL}(?: {_ME})? (?:again|any ?more|ever again)\b{_UNLIMITED}",
        _CLAIMED,
    ),
    (rf"\bmind not {_CALLING}\b(?: {_ME})?{_UNLIMITED}", None),
    (
        (
            r"\b(?:see to it|make sure|ensure)(?: that)? (?:(?:no ?one|nobody|you never|you don'?t)(?: ever)? "
            rf"{_CALL}s?|(?:i'm|we're|i am|we are|this number is) (?:not|never) {_CALLED})"
            rf"(?: {_ME})?\b{_UNLIMITED}"
        ),
        None,
    ),
    (
        (
            rf"\bif (?:you|any ?one|anybody|you people|you lot)(?: ever)? {_CALL}s?(?: {_ME})? again\b.{{0,40}}\b"
            r"(?:court|report|police|lawyers?|solicitor|sue|legal action|complain|complaint|ofcom|ico|ftc|fcc)\b"
        ),
        None,
    ),
    (
        (
            r"\b(?:that'?s|this is|it'?s|that is|you'?re|you are)(?: just| pure| absolute| sheer| nothing but)? "
            r"(?:harassment|harassing (?:me|us|my \w+))\b(?! (?:by|from|at)\b)"
        ),
        None,
    ),
    (rf"\bnever call(?: {_ME})? back\b{_UNLIMITED}", rf"{_CLAIMED}|{_YOU}"),
    (rf"\byou(?: are|'re) not (?:allowed |permitted |supposed )?to {_CALL} {_ME}\b{_WISH}", None),
    (rf"\brather you didn'?t {_CALL}(?: {_ME})?\b{_WISH}", None),
    (
        (
            rf"\b{_DONT} (?:want|wish|care|like|need)(?: to (?:get|receive|have|take))?"
            rf"(?: (?:any|these|your|more|any more|further|no more|the|of))*(?: \w+)? calls\b(?! about){_UNLIMITED}"
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
            rf"{_CALLED}\b{_WISH}"
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
        rf"\b(?:no|(?:do not|don'?t) (?:want|accept|take|like))(?: any)? {_COLD} calls\b{_UNLIMITED}",
        r"get|got|had|have|they|he|she",
    ),
    (
        rf"\bno (?:more|further) (?:of (?:these|your|those) )?(?:\w+ )?(?:calls|phone calls|contact)\b{_UNLIMITED}",
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
        rf"\b(?:revok(?:e|ing)|withdraw(?:ing)?|tak(?:e|ing) back) (?:(?:my|all|any) )?(?:\w+ )?{_CONSENT}\b",
        r"can i|how do i|don'?t|didn'?t|never|not",
    ),
    (rf"\byou have no (?:permission|right|business|consent) (?:to|for) (?:{_CALL}|{_CALLING})\b", "if"),
    (
        (
            rf"\b(?:{_DONT}|didn'?t|did not)(?: \w+)? (?:have|give|gave|given)(?: you)? (?:my |any )?{_CONSENT}"
            rf" (?:to|for) (?:[\w']+ ){{0,3}}(?:{_CALL}|calls)\b"
        ),
        r"they|he|she|who",
    ),
    # lists
    (
        (
            r"\b(?:take|taking|remove|delete|get|strike|cross|scratch|drop|erase|pull|wipe|scrub|purge|want)"
            rf" {_MINE}(?: \w+)? {_OFF}\b{_OTHER_LIST}.{{0,30}}\b{_LISTS}\b"
        ),
        r"don'?t|not|didn'?t|never|they|he|she",
    ),
    (
        rf"\b(?:be|get) (?:taken|removed|deleted) (?:off|from)\b{_OTHER_LIST}.{{0,30}}\b{_LISTS}\b",
        r"not|not to|don't want to",
    ),
    (
        (
            r"\b(?:delete|remove|(?:take|get) (?=(?:\w+|my number) off)) ?(?:me|us|my number)(?: off)?"
            rf"(?:,? (?:please|now|right now|then))*{_END}"
        ),
        rf"{_NOT_THIS}|{_SOMEBODY}|let|will|it|to",
    ),
    (
        (
            rf"\b(?:{_DONT} want to be on|want(?: to be)? (?:out of|off)) (?:your|this|the|any){_OTHER_LIST}"
            rf" (?:\w+ )?{_LISTS}\b"
        ),
        rf"{_SOMEBODY}|don'?t",
    ),
    (
        (
            r"\b(?:remove|delete|erase|lose|forget|block) (?:my|this|our) (?:(?:phone|cell|mobile|home) )?"
            r"(?:number|(?:personal |contact )?(?:details|data|information))\b"
            r"(?! (?:from|for|of|in) (?:the|my|that) (?:booking|appointment|order|basket|form))"
        ),
        rf"{_NOT_THIS}|did|you|i|i'll|they|he|she|we",
    ),
    (
        (
            r"\b(?:get|have|want|like) (?:my|this|our) (?:(?:phone|cell|mobile|home) )?number "
            r"(?:blocked|removed|deleted|taken off|off)\b"
        ),
        rf"{_NOT_THIS}|they|he|she|who",
    ),
    (
        rf"\b(?:put|add|place|register) {_MINE} (?:on|to|in|into) .{{0,20}}\b{_NO_CALL}\b",
        r"don'?t|not",
    ),
    (
        r"\bdo[ -]not[ -]call (?:list|registry|register|database)\b",
        r"(?:not|n't|am i|are we|is (?:my|this|our) number|is it) on (?:the|a|any|your)|what(?: i|')s (?:the|a)",
    ),
    (
        r"\b(?:unsubscribe|opt(?:ing)?(?: me| us)? out)\b(?! of (?:the|my|that|this) (?!call|list))",
        r"don'?t|not|don'?t want to|not want to|can i|didn'?t|never",
    ),
    (r"\b(?:on|with) (?:the )?(?:tps|telephone preference service)\b", r"(?:not|n't|am i|are we)(?: registered)?"),
)
_HESITATION = re.compile(r",? *\b(?:uh+|um+|er|erm|eh|ah+|hm+|mm+)\b(?:\.\.\.|…)?,?(?= |$)")
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
    """Small letters, straight apostrophes, single blanks, no "um": however it was said, typed or recognised."""
    lowered = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(_HESITATION.sub("", lowered).split())
