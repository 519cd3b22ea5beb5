"""Calls: place, preview, list, read, hang up, erase; and what is remembered of a person."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.auth import AuthenticatedRoute
from api.people import person_reader
from api.presenters import show_call, show_history, show_listed_call, show_preview, show_timeline
from api.schemas.calls import (
    MAX_WITH_TRANSCRIPT,
    AcceptedCall,
    CallFilters,
    CallOut,
    CallSummaryOut,
    DeletedCall,
    DeletedCalls,
    DeletedHistory,
    HistoryOut,
    OutboundCall,
    PreviewOut,
    TimelineOut,
)
from api.schemas.common import PROBLEMS, CallId, Reading, epoch_ms
from api.services import Key, Ports, Services
from calling.domain import recording_link
from calling.domain.call import Call
from calling.domain.errors import InvalidRequest, NotFound
from calling.domain.history import MAX_CALLS
from calling.ports import CallQuery
from calling.usecases.erase_call import ErasePorts, erase_call, erase_calls
from calling.usecases.hang_up import hang_up
from calling.usecases.place_call import CallRequest, place_call
from calling.usecases.preview_call import preview_call

router = APIRouter(route_class=AuthenticatedRoute, tags=["calls"], responses=PROBLEMS)


@router.post("/calls/outbound", status_code=201)
def place_outbound_call(body: OutboundCall, http: Request, ports: Ports, key: Key) -> AcceptedCall:
    """Accept one call and answer at once; it is dialled as soon as there is a place for it."""
    placed = place_call(
        key.account_id,
        _request(body),
        agents=ports.agents,
        calls=ports.calls,
        campaigns=ports.campaigns,
        queue=ports.dial_queue,
        clock=ports.clock,
        ids=ports.ids,
        allowed=ports.allowed_destinations,
        once=getattr(http.state, "once", None),  # put there by auth where there is an Idempotency-Key
    )
    call = placed.call
    return AcceptedCall(
        call_id=call.call_id,
        status=call.status,
        to=call.to_number.e164,
        **{"from": call.from_number.e164},
        warnings=list(placed.warnings),
    )


@router.post("/calls/preview")
def preview_outbound_call(body: OutboundCall, ports: Ports, key: Key) -> PreviewOut:
    """Show what a call would say and to whom. Dials and stores nothing."""
    return show_preview(
        preview_call(
            key.account_id,
            _request(body),
            agents=ports.agents,
            campaigns=ports.campaigns,
            people=ports.people,
            clock=ports.clock,
            allowed=ports.allowed_destinations,
        )
    )


@router.get("/calls")
def list_calls(
    filters: Annotated[CallFilters, Query()], response: Response, ports: Ports, key: Key
) -> list[CallSummaryOut]:
    """List calls, newest first. The next page's cursor is in `X-Next-Cursor`."""
    with_turns = filters.include == "transcript"
    if with_turns and filters.limit > MAX_WITH_TRANSCRIPT:
        raise InvalidRequest(f"With include=transcript limit is at most {MAX_WITH_TRANSCRIPT}.", field="limit")
    page = ports.calls.query(
        key.account_id,
        _query(key.account_id, filters, ports),
        limit=filters.offset + filters.limit,
        cursor=filters.cursor,
    )
    if page.cursor is not None:
        response.headers["X-Next-Cursor"] = page.cursor
    return [
        show_listed_call(
            call,
            ports.calls.turns(key.account_id, call.call_id) if with_turns else None,
            recording_url=_recording_url(call, ports),
        )
        for call in page.calls[filters.offset :]
    ]


@router.get("/calls/{call_id}")
def get_call(call_id: CallId, ports: Ports, key: Key) -> CallOut:
    """Read a call with what was said."""
    return _show(_find(key.account_id, call_id, ports), ports)


@router.get("/calls/{call_id}/timeline")
def get_timeline(call_id: CallId, ports: Ports, key: Key) -> TimelineOut:
    """Read every state, wait and verdict of a call with its reason and time."""
    return show_timeline(_find(key.account_id, call_id, ports))


@router.post("/calls/{call_id}/hangup")
def hang_up_call(call_id: CallId, ports: Ports, key: Key) -> CallOut:
    """Cancel a queued or ringing call, end a live one. The record shows the end once the carrier has confirmed it."""
    call = hang_up(
        key.account_id,
        call_id,
        calls=ports.calls,
        agents=ports.agents,
        credentials=ports.credentials,
        carrier=ports.carrier,
        clock=ports.clock,
    )
    return _show(call, ports)


@router.delete("/calls/{call_id}")
def delete_call(call_id: CallId, ports: Ports, key: Key) -> DeletedCall:
    """Erase a call that is over: record, transcript, recording, deliveries and what the next call would know of it."""
    erase_call(key.account_id, call_id, ports=_erasing(ports))
    return DeletedCall(call_id=call_id)


@router.delete("/calls")
def delete_calls(ports: Ports, key: Key) -> DeletedCalls:
    """Erase all calls that are over, as many as the time allows: send it again while `more` is true."""
    erased = erase_calls(key.account_id, ports=_erasing(ports))
    return DeletedCalls(deleted=erased.deleted, live=erased.live, more=erased.more)


@router.get("/history/{phone_number}")
def get_history(phone_number: str, reading: Annotated[Reading, Query()], ports: Ports, key: Key) -> HistoryOut:
    """Read what an agent that calls this person now would be told of past calls."""
    person = person_reader(key.account_id, reading.default_country, ports)(phone_number, "phone_number")
    return show_history(person, ports.people.summaries(key.account_id, person, limit=MAX_CALLS))


@router.delete("/history/{phone_number}")
def delete_history(phone_number: str, reading: Annotated[Reading, Query()], ports: Ports, key: Key) -> DeletedHistory:
    """Forget what past calls with this person came to; the calls' own records stay."""
    person = person_reader(key.account_id, reading.default_country, ports)(phone_number, "phone_number")
    ports.people.forget(key.account_id, person)
    return DeletedHistory(phone_number=person.e164)


def _request(body: OutboundCall) -> CallRequest:
    return CallRequest(**{name: getattr(body, name) for name in OutboundCall.model_fields})


def _erasing(ports: Services) -> ErasePorts:
    return ErasePorts(ports.calls, ports.people, ports.deliveries, ports.blobs, ports.clock)


def _find(account_id: str, call_id: str, ports: Services) -> Call:
    call = ports.calls.get(account_id, call_id)
    if call is None:
        raise NotFound("There is no such call.", code="call_not_found")
    return call


def _show(call: Call, ports: Services) -> CallOut:
    turns = ports.calls.turns(call.account_id, call.call_id)
    return show_call(call, turns, recording_url=_recording_url(call, ports))


def _recording_url(call: Call, ports: Services) -> str | None:
    if call.recording_key is None:
        return None
    secret = ports.credentials.stream_secret()
    return recording_link.address(ports.public_base_url, secret, call.account_id, call.call_id)


def _query(account_id: str, filters: CallFilters, ports: Services) -> CallQuery:
    to_number = None
    if filters.to_number:
        read = person_reader(account_id, filters.default_country, ports)
        to_number = read(filters.to_number, "to_number").e164
    return CallQuery(
        agent_id=filters.agent_id,
        campaign_id=filters.campaign_id,
        direction=filters.direction and filters.direction.value,
        status=filters.status and filters.status.value,
        since=epoch_ms(filters.since),
        until=epoch_ms(filters.until),
        to_number=to_number,
        sentiment=filters.caller_sentiment,
        successful=filters.call_successful,
        voicemail_detected=filters.voicemail_detected,
        voicemail_disagreement=filters.voicemail_disagreement,
    )
