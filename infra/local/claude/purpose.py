"""Turns the purpose of a call, written as an order to the agent, into what the agent says to the person.

"Remind the caller about their appointment." becomes "I'm calling to remind you about your appointment." Grammar only:
a table of verbs and one of pronouns; no purpose is known in advance.
"""

import re
from dataclasses import dataclass

from infra.local.claude.prompt_reading import sentences
from infra.local.claude.slots import MONTHS, WEEKDAYS

_ROLES = (
    "caller|customer|patient|client|person|recipient|callee|user|member|subscriber|guest|contact|lead|prospect|tenant|resident"
    "|homeowner|parent|student|donor|applicant|candidate|buyer|borrower|attendee|driver"
)
_ROLE = rf"(?:the|this|our|each|every) (?:{_ROLES})"
_VERBS = {  # as said of a third person, and to you
    "is": "are", "isn't": "aren't", "was": "were", "wasn't": "weren't", "has": "have", "hasn't": "haven't",
    "does": "do", "doesn't": "don't", "wants": "want", "needs": "need", "prefers": "prefer", "likes": "like",
    "plans": "plan", "lives": "live", "works": "work", "owes": "owe", "wishes": "wish", "agrees": "agree",
    "says": "say", "asks": "ask", "thinks": "think", "knows": "know", "goes": "go", "gets": "get",
    "expects": "expect", "hopes": "hope", "comes": "come", "accepts": "accept", "remembers": "remember",
}  # fmt: skip
_NAME = (
    rf"(?!(?i:the|our|this|that|if|whether|about|for|to|how|what|when|why|which|{WEEKDAYS}|{MONTHS})\b)"
    r"(?:(?:Mr|Mrs|Ms|Dr)\.? )?[A-Z][\w'\u2019-]*(?: [A-Z][\w'\u2019-]*)*"
)
_PERSON = rf"(?:(?i:{_ROLE}|them|him|her|people|customers|patients)|(?P<name>{_NAME}))"
_LEAD_IN = re.compile(
    r"^(?i:please |kindly |you should |you must |you need to |your (?:goal|task|job|aim) is to "
    r"|the (?:purpose|aim|goal) (?:of (?:this|the) call )?is to |you are calling to |we are calling to |to )"
    rf"|^(?i:call|phone|ring|contact|speak to|speak with) {_PERSON} (?i:to|and) (?=[a-z])"
)
# An order, the beginning of its spoken form (followed by the order's `rest`), the kind of purpose it is.
_ORDERS = (
    "book|schedule|reschedule|arrange|move|rearrange|cancel|collect|renew|update|qualify|discuss|explain|apologise"
    "|apologize|talk|review|introduce|set up|make|take|organise|organize|sell|present|announce|deliver|gather|get|check"
    "|remind|thank|offer|request|chase|welcome"
)
_ASIDE = "thank|congratulate|warn|welcome|help|advise|encourage|update|give|send"
_ASKED = "whether|if|how|what|when|why|which|who|where|that"
_FORMS: tuple[tuple[str, str, str], ...] = (
    (rf"(?i:ask|request|get) {_PERSON} (?P<rest>(?i:to) .+)", "ask you", "request"),
    (rf"(?i:ask) {_PERSON},? (?P<rest>.+)", "ask", "ask"),
    (r"(?i:ask) (?P<rest>.+)", "ask", "ask"),
    (r"(?i:check|make sure|ensure) (?P<rest>(?i:that) .+)", "check", "confirm"),
    (
        rf"(?i:find out|check|see|establish|learn) (?:(?i:with) (?:\S+ )?\S+ )?(?P<rest>(?i:{_ASKED}) .+)",
        "ask",
        "ask",
    ),
    (rf"(?i:survey|interview|poll) {_PERSON} (?P<rest>.+)", "ask you a few questions", "ask"),
    (rf"(?i:remind) {_PERSON},? (?P<rest>.+)", "remind you", "remind"),
    (rf"(?i:tell|inform|notify) {_PERSON},? (?P<rest>.+)", "let you know", "tell"),
    (rf"(?i:let) {_PERSON} (?i:know),? (?P<rest>.+)", "let you know", "tell"),
    (rf"(?i:confirm) (?i:with|to) {_PERSON},? (?P<rest>.+)", "confirm", "confirm"),
    (r"(?i:confirm|verify) (?P<rest>.+)", "confirm", "confirm"),
    (rf"(?i:invite) {_PERSON},? (?P<rest>.+)", "invite you", "invite"),
    (rf"(?i:offer) {_PERSON} (?P<rest>.+)", "offer you", "invite"),
    (
        rf"(?i:{_ASIDE}) {_PERSON},? (?P<rest>.+)",
        "{verb} you",
        "tell",
    ),
    (rf"(?i:follow up) (?:(?i:with) {_PERSON} )?(?P<rest>(?i:on|about|after|regarding) .+)", "follow up", "talk"),
    (rf"(?i:follow up) (?i:with) {_PERSON}(?P<rest>)", "follow up with you", "talk"),
    (rf"(?P<rest>(?i:{_ORDERS}) .+)", "", "talk"),
)
_QUESTION_WORDS = ("whether", "if", "how", "what", "when", "why", "which", "who", "where")
_CHECKS = {
    "request": "Will you be able to do that?",
    "remind": "Is that all right for you?",
    "tell": "Is that all right with you?",
    "confirm": "Is that right?",
    "invite": "Would you like that?",
    "talk": "Is now a good time to talk about it?",
    "none": "How can I help you?",
}
VISIT = re.compile(
    r"\b(?:appointment|visit|booking|reservation|check-?up|viewing|session|class|lesson|consultation|fitting|inspection"
    r"|test drive|table|treatment|delivery|collection|meeting|interview|repair|service|installation)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose ready to be spoken."""

    kind: str
    """One of request, ask, remind, tell, confirm, invite, talk, other, none."""
    spoken: str
    """The reason as one sentence to the person; empty where there is none."""
    check: str
    """The question that asks the person for their answer to it."""
    person: str | None = None
    """The person's first name, where the purpose gives it."""
    more: tuple[str, ...] = ()
    """Further orders, as sentences to the person, to be said later in the call."""
    order: str = ""
    """The first order as it was written, without its full stop."""

    @property
    def visit(self) -> str:
        """The thing with a day and a time that it is about ("appointment"); empty where it names none."""
        found = VISIT.search(self.order)
        return found[0].lower() if found else ""


def read_purpose(text: str) -> Purpose:
    """Read the purpose of a call."""
    orders = [order for order in sentences(text) if re.search(r"\w", order)]
    if not orders:
        return Purpose("none", "", _CHECKS["none"])
    first, person = _without_lead_in(orders[0].rstrip(" .!"))
    kind, clause, named = _clause(first)
    person = person or named
    spoken = f"I'm calling {clause}." if kind != "other" else f"I'm calling about the following: {clause}."
    if kind == "ask" and not _asks_question(clause):
        check = "Could you tell me about that?"
    elif kind == "ask":
        check = f"May I {to_second_person(clause, person).removeprefix('to ')}?"
    elif kind in ("remind", "confirm") and VISIT.search(first):
        check = "Does that suit you?"
    else:
        check = _CHECKS.get(kind, _CHECKS["talk"])
    more = tuple(line for order in orders[1:] if (line := _later(order, person)))
    return Purpose(kind, to_second_person(spoken, person), check, _first_name(person), more, first)


def to_second_person(text: str, person: str | None = None) -> str:
    """Turn talk about the person called ("the caller", "their", their name) into talk to them."""
    names = sorted({person, person.split()[0]} if person else (), key=len, reverse=True)
    who = "|".join([_ROLE, *(re.escape(name) for name in names)])
    verbs = "|".join(re.escape(verb) for verb in _VERBS)
    text = re.sub(rf"\b(?i:{_ROLE}),? (?:{_alternatives(names)}),?(?=\W)", "you", text) if names else text
    text = re.sub(rf"\b(?i:{who})['\u2019]s\b", "your", text)
    text = re.sub(rf"\b(?i:{who}|he|she) (?P<verb>{verbs})\b", lambda found: f"you {_VERBS[found['verb']]}", text)
    text = re.sub(rf"\b(?i:{who}|they|them|he|she|him)\b", "you", text)
    text = re.sub(r"\b(?i:themselves|himself|herself)\b", "yourself", text)
    text = re.sub(r"\b(?i:theirs|hers)\b", "yours", text)
    object_after = (
        r"(?= (?:that|about|to|if|whether|of|when|on|what|how|know|and|back|again|by|next|tomorrow|today)\b|[.,;?!]|$)"
    )
    text = re.sub(rf"\b(?i:her)\b{object_after}", "you", text)
    text = re.sub(r"\b(?i:their|his|her)\b", "your", text)
    return re.sub(r"\byou would like\b", "you'd like", text)


def lower_first(text: str) -> str:
    """Begin with a small letter, unless the first word is a name or an abbreviation."""
    keep = re.match(rf"(?:I\b|[A-Z]{{2}}|(?i:{WEEKDAYS}|{MONTHS})\b)", text)
    return text if keep else text[:1].lower() + text[1:]


def _alternatives(names: list[str]) -> str:
    return "|".join(re.escape(name) for name in names)


def _without_lead_in(order: str) -> tuple[str, str | None]:
    person = None
    while found := _LEAD_IN.match(order):
        person = person or found["name"]
        order = order[found.end() :]
    return order[:1].upper() + order[1:], person


def _clause(order: str) -> tuple[str, str, str | None]:
    """Answer (kind, what follows "I'm calling", the person's name if the order has one)."""
    for pattern, beginning, kind in _FORMS:
        found = re.fullmatch(pattern, order, re.DOTALL)
        if found:
            verb = order.split(" ", 1)[0].lower()
            words = f"to {beginning.format(verb=verb)} {lower_first(found['rest'])}"
            return kind, re.sub(r"\s+", " ", words).strip(), found.groupdict().get("name")
    if len(order.split()) <= 3 and re.match(r"(?i:the|your|their|our|a|an) ", order):
        return "talk", f"about {lower_first(order)}", None
    return "other", lower_first(order), None


def _asks_question(clause: str) -> bool:
    return clause.removeprefix("to ask ").split(" ", 1)[0] in _QUESTION_WORDS


def _later(order: str, person: str | None) -> str:
    """A further order as the agent says it; empty for advice on how to behave ("If they …", "Be polite")."""
    plain, _ = _without_lead_in(order.rstrip(" .!"))
    kind, clause, named = _clause(plain)
    if kind == "other" or re.match(r"(?i:if|when|be|do|don't|never|always|keep|use)\b", plain):
        return ""
    clause = to_second_person(clause, person or named)
    if kind == "ask" and _asks_question(clause):
        return f"May I {clause.removeprefix('to ')}?"
    return f"I'm also calling {clause}."


def _first_name(person: str | None) -> str | None:
    words = re.sub(r"^(?:Mr|Mrs|Ms|Dr)\.? ", "", person or "").split()
    return words[0] if words else None
