"""Make of a finished conversation what the next call to this person will know, then tell the world it is over."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from calling.domain import events
from calling.domain.call import Call, TimelineEntry
from calling.domain.errors import ModelError
from calling.domain.history import CallSummary
from calling.domain.model_usage import ModelUsage, added
from calling.domain.prompt import MAX_SUMMARY, SUMMARY_SYSTEM, summary_request, summary_tool
from calling.domain.revision import Revision
from calling.domain.transcript import Turn
from calling.domain.usage import usage_of
from calling.ports import AgentStore, CallStore, Clock, LanguageModel, PeopleStore
from calling.usecases.brief_call import brief_call
from calling.usecases.revise_call import revise_call

_MAX_TOKENS = 700
_MAX_FACTS = 20
_SENTIMENTS = frozenset({"happy", "neutral", "frustrated"})


def summarize_call(
    account_id: str,
    call_id: str,
    *,
    calls: CallStore,
    agents: AgentStore,
    people: PeopleStore,
    model: LanguageModel,
    clock: Clock,
) -> None:
    """Summarise a settled call: analysis, memory and the terminal event in one write, once.

    Raises:
        ModelError: no usable summary; the state machine then settles without one.
        NotFound: the agent or its number is gone; likewise.
    """
    call = calls.get(account_id, call_id)
    if call is None or call.terminal_event_at is not None:
        return
    turns = calls.turns(account_id, call_id)
    brief = brief_call(call, agents=agents, people=people, clock=clock)
    answer = model.complete(
        system=SUMMARY_SYSTEM,
        message=summary_request(brief, turns),
        max_tokens=_MAX_TOKENS,
        temperature=0.0,
        model=brief.agent.llm_model,
        traits=brief.agent.llm_traits,
        tool=summary_tool(brief.agent),
    )
    analysis = _analysis(answer.arguments)
    facts = _facts(answer.arguments)
    spent = () if answer.usage is None else (answer.usage,)
    revise_call(account_id, call_id, lambda c: _remember(c, turns, analysis, facts, spent, clock.now()), calls=calls)


def _analysis(arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    summary = (arguments or {}).get("summary")
    if arguments is None or not isinstance(summary, str) or not summary.strip():
        raise ModelError("The model recorded no summary.")
    sentiment, successful, extracted = (arguments.get(k) for k in ("sentiment", "successful", "extracted"))
    return {
        "summary": summary.strip()[:MAX_SUMMARY],
        "sentiment": sentiment if sentiment in _SENTIMENTS else "neutral",
        "successful": successful if isinstance(successful, bool) else None,
        "extracted_data": extracted if isinstance(extracted, dict) and extracted else None,
    }


def _facts(arguments: Mapping[str, Any] | None) -> dict[str, str]:
    person = (arguments or {}).get("person")
    if not isinstance(person, dict):
        return {}
    texts = {str(k)[:40]: v[:200] for k, v in person.items() if isinstance(v, str) and v.strip()}
    return dict(list(texts.items())[:_MAX_FACTS])


def _remember(
    call: Call,
    turns: Sequence[Turn],
    analysis: dict[str, Any],
    facts: dict[str, str],
    spent: tuple[ModelUsage, ...],
    now: int,
) -> Revision | None:
    if call.terminal_event_at is not None:
        return None
    usage = added(call.model_usage, spent)
    reason = call.ended_reason.value if call.ended_reason else call.status.value
    return Revision(
        # Place and line were given back before this was reached: nothing is left to be done.
        changes={
            **analysis,
            "model_usage": usage,
            "terminal_event_at": now,
            "due_at": None,
        },
        note=TimelineEntry(now, "summarized"),
        outbox=events.terminal(call.account_id, call.call_id, call.status, now),
        usage=usage_of(replace(call, model_usage=usage), turns, now),
        remember=None
        if not call.person_is_known
        else CallSummary(
            account_id=call.account_id,
            person=call.person,
            call_id=call.call_id,
            agent_id=call.agent_id,
            ended_at=call.carrier_ended_at or now,
            outcome=reason,
            summary=analysis["summary"],
            facts=facts,
        ),
    )
