"""Forget a call: what was said, how it sounded, whom it told, and what the next call would have known of it.

Only a call that is over, its terminal event written and nothing of it left to be done, can be erased: until then others
still write to it, or owe its campaign its outcome, and what they wrote afterwards would be left. Nothing is
resurrected, for every writer changes a record only where it stands. An event that is on its way still is dropped on
delivery, because its body is made from the record.
"""

from dataclasses import dataclass

from calling.domain.call import Call
from calling.domain.errors import Conflict, NotFound
from calling.ports import BlobStore, CallQuery, CallStore, Clock, DeliveryStore, PeopleStore
from calling.usecases.prepare_opener import opener_keys

PAGE = 50
MAX_SECONDS = 15  # an API request lasts 29 s at most


@dataclass(frozen=True, slots=True)
class ErasePorts:
    """Where anything of a call may lie."""

    calls: CallStore
    people: PeopleStore
    deliveries: DeliveryStore
    blobs: BlobStore
    clock: Clock


@dataclass(frozen=True, slots=True)
class Erased:
    """What a run erased; `live` calls were left alone; `more`: time was up, ask again."""

    deleted: int
    live: int
    more: bool


def erase_call(account_id: str, call_id: str, *, ports: ErasePorts) -> None:
    """Erase one call. What fails halfway can be asked for again: the record goes last.

    Raises:
        NotFound: `call_not_found`.
        Conflict: `call_not_ended`: hang it up first, then wait for its terminal event.
    """
    call = ports.calls.get(account_id, call_id)
    if call is None:
        raise NotFound("There is no such call.", code="call_not_found")
    if not _over(call):
        raise Conflict("This call is not over: hang it up, and wait until it has ended.", code="call_not_ended")
    _erase(call, ports=ports)


def erase_calls(account_id: str, *, ports: ErasePorts) -> Erased:
    """Erase all calls of an account that are over, newest first, within MAX_SECONDS."""
    until = ports.clock.now() + MAX_SECONDS * 1000
    deleted = live = 0
    cursor: str | None = None
    while True:
        page = ports.calls.query(account_id, CallQuery(), limit=PAGE, cursor=cursor)
        for call in page.calls:
            if ports.clock.now() >= until:
                return Erased(deleted, live, more=True)
            if _over(call):
                _erase(call, ports=ports)
                deleted += 1
            else:
                live += 1
        cursor = page.cursor
        if cursor is None:
            return Erased(deleted, live, more=False)


def _over(call: Call) -> bool:
    return call.status.is_terminal and call.terminal_event_at is not None and call.due_at is None


def _erase(call: Call, *, ports: ErasePorts) -> None:
    keys = [*opener_keys(call.account_id, call.call_id), call.recording_key]
    ports.blobs.delete([key for key in keys if key is not None])
    ports.people.forget(call.account_id, call.person, call_id=call.call_id)
    ports.deliveries.forget(call.account_id, call.call_id)
    ports.calls.erase(call.account_id, call.call_id)
