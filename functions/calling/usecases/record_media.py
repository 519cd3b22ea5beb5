"""What the media session stores of a call: that it came up, that it lives, what was said, how it ended."""

from typing import Any

from calling.domain.call import Call, CarrierStatus, Direction, EndedReason, TimelineEntry
from calling.domain.do_not_call import asks_not_to_be_called
from calling.domain.errors import Conflict
from calling.domain.lease import places_of
from calling.domain.model_usage import ModelUsage, added
from calling.domain.progress import CarrierFact, belongs, carrier_progress
from calling.domain.revision import Revision
from calling.domain.transcript import Turn
from calling.ports import CallStore, Clock, ContactStore, DialWorkflow, LeasePool
from calling.usecases.honour_opt_out import honour_opt_out
from calling.usecases.revise_call import revise_call

ALIVE_LEASE_SECONDS = 60  # several missed signs of life before a place counts as abandoned


def media_opened(
    account_id: str,
    call_id: str,
    *,
    stream_sid: str,
    call_sid: str,
    calls: CallStore,
    workflow: DialWorkflow,
    clock: Clock,
) -> Call:
    """Bind a stream to its call, once.

    Raises:
        NotFound: `call_not_found`.
        Conflict: `stream_refused`: the call has or had a stream, is over, or is another one at the carrier.
    """
    now = clock.now()

    def decide(call: Call) -> Revision | None:
        if (call.stream_sid, call.media_opened_at) == (stream_sid, now):
            return None  # the store's own retry of this very write, its first answer was lost
        if call.status.is_terminal or call.media_opened_at is not None or not belongs(call, call_sid):
            raise Conflict("This call takes no such stream.", code="stream_refused")
        # Nobody tells of an inbound call's answer but its stream; an outbound one's has a callback of its own.
        fact = CarrierFact(call_sid, CarrierStatus.IN_PROGRESS, now, source="stream")
        answered = carrier_progress(call, fact) if call.direction is Direction.INBOUND else None
        changes = dict(answered.changes) if answered else {}
        return Revision(
            changes
            | {
                "stream_sid": stream_sid,
                "twilio_call_sid": call_sid,
                "media_opened_at": now,
                "media_alive_at": now,
            },
            note=TimelineEntry(now, "media_opened"),
            outbox=answered.outbox if answered else None,
        )

    call, _ = revise_call(account_id, call_id, decide, calls=calls)
    if call.task_token is not None:
        workflow.heartbeat(call.task_token)
    return call


def media_alive(
    account_id: str, call_id: str, *, calls: CallStore, leases: LeasePool, workflow: DialWorkflow, clock: Clock
) -> Call:
    """Give a sign of life: renew the place under the cap and the task's heartbeat; return the record as it stands.

    Raises:
        NotFound: `call_not_found`.
    """
    now = clock.now()

    def decide(call: Call) -> Revision | None:
        return None if call.status.is_terminal else Revision({"media_alive_at": now})

    call, alive = revise_call(account_id, call_id, decide, calls=calls)
    if alive:
        for place in places_of(call):
            leases.renew(*place, expires_at=now + ALIVE_LEASE_SECONDS * 1000)
        if call.task_token is not None:
            workflow.heartbeat(call.task_token)
    return call


def store_turn(
    account_id: str, call_id: str, turn: Turn, *, calls: CallStore, contacts: ContactStore, clock: Clock
) -> None:
    """Store what one side said; who asks in it not to be called is on the do-not-call list by then.

    The turn is stored also where the list fails: settling reads it again.
    """
    try:
        if asks_not_to_be_called((turn,)):
            call = calls.get(account_id, call_id)
            if call is not None:
                honour_opt_out(call, (turn,), contacts=contacts, now=clock.now())
    finally:
        calls.add_turn(account_id, call_id, turn)


def voicemail_found(account_id: str, call_id: str, method: str, *, calls: CallStore, clock: Clock) -> bool:
    """Store a machine verdict (`speech` or `carrier`); True where it was the first.

    Raises:
        NotFound: `call_not_found`.
    """
    now = clock.now()

    def decide(call: Call) -> Revision | None:
        if call.voicemail_method is not None or call.status.is_terminal:
            return None
        return Revision({"voicemail_method": method}, note=TimelineEntry(now, "voicemail", f"found by {method}"))

    return revise_call(account_id, call_id, decide, calls=calls)[1]


def media_ending(account_id: str, call_id: str, reason: EndedReason, *, calls: CallStore) -> None:
    """Store why our own conversation ends a call that the carrier could not be asked to end.

    Before its socket closes: the carrier then asks at once what to do with the call, and must not be told it was lost.

    Raises:
        NotFound: `call_not_found`.
    """
    why = Revision({"media_reason": reason})
    revise_call(account_id, call_id, lambda c: None if c.media_reason is not None else why, calls=calls)


def media_closed(
    account_id: str,
    call_id: str,
    *,
    reason: EndedReason | None,
    voicemail_left: bool,
    recording_key: str | None,
    first_audio_ms: int | None,
    voice_to_voice_ms: tuple[int, ...],
    model_usage: tuple[ModelUsage, ...] = (),
    calls: CallStore,
    workflow: DialWorkflow,
    clock: Clock,
) -> None:
    """Store the session's last words, once, and have the carrier asked: its own last word may be lost.

    `reason` None: the other side ended it.

    Raises:
        NotFound: `call_not_found`.
    """
    now = clock.now()

    def decide(call: Call) -> Revision | None:
        if call.media_closed_at is not None:
            return None
        changes: dict[str, Any] = {
            "media_closed_at": now,
            "voicemail_left": voicemail_left,
            "voice_to_voice_ms": voice_to_voice_ms,
            "model_usage": added(call.model_usage, model_usage),
        }
        optional = {"media_reason": reason, "recording_key": recording_key, "first_audio_ms": first_audio_ms}
        changes |= {name: value for name, value in optional.items() if value is not None}
        return Revision(changes, note=TimelineEntry(now, "media_closed", reason.value if reason else "other side"))

    call, _ = revise_call(account_id, call_id, decide, calls=calls)
    if call.task_token is not None and not call.status.is_terminal:
        workflow.answer(call.task_token, {"result": "resolve"})
