"""Mend what nobody moves any more: calls and campaigns whose state machine died, places and lines whose holder died.

Three questions are asked every minute, of all accounts: which calls are due (they stand longer than they should, or
something of them is left to be done), which places under a cap have expired, and which campaigns have not ended though
their execution has. A call whose execution runs is left to it. Otherwise the carrier is asked, the call is settled by
its only exit, and only then its places are given back: never while the call lives at the carrier. Everything here may
be run twice, and beside any other step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from calling.domain.call import LOOK_MS, Call, CallStatus, Direction, EndedReason, TimelineEntry
from calling.domain.lease import CARRIERS, call_of
from calling.domain.revision import Revision
from calling.ports import (
    CampaignStore,
    CampaignWorkflow,
    CeilingStore,
    Clock,
    ContactStore,
    DialQueue,
    DialWorkflow,
    ExecutionState,
    LeasePool,
    LimitsStore,
    LineLock,
)
from calling.usecases.ask_carrier import ResolvePorts
from calling.usecases.resolve_call import resolve_call
from calling.usecases.revise_call import revise_call
from calling.usecases.revive_campaigns import revive_campaign
from calling.usecases.settle_call import SettlePorts, settle_call

__all__ = ["ReapPorts", "Reaped", "ResolvePorts", "carefully", "end_call", "reap_leases"]

T = TypeVar("T")
MAX_CALLS = 50  # looked at in one run; the longest due come first, so nothing waits for ever
_MAX_SECONDS = 40  # after which a run begins nothing new


@dataclass(frozen=True, slots=True)
class ReapPorts:
    """What the reaper needs of the world. `resolve` brings calls, carrier and clock."""

    resolve: ResolvePorts
    leases: LeasePool
    ceilings: CeilingStore
    lines: LineLock
    queue: DialQueue
    workflow: DialWorkflow
    contacts: ContactStore
    campaigns: CampaignStore
    limits: LimitsStore
    campaign_workflow: CampaignWorkflow

    @property
    def clock(self) -> Clock:
        """The clock of all of them."""
        return self.resolve.clock

    @property
    def settle(self) -> SettlePorts:
        """Those that settling needs."""
        return SettlePorts(
            calls=self.resolve.calls,
            contacts=self.contacts,
            campaigns=self.campaigns,
            limits=self.limits,
            leases=self.leases,
            ceilings=self.ceilings,
            lines=self.lines,
            campaign_workflow=self.campaign_workflow,
            clock=self.clock,
        )


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one run did: calls ended, calls queued again, places taken back, campaigns revived, what failed (kinds)."""

    settled: int = 0
    queued: int = 0
    places: int = 0
    campaigns: int = 0
    failures: tuple[str, ...] = ()


def reap_leases(*, ports: ReapPorts) -> Reaped:
    """Look at due calls, expired places and campaigns once; bounded in number and in time."""
    until = ports.clock.now() + _MAX_SECONDS * 1000
    settled = queued = places = campaigns = 0
    failures: list[str] = []
    for account_id, call_id in ports.resolve.calls.due(ports.clock.now(), limit=MAX_CALLS):
        if ports.clock.now() >= until:
            break
        moved = carefully(partial(_move, account_id, call_id, ports=ports), failures)
        if moved is None:  # so that it does not stand at the head of every run
            carefully(partial(_look_later, account_id, call_id, ports=ports), failures)
            continue
        settled, queued = settled + moved.settled, queued + moved.queued
    for account_id, pool, holder in _expired(ports=ports):
        if ports.clock.now() >= until:
            break
        places += bool(carefully(partial(_reap, account_id, pool, holder, ports=ports), failures))
    for account_id, campaign_id in ports.campaigns.active():
        if ports.clock.now() >= until:
            break
        campaigns += bool(carefully(partial(_revive, account_id, campaign_id, ports=ports), failures))
    return Reaped(settled, queued, places, campaigns, tuple(failures))


def carefully(work: Callable[[], T], failures: list[str]) -> T | None:
    """Do one piece of the work: one that fails must not keep the others from being mended."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  a door like a queue's record: one bad call must not stop the others
        failures.append(type(error).__qualname__)
        return None


def _move(account_id: str, call_id: str, *, ports: ReapPorts) -> Reaped:
    """Move a call on if it is still due."""
    call = ports.resolve.calls.get(account_id, call_id)
    if call is None or call.due_at is None or call.due_at > ports.clock.now():
        return Reaped()
    if _look(call, ports=ports):
        return Reaped(queued=1)
    return Reaped(settled=int(_is_done(call, ports=ports)))


def _look(call: Call, *, ports: ReapPorts) -> bool:
    """Move a due call on; True where it was queued again."""
    state = ports.workflow.state(call.call_id)
    if state is ExecutionState.RUNNING:
        _look_later(call.account_id, call.call_id, ports=ports)
        return False
    if call.direction is Direction.OUTBOUND and call.status is CallStatus.QUEUED:
        if state is ExecutionState.ABSENT and call.never_dialled is None:
            # Its message ended among the dead letters. A second one beside a living one changes nothing.
            _look_later(call.account_id, call.call_id, ports=ports)
            ports.queue.send(call.account_id, call.call_id)
            return True
        _never_dialled(call, ports=ports)
    end_call(call, resolve=ports.resolve, settle=ports.settle)
    return False


def _look_later(account_id: str, call_id: str, *, ports: ReapPorts) -> None:
    due_at = ports.clock.now() + LOOK_MS
    revise_call(
        account_id,
        call_id,
        lambda c: None if c.due_at is None else Revision({"due_at": due_at}),
        calls=ports.resolve.calls,
    )


def _never_dialled(call: Call, *, ports: ReapPorts) -> None:
    """Its one execution ended without any request to the carrier, and there is no second."""
    note = TimelineEntry(ports.clock.now(), "not_dialled", "its state machine ended before it was dialled")

    def decide(c: Call) -> Revision | None:
        if c.never_dialled is not None or c.was_asked_of_carrier or c.status is not CallStatus.QUEUED:
            return None
        return Revision({"never_dialled": EndedReason.ERROR, "never_dialled_why": note.reason}, note=note)

    revise_call(call.account_id, call.call_id, decide, calls=ports.resolve.calls)


def end_call(call: Call, *, resolve: ResolvePorts, settle: SettlePorts) -> None:
    """Ask the carrier what is not known yet, then settle; what is not over is looked at again in the next run."""
    ids = (call.account_id, call.call_id)
    if call.settled_at is None and resolve_call(*ids, ports=resolve)["result"] != "ended":
        return
    if settle_call(*ids, ports=settle)["result"] == "summarize":
        # Its execution is over, so nobody will summarise it: the terminal event goes out with a null summary.
        settle_call(*ids, summary_failed=True, ports=settle)


def _expired(*, ports: ReapPorts) -> Iterator[tuple[str, str, str]]:
    """Find places whose expiry has passed, the oldest first in each pool."""
    for account_id, pool in ports.leases.pools():
        held = sorted(ports.leases.holders(account_id, pool).items(), key=lambda place: place[1])
        for holder, expires_at in held[:MAX_CALLS]:
            if expires_at < ports.clock.now():
                yield account_id, pool, holder


def _reap(owner: str, pool: str, holder: str, *, ports: ReapPorts) -> bool:
    """Take an expired place back, unless its call may live; True where it was taken back."""
    account_id, call_id = call_of(owner, holder)
    call = ports.resolve.calls.get(account_id, call_id)
    if call is not None and call.settled_at is None:
        if ports.workflow.state(call_id) is ExecutionState.RUNNING:
            return False
        if call.status is not CallStatus.QUEUED or call.direction is Direction.INBOUND:
            end_call(call, resolve=ports.resolve, settle=ports.settle)  # settling it gives the place back
            return _is_done(call, ports=ports)
        # Not dialled: whoever dispatches it must take a place first, its own or another.
    reaped = ports.leases.reap(owner, pool, holder, now=ports.clock.now())
    if reaped and call is not None and (owner != CARRIERS or call.settled_at is not None):
        ports.lines.release(account_id, call.person, call_id)  # it has no expiry of its own
    return reaped


def _revive(account_id: str, campaign_id: str, *, ports: ReapPorts) -> bool:
    return revive_campaign(
        account_id, campaign_id, campaigns=ports.campaigns, workflow=ports.campaign_workflow, clock=ports.clock
    )


def _is_done(call: Call, *, ports: ReapPorts) -> bool:
    now = ports.resolve.calls.get(call.account_id, call.call_id)
    return now is None or now.settled_at is not None
