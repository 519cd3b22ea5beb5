"""Show what a call would say and to whom, by the very functions that would place and brief it. Dials nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from calling.domain.agent import VoicemailAction
from calling.domain.call import Call
from calling.domain.history import MAX_CALLS, CallSummary, choose, known_facts
from calling.domain.placeholders import fill
from calling.domain.prompt import Brief, opener_request, system_prompt
from calling.ports import AgentStore, CampaignStore, Clock, PeopleStore
from calling.usecases.place_call import CallRequest, compose_call

CHARACTERS_PER_TOKEN = 3  # of English, about, in current models: their own count costs a request


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known of the person, and the call it was learnt on (None: it was set by hand)."""

    call_id: str | None
    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a call would be. `opener_instruction` None: the agent waits to be spoken to."""

    call: Call
    warnings: tuple[str, ...]
    system_prompt: str = field(repr=False)
    opener_instruction: str | None
    voicemail_text: str | None
    facts: tuple[Fact, ...]
    estimated_tokens: int


def preview_call(
    account_id: str,
    request: CallRequest,
    *,
    agents: AgentStore,
    campaigns: CampaignStore,
    people: PeopleStore,
    clock: Clock,
    allowed: tuple[str, ...] = (),
) -> Preview:
    """Compose a call as it would be placed now. Raises what place_call raises."""
    composed = compose_call(
        account_id, request, "call_preview", agents=agents, campaigns=campaigns, clock=clock, allowed=allowed
    )
    call = composed.call
    past = choose(people.summaries(account_id, call.person, limit=MAX_CALLS))
    told = people.caller(account_id, call.our_number, call.person) or {}
    brief = Brief(composed.agent, composed.number, call, clock.now(), past, known_facts(past) | told)
    prompt = system_prompt(brief, with_history=True)
    message = call.voicemail_message if call.voicemail_action is VoicemailAction.LEAVE_MESSAGE else None
    return Preview(
        call=replace(call, prompt=fill(call.prompt, call.dynamic_vars, code=True).text),
        warnings=composed.warnings,
        system_prompt=prompt,
        opener_instruction=opener_request(brief) if composed.agent.ai_speaks_first else None,
        voicemail_text=fill(message, call.dynamic_vars).text if message else None,
        facts=tuple(f for f in _facts(past, told) if f.name == "summary" or f.name in brief.person_facts),
        estimated_tokens=-(-len(prompt) // CHARACTERS_PER_TOKEN),
    )


def _facts(past: tuple[CallSummary, ...], told: Mapping[str, str]) -> tuple[Fact, ...]:
    """Name the source of everything in <past_calls> and <person>; of a fact learnt twice, the later call."""
    facts = [Fact(summary.call_id, "summary", summary.summary) for summary in past]
    known: dict[str, Fact] = {}
    for summary in sorted(past, key=lambda s: (s.ended_at, s.call_id)):
        known |= {name: Fact(summary.call_id, name, text) for name, text in summary.facts.items()}
    known |= {name: Fact(None, name, text) for name, text in told.items()}
    return (*facts, *known.values())
