"""Reads the prompt it was really sent: tagged sections, who the agent is, what past calls left behind.

May know how Redial's prompts are laid out (sections, one past call an element), never what any of them says.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.claude.slots import MONTHS, WEEKDAYS

_CAPITALISED = r"[A-Z][\w&'\u2019-]*(?:\.(?=[a-z]))?[\w&'\u2019-]*"
_TITLE = rf"{_CAPITALISED}(?: (?:(?:of|and|the|&|for|de) )?{_CAPITALISED})*"
_COMPANY = re.compile(
    rf"\b(?:from|at|for|of|with|on behalf of|represent|representing|called|named|company is|business is"
    rf"|company:|business:) (?:the )?(?P<name>{_TITLE})"
)
_AGENT = re.compile(
    r"(?:\b[Yy]ou are|\b[Yy]our name is|\b[Yy]ou're|\b[Aa]ct as|\b[Nn]ame:) "
    rf"(?P<name>{_CAPITALISED}(?: {_CAPITALISED})*)"
)
_NOT_COMPANIES = re.compile(
    rf"(?i)(?:the|a|an|ai|uk|us|usa|utc|english|today|{WEEKDAYS}|{MONTHS})\b|Europe|America|Asia|Africa|Australia"
)
_UNNAMED = ("untitled agent", "ai", "an", "a", "the")
FACT = re.compile(
    r"\b(?:agreed|moved|rescheduled|booked|rebooked|changed|confirmed|cancelled|canceled|accepted|arranged|scheduled|asked|requested"
    r"|prefers?|preferred|wants?|wanted|said|declined|promised|answered|likes?|needs?|ordered|chose|mentioned|told|would|will)\b"
)
SETTLED = re.compile(
    r"\b(?:agreed|moved|rescheduled|booked|rebooked|changed|confirmed|cancelled|canceled|accepted|arranged|scheduled|chose)\b"
)
_ABOUT_THE_CALL = re.compile(
    r"^(?:The call|This call|The purpose|The agent|Nobody|No one|An answering machine|The person who answered)\b"
)
_ROLE = "(?:[Cc]aller|[Cc]ustomer|[Pp]atient|[Cc]lient|[Pp]erson|[Cc]allee)"
_FIRST_NAME = "[A-Z][a-z\u00e9'\u2019-]+"
_SUBJECT = re.compile(
    rf"^(?:The {_ROLE}(?:,| is| was|'s name is) )?(?P<name>{_FIRST_NAME})(?:,| {_CAPITALISED})?"
    rf" (?:has |had |then |also |would |will |was |is )?{FACT.pattern}"
)
_NAMED_IN = re.compile(
    rf"\b{_ROLE}(?:,| is| was|'s name is) (?P<name>{_FIRST_NAME})"
    rf"|\b(?:spoke|spoken|talked) (?:with|to) (?P<name2>{_FIRST_NAME})"
    rf"|\b(?:remind|reminded|ask|asked|tell|told|called) (?P<name3>{_FIRST_NAME})"
)
_NOT_NAMES = frozenset(
    [
        "The",
        "A",
        "An",
        "This",
        "It",
        "He",
        "She",
        "They",
        "We",
        "No",
        "Nobody",
        "Both",
        "After",
        "When",
        "There",
        "Agent",
    ]
)


@dataclass(frozen=True, slots=True)
class PastCall:
    """One earlier call, as the prompt tells of it."""

    date: str
    outcome: str
    summary: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What a prompt says, and nothing else; empty where it says nothing. Past calls stand newest first."""

    purpose: str = ""
    agent_name: str = ""
    company: str = ""
    instructions: str = ""
    rules: str = ""
    person: Mapping[str, str] = field(default_factory=dict)
    past_calls: tuple[PastCall, ...] = ()

    @property
    def recorded_name(self) -> str | None:
        """The person's first name, from what is known of them or from past calls; None if neither has it."""
        stated = self.person.get("name", "").split()
        if stated:
            return stated[0]
        names = (_name_in(sentence) for call in self.past_calls for sentence in sentences(call.summary))
        return next((name for name in names if name and name != self.agent_name.split(" ")[0]), None)

    @property
    def remembered(self) -> tuple[str, ...]:
        """What the person agreed, asked or prefers, in the newest past call that tells of it; settled things first."""
        for call in self.past_calls:
            told = [s for s in sentences(call.summary) if FACT.search(s) and not _ABOUT_THE_CALL.match(s)]
            if told:
                return tuple(sorted(told, key=lambda sentence: not SETTLED.search(sentence)))
        return ()


def section(text: str, tag: str) -> str:
    """The inside of the first `<tag>…</tag>`, unescaped and stripped; empty if there is none."""
    found = re.search(rf"<{tag}>\s*(.*?)\s*</{tag}>", text, re.DOTALL)
    return html.unescape(found[1]) if found else ""


def sentences(text: str) -> list[str]:
    """Split English prose into sentences, leaving titles and "p.m." whole."""
    parts = re.split(
        r"(?<=[.!?])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bSt\.)(?<!\bMrs\.)\s+(?=[A-Z\"'\u201c(])|\n+", text.strip()
    )
    return [part.strip() for part in parts if part and part.strip()]


def read_brief(system: str) -> Brief:
    """Read a system prompt; text without sections is taken for instructions."""
    identity = section(system, "identity")
    instructions = section(system, "instructions") or ("" if identity else system)
    about = re.sub(r"(?m)^Today is .*$", "", identity)
    return Brief(
        purpose=_without_placeholders(section(system, "purpose")),
        agent_name=_agent_name(instructions) or _agent_name(about),
        company=_company(instructions) or _company(about),
        instructions=_without_placeholders(instructions),
        rules=section(system, "rules"),
        person=_pairs(section(system, "person")),
        past_calls=_past_calls(system),
    )


def text_of(content: Any) -> str:  # noqa: ANN401  # whatever the protocol allows: a string or a list of blocks
    """The plain text of a message's or system's content, text blocks joined by a line break."""
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content or () if block.get("type") == "text")


def _agent_name(text: str) -> str:
    found = _AGENT.search(text)
    name = found["name"] if found else ""
    return "" if name.lower() in _UNNAMED else name


def _company(text: str) -> str:
    for found in _COMPANY.finditer(text):
        if not _NOT_COMPANIES.match(found["name"]):
            return re.sub(r"['\u2019]s?$", "", found["name"])
    return ""


def _past_calls(system: str) -> tuple[PastCall, ...]:
    inside = re.search(r"<past_calls>(.*?)</past_calls>", system, re.DOTALL)
    calls = re.finditer(r"<call(?P<attributes>[^>]*)>(?P<summary>.*?)</call>", inside[1] if inside else "", re.DOTALL)
    return tuple(
        PastCall(
            date=_attribute(call["attributes"], "date"),
            outcome=_attribute(call["attributes"], "outcome"),
            summary=html.unescape(call["summary"]).strip(),
        )
        for call in calls
    )


def _attribute(attributes: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', attributes)
    return found[1] if found else ""


def _pairs(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _name_in(sentence: str) -> str | None:
    for pattern in (_SUBJECT, _NAMED_IN):
        found = pattern.search(sentence)
        name = next((value for value in found.groupdict().values() if value), None) if found else None
        if name and name not in _NOT_NAMES:
            return name
    return None


def _without_placeholders(text: str) -> str:
    return re.sub(r"[ \t]{2,}", " ", re.sub(r"\{+\s*[\w.-]+\s*\}+", "", text)).strip()
