"""The record of a finished call: facts in the third person, taken from its purpose and transcript.

Its sentences are the ones the next call's prompt will carry, so each names who agreed to what and when.
"""

import re
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from infra.local.claude.dialogue import Agreement, Dialogue, Turn, agreement, turns_of
from infra.local.claude.hearing import heard_nothing, means, only_greets, preference, said_name
from infra.local.claude.prompt_reading import Brief, section
from infra.local.claude.purpose import lower_first
from infra.local.claude.slots import first_slot

SUMMARY_TOOL: Final = "record_summary"
_HAPPY = re.compile(
    r"\b(?:great|lovely|perfect|wonderful|brilliant|excellent|fantastic|amazing|delighted|happy|thank you so much"
    r"|very kind|pleased|glad|appreciate|cheers)\b"
)
_FRUSTRATED = re.compile(
    r"\b(?:angry|annoyed|annoying|ridiculous|stop (?:calling|ringing)"
    r"|fed up|waste|terrible|awful"
    r"|frustrat\w+|unacceptable|not happy|unhappy|complain\w*|useless|rude|sick of"
    r"|leave me alone|how many times|disgrace\w*|harass\w*)\b"
)
_ROLE = re.compile(
    r"\b(?:the|this|our) (?:caller|customer|patient|client|person|recipient|callee|user|member|guest|tenant|contact)\b",
    re.IGNORECASE,
)
_REFUSALS: tuple[tuple[str, str], ...] = (
    ("machine", "An answering machine picked up."),
    ("wrong_number", "The person who answered said it was the wrong number."),
    ("no_calls", "{who} asked not to be called again."),
    ("not_interested", "{who} said they were not interested."),
    ("not_there", "The person who answered said that the one called was not available."),
)
_NOT_THE_PERSON = ("machine", "wrong_number", "not_there")


def record_summary(message: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Answer the tool's arguments for a summary request's message; `schema` is the tool's input schema."""
    purpose, date = section(message, "purpose"), _date(section(message, "date"))
    talk = Dialogue(Brief(purpose=purpose), _turns(section(message, "transcript")))
    caller = [turn.text for turn in talk.turns if turn.role == "user" and not heard_nothing(turn.text)]
    refusal = next(((key, line) for key, line in _REFUSALS if any(means(key)(text) for text in caller)), None)
    name = talk.purpose.person if refusal and refusal[0] in _NOT_THE_PERSON else _name(talk)
    settled = agreement(talk)
    facts = [refusal[1].format(who=name or "The caller")] if refusal else _facts(talk, settled, name, caller)
    likes = next((found for text in caller if (found := preference(text))), None)
    if likes:
        facts.append(f"{name or 'The caller'} prefers {likes}.")
    person = {key: value for key, value in (("name", name if caller else None), ("preference", likes)) if value}
    return {
        "summary": " ".join(_absolute(line, date) for line in (_about(purpose, name), *facts) if line),
        "sentiment": _sentiment(caller),
        "successful": not refusal and _achieved(talk, settled, caller),
        "person": person,
        "extracted": _extracted(schema, settled, name),
    }


def _turns(transcript: str) -> tuple[Turn, ...]:
    lines = re.findall(r"^\s*(Agent|Caller):[ \t]*(.*)$", transcript, re.MULTILINE)
    return turns_of([("assistant" if who == "Agent" else "user", text) for who, text in lines])


def _name(talk: Dialogue) -> str | None:
    """The name the caller gave; else the one the agent called them by; else the purpose's."""
    given = [name for turn in talk.turns if turn.role == "user" and (name := said_name(turn.text))]
    agent_said = " ".join(turn.text for turn in talk.turns if turn.role == "assistant")
    called = re.search(r"\b(?:Hello|Hi|Thank you|Of course|Great|No problem),? ([A-Z][\w'-]+)(?=[.,!])", agent_said)
    return (called[1] if called else None) or (given[-1] if given else None) or talk.purpose.person


def _about(purpose: str, name: str | None) -> str:
    talk = Dialogue(Brief(purpose=purpose), ())
    order = talk.purpose.order
    if not order:
        return ""
    about = _ROLE.sub(name, order, count=1) if name else order
    return (
        f"The call was about the following: {lower_first(about)}."
        if talk.purpose.kind == "other"
        else f"The call was to {lower_first(about)}."
    )


def _facts(talk: Dialogue, settled: Agreement | None, name: str | None, caller: list[str]) -> list[str]:
    who, thing = name or "The caller", f"the {talk.visit or 'appointment'}"
    back = next((text for text in caller if means("call_back")(text) and not means("move")(text)), None)
    if back:
        slot = first_slot(back)
        return [f"{who} asked to be called back{f' {slot.when}' if slot else ' another time'}."]
    if settled:
        return [
            {
                "moved": f"{who} moved {thing} to {settled.slot}.",
                "booked": f"{who} booked {thing} for {settled.slot}.",
                "asked": f"{who} asked to move {thing} to {settled.slot}.",
                "confirmed": f"{who} confirmed {thing if talk.visit else 'it'} for {settled.slot}.",
                "cancelled": f"{who} cancelled {thing}.",
            }[settled.how]
        ]
    answer = _answer(talk)
    if answer:
        return [f'{who} answered: "{answer}"']
    return ["Nobody spoke." if not caller else f"{who} was told, and nothing further was agreed."]


def _answer(talk: Dialogue) -> str | None:
    """The caller's own words to the agent's question, where the purpose was to ask one."""
    if talk.purpose.kind not in ("ask", "request", "confirm", "invite"):
        return None
    words = [
        turn.text
        for turn in talk.turns
        if turn.role == "user" and not only_greets(turn.text) and not heard_nothing(turn.text)
    ]
    words = [text for text in words if not any(means(key)(text) for key in ("who", "robot", "repeat"))]
    return words[0].strip() if words else None


def _achieved(talk: Dialogue, settled: Agreement | None, caller: list[str]) -> bool:
    if settled:
        return settled.how in ("moved", "booked", "confirmed")
    if any(means("call_back")(text) for text in caller):
        return False
    if talk.purpose.kind in ("ask", "request", "confirm", "invite"):
        return _answer(talk) is not None
    return any(means("done")(text) or means("yes")(text) or means("thanks")(text) for text in caller)


def _sentiment(caller: list[str]) -> str:
    words = " ".join(caller).lower().replace("\u2019", "'")
    happy, frustrated = len(_HAPPY.findall(words)), len(_FRUSTRATED.findall(words))
    if frustrated and frustrated >= happy:
        return "frustrated"
    return "happy" if happy else "neutral"


def _extracted(schema: dict[str, Any], settled: Agreement | None, name: str | None) -> dict[str, Any]:
    """Fill what the schema asks for and the call gave, matched by the words of the property's name."""
    asked = schema.get("properties", {}).get("extracted", {}).get("properties", {})
    slot = settled.slot if settled else None
    known = (
        ("name", name),
        ("time", slot and slot.time),
        ("date|day", slot and slot.day),
        ("appointment|booking|slot|when", slot and str(slot)),
    )
    found = ((key, next((value for words, value in known if value and re.search(words, key)), None)) for key in asked)
    return {key: value for key, value in found if value}


def _date(text: str) -> datetime | None:
    for form in ("%A, %d %B %Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text.strip(), form)  # noqa: DTZ007  # a day, not a moment
        except ValueError:
            continue
    return None


def _absolute(text: str, date: datetime | None) -> str:
    """Replace days that are only true today ("tomorrow") by their date, so that the record stays true."""
    if date is None:
        return text
    for word, days in (("the day after tomorrow", 2), ("tomorrow", 1), ("today", 0)):
        day = date + timedelta(days=days)
        named = f"{day:%A} {day.day} {day:%B}"
        text = re.sub(rf"\b(?P<to>to |for |on )?{word}\b", partial(_named_day, named), text)
    return text


def _named_day(named: str, found: re.Match[str]) -> str:
    return f"{found['to'] or 'on '}{named}"
