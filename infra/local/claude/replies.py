"""What is said, one small function a reply: a dialogue in, content blocks out.

Words are made from the brief and the turns. Whether a reply fits is not asked here: see the table in `rules`.
"""

import re
from typing import Any

from infra.local.claude.dialogue import (
    ANYTHING_ELSE,
    Agreement,
    Dialogue,
    agreement,
    asked_anything_else,
    memory,
    memory_due,
    person_name,
    remembered_slot,
    someone_else,
)
from infra.local.claude.hearing import plain, said_name
from infra.local.claude.prompt_reading import Brief, sentences
from infra.local.claude.slots import first_slot

Block = dict[str, Any]
_DID_NOT_CATCH = "Sorry, I didn't catch that."
_STILL_THERE = "Are you still there?"
_NO_ANSWER = "I'm afraid I don't have that in front of me"
_VISITED = (
    "appointment visit booking reservation check-up checkup viewing session class lesson consultation fitting"
    " inspection treatment table meeting interview"
)
_ATTENDED = frozenset([*_VISITED.split(), "test drive"])


def opening_line(brief: Brief) -> str:
    """Who is calling and why, for whoever answers; nothing of earlier calls."""
    purpose = Dialogue(brief, ()).purpose
    return f"Hello, {_identity(brief)} {purpose.spoken or purpose.check}"


def opens(talk: Dialogue) -> list[Block]:
    """Greet with the opening line, where nothing has been said yet."""
    return say(opening_line(talk.brief))


def hears_machine(_talk: Dialogue) -> list[Block]:
    """Report a recorded greeting."""
    return [use("voicemail_detected", {})]


def stops_calling(talk: Dialogue) -> list[Block]:
    """Apologise, have the number suppressed where that tool is offered, and end the call."""
    farewell = f"I'm sorry to have troubled you{_to(talk)}. We won't call you again. Goodbye."
    stop = [use("stop_calling", {})] if "stop_calling" in talk.tools else []
    return [*stop, *end(talk, "asked not to be called again", farewell)]


def wrong_number(talk: Dialogue) -> list[Block]:
    """Apologise and end."""
    return end(talk, "wrong number", "I'm sorry, I must have the wrong number. Apologies for troubling you. Goodbye.")


def not_interested(talk: Dialogue) -> list[Block]:
    """Accept it and end."""
    return end(talk, "not interested", f"I understand{_to(talk)}. I'm sorry to have troubled you. Goodbye.")


def calls_back(talk: Dialogue) -> list[Block]:
    """Promise another call, at the time asked for, and end."""
    slot = first_slot(talk.heard)
    when = f" {slot.when}" if slot else " another time"
    return end(talk, "asked to be called back", f"Of course{_to(talk)}. We'll call you back{when}. Goodbye.")


def leaves_word(talk: Dialogue) -> list[Block]:
    """Leave word of who called, not why, and end."""
    who = _caller_name(talk.brief)
    whom = talk.brief.recorded_name or talk.purpose.person
    message = f"Please just say that {who} called" + (f" for {whom}" if whom else "")
    return end(talk, "the person was not available", f"Thank you. {message}; we'll try again another time. Goodbye.")


def asks_for_person(talk: Dialogue) -> list[Block]:
    """Ask for the person the call is for."""
    return say(
        f"Thank you, {person_name(talk)}. Could I speak to {talk.brief.recorded_name or talk.purpose.person}, please?"
    )


def says_what_it_is(talk: Dialogue) -> list[Block]:
    """Own up to being an AI, and go on."""
    company = f" calling from {talk.brief.company}" if talk.brief.company else ""
    return say(f"I'm an AI assistant{company}. {_goes_on(talk)}")


def says_who_it_is(talk: Dialogue) -> list[Block]:
    """Say who is calling and why."""
    identity = _identity(talk.brief)
    return say(f"{identity[:1].upper()}{identity[1:]} {_goes_on(talk, with_reason=True)}".strip())


def repeats(talk: Dialogue) -> list[Block]:
    """Say the agent's last words again."""
    return say(f"Of course. {talk.said.removeprefix('Of course. ')}")


def moves(talk: Dialogue) -> list[Block]:
    """Move or book to the day and time asked for, or ask for what is missing."""
    settled = agreement(talk)
    if settled is None or not settled.slot.day:
        return say(f"Of course{_to(talk)}. What day and time would suit you better?")
    if settled.how == "asked":
        which = "Which day" if settled.slot.vague else "What time"
        return say(f"Of course{_to(talk)}. {which} {settled.slot.when} would suit you?")
    if settled.how == "booked":
        return say(f"Of course{_to(talk)}. I've booked you in for {settled.slot}. {_next_question(talk)}")
    if memory_due(talk):
        last_time = (memory(talk) or "").rstrip(".")
        return say(f"Of course{_to(talk)}. {last_time}; I've now moved it to {settled.slot}. {_next_question(talk)}")
    return say(f"Of course{_to(talk)}. I've moved it to {settled.slot}. {_next_question(talk)}")


def cancels(talk: Dialogue) -> list[Block]:
    """Cancel it."""
    thing = f"your {talk.visit}" if talk.visit else "it"
    return say(f"Of course{_to(talk)}. I've cancelled {thing}. {ANYTHING_ELSE}")


def says_when(talk: Dialogue) -> list[Block]:
    """Say the day and time, from this call, past ones or the purpose; else that they are not known."""
    if memory_due(talk) and remembered_slot(talk) and not agreement(talk):
        return say(_remembering(talk))
    settled = agreement(talk)
    slot = (
        (settled.slot if settled and settled.slot.day else None)
        or remembered_slot(talk)
        or first_slot(talk.brief.purpose)
    )
    if slot is None:
        return say(f"{_NO_ANSWER}. {ANYTHING_ELSE}")
    subject = f"Your {talk.visit} is" if talk.visit else "It's"
    if "time" in plain(talk.heard) and not slot.time:
        return say(f"{subject} {slot.when}, but {_NO_ANSWER.replace('that', 'the time')}. {ANYTHING_ELSE}")
    return say(f"{subject} {slot.when}. {ANYTHING_ELSE if talk.replies > 1 else 'Does that suit you?'}")


def remembers(talk: Dialogue) -> list[Block]:
    """Greet by name and say what was agreed last time."""
    name = person_name(talk)
    greeting = f"Thank you, {name}." if said_name(talk.heard) else f"Hello {name}." if name else "Hello."
    return say(f"{greeting} {_remembering(talk)}")


def answers_question(talk: Dialogue) -> list[Block]:
    """Answer out of the instructions, or say honestly that it is not known."""
    known = _instructed_answer(talk)
    return say(
        f"{known} {ANYTHING_ELSE}" if known else f"{_NO_ANSWER}, but I'll pass your question on. {ANYTHING_ELSE}"
    )


def ends(talk: Dialogue) -> list[Block]:
    """Say goodbye."""
    return end(talk, "the conversation is complete", farewell(talk))


def offers_more(_talk: Dialogue) -> list[Block]:
    """Ask what more is wanted."""
    return say("Of course. What can I do for you?")


def accepts(talk: Dialogue) -> list[Block]:
    """Repeat what is agreed and go on."""
    settled = agreement(talk)
    if settled and settled.slot.day and settled.how != "asked":
        return say(f"Great{_to(talk)}, so that's {settled.slot}. {_next_question(talk)}")
    return say(f"Great{_to(talk)}, thank you. {_next_question(talk)}")


def accepts_refusal(talk: Dialogue) -> list[Block]:
    """Accept a no; where a day does not suit, ask for another."""
    if talk.visit and talk.purpose.kind in ("remind", "confirm", "tell", "talk", "none"):
        return say(f"No problem{_to(talk)}. What day and time would suit you better?")
    return say(f"That's no problem{_to(talk)}, thank you for telling me. {_next_question(talk)}")


def notes_answer(talk: Dialogue) -> list[Block]:
    """Thank for an answer and go on."""
    return say(f"Thank you{_to(talk)}, I've noted that. {_next_question(talk)}")


def is_welcome(talk: Dialogue) -> list[Block]:
    """Answer thanks and go on."""
    return say(f"You're welcome. {_next_question(talk)}")


def comes_to_the_point(talk: Dialogue) -> list[Block]:
    """Answer a greeting with the question the call is about."""
    name = person_name(talk)
    thanks = f"Thank you, {name}." if said_name(talk.heard) else f"Hello {name}." if name else "Hello."
    told = bool(talk.purpose.spoken) and talk.purpose.spoken.rstrip(".") in talk.said
    return say(" ".join(filter(None, (thanks, "" if told else talk.purpose.spoken, talk.purpose.check))))


def asks_if_there(talk: Dialogue) -> list[Block]:
    """Ask whether someone is there; the second time, end."""
    if _STILL_THERE in talk.said:
        return end(talk, "silence", "I can't hear you, so I'll let you go. Goodbye.")
    return say(f"Hello? {_STILL_THERE}")


def asks_again(talk: Dialogue) -> list[Block]:
    """Ask again; the third time, end."""
    lines = [turn.text for turn in talk.turns if turn.role == "assistant"]
    if len(lines) > 1 and all(_DID_NOT_CATCH in line for line in lines[-2:]):
        return end(talk, "could not understand", "I'm sorry, the line is bad. We'll try again another time. Goodbye.")
    if asked_anything_else(talk.said):
        return say(f"{_DID_NOT_CATCH} {ANYTHING_ELSE}")
    return say(" ".join(filter(None, (_DID_NOT_CATCH, talk.purpose.spoken, talk.purpose.check))))


# --- words the replies share ---


def farewell(talk: Dialogue) -> str:
    """A goodbye that fits what was agreed."""
    settled = agreement(talk)
    if settled is None and not someone_else(talk) and (known := remembered_slot(talk)):
        settled = Agreement("confirmed", known)
    if settled and settled.slot.day:
        see = "See you" if talk.visit in _ATTENDED else "That's all set for"
        when = settled.slot.when if talk.visit in _ATTENDED else settled.slot
        return f"Thank you{_to(talk)}. {see} {when}. Goodbye."
    if settled and settled.how == "cancelled":
        return f"Thank you for letting us know{_to(talk)}. Goodbye."
    return f"Thank you for your time{_to(talk)}. Goodbye."


def _identity(brief: Brief) -> str:
    name, company = brief.agent_name, brief.company
    if name and company and company not in name:
        return f"this is {name} from {company}."
    return f"this is {name or company}." if name or company else "this is an AI assistant."


def _caller_name(brief: Brief) -> str:
    return _identity(brief).removeprefix("this is ").rstrip(".")


def _remembering(talk: Dialogue) -> str:
    """What was agreed last time, and the question that follows from it."""
    about_it = talk.visit and (talk.purpose.visit or not talk.purpose.spoken) and remembered_slot(talk)
    return f"{memory(talk)} {'Does that still suit you?' if about_it else talk.purpose.check}"


def _goes_on(talk: Dialogue, *, with_reason: bool = False) -> str:
    if memory_due(talk):
        return _remembering(talk)
    if asked_anything_else(talk.said):
        return ANYTHING_ELSE
    return " ".join(filter(None, (talk.purpose.spoken if with_reason else "", talk.purpose.check)))


def _next_question(talk: Dialogue) -> str:
    """The next thing the purpose wants said, or the offer to end."""
    spoken = " ".join(turn.text for turn in talk.turns if turn.role == "assistant")
    return next((point for point in talk.purpose.more if point.rstrip(".?") not in spoken), ANYTHING_ELSE)


def _instructed_answer(talk: Dialogue) -> str | None:
    """A statement of the instructions that shares a telling word with the question; never an order to the agent."""
    asked = _telling_words(talk.heard)
    statements = [
        line
        for line in sentences(talk.brief.instructions)
        if re.match(r"(?:We|Our|The|There|It|Parking|Opening)\b", line)
        and not re.search(r"\b(?:caller|customer|patient)\b", line)
    ]
    scored = [(len(asked & _telling_words(line)), line) for line in statements]
    best = max(scored, default=(0, ""), key=lambda entry: entry[0])
    return best[1] if best[0] else None


def _telling_words(text: str) -> set[str]:
    words = {word.rstrip("s") for word in re.findall(r"[a-z]{4,}", plain(text))}
    return words - {"what", "when", "where", "which", "your", "have", "could", "would", "that", "there", "from", "with"}


def _to(talk: Dialogue) -> str:
    """The person's name set off by a comma, where it is known."""
    name = person_name(talk)
    return f", {name}" if name else ""


# --- blocks ---


def say(text: str) -> list[Block]:
    """One block of text."""
    return [{"type": "text", "text": re.sub(r"\s+", " ", text).strip()}]


def use(tool: str, arguments: dict[str, Any]) -> Block:
    """One use of a tool."""
    return {"type": "tool_use", "name": tool, "input": arguments}


def end(talk: Dialogue, reason: str, last_words: str) -> list[Block]:
    """End the call with last words: by the tool where it is offered, else in words."""
    if "end_call" not in talk.tools:
        return say(last_words)
    return [use("end_call", {"reason": reason, "farewell": last_words})]
