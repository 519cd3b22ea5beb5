"""What first words are made of, in English: what recordings say, and what only somebody who listens says.

Kinds of phrases, never whole greetings. All of it is looked for in `plain` text: small letters, no punctuation, no
apostrophes, so that what a recogniser makes of a pause decides nothing.
"""

import re
from collections.abc import Mapping

_GAP = re.compile(r"[^\w]+|_")
_FILLERS = re.compile(r" (?:uh|um|uhm|erm?)(?= )")
_APOSTROPHES = re.compile(r"['\u2019\u2018`\u00b4]")


def plain(text: str) -> str:
    """Leave the words alone: small letters, single spaces around each, no apostrophes, no "uh"."""
    line = _GAP.sub(" ", _APOSTROPHES.sub("", text.lower())).strip()
    return _FILLERS.sub("", f" {line} ") if line else " "


def _any(*kinds: str) -> re.Pattern[str]:
    return re.compile("|".join(kinds))


def _up_to(words: int) -> str:
    return rf"(?:\w+ ){{0,{words}}}"


_CANNOT = r"(?:cant|cannot|can not|couldnt|could not|(?:unable|not able) to)"
_NOT_THERE = (
    r"(?:unavailable|not (?:\w+ )?available|not (?:taking|answering|accepting|receiving|picking)|" + _CANNOT + ")"
)
_PARTY = r"(?:person|number|party|subscriber|customer|user|member|mobile|extension|line)"
_YOU_CALL = r"you(?:ve| have| are|re| were| wish| want)? (?:just )?(?:to )?(?:call|dial|reach|try)(?:l?ed|l?ing|ing)?\b"
_MAILBOX = r"(?:(?:voice )?mail ?box|voice ?mail(?: box)?|answering machine|answer ?phone)"
_A_PHONE = r"(?:the|my|your|our) (?:\w+ )?(?:phone|call|telephone|cell|mobile)\b"
_I = r"\b(?:i|im|ive|we|were|weve|nobody|nobodys|no one|no ones|noone|none of us|everyone|everybody|all of us)\b"
_MESSAGE = r"(?:voice ?)?(?:message|mess|msg|memo|voice ?mail|note|word)\b"

# Said by recordings and hardly ever by the person who picks up.
STRONG: Mapping[str, re.Pattern[str]] = {
    "leave_message": _any(
        r"(?<!\bill )(?<!\bi will )(?<!\bi can )\b(?:leave|record|drop)(?: (?:me|us|him|her|them))?"
        rf"(?: (?:a|your|the|an|any))?(?: (?:short|brief|detailed|quick|little|nice|new))* {_MESSAGE}",
        r"\b(?:leave|record) (?:(?:me|us) )?(?:your|a) (?:\w+ ){0,2}?(?:name|number|details|info\w*|contact)\b",
        r"\b(?:leave|send) (?:it|one|something|some words|a few words) (?:at|after|here|for)\b",
    ),
    "tone": _any(
        r"\b(?:after|at|following|hear|hearing|upon|for|till?|until) (?:the|that|a) (?:\w+ )?(?:tone|signal|bleep)\b",
        r"\bbeeps?\b(?! (?:was|is|on|in|came)\b)",
    ),
    "mailbox": _any(
        rf"\b{_MAILBOX} (?:of|for|belonging to)\b",
        rf"\b(?:reached|gone to|through to|speaking to|this is|its|heres|here is) (?!not ){_up_to(3)}{_MAILBOX}\b",
        r"\bvoice ?mess\w+ (?:service|system)\b",
        r"\b(?:forwarded|transferred|sent|diverted|redirected) to (?:an? )?(?:automat\w+ )?voice",
    ),
    "party": _any(
        rf"\b(?:the|this) {_up_to(3)}{_PARTY} {_up_to(2)}{_YOU_CALL}",
        rf"\b(?:the|this) {_up_to(3)}{_PARTY} (?:\w+ ){{0,6}}?(?:is|isnt|are|arent|has|does|doesnt|)? ?{_NOT_THERE}",
    ),
    "mailbox_closed": _any(
        rf"(?<!\bmy )(?<!\bhis )(?<!\bher )\b(?:{_MAILBOX}|inbox) {_up_to(8)}"
        r"(?:full|not (?:been )?(?:set ?up|activated|initiali[sz]ed)|(?:cannot|cant|will not|wont) accept)\b",
        rf"\b{_MAILBOX} (?:that )?(?:nobody|no one) has\b",
    ),
    "not_in_service": _any(
        r"\b(?:not in|no longer in|out of) service\b",
        r"\b(?:been disconnected|not been recogni[sz]ed|not recogni[sz]ed|not a valid|no longer valid)\b",
        r"\b(?:non|not a) working number\b",
        rf"\bcall {_CANNOT} (?:be )?(?:connect|complet|put through|process)",
        r"\b(?:lines|circuits) are (?:\w+ )?(?:engaged|busy)\b",
    ),
    "after_recording": _any(
        r"\b(?:done|finished|finish|through|completed?|after|stop) recording\b",
        r"\b(?:permitted|allowed) for recording\b|\bsatisfied with your (?:message|recording)\b|\bre ?record\b",
        r"\b(?:send|review|erase) (?:this|your) message\b|\b(?:delivery|more|message) options\b",
        r"\b(?:press|hit) \w+ (?:key )?when (?:you are |youre )?(?:finished|done)\b",
        r"\bmessage (?:has been|was|is) (?:saved|recorded)\b",
        r"\brecording (?:is |has )?(?:now )?(?:finished|complete|completed|ended|stopped|over)\b",
    ),
    # Whoever says this of himself cannot be holding the phone.
    "cannot_answer": _any(
        rf"{_I} (?:\w+ ){{0,3}}?(?:cant|cannot|can not|couldnt|could not|unable to|not able to|available to|here to"
        rf"|around to|in to|free to|able to) (?:\w+ )?(?:(?:come|get|make it|be) to {_A_PHONE}|answer\b|pick up\b)",
        rf"(?:^|^ sorry|^ hi|^ hey|^ hello) (?:cant|cannot|can not) (?:come|get|make it) to {_A_PHONE}",
        r"\b(?:nobody|no one|noone|none of us) (?:\w+ ){0,4}?(?:take|answer|get|come to) (?:your|the)\b",
    ),
    "drill": _any(
        r"\byou (?:already |all )?know (?:the (?:drill|deal|routine|score|rest|procedure)|what to do"
        r"|how (?:this|it|these) (?:\w+ )?(?:work|go|thing))",
    ),
}
# Said by recordings, and sometimes by people: two of them are a recording.
WEAK: Mapping[str, re.Pattern[str]] = {
    "absent": _any(
        rf"{_I} (?:\w+ ){{0,3}}?(?:unavailable|not available|isnt available|available|out|away|not here"
        r"|not home|not in|not around|not at|elsewhere|gone|on (?:\w+ )?(?:vacation|holiday|leave|another call))\b",
        r"\baway from (?:my|the|our) (?:phone|desk)\b",
        r"\b(?:there is|theres) (?:nobody|no one|noone)\b",
    ),
    "cannot_take": _any(
        rf"(?<!\bhe )(?<!\bshe )(?<!\bthey )\b{_CANNOT} (?:\w+ )?(?:(?:come|get|make it) to {_A_PHONE}"
        r"|(?:take|answer|get|grab) (?:your|the|my) (?:\w+ )?(?:call|phone))",
    ),
    "missed": _any(
        r"\b(?:cant|couldnt|didnt) hear (?:the|my) (?:phone|bell)\b",
        r"\b(?:missed|missing|miss) (?:you|your|me|us)\b(?! call (?:earlier|this|yesterday|last|before|on|i|at))",
    ),
    "greeting": _any(
        r"\b(?:youve|you have|you) (?:just )?reached\b|\b(?:youve|you have) got (?!the )",
        r"\bthank(?:s| you)(?: so much| very much)? for (?:calling|ringing|phoning|your call)\b",
    ),
    "return_call": _any(
        r"\b(?:get|getting) (?:right )?back (?:to|with|at) (?:you|ya)\b",
        r"\bholler (?:back|at (?:you|ya))\b|\breturn(?:ing)? your (?:\w+ )?(?:call|message)",
        r"\b(?:ill|i will|well|we will|someone will|somebody will|one of us will|and)"
        r" (?:\w+ )?(?:call|ring|phone|buzz|hit|text|ping|shout|dial|bell|catch|see)(?: at)? (?:you|ya)\b",
        r"\b(?:ill|i will|well|we will|someone will|somebody will) (?:\w+ )?(?:be in touch|respond|reply|be back)\b",
        r"\b(?:call|ring|phone|text) (?:you|ya) (?:right )?back\b(?<!can call you back)(?<!could call you back)"
        r"(?<!her call you back)(?<!him call you back)(?<!to call you back)(?<!hell call you back)",
    ),
    # Bids a recording's listener speak.
    "invitation": _any(
        r"\byou do you\b|\bdo your thing\b",
        r"\b(?:speak|talk) (?:up|now|away|to (?:the|this|my) (?:machine|phone|hand))\b",
        r"\bsay (?:your|what you)\b|\bsay (?:something|it)\b|\bspill\b|\bshoot\b|\blay it on\b|\blet it rip\b",
        r"\b(?:drop|leave|put|send|shoot) (?:it|one|something|your \w+|(?:me |us )?an? (?:line|text|\w*mail))\b",
        r"\bhit me\b|\bmake it (?:good|snappy|count)\b",
        r"\btell (?:me|us) (?:all|every|what|why|how|who|your)",
        r"\b(?:simply|just|can|may) hang ?up\b|\bmore options\b",
    ),
    "closed": _any(
        r"\b(?:currently|presently) (?:\w+ )?(?:unavailable|not available|closed)\b|\boffice is (?:\w+ )?closed\b"
    ),
}

# Looks like a question and is none: manners, and what recordings ask for.
_NO_QUESTION = _any(
    r"\bhow (?:are|re) (?:you|ya)(?: doing| today)*\b|\bhow(?:s| is) it (?:going|hanging)\b|\bwhats (?:up|new|good)\b",
    r"\b(?:can|could|would|will) (?:you|ya)(?: please| kindly| just)* (?:leave|record|drop|press|speak after|state)\b",
)
_WHO_ASKS = r"(?<!\bi )(?<!\bwe )(?<!\byou )(?<!\bif )(?<!\bthat )(?<!\bas )(?<!\bwhen )"
# Nobody hears the answer to these but a person, or a telephone that asks for one.
_QUESTION = _any(
    _WHO_ASKS + r"\b(?:can|could|may|might|shall|should|would|will|do|did|does|am|are|were|have) "
    r"(?:i|we|you|he|she|they)\b(?! ill\b)(?! well\b)(?! (?:reached|called|dialled|dialed|missed)\b)",
    _WHO_ASKS + r"\b(?:is|was) (?:this|he|she|anyone|anybody)\b",
    r"\bwho(?:s| is| am| are| may| would) (?:this|that|it|i|you|we|there|calling|speaking|ringing|phoning|on)\b",
    r"(?<!\bme )(?<!\bus )(?<!\bsay )(?<!\bknow )(?<!\band )(?<!\babout )\bwhat(?:s| is| was| do| did| are)"
    r" (?:this|that|it|you|we|your|going|wrong|happening|he|she)\b",
    r"\b(?:which|what) (?!(?:to|it|you|we|i|he|she|they|this|that)\b)(?:\w+ ){1,2}"
    r"(?:is|are|was|do|did|would|should|can|could) ",
    r"\b(?:why|where|how|when) (?:is|are|do|did|can|could|may|would|shall|should) (?:i|we|you|he|she|this|that)\b",
    r"\bmay i\b|\bhow (?:can|may|could) (?:i|we)\b",
    r"(?<!\bif you )(?<!\byoud )\b(?:want|wanna) to leave\b",
    r"\bwant (?:me|us) to\b|\bsorry (?:who|what)\b|\b(?:hello|you|anyone|anybody|still) there\b(?! (?:is|are)\b)",
)
_FOR_YOU = (
    r"(?:help|assist|connect|transfer|direct|note|check|fetch|page|pass|put you|put him|put her|find out"
    r"|(?:take|jot|write|grab) (?:a|your|the|that|it|down|any|some)"
    r"|go (?:and|see|get|find)|see (?:if|whether)|try (?:to )?(?:find|reach|get|his|her)|give (?:him|her|them|it)"
    r"|(?:get|have|let|ask|tell) (?!(?:you|ya|someone|somebody|back|right|to|it|an?|one|the|our|your|in)\b)\w+"
    r"|make sure (?:he|she|they)|look (?:him|her|it|that)|book|schedule)\b"
)
_OFFER = _any(
    rf"(?<!\bhow )(?<!\bso )(?<!\bthat )(?<!\bas )\b(?:i|we) (?:can|could)(?: \w+ly)? {_FOR_YOU}",
    rf"(?<!\bso )\b(?:ill|i will|i would|id|well|we will|let me|lemme)(?: (?:just|\w+ly))*(?: \w+ to)? {_FOR_YOU}",
    rf"\b(?:im|i am|were|we are)(?: \w+)? (?:able|happy|glad|here|delighted|pleased) to {_FOR_YOU}",
    r"\b(?:message|word|it) with (?:me|us|my|her|him)\b",
)
# A telephone that asks its caller's name for somebody who is there.
_SCREENING = _any(
    r"\b(?:call )?screen(?:s|ed|ing)\b|\b(?:be|you) (?:put through|connected)\b|\bput you through\b",
    r"\b(?:say|state|give|tell|record)(?: \w+){0,2} (?:name|who you are)\b.*\b(?:why|reason|about|connect|through)\b",
)
_TO_A_RECORDER = _any(rf"\b{_MESSAGE}", r"\bleave\b|\bback to you\b|\bbe connected as\b")

# Said by somebody who is on the line, though recordings may say it, too.
LIVE = _any(
    r"(?<!\bstart )(?<!\bbegin )(?<!\bby )(?<!\bfinished )(?<!\bdone )(?<!\bof )\bspeaking\b(?! (?:after|at|now)\b)",
    r"\b(?:hang|hold) on\b|\b(?:one|a|just a|half a) (?:moment|second|sec|minute|mo|tick)\b|\bbear with\b",
    r"\bim (?:right )?here\b|\breally me\b|\bi (?:just |only )?picked up\b|\b(?:were|now were) talking\b|\bfire away\b",
    r"\bgo ahead\b(?! and (?:leave|record))|\bnot interested\b|\bwrong number\b|\b(?:some|a) robot\b",
    r"\b(?:hes|shes|theyre|he is|she is|they are|he|she) (?:\w+ )?(?:out|away|not|isnt|gone|off|in|with|on|busy|at"
    r"|tied|just|unavailable|unable|cant|cannot|can|will|could|wont)\b|\bhell call\b|\bthe boss\b",
)


def families(line: str) -> frozenset[str]:
    """Name the kinds of a recording's phrases in plain text."""
    kinds = {**STRONG, **WEAK}
    return frozenset(name for name, pattern in kinds.items() if pattern.search(line))


def hands_over(line: str) -> bool:
    """Whether plain text asks something or offers help: whoever said it waits for the answer."""
    rest = _NO_QUESTION.sub(" ", line)
    if _QUESTION.search(rest) or _OFFER.search(rest):
        return True
    return bool(_SCREENING.search(rest)) and not _TO_A_RECORDER.search(rest)
