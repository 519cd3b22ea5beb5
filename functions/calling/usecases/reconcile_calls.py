"""Compare our records with the carrier's books, once an hour: what one side missed of the other is found.

Callbacks get lost and state machines die, and whatever else went wrong shows here: a call that ended at the carrier
and not with us is ended the reaper's way; one that was settled without the carrier's last word learns it now; what was
billed is stored. A terminal status is never changed, because the event that told of it has been sent: the difference
stands on the call's timeline. Calls from our numbers that no record owns are counted and never hung up: another
program may use the same carrier account. A call that was erased here looks the same.

Outbound calls alone, of the accounts that have dialled: all calls of LOOK_BACK_MS, our records page by page against the
carrier's list. What is known already costs no write, so a run that time cuts short leaves the rest to the next one: it
goes from the oldest hour to the newest, and each carrier account has its share of the time. It may be run twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from calling.domain.call import Call, Direction
from calling.domain.progress import CarrierFact
from calling.domain.reconciliation import may_be_its_own, reconciled, waits_for_its_own
from calling.domain.revision import Revision
from calling.ports import CallQuery, CarrierAccount, CarrierCall, DialWorkflow, ExecutionState
from calling.usecases.ask_carrier import ResolvePorts
from calling.usecases.reap_leases import carefully, end_call
from calling.usecases.revise_call import revise_call
from calling.usecases.settle_call import SettlePorts

__all__ = ["ReconcilePorts", "Reconciled", "ResolvePorts", "SettlePorts", "reconcile_calls"]

HOUR_MS = 3600 * 1000
LOOK_BACK_MS = 6 * HOUR_MS  # longer than the longest call and the time the carrier takes to price it
UNKNOWN_AFTER_MS = 10 * 60_000  # a younger call's SID may not be stored yet
MAX_SECONDS = 480  # after which a run begins nothing new; its Lambda lives for 600
MAX_LISTED = 50_000  # of the carrier's calls that are held at once, some 25 MB: the newest
_WAITED_MS = 24 * HOUR_MS  # the longest a call is thought to have waited for its dial
_LEAST_MS = 60_000  # of a carrier account's share: with less it would only be listed
_PAGE = 100


@dataclass(frozen=True, slots=True)
class ReconcilePorts:
    """What comparing needs of the world. `resolve` brings calls, carrier and clock; `settle` the way out of a call."""

    resolve: ResolvePorts
    settle: SettlePorts
    workflow: DialWorkflow


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one run found: calls of the carrier, records mended, prices stored, SIDs nobody owns, failures (kinds).

    `more`: not all was reached in the time; the next run goes on.
    """

    looked: int = 0
    mended: int = 0
    priced: int = 0
    unknown_to_us: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    more: bool = False


@dataclass(slots=True)
class _Run:
    """What a run has found so far, and until when it may begin something new for the account at hand."""

    since: int
    until: int
    looked: int = 0
    mended: int = 0
    priced: int = 0
    more: bool = False
    unknown: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Books:
    """One carrier account, and whose numbers lie in it: number → account ids.

    `theirs` are its calls by SID, those that no record was found for yet; `lost` our records that miss theirs.
    """

    account: CarrierAccount
    owners: dict[str, set[str]] = field(default_factory=dict)
    theirs: dict[str, CarrierCall] = field(default_factory=dict)
    lost: list[Call] = field(default_factory=list)


def reconcile_calls(*, ports: ReconcilePorts) -> Reconciled:
    """Compare once."""
    clock = ports.resolve.clock
    now = clock.now()
    end = now + MAX_SECONDS * 1000
    run = _Run(since=now - LOOK_BACK_MS, until=end)
    waiting = _all_books(run, ports=ports)
    first = now // HOUR_MS % max(1, len(waiting))  # another one each hour
    waiting = waiting[first:] + waiting[:first]
    while waiting and clock.now() < end:
        share = max((end - clock.now()) // len(waiting), _LEAST_MS)
        run.until = min(clock.now() + share, end)
        carefully(partial(_compare, waiting.pop(0), run, ports=ports), run.failures)
    more = run.more or bool(waiting)
    return Reconciled(run.looked, run.mended, run.priced, tuple(run.unknown), tuple(run.failures), more)


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
    """Walk our records beside the carrier's list, oldest hour first; then see whose the calls are that are left."""
    now = ports.resolve.clock.now()
    carefully(partial(_list, books, run, ports=ports), run.failures)  # what came before a failure is compared
    for start in range(run.since, now + 1, HOUR_MS):
        _walk(books, start, min(start + HOUR_MS, now + 1), run, ports=ports)
    for found in sorted(books.theirs.values(), key=lambda c: c.created_at):
        record = _lost(found, books.lost)
        if record is not None and not _is_time_up(run, ports=ports):
            _take(record, found, books, run, ports=ports)
    old = [c for c in books.theirs.values() if c.created_at + UNKNOWN_AFTER_MS < now]
    if old:
        _walk(books, run.since - _WAITED_MS, run.since, run, ports=ports)  # calls that waited long for their dial
    if books.theirs and _is_time_up(run, ports=ports):
        run.more = True
        return
    run.unknown += [c.sid for c in old if c.sid in books.theirs]
    run.looked += len(books.theirs)
    books.theirs.clear()


def _list(books: _Books, run: _Run, *, ports: ReconcilePorts) -> None:
    """Read the carrier's list, in half of the time there is: the other half is for comparing."""
    clock = ports.resolve.clock
    half = (clock.now() + run.until) // 2
    for found in ports.resolve.carrier.started_since(books.account, run.since):
        if found.created_at >= run.since and found.from_number in books.owners:
            books.theirs[found.sid] = found
        if len(books.theirs) >= MAX_LISTED or clock.now() >= half:
            run.more = True
            return


def _walk(books: _Books, since: int, until: int, run: _Run, *, ports: ReconcilePorts) -> None:
    """Compare the records of a span with what the carrier's list says of them, as long as there is time."""
    for record in _records(books, since, until, run, ports=ports):
        if not books.theirs or _is_time_up(run, ports=ports):
            return
        found = books.theirs.get(record.twilio_call_sid or "")
        if found is not None:
            _take(record, found, books, run, ports=ports)
        elif waits_for_its_own(record):
            books.lost.append(record)


def _records(books: _Books, since: int, until: int, run: _Run, *, ports: ReconcilePorts) -> Iterator[Call]:
    """Read the calls of a span, of the accounts whose numbers these are, page by page as they are consumed."""
    query = CallQuery(direction=Direction.OUTBOUND.value, since=since, until=until)
    for account_id in sorted(set().union(*books.owners.values())):
        cursor = None
        while books.theirs and not _is_time_up(run, ports=ports):
            page = ports.resolve.calls.query(account_id, query, limit=_PAGE, cursor=cursor)
            yield from page.calls
            cursor = page.cursor
            if cursor is None:
                break


def _is_time_up(run: _Run, *, ports: ReconcilePorts) -> bool:
    return ports.resolve.clock.now() >= run.until


def _lost(found: CarrierCall, lost: list[Call]) -> Call | None:
    """Find the record whose request's answer was lost. It is taken once."""
    for record in lost:
        if may_be_its_own(
            record, to_number=found.to_number, from_number=found.from_number, created_at=found.created_at
        ):
            lost.remove(record)
            return record
    return None


def _take(record: Call, found: CarrierCall, books: _Books, run: _Run, *, ports: ReconcilePorts) -> None:
    """Compare one record with the carrier's call, which is nobody else's then."""
    del books.theirs[found.sid]
    run.looked += 1
    carefully(partial(_reconcile, record, found, run, ports=ports), run.failures)


def _reconcile(record: Call, found: CarrierCall, run: _Run, *, ports: ReconcilePorts) -> None:
    """End what has ended, then take over what the carrier knows and we do not."""
    if not found.status.is_terminal:
        return
    now = ports.resolve.clock.now()
    fact = CarrierFact(found.sid, found.status, found.ended_at or now, found.duration_seconds, source="asked")
    if record.settled_at is not None and reconciled(record, fact, found.price, now) is None:
        return  # as nearly all of them: no second read
    ended = record.settled_at is None and _end(record, now, ports=ports)
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
