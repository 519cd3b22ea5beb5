"""What is remembered of a person: a summary a call, and which of them an agent is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from calling.domain.phone_number import PhoneNumber

MAX_CALLS = 5  # past calls an agent is told of
MAX_FACTS = 40  # of all calls together
MAX_CHARACTERS = 4_000  # of all their summaries together, so that a long past never crowds out the purpose


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What one past call came to. `ended_at` is epoch ms; `facts` are stable things about the person (name, …)."""

    account_id: str
    person: PhoneNumber
    call_id: str
    agent_id: str
    ended_at: int
    outcome: str
    summary: str = field(repr=False)
    facts: dict[str, str] = field(default_factory=dict, repr=False)


def choose(summaries: Sequence[CallSummary]) -> tuple[CallSummary, ...]:
    """Pick what the next call is told: newest first, at most MAX_CALLS and MAX_CHARACTERS."""
    chosen: list[CallSummary] = []
    room = MAX_CHARACTERS
    for summary in sorted(summaries, key=lambda s: (s.ended_at, s.call_id), reverse=True)[:MAX_CALLS]:
        room -= len(summary.summary)
        if room < 0:
            break
        chosen.append(summary)
    return tuple(chosen)


def known_facts(summaries: Sequence[CallSummary]) -> dict[str, str]:
    """Merge the facts of all past calls: at most MAX_FACTS, and what was learnt later wins."""
    facts: dict[str, str] = {}
    for summary in sorted(summaries, key=lambda s: (s.ended_at, s.call_id), reverse=True):
        facts |= {name: text for name, text in summary.facts.items() if name not in facts}
    return dict(islice(facts.items(), MAX_FACTS))
