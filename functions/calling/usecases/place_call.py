"""Accept one outbound call: check what was asked, queue it, store it. It never waits for the carrier."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from calling.domain.agent import MAX_PROMPT, Agent, Number, VoicemailAction, choose_from_number, voicemail_plan
from calling.domain.call import LOOK_MS, Call, Direction, TimelineEntry
from calling.domain.errors import InvalidRequest, NotFound
from calling.domain.phone_number import PhoneNumber, parse
from calling.domain.placeholders import fill
from calling.domain.prompt import MAX_VALUE, zone
from calling.domain.written_number import numbering_for, read_callable
from calling.ports import AgentStore, AlreadyExists, CallStore, CampaignStore, Clock, DialQueue, Ids

REMEMBERED_MS = 24 * 3600 * 1000  # how long a repeated request finds the first one's call


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What a caller of the API asks for. `not_after` without an offset is read in the agent's time zone."""

    agent_id: str
    to_number: str
    prompt: str | None = field(default=None, repr=False)
    from_number: str | None = None
    dynamic_vars: dict[str, str] = field(default_factory=dict, repr=False)
    campaign_id: str | None = None
    metadata: dict[str, Any] | None = field(default=None, repr=False)
    voicemail_action: VoicemailAction | None = None
    voicemail_message: str | None = field(default=None, repr=False)
    not_after: datetime | None = None
    default_country: str | None = None


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """An accepted call, and what its sender should know of it."""

    call: Call
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComposedCall:
    """A call as it would be placed, with who speaks and from where."""

    call: Call
    agent: Agent
    number: Number
    warnings: tuple[str, ...]


def place_call(
    account_id: str,
    request: CallRequest,
    *,
    agents: AgentStore,
    calls: CallStore,
    campaigns: CampaignStore,
    queue: DialQueue,
    clock: Clock,
    ids: Ids,
    once: str | None = None,
    allowed: tuple[str, ...] = (),
) -> PlacedCall:
    """Accept a call. With `once` (24 hex) a repeated request finds the call that the first one made.

    `allowed`: see Numbering.

    The message goes first and the record after it, so that an accepted call always has its message; a message whose
    record never appears is dropped by dispatch_dial.

    Raises:
        NotFound: `agent_not_found`, `campaign_not_found`.
        NotPermitted: `from_number_not_owned`.
        InvalidRequest: `invalid_phone_format`, `ambiguous_phone`, `destination_not_allowed`, `prompt_required`,
            `prompt_too_long`, `agent_no_phone`, `from_number_not_outbound`, `voicemail_message_required`,
            `invalid_field`.
    """
    call_id = f"call_{once}" if once else ids.new("call")
    composed = compose_call(
        account_id, request, call_id, agents=agents, campaigns=campaigns, clock=clock, allowed=allowed
    )
    call = composed.call
    queue.send(account_id, call.call_id)
    try:
        calls.add(call)
    except AlreadyExists:
        # The first request died between this call and its remembered answer; or the key was used the other day.
        first = calls.get(account_id, call.call_id)
        if first is not None and call.created_at - first.created_at < REMEMBERED_MS:
            return PlacedCall(first, composed.warnings)
        call = replace(call, call_id=ids.new("call"))
        queue.send(account_id, call.call_id)
        calls.add(call)
    return PlacedCall(call, composed.warnings)


def compose_call(
    account_id: str,
    request: CallRequest,
    call_id: str,
    *,
    agents: AgentStore,
    campaigns: CampaignStore,
    clock: Clock,
    allowed: tuple[str, ...] = (),
) -> ComposedCall:
    """Check a request and write the call it asks for, storing nothing. Raises what place_call raises."""
    wanted = parse(request.from_number, field="from_number") if request.from_number is not None else None
    found = agents.get_agent(account_id, request.agent_id)
    if found is None:
        raise NotFound("There is no such agent.", code="agent_not_found", field="agent_id")
    agent, numbers = found
    if not agent.is_active:
        raise InvalidRequest("This agent is not active.", field="agent_id")
    number = choose_from_number(numbers, wanted.e164 if wanted else None)
    if request.campaign_id is not None and campaigns.get(account_id, request.campaign_id) is None:
        raise NotFound("There is no such campaign.", code="campaign_not_found", field="campaign_id")
    numbering = numbering_for(request.default_country or agent.default_country, number.phone_number, allowed)
    to_number = read_callable(request.to_number, numbering, field="to_number").number
    call = _call(request, agent, number, to_number, clock.now(), call_id)
    return ComposedCall(call, agent, number, _warnings(agent, number, call))


def _call(request: CallRequest, agent: Agent, number: Number, to_number: PhoneNumber, now: int, call_id: str) -> Call:
    """Write the record of a call that nobody has dialled yet."""
    prompt = _purpose(request, agent)
    action, words = voicemail_plan(agent, number, request.voicemail_action, request.voicemail_message)
    return Call(
        account_id=agent.account_id,
        call_id=call_id,
        agent_id=agent.agent_id,
        direction=Direction.OUTBOUND,
        from_number=number.phone_number,
        to_number=to_number,
        created_at=now,
        due_at=now + LOOK_MS,
        prompt=prompt,
        dynamic_vars=dict(request.dynamic_vars),
        metadata=request.metadata,
        campaign_id=request.campaign_id,
        voicemail_action=action,
        voicemail_message=words if action is VoicemailAction.LEAVE_MESSAGE else None,
        amd_enabled=agent.amd_enabled,
        amd_speech_threshold_ms=agent.amd_speech_threshold_ms,
        not_after=_deadline(request.not_after, agent, now),
        voice_id=number.voice_id or agent.voice_id,
        max_duration_seconds=agent.max_call_duration_seconds,
        timeline=(TimelineEntry(now, "queued", "accepted by the API"),),
    )


def _purpose(request: CallRequest, agent: Agent) -> str:
    """Choose the call's purpose: its own prompt, else what the agent calls for."""
    for text in (request.prompt, agent.outbound_prompt):
        if text is not None and text.strip():
            if len(text) > MAX_PROMPT:
                raise InvalidRequest(
                    f"prompt is longer than {MAX_PROMPT} characters.", code="prompt_too_long", field="prompt"
                )
            return text.strip()
    raise InvalidRequest(
        "Say in prompt why the agent calls, or give the agent an outbound_prompt.",
        code="prompt_required",
        field="prompt",
    )


def _deadline(not_after: datetime | None, agent: Agent, now: int) -> int | None:
    if not_after is None:
        return None
    try:
        aware = not_after if not_after.tzinfo else not_after.replace(tzinfo=zone(agent.timezone))
        at = round(aware.timestamp() * 1000)
    except (OverflowError, ValueError) as error:
        raise InvalidRequest("not_after is not a usable time.", field="not_after") from error
    if at <= now:
        raise InvalidRequest("not_after is in the past.", field="not_after")
    return at


def _warnings(agent: Agent, number: Number, call: Call) -> tuple[str, ...]:
    """Name each variable that has no value, with the texts that ask for it, and those that a prompt cuts off."""
    instructions = "\n".join(t for t in (agent.system_prompt, number.custom_prompt) if t)
    texts = {
        "the agent's prompt": fill(instructions, call.dynamic_vars, code=True),
        "prompt": fill(call.prompt, call.dynamic_vars, code=True),
        "voicemail_message": fill(call.voicemail_message or "", call.dynamic_vars),
    }
    places: dict[str, list[str]] = {}
    for place, filled in texts.items():
        for name in filled.missing:
            places.setdefault(name, []).append(place)
    missing = (f"Variable '{n}' has no value: it is left out of {' and '.join(w)}." for n, w in places.items())
    long = (name for name, value in call.dynamic_vars.items() if len(value) > MAX_VALUE)
    return (*missing, *(f"Variable '{n}' is long: prompts take {MAX_VALUE:,} characters of it." for n in long))
