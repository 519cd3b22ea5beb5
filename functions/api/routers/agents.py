"""Agents: make, list, read, change, delete; and the voices they may have."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as QueryParam

from api.auth import AuthenticatedRoute
from api.presenters import show_agent
from api.routers.phone_numbers import let_go
from api.schemas.agents import AgentChanges, AgentDeleted, AgentFields, AgentOut, VoiceOut
from api.schemas.common import PROBLEMS, AgentId
from api.services import Key, Ports, Services
from calling.domain.agent import VOICES, Agent, Number, check_spoken
from calling.domain.errors import InvalidRequest, NotFound
from calling.domain.language_model import assumed
from calling.domain.webhook_url import check_webhook_url

router = APIRouter(route_class=AuthenticatedRoute, tags=["agents"], responses=PROBLEMS)


@router.post("/agents", status_code=201)
def create_agent(body: AgentFields, ports: Ports, key: Key) -> AgentOut:
    """Make an agent."""
    agent = Agent(
        account_id=key.account_id,
        agent_id=ports.ids.new("agent"),
        created_at=ports.clock.now(),
        **_given(body),
    )
    _check(agent, ports)
    _check_spoken(agent, ())
    agent, warnings = _with_model(agent, body, ports, was=None)
    ports.agents.add_agent(agent)
    return show_agent(agent, warnings)


@router.get("/agents")
def list_agents(
    ports: Ports,
    key: Key,
    limit: Annotated[int | None, QueryParam(ge=1, le=1000)] = None,
    offset: Annotated[int, QueryParam(ge=0)] = 0,
) -> list[AgentOut]:
    """List agents, oldest first."""
    agents = ports.agents.agents(key.account_id)[offset:]
    return [show_agent(a) for a in (agents if limit is None else agents[:limit])]


@router.get("/agents/{agent_id}")
def get_agent(agent_id: AgentId, ports: Ports, key: Key) -> AgentOut:
    """Read an agent."""
    return show_agent(_find(key.account_id, agent_id, ports)[0])


@router.put("/agents/{agent_id}")
def update_agent(agent_id: AgentId, body: AgentChanges, ports: Ports, key: Key) -> AgentOut:
    """Change an agent: the fields that are sent, and only those."""
    was, numbers = _find(key.account_id, agent_id, ports)
    agent = replace(was, **_given(body))
    _check(agent, ports)
    # An agent from before languages were checked may be changed in all else; what its calls do is in its warnings.
    if (agent.language, agent.voice_id) != (was.language, was.voice_id):
        _check_spoken(agent, numbers)
    agent, warnings = _with_model(agent, body, ports, was=was.llm_model)
    ports.agents.put_agent(agent)
    return show_agent(agent, warnings)


@router.delete("/agents/{agent_id}", response_model_exclude_none=True)
def delete_agent(agent_id: AgentId, ports: Ports, key: Key) -> AgentDeleted:
    """Delete an agent and let go of its numbers; their Twilio account keeps them. Past calls stay."""
    _, numbers = _find(key.account_id, agent_id, ports)
    warnings = let_go(numbers, ports)
    ports.agents.delete_agent(key.account_id, agent_id)
    return AgentDeleted(agent_id=agent_id, warnings=warnings or None)


@router.get("/voices")
def list_voices(_: Key) -> list[VoiceOut]:
    """List the voices an agent or a number may have."""
    return [
        VoiceOut(voice_id=v.voice_id, name=v.voice_id, language=v.language, gender=v.gender, engine=v.engine)
        for v in VOICES.values()
    ]


def _find(account_id: str, agent_id: str, ports: Services) -> tuple[Agent, tuple[Number, ...]]:
    found = ports.agents.get_agent(account_id, agent_id)
    if found is None:
        raise NotFound("There is no such agent.", code="agent_not_found")
    return found


def _given(body: AgentFields) -> dict[str, Any]:
    return {name: getattr(body, name) for name in body.model_fields_set}


def _check_spoken(agent: Agent, numbers: tuple[Number, ...]) -> None:
    """Check language and voice together; an agent speaks in the voices of its numbers too."""
    for voice_id in (agent.voice_id, *(n.voice_id for n in numbers if n.voice_id is not None)):
        check_spoken(agent.language, voice_id)


def _with_model(agent: Agent, body: AgentFields, ports: Services, *, was: str | None) -> tuple[Agent, tuple[str, ...]]:
    """Learn what the model that is sent accepts, and what to warn of. Of the one it `was`, what was learnt is kept.

    Raises:
        InvalidRequest: `model_not_supported`: there is no such model, or no more.
    """
    model, warnings = agent.llm_model, list[str]()
    if model is None:
        agent = replace(agent, llm_traits=None)
    elif "llm_model" in body.model_fields_set:
        facts = ports.models.find(model)
        if facts is None:
            raise InvalidRequest(
                f"There is no language model {model!r}.", code="model_not_supported", field="llm_model"
            )
        agent = replace(agent, llm_traits=facts.traits or (agent.llm_traits if model == was else None))
        if facts.traits is None:
            warnings.append(f"Nobody could be asked whether there is a language model {model!r}: it was not checked.")
        if facts.retires is not None:
            warnings.append(f"The language model {model!r} will be gone on {facts.retires}.")
    traits = agent.llm_traits or assumed(model or ports.default_model)
    if "temperature" in body.model_fields_set and not traits.temperature:
        warnings.append(f"temperature does nothing: {model or ports.default_model} takes none.")
    return agent, tuple(warnings)


def _check(agent: Agent, ports: Services) -> None:
    """Check what no field can tell alone."""
    if agent.webhook_url is not None:
        check_webhook_url(agent.webhook_url, allow_loopback=ports.allow_loopback_webhooks, field="webhook_url")
    if agent.voicemail_leave_enabled and not (agent.voicemail_message or "").strip():
        raise InvalidRequest(
            "voicemail_leave_enabled needs a voicemail_message.",
            code="voicemail_message_required",
            field="voicemail_message",
        )
