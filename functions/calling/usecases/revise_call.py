"""Decide over a call's record and write the decision, again from the start if the record moved meanwhile."""

from collections.abc import Callable

from calling.domain.call import Call
from calling.domain.errors import NotFound
from calling.domain.revision import Revision
from calling.ports import CallStore, StaleRecord

_TRIES = 12  # writers of one call are few (two callbacks, the media session, one step): each loses once to each


def revise_call(
    account_id: str, call_id: str, decide: Callable[[Call], Revision | None], *, calls: CallStore
) -> tuple[Call, bool]:
    """Write what `decide` makes of the record as it stands.

    Returns the record after it and whether anything was written.

    Raises:
        NotFound: `call_not_found`.
        StaleRecord: the record moved every time; the caller's own retry comes back to it.
    """
    for _ in range(_TRIES):
        call = calls.get(account_id, call_id)
        if call is None:
            raise NotFound("There is no such call.", code="call_not_found")
        revision = decide(call)
        if revision is None:
            return call, False
        try:
            changed = calls.change(
                call,
                revision.changes,
                note=revision.note,
                outbox=revision.outbox,
                remember=revision.remember,
                usage=revision.usage,
            )
        except StaleRecord:
            continue
        return changed, True
    raise StaleRecord
