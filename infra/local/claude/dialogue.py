"""What the messages of one request amount to: who is on the line, what has been agreed, what may be remembered.

Derived anew from the messages at every request; nothing is kept between requests.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from infra.local.claude.hearing import heard_nothing, means, only_greets, plain, said_name
from infra.local.claude.prompt_reading import SETTLED, Brief
from infra.local.claude.purpose import VISIT, Purpose, lower_first, read_purpose, to_second_person
from infra.local.claude.slots import Slot, first_slot, wanted_slot

LAST_TIME = "Last time we spoke"
ANYTHING_ELSE = "Is there anything else I can help you with?"
_NAME_LIKENESS = 0.5  # recognisers misspell names: "Zara" for "Sarah" is the same person, "Tom" is not


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: role is "user" (the callee) or "assistant" (the agent)."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the callee has settled: how is moved, booked, confirmed, cancelled, or asked (a day without a time yet)."""

    how: str
    slot: Slot = field(default_factory=Slot)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation as far as it has come, with the brief it is held under and the tools on offer."""

    brief: Brief
    turns: tuple[Turn, ...]
    tools: frozenset[str] = frozenset()

    @property
    def purpose(self) -> Purpose:
        """The purpose, read."""
        return read_purpose(self.brief.purpose)

    @property
    def heard(self) -> str:
        """The callee's last words."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def said(self) -> str:
        """The agent's last words."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "assistant"), "")

    @property
    def replies(self) -> int:
        """How often the agent has spoken."""
        return sum(turn.role == "assistant" for turn in self.turns)

    def only_greets(self, heard: str) -> bool:
        """Whether the words only answer the phone, be it by the agent's name."""
        return only_greets(heard, self.brief.agent_name.split(" ")[0])

    @property
    def visit(self) -> str:
        """What has a day and a time here ("appointment"), from the purpose or from what is remembered; or empty."""
        found = VISIT.search(" ".join(self.brief.remembered))
        return self.purpose.visit or (found[0].lower() if found else "")


def asked_anything_else(said: str) -> bool:
    """Whether the agent has offered to end the call."""
    return "anything else" in said.lower()


def person_name(talk: Dialogue) -> str | None:
    """The first name to call the person by: the one they gave, else the recorded one, else the purpose's."""
    expected = talk.brief.recorded_name or talk.purpose.person
    given = [name for turn in talk.turns if turn.role == "user" and (name := said_name(turn.text))]
    if not given:
        return expected
    return expected if expected and alike(given[-1], expected) else given[-1]


def someone_else(talk: Dialogue) -> bool:
    """Whether the callee gave a name that is not the expected person's."""
    expected, actual = talk.brief.recorded_name or talk.purpose.person, person_name(talk)
    return bool(expected and actual and not alike(expected, actual))


def alike(one: str, other: str) -> bool:
    """Whether two names could be one name, heard twice."""
    return SequenceMatcher(None, one.lower(), other.lower()).ratio() >= _NAME_LIKENESS


def memory(talk: Dialogue) -> str | None:
    """What was settled on an earlier call, as a sentence to the person; None where the prompt tells of nothing."""
    facts = talk.brief.remembered
    if not facts:
        return None
    fact = to_second_person(facts[0].rstrip(" ."), talk.brief.recorded_name)
    fact = re.sub(rf"\bthe (?={VISIT.pattern})", "your ", fact, count=1)
    agent = "|".join(["[Tt]he (?:AI )?agent", *([re.escape(talk.brief.agent_name)] if talk.brief.agent_name else [])])
    return f"{LAST_TIME}, {lower_first(re.sub(rf'(?:{agent})(?! from)', 'I', fact))}."


def remembered_slot(talk: Dialogue) -> Slot | None:
    """The day and time settled on an earlier call, if the prompt tells of one."""
    return next((slot for fact in talk.brief.remembered if SETTLED.search(fact) and (slot := wanted_slot(fact))), None)


def memory_due(talk: Dialogue) -> bool:
    """Whether earlier calls are to be spoken of now: known, untold, to the right person, and allowed by the prompt."""
    if memory(talk) is None or someone_else(talk) or talk.replies == 0:
        return False
    return not any(LAST_TIME in turn.text for turn in talk.turns if turn.role == "assistant")


def discreet(brief: Brief, turns: Sequence[Turn]) -> Brief:
    """The brief without what the prompt forbids to speak of before the person has given the name on record."""
    recorded = brief.recorded_name
    names = [said_name(turn.text) for turn in turns if turn.role == "user"]
    if "until they have confirmed" not in brief.rules or any(
        recorded and name and alike(recorded, name) for name in names
    ):
        return brief
    return replace(brief, person={}, past_calls=())


def agrees(talk: Dialogue, heard: str, said: str) -> bool:
    """Whether the words agree to what the agent said, rather than merely answer the phone or thank."""
    if not means("yes")(heard) or means("no")(heard) or asked_anything_else(said):
        return False
    if "?" in said or not talk.only_greets(heard):
        return True
    return talk.purpose.kind in ("ask", "request", "confirm", "invite") and bool(re.fullmatch(r"ye\w+", plain(heard)))


def asks_to_move(talk: Dialogue, heard: str, said: str) -> bool:
    """Whether the words ask for another day or time, or name one the agent has asked for."""
    slot = _named_slot(heard, said)
    if heard_nothing(heard) or means("no_calls")(heard):
        return False
    if means("move")(heard):
        return bool(slot) or (not means("done")(heard) and bool(talk.visit or re.search(VISIT, heard)))
    if slot is None or means("done")(heard) or means("call_back")(heard) or (means("when")(heard) and "?" in heard):
        return False
    if _asked_for_slot(said):
        return True
    known = {known.day for known in (remembered_slot(talk), first_slot(talk.brief.purpose)) if known}
    asks = (
        means("question")(heard)
        or means("no")(heard)
        or bool(re.search(r"\bprefer|\brather\b|\bbetter\b", heard.lower()))
    )
    return bool(talk.visit) and asks and (slot.day not in known or bool(slot.time and not means("question")(heard)))


def agreement(talk: Dialogue) -> Agreement | None:
    """Replay the turns and answer what stands agreed after the last of them; None for nothing."""
    settled: Agreement | None = None
    mentioned: Slot | None = None
    said = ""
    for turn in talk.turns:
        if turn.role == "assistant":
            said, mentioned = turn.text, wanted_slot(turn.text) or mentioned
        elif asks_to_move(talk, turn.text, said):
            settled = _moved(talk, _named_slot(turn.text, said), turn.text, settled, mentioned)
        elif means("cancel")(turn.text):
            settled = Agreement("cancelled")
        elif agrees(talk, turn.text, said) and mentioned and (settled is None or settled.how == "asked"):
            settled = Agreement("confirmed", mentioned)
    return settled


def _asked_for_slot(said: str) -> bool:
    return bool(re.search(r"\b(?:what|which) (?:day|time)\b", said, re.IGNORECASE))


def _named_slot(heard: str, said: str) -> Slot | None:
    """The slot a callee wants; after "what time?" a bare "five" is one."""
    return wanted_slot(heard) or (wanted_slot(f"at {plain(heard)}") if _asked_for_slot(said) else None)


def _moved(
    talk: Dialogue, wanted: Slot | None, heard: str, settled: Agreement | None, mentioned: Slot | None
) -> Agreement | None:
    if wanted is None:
        return settled
    slot = wanted.merged_into(settled.slot if settled and settled.slot.day else mentioned)
    if slot.vague or not (slot.day and (slot.time or " " in slot.day.removeprefix("the ").removeprefix("next "))):
        return Agreement("asked", slot)
    order = f"{talk.purpose.order} {heard}".lower()
    fresh = re.search(r"\b(?:book|schedule|arrange|set up)\b", order) and not first_slot(talk.brief.purpose)
    return Agreement("booked" if fresh and not remembered_slot(talk) else "moved", slot)


def turns_of(pairs: Sequence[tuple[str, str]]) -> tuple[Turn, ...]:
    """Make turns of (role, text) pairs, joining neighbours of one role."""
    turns: list[Turn] = []
    for role, text in pairs:
        if turns and turns[-1].role == role:
            turns[-1] = Turn(role, f"{turns[-1].text} {text}".strip())
        else:
            turns.append(Turn(role, text))
    return tuple(turns)
