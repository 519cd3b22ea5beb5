"""Compare our records with the carrier's books, once an hour: what one side missed of the other is found.

Callbacks get lost and state machines die, and whatever else went wrong shows here: a call that ended at the carrier
and not with us is ended the reaper's way; one that was settled without the carrier's last word learns it now; what was
billed is stored. A terminal status is never changed, because the event that told of it has been sent: the difference
stands on the call's timeline. Calls from our numbers that no record owns are counted and never hung up: another
program may use the same carrier account. A call that was erased here looks the same.

Outbound calls alone, of the accounts that have dialled. Bounded in calls and in time, and it may be run twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from calling.domain.call import Call, Direction
from calling.domain.progress import CarrierFact
from calling.domain.reconciliation import may_be_its_own, reconciled
from calling.domain.revision import Revision
from calling.ports import CallQuery, CarrierAccount, CarrierCall, DialWorkflow, ExecutionState
from calling.usecases.ask_carrier import ResolvePorts
from calling.usecases.reap_leases import carefully, end_call
from calling.usecases.revise_call import revise_call
from calling.usecases.settle_call import SettlePorts

__all__ = ["ReconcilePorts", "Reconciled", "ResolvePorts", "SettlePorts", "reconcile_calls"]

LOOK_BACK_MS = 6 * 3600 * 1000  # longer than the longest call and the time the carrier takes to price it
UNKNOWN_AFTER_MS = 10 * 60_000  # a younger call's SID may not be stored yet
MAX_CALLS = 500  # of an account, and of the carrier's list, in one run: the newest
_MAX_SECONDS = 100  # after which a run begins nothing new
_MAX_SEARCHES = 20  # for the owner of a call whose record is older than what was read
_WAITED_MS = 24 * 3600 * 1000  # the longest a call is thought to have waited for its dial
_PAGE = 100


@dataclass(frozen=True, slots=True)
class ReconcilePorts:
    """What comparing needs of the world. `resolve` brings calls, carrier and clock; `settle` the way out of a call."""

    resolve: ResolvePorts
    settle: SettlePorts
    workflow: DialWorkflow


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one run found: calls of the carrier, records mended, prices stored, SIDs nobody owns, failures (kinds)."""

    looked: int = 0
    mended: int = 0
    priced: int = 0
    unknown_to_us: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(slots=True)
class _Run:
    """What a run has found so far, and until when it may begin something new."""

    since: int
    until: int
    looked: int = 0
    mended: int = 0
    priced: int = 0
    searches: int = 0
    unknown: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Books:
    """One carrier account, and whose numbers lie in it: number → account ids."""

    account: CarrierAccount
    owners: dict[str, set[str]] = field(default_factory=dict)


def reconcile_calls(*, ports: ReconcilePorts) -> Reconciled:
    """Compare once."""
    now = ports.resolve.clock.now()
    run = _Run(since=now - LOOK_BACK_MS, until=now + _MAX_SECONDS * 1000)
    for books in _all_books(run, ports=ports):
        if ports.resolve.clock.now() >= run.until:
            break
        carefully(partial(_compare, books, run, ports=ports), run.failures)
    return Reconciled(run.looked, run.mended, run.priced, tuple(run.unknown), tuple(run.failures))


def _all_books(run: _Run, *, ports: ReconcilePorts) -> list[_Books]:
    """Gather the carrier accounts of all who have dialled, each once: it may serve several accounts."""
    found: dict[str, _Books] = {}
    for account_id in dict.fromkeys(account_id for account_id, _ in ports.settle.leases.pools()):
        for number in ports.resolve.agents.numbers(account_id):
            account = carefully(partial(ports.resolve.credentials.of_number, number), run.failures)
            if account is not None:
                owners = found.setdefault(account.sid, _Books(account)).owners
                owners.setdefault(number.phone_number.e164, set()).add(account_id)
    return list(found.values())


def _compare(books: _Books, run: _Run, *, ports: ReconcilePorts) -> None:
    """Find the record of each of the carrier's calls, and compare the two."""
    listed = ports.resolve.carrier.started_since(books.account, run.since, limit=MAX_CALLS)
    theirs = [c for c in listed if c.created_at >= run.since and c.from_number in books.owners]
    records = list(_records(books, run, ports=ports))
    by_sid = {r.twilio_call_sid: r for r in records if r.twilio_call_sid is not None}
    without_sid = [r for r in records if r.twilio_call_sid is None]
    for found in sorted(theirs, key=lambda c: c.created_at):
        if ports.resolve.clock.now() >= run.until:
            return
        run.looked += 1
        record = by_sid.get(found.sid) or _lost(found, without_sid)
        if record is not None:
            carefully(partial(_reconcile, record, found, run, ports=ports), run.failures)
        elif found.created_at + UNKNOWN_AFTER_MS < ports.resolve.clock.now() and run.searches < _MAX_SEARCHES:
            carefully(partial(_search, found, books, run, ports=ports), run.failures)


def _records(books: _Books, run: _Run, *, ports: ReconcilePorts) -> Iterator[Call]:
    """Read the newest calls of the accounts whose numbers these are."""
    query = CallQuery(direction=Direction.OUTBOUND.value, since=run.since, until=ports.resolve.clock.now() + 1)
    for account_id in sorted(set().union(*books.owners.values())):
        cursor = None
        for _ in range(MAX_CALLS // _PAGE):
            page = ports.resolve.calls.query(account_id, query, limit=_PAGE, cursor=cursor)
            yield from (call for call in page.calls if call.our_number.e164 in books.owners)
            cursor = page.cursor
            if cursor is None:
                break


def _lost(found: CarrierCall, without_sid: list[Call]) -> Call | None:
    """Find the record whose request's answer was lost. It is taken once."""
    for record in without_sid:
        if may_be_its_own(
            record, to_number=found.to_number, from_number=found.from_number, created_at=found.created_at
        ):
            without_sid.remove(record)
            return record
    return None


def _search(found: CarrierCall, books: _Books, run: _Run, *, ports: ReconcilePorts) -> None:
    """Look for the owner among older calls, which waited long for their dial; else it is nobody's."""
    run.searches += 1
    query = CallQuery(
        direction=Direction.OUTBOUND.value,
        to_number=found.to_number,
        since=found.created_at - _WAITED_MS,
        until=found.created_at + 1000,
    )
    for account_id in sorted(books.owners[found.from_number]):
        calls = ports.resolve.calls.query(account_id, query, limit=_PAGE).calls
        owner = next((c for c in calls if c.twilio_call_sid == found.sid), None)
        if owner is not None:
            _reconcile(owner, found, run, ports=ports)
            return
    run.unknown.append(found.sid)


def _reconcile(record: Call, found: CarrierCall, run: _Run, *, ports: ReconcilePorts) -> None:
    """End what has ended, then take over what the carrier knows and we do not."""
    if not found.status.is_terminal:
        return
    now = ports.resolve.clock.now()
    ended = record.settled_at is None and _end(record, now, ports=ports)
    fact = CarrierFact(found.sid, found.status, found.ended_at or now, found.duration_seconds, source="asked")
    seen = record

    def decide(call: Call) -> Revision | None:
        nonlocal seen
        seen = call
        return reconciled(call, fact, found.price, now)

    after, _ = revise_call(record.account_id, record.call_id, decide, calls=ports.resolve.calls)
    run.mended += ended or seen.carrier_status is not after.carrier_status
    run.priced += seen.carrier_price != after.carrier_price


def _end(record: Call, now: int, *, ports: ReconcilePorts) -> bool:
    """End a call past its deadline, unless a state machine still carries it; True where it is settled now."""
    if record.deadline_at is None or now < record.deadline_at:
        return False
    if ports.workflow.state(record.call_id) is ExecutionState.RUNNING:
        return False
    end_call(record, resolve=ports.resolve, settle=ports.settle)
    after = ports.resolve.calls.get(record.account_id, record.call_id)
    return after is not None and after.settled_at is not None
