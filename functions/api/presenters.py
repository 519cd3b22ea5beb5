"""From what the business knows to what the API shows. Pure."""

from collections.abc import Sequence
from math import ceil
from typing import Any

from api.schemas.agents import AgentOut
from api.schemas.calls import (
    CallOut,
    CallSummaryOut,
    CostItemOut,
    CostOut,
    HistoryOut,
    LatencyOut,
    PastCall,
    Percentiles,
    PreviewFact,
    PreviewOpener,
    PreviewOut,
    TimelineItem,
    TimelineOut,
    TurnOut,
)
from api.schemas.common import iso
from api.schemas.phone_numbers import NumberOut
from api.schemas.webhooks import DeliveryOut
from calling.domain import carrier_codes
from calling.domain.agent import Agent, Number
from calling.domain.call import Call, CallStatus, EndedReason
from calling.domain.cost import cost
from calling.domain.delivery import Delivery
from calling.domain.history import CallSummary, choose, known_facts
from calling.domain.outcome import connected_ms
from calling.domain.phone_number import PhoneNumber
from calling.domain.transcript import Turn, transcript
from calling.usecases.preview_call import Preview


def show_agent(agent: Agent, warnings: Sequence[str] = ()) -> AgentOut:
    """Show an agent, with what saving it gave cause to warn of."""
    plain = AgentOut.model_fields.keys() - {"created_at", "warnings"}
    shown = {name: getattr(agent, name) for name in plain}
    return AgentOut.model_construct(**shown, created_at=iso(agent.created_at), warnings=[*agent.warnings, *warnings])


def show_number(number: Number) -> NumberOut:
    """Show a number without its token."""
    plain = set(NumberOut.model_fields) - {"phone_number", "created_at"}
    shown = {name: getattr(number, name) for name in plain}
    return NumberOut(phone_number=number.phone_number.e164, created_at=iso(number.created_at), **shown)


def show_call(call: Call, turns: Sequence[Turn], *, recording_url: str | None) -> CallOut:
    """Show a call with what was said."""
    return CallOut(**_call(call, turns, recording_url), turns=[_turn(t) for t in turns])


def show_listed_call(call: Call, turns: Sequence[Turn] | None, *, recording_url: str | None) -> CallSummaryOut:
    """Show a call in a list; `turns` None: they were not read."""
    return CallSummaryOut(**_call(call, turns, recording_url))


def _call(call: Call, turns: Sequence[Turn] | None, recording_url: str | None) -> dict[str, Any]:
    over = call.status.is_terminal
    waits = call.voice_to_voice_ms
    return {
        "call_id": call.call_id,
        "agent_id": call.agent_id,
        "call_direction": call.direction,
        "call_type": call.direction,
        "from_number": call.from_number.e164,
        "to_number": call.to_number.e164,
        "call_status": call.status,
        "start_timestamp": call.dial_started_at,
        "answered_at": call.answered_at,
        "end_timestamp": (call.carrier_ended_at or call.settled_at) if over else None,
        "duration_ms": connected_ms(call),
        "charged_minutes": call.charged_minutes or 0,
        "ended_reason": call.ended_reason,
        "transcript": None if turns is None else transcript(turns),
        "call_summary": call.summary,
        "caller_sentiment": call.sentiment,
        "call_successful": call.successful,
        "extracted_data": call.extracted_data,
        "recording_url": recording_url,
        "voicemail_detected": call.voicemail_detected,
        "voicemail_detection_method": call.voicemail_method,
        "amd_result": call.amd_result,
        "voicemail_left": call.voicemail_left,
        "campaign_id": call.campaign_id,
        "metadata": call.metadata,
        "avg_latency_ms": round(sum(waits) / len(waits)) if waits else None,
        "latency": LatencyOut(answer_to_first_audio_ms=call.first_audio_ms, voice_to_voice_ms=_percentiles(waits)),
        "cost": _cost(call, turns) if over and turns is not None else None,
        "twilio_call_sid": call.twilio_call_sid,
        "sip_response_code": call.sip_response_code,
        "stir_status": call.stir_status,
        "stir_verstat": call.stir_verstat,
        "twilio_error_code": call.dial_error_code or call.carrier_error_code,
        "stream_error": _stream_error(call),
        "failure_reason": _failure(call),
        "created_at": iso(call.created_at),
    }


def _failure(call: Call) -> str | None:
    """Say what the carrier's codes mean. With a SID the request was taken: what failed it later is left to say."""
    if call.status is CallStatus.COMPLETED:
        return _stream_error(call) if call.ended_reason is EndedReason.ERROR else None
    code = call.carrier_error_code if call.twilio_call_sid else call.dial_error_code
    return carrier_codes.words(code, call.sip_response_code)


def _stream_error(call: Call) -> str | None:
    return None if call.stream_error is None else carrier_codes.stream_words(call.stream_error)


def _turn(turn: Turn) -> TurnOut:
    return TurnOut(
        role=turn.role,
        text=turn.text,
        started_ms=turn.started_ms,
        ended_ms=turn.ended_ms,
        interrupted=turn.interrupted,
        latency=turn.latency_ms,
    )


def _percentiles(values: Sequence[int]) -> Percentiles | None:
    """Nearest rank: always a value that was really measured."""
    if not values:
        return None
    ordered = sorted(values)
    p50, p95 = (ordered[ceil(len(ordered) * share) - 1] for share in (0.5, 0.95))
    return Percentiles(p50=p50, p95=p95)


def _cost(call: Call, turns: Sequence[Turn]) -> CostOut:
    found = cost(call, turns)
    items = [
        CostItemOut(
            item=i.item,
            quantity=i.quantity,
            unit=i.unit,
            unit_price=i.unit_price,
            amount=i.amount,
            basis=i.basis,
            model=i.model,
        )
        for i in found.items
    ]
    return CostOut(total=found.total, items=items)


def show_preview(preview: Preview) -> PreviewOut:
    """Show what a call would be."""
    call, instruction = preview.call, preview.opener_instruction
    return PreviewOut(
        agent_id=call.agent_id,
        to=call.to_number.e164,
        **{"from": call.from_number.e164},
        voice_id=call.voice_id,
        prompt=call.prompt,
        system_prompt=preview.system_prompt,
        opener=None if instruction is None else PreviewOpener(instruction=instruction),
        voicemail_action=call.voicemail_action,
        voicemail_message=preview.voicemail_text,
        history=[PreviewFact(call_id=f.call_id, name=f.name, text=f.text) for f in preview.facts],
        token_count=preview.estimated_tokens,
        warnings=list(preview.warnings),
    )


def show_timeline(call: Call) -> TimelineOut:
    """Show what happened to a call, oldest first."""
    entries = sorted(call.timeline, key=lambda e: e.at)
    return TimelineOut(
        call_id=call.call_id,
        call_status=call.status,
        timeline=[
            TimelineItem(at=iso(e.at), timestamp=e.at, event=e.event, reason=e.reason, details=e.details)
            for e in entries
        ],
    )


def show_history(person: PhoneNumber, summaries: Sequence[CallSummary]) -> HistoryOut:
    """Show what the next call would be told of a person."""
    return HistoryOut(
        phone_number=person.e164,
        facts=known_facts(summaries),
        calls=[
            PastCall(
                call_id=s.call_id,
                agent_id=s.agent_id,
                ended_at=iso(s.ended_at),
                outcome=s.outcome,
                summary=s.summary,
            )
            for s in choose(summaries)
        ],
    )


def show_delivery(delivery: Delivery) -> DeliveryOut:
    """Show a delivery."""
    return DeliveryOut(
        delivery_id=delivery.delivery_id,
        call_id=delivery.call_id,
        event_id=delivery.event_id,
        event=delivery.event,
        url=delivery.url,
        status=delivery.status,
        attempts=delivery.attempts,
        created_at=iso(delivery.created_at),
        last_attempt_at=None if delivery.last_attempt_at is None else iso(delivery.last_attempt_at),
        last_status=delivery.last_status,
        last_error=delivery.last_error,
    )
