"""What a sentence heard on the phone means: one pattern a meaning, over lower-case words without commas.

Knows nothing of the call: whether "yes" agrees to something is the dialogue's business.
"""

import re
from collections.abc import Callable
from typing import Final

_GREETINGS = (
    r"hello|hiya|hi|hey|good (?:morning|afternoon|evening|day)|yes|yeah|yep|oh|um|uh|er|well|there|speaking"
    r"|(?:this|that) is (?:she|he|her|him|me)|it's me|that's me|how are you(?: today)?|how can i help(?: you)?"
)
_AUXILIARY = "what|when|where|who|why|how|which|can|could|do|does|did|is|are|will|would|should|may|am"

_ALTERNATIVES: Final[dict[str, tuple[str, ...]]] = {
    "machine": (
        r"after the (?:tone|beep)",
        r"at the (?:tone|beep)",
        r"leave (?:me |us )?(?:a|your) (?:message|name)(?! with)",
        r"mailbox",
        r"voice ?mail",
        r"(?:can't|cannot|unable to|not able to) (?:come to|get to|take|answer) (?:the|your|my|this) (?:phone|call)",
        r"(?:person|number|party|customer) you (?:are|have|'re|'ve) (?:calling|called|trying|dialled|dialed)",
    ),
    "no_calls": (
        r"(?:stop|quit) (?:calling|ringing|phoning|bothering)",
        r"(?:don't|do not|never) (?:ever )?(?:call|ring|phone|contact) (?:me|us|this|here|again)",
        r"(?:take|remove) (?:me|us|my (?:name|number)).* (?:off|from)",
        r"no more calls",
        r"(?:not|don't want) to be (?:called|contacted|rung)",
    ),
    "wrong_number": (
        r"wrong (?:number|person)",
        r"(?:no one|nobody|no-one) (?:here )?(?:by|called|of|with) (?:that|this)",
        r"(?:doesn't|does not) (?:live|work) here",
        r"(?:no one|nobody) .*lives here",
        r"you(?:'ve| have) the wrong",
    ),
    "not_interested": (
        r"not (?:really )?interested",
        r"no interest",
        r"(?:don't|do not) (?:want|need) (?:it|this|that|any|your|to)\b",
        r"not for me",
        r"leave me alone",
    ),
    "call_back": (
        r"(?:call|ring|phone) (?:me |us )?(?:back|later|again|another|on |at |tomorrow|next)",
        r"(?:not|isn't) a good (?:time|moment)",
        r"bad (?:time|moment)",
        r"in the middle of",
        r"i'm (?:busy|driving|at work)\b(?! (?:on|that|then|tomorrow|\w+day))",
        r"can't (?:talk|speak)",
        r"try (?:me )?(?:again )?later",
    ),
    "not_there": (
        r"take a message",
        r"pass (?:on )?a message",
        r"leave (?:him|her|them) a message",
        r"(?:he|she|they)(?:'s| is|'re| are)? ?(?:not|n't) (?:here|in|available|home|around)",
        r"(?:isn't|is not) (?:in|here|home|available)\b",
        r"(?:he|she)'s (?:out|away|at work)",
        r"shall i tell (?:him|her|them)",
    ),
    "robot": (
        (
            r"(?:are you|is (?:this|that)|am i (?:talking|speaking) (?:to|with)) "
            r"(?:an? |actually |really |real |live )*"
            r"(?:robot|bot|machine|computer|ai|a i|a\.i|human|person|recording|real)"
        ),
    ),
    "who": (
        r"who(?:'s| is| are| am i)? ?(?:this|that|it|calling|you|speaking|there|talking|with)",
        r"where are you calling from",
        r"what company",
        r"which company",
        r"what(?:'s| is) (?:this|it) (?:about|regarding|in)",
        r"why are you calling",
        r"what do you want",
    ),
    "repeat": (
        r"\bpardon\b",
        r"say (?:that|it) again",
        r"repeat",
        r"come again",
        r"(?:didn't|couldn't|can't) (?:quite )?(?:catch|hear|get|understand)",
        r"what did you say",
        r"^(?:sorry|what|huh|excuse me)$",
    ),
    "move": (
        r"\b(?:move|reschedule|re-schedule|rearrange|change|switch|shift|postpone|instead|book)\b",
        r"bring (?:it|that) forward",
        r"(?:do|have|make) (?:it|that) .*(?:later|earlier)",
        r"push (?:it|that)",
        r"(?:another|different|other|better) (?:day|time|slot)",
        r"(?:can't|cannot|won't|couldn't|not able to) (?:make|do)\b",
        r"won't be able",
        r"make it (?!to\b)",
        r"do you have any",
        r"any ?(?:thing|time) (?:later|earlier|else on)",
        r"(?:earlier|later) (?:time|day|slot)",
    ),
    "cancel": (r"\b(?:cancel|call it off)\b",),
    "when": (
        (
            r"(?:\bwhen|what (?:time|day|date)|which (?:day|date|time))\b.*"
            r"\b(?:it|that|this|again|appointment|booking|my|i|we|due|exactly)\b"
        ),
        r"remind me (?:when|what)",
        r"^(?:when|what time)$",
    ),
    "done": (
        r"\b(?:good ?bye|bye|see you|take care|cheers|have a (?:good|nice|lovely|great))\b",
        r"that(?:'s| is| will be| would be|'ll be) (?:all|it|everything)\b",
        r"nothing else",
        r"no(?:thing)? more",
        r"i'm (?:all )?(?:good|set)$",
        r"all good",
        r"we're done",
        r"no thank",
    ),
    "yes": (
        (
            r"^(?:(?:oh|um|uh|well|ah|and|so|hello|hi|right) )*"
            r"(?:yes|yeah|yep|yup|sure|ok|okay|of course|absolutely|certainly|definitely|correct|fine|perfect"
            r"|great|lovely|sounds (?:good|great|fine|lovely)|brilliant|wonderful|excellent|indeed|right)\b"
        ),
        (
            r"(?:that|it|then|tomorrow|\w+day)(?:'s| is| still)* "
            r"(?:works|suits|fine|sounds|ok|okay|right|correct|great|perfect|good|lovely)"
        ),
        r"works for me",
        r"\b(?:yes|yeah|yep)\b",
        r"still (?:good|fine|suits|works)",
        r"suits me",
        r"i'll be there",
        r"i can (?:make|do|come)",
        r"i confirm",
        r"happy (?:to|with)",
        r"see you then",
        r"it does",
        r"i (?:do|am|will|would)$",
        r"looking forward",
        r"please do",
    ),
    "no": (
        (
            r"^(?:(?:oh|um|uh|well|ah|actually|sorry|hello) )*"
            r"(?:no|nope|nah|not (?:really|yet|today|at)|i don't think|i'm afraid not)\b"
        ),
    ),
    "thanks": (r"\b(?:thank|thanks)\b",),
    "question": (
        r"\?",
        rf"^(?:(?:and|but|so|oh|um|ok|okay|well|yes) )*(?:{_AUXILIARY})\b",
    ),
}
MEANINGS: Final = {name: re.compile("|".join(alternatives)) for name, alternatives in _ALTERNATIVES.items()}
_SELF = re.compile(
    r"(?:\b(?:[Tt]his is|[Mm]y name is|[Mm]y name's|[Nn]ame is)\s+(?P<a>[A-Za-z][a-zA-Z'-]+)"
    r"|\b(?:[Ii]t's|[Ii]t is|I'm|I am)\s+(?P<b>[A-Z][a-z'-]+)(?=\s*(?:[.,!?]|$|here\b|speaking\b))"
    r"|\b(?P<c>[A-Za-z][a-zA-Z'-]+),?\s+(?:speaking|here)\b)"
)
_COMMON_WORDS = (
    "a about afraid all am an anyone are away back bad busy calling come correct do driving fine friday glad go "
    "good great happy he hello her here hi him how i in interested is it just live lives me monday my no nobody "
    "not now of off oh ok okay on out over perfect person please ready really right saturday she so someone sorry "
    "speaking still sunday sure that the there they this thursday to today tomorrow tuesday up very was we "
    "wednesday well were who wrong yeah yes you your "
)
_NOT_NAMES = frozenset(_COMMON_WORDS.split())


def plain(text: str) -> str:
    """Lower case, straight apostrophes, one space between words; no punctuation but question marks."""
    words = text.replace("\u2019", "'").lower()
    return re.sub(r"\s+", " ", re.sub(r"[^\w'?\s:-]", " ", words)).replace(" ?", "?").strip()


def means(name: str) -> Callable[[str], bool]:
    """Make the predicate that tells whether a text carries a meaning of MEANINGS."""
    pattern = MEANINGS[name]
    return lambda text: bool(pattern.search(plain(text)) or pattern.search(plain(text).rstrip("?")))


def heard_nothing(text: str) -> bool:
    """Whether the turn is a stage direction in brackets, or empty: the callee was silent."""
    return not text.strip() or bool(re.fullmatch(r"\s*[(\[].*[)\]]\s*", text, re.DOTALL))


def spoken_words(text: str) -> str:
    """The text without stage directions in brackets, unless there is nothing else in it."""
    return re.sub(r"\s*\([^()]*\)", "", text).strip() or text


def said_name(text: str) -> str | None:
    """The name a speaker gives as their own ("this is Sarah", "Sarah speaking"), or None."""
    for found in _SELF.finditer(text.replace("\u2019", "'")):
        name = found["a"] or found["b"] or found["c"]
        if name.lower() not in _NOT_NAMES:
            return name[:1].upper() + name[1:]
    return None


def only_greets(text: str, other: str = "") -> bool:
    """Whether nothing is left of the text without greetings, the speaker's own name and that of whom they speak to."""
    name = said_name(text)
    rest = plain(text).replace("?", " ")
    rest = re.sub(rf"\b{re.escape(other.lower())}\b", " ", rest) if other else rest
    if name:
        rest = re.sub(
            rf"(?:(?:this is|my name is|my name's|it's|it is|i'm|i am) )?\b{re.escape(name.lower())}\b(?: here)?",
            " ",
            rest,
        )
    return not re.sub(rf"\b(?:{_GREETINGS})\b", " ", rest).strip()


def preference(text: str) -> str | None:
    """What a speaker says they prefer ("I'd prefer mornings" → "mornings"), or None."""
    found = re.search(
        r"\bi(?:'d| would)? (?:much |really )?(?:prefer|rather have) (?P<what>[^.?!,;]+)",
        text.replace("\u2019", "'"),
        re.IGNORECASE,
    )
    return found["what"].strip() if found else None
