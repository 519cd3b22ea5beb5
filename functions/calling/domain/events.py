"""What the world is told of calls and campaigns: the outbox's events and the body a customer's webhook receives."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from calling.domain.call import Call, CallStatus
from calling.domain.campaign import Campaign, Counts
from calling.domain.outcome import connected_ms
from calling.domain.transcript import Turn, transcript


class EventName(StrEnum):
    """The events a customer may receive."""

    CALL_STARTED = "call.started"
    CALL_COMPLETED = "call.completed"
    CALL_FAILED = "call.failed"
    CAMPAIGN_STARTED = "campaign.started"
    CAMPAIGN_COMPLETED = "campaign.completed"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact for the world. It carries ids alone: the body is made from the record when it is delivered.

    Of a campaign's events `call_id` is empty.
    """

    account_id: str
    event_id: str
    name: EventName
    sequence: int
    call_id: str
    at: int  # epoch ms
    campaign_id: str | None = None

    @property
    def subject(self) -> str:
        """The id of what it tells of."""
        return self.call_id or self.campaign_id or ""


def started(call: Call, at: int) -> Event:
    """The call was answered."""
    return Event(call.account_id, f"{call.call_id}#started", EventName.CALL_STARTED, 1, call.call_id, at)


def terminal(account_id: str, call_id: str, status: CallStatus, at: int) -> Event:
    """The call is over. One event id a call, so it can be written and delivered once only."""
    name = EventName.CALL_COMPLETED if status is CallStatus.COMPLETED else EventName.CALL_FAILED
    return Event(account_id, f"{call_id}#terminal", name, 2, call_id, at)


def campaign_started(campaign: Campaign, at: int) -> Event:
    """A campaign began to dial."""
    name, event_id = EventName.CAMPAIGN_STARTED, f"{campaign.campaign_id}#started"
    return Event(campaign.account_id, event_id, name, 1, "", at, campaign.campaign_id)


def campaign_completed(campaign: Campaign, at: int) -> Event:
    """Nobody of a campaign will be dialled any more: it was carried out, or canceled, or has failed."""
    name, event_id = EventName.CAMPAIGN_COMPLETED, f"{campaign.campaign_id}#completed"
    return Event(campaign.account_id, event_id, name, 2, "", at, campaign.campaign_id)


def campaign_body(event: Event, campaign: Campaign, counts: Counts) -> dict[str, Any]:
    """Make the webhook's flat JSON object of a campaign's event."""
    return {
        "event": event.name.value,
        "event_id": event.event_id,
        "sequence": event.sequence,
        "call_id": None,
        "campaign_id": campaign.campaign_id,
        "agent_id": campaign.agent_id,
        "name": campaign.name,
        "status": campaign.status.value,
        "started_at": iso(campaign.started_at),
        "ended_at": iso(campaign.finished_at),
        "counts": {"total": counts.total, **asdict(counts)},
        "metadata": campaign.metadata,
    }


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
