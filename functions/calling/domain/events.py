"""What the world is told of a call: the outbox's events and the body a customer's webhook receives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from calling.domain.call import Call, CallStatus
from calling.domain.outcome import connected_ms
from calling.domain.transcript import Turn, transcript


class EventName(StrEnum):
    """The events a customer may receive."""

    CALL_STARTED = "call.started"
    CALL_COMPLETED = "call.completed"
    CALL_FAILED = "call.failed"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact for the world. It carries ids alone: the body is made from the record when it is delivered."""

    account_id: str
    event_id: str
    name: EventName
    sequence: int
    call_id: str
    at: int  # epoch ms


def started(call: Call, at: int) -> Event:
    """The call was answered."""
    return Event(call.account_id, f"{call.call_id}#started", EventName.CALL_STARTED, 1, call.call_id, at)


def terminal(account_id: str, call_id: str, status: CallStatus, at: int) -> Event:
    """The call is over. One event id a call, so it can be written and delivered once only."""
    name = EventName.CALL_COMPLETED if status is CallStatus.COMPLETED else EventName.CALL_FAILED
    return Event(account_id, f"{call_id}#terminal", name, 2, call_id, at)


def body(event: Event, call: Call, turns: Sequence[Turn], recording_url: str | None) -> dict[str, Any]:
    """Make the webhook's flat JSON object. No system prompt, no key, no token."""
    over = event.name is not EventName.CALL_STARTED
    return {
        "event": event.name.value,
        "event_id": event.event_id,
        "sequence": event.sequence,
        "call_id": call.call_id,
        "agent_id": call.agent_id,
        "direction": call.direction.value,
        "from": call.from_number.e164,
        "to": call.to_number.e164,
        "status": call.status.value if over else CallStatus.IN_PROGRESS.value,
        "ended_reason": call.ended_reason.value if over and call.ended_reason else None,
        "started_at": iso(call.dial_started_at),
        "ended_at": iso(call.carrier_ended_at or call.settled_at) if over else None,
        "duration_seconds": connected_ms(call) // 1000 if over else None,
        "transcript": transcript(turns) if over else None,
        "summary": call.summary if over else None,
        "sentiment": call.sentiment if over else None,
        "successful": call.successful if over else None,
        "extracted_data": call.extracted_data if over else None,
        "recording_url": recording_url if over else None,
        "voicemail_detected": call.voicemail_detected,
        "campaign_id": call.campaign_id,
        "metadata": call.metadata,
    }


def iso(at: int | None) -> str | None:
    """Write epoch ms as ISO 8601 in UTC with milliseconds, None as None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
