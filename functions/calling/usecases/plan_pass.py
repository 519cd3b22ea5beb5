"""Plan a campaign's next pass: who is due now, about ten minutes of work; or how long to wait; or that it is over.

The table's index of due recipients may lag, so each is read again before it is planned. A pass holds a bounded number
of recipients, however long the list is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from calling.domain import events
from calling.domain.attempts import put_off
from calling.domain.call import TimelineEntry
from calling.domain.campaign import Campaign, CampaignStatus
from calling.domain.due import next_due
from calling.domain.limits import Limits
from calling.domain.recipient import Recipient, RecipientState, Verdict
from calling.domain.revision import CampaignRevision
from calling.ports import (
    BlobStore,
    CampaignStore,
    CampaignWorkflow,
    Clock,
    ContactStore,
    LeasePool,
    LimitsStore,
    StaleRecord,
)
from calling.usecases.dispatch_recipient import LOOK_AGAIN_MS
from calling.usecases.revise_campaign import revise_campaign
from calling.usecases.steer_campaign import finished, pause_by_itself

MAX_PASSES = 500  # of one execution: some 20 events each, of the 25,000 its history may have
PASS_MINUTES = 10
CALL_SECONDS = 180  # a call holds its place so long, until a pass has shown it: too short a first pass costs little
SHORTEST_PASS_MS = 5_000
MIN_PLANNED, MAX_PLANNED = 10, 2_000
AT_THE_DOOR = 1.0  # of the places wait at the doorway, beside those that are called, so that none waits for a ticket
MAX_HELD = 4 * MAX_PLANNED  # so many are read to tell that all of them are held
SWEPT_AT_ONCE = 500
LIST_KEPT_MS = 2 * 3_600_000  # after the end of a recurring campaign
LAG_MS = 5_000  # how soon to look again for who waits and is not in the index (yet)
LONGEST_WAIT_SECONDS = 3_600  # whatever the next wake-up should have been, look again
_S = CampaignStatus


@dataclass(frozen=True, slots=True)
class PlanPorts:
    """What planning needs of the world."""

    campaigns: CampaignStore
    contacts: ContactStore
    limits: LimitsStore
    leases: LeasePool
    blobs: BlobStore
    workflow: CampaignWorkflow
    clock: Clock


@dataclass(frozen=True, slots=True)
class LastPass:
    """The pass before: how many had left the list when it was planned, and when that was (epoch ms, 0: none was)."""

    gone: int = 0
    at: int = 0


def plan_pass(
    account_id: str,
    campaign_id: str,
    *,
    generation: int,
    number: int,
    last: LastPass = LastPass(),
    ports: PlanPorts,
) -> dict[str, Any]:
    """Plan pass `number` (from 0) of an execution.

    Returns `{"result": "dial", "key", "count", "concurrency", "gone", "at"}`: a JSON Lines object of tickets to send;
    `{"result": "await", "seconds", "signal", "until"}`; `{"result": "again"}`; or `{"result": "done"}`: this execution
    has nothing left to do.
    """
    campaign = ports.campaigns.get(account_id, campaign_id)
    if campaign is None:
        return {"result": "done"}
    if campaign.generation != generation:
        # Whoever moved it may have died before starting the next one.
        ports.workflow.start(account_id, campaign_id, campaign.generation)
        return {"result": "done"}
    if number >= MAX_PASSES:
        return _go_on(campaign, ports=ports)
    if campaign.status.is_terminal:
        return _sweep(campaign, ports=ports)
    if campaign.status in (_S.SCHEDULED, _S.IMPORTING):
        return {"result": "done"}
    if campaign.status is _S.PAUSED:
        return _await(campaign, None, ports=ports)
    campaign = _begin(campaign, ports=ports)
    limits = ports.limits.get(account_id)
    now, counts = ports.clock.now(), ports.campaigns.counts(campaign)
    places = campaign.calls_at_once(limits, now)
    gone = counts.total - counts.pending
    size = _pass_size(places, limits, gone - last.gone, now - last.at if last.at else None)
    candidates = _candidates(campaign, size, ports=ports)
    tickets, held = _tickets(campaign, candidates, limits, ports=ports)
    if tickets:
        key = f"passes/{account_id}/{campaign_id}/{generation:04}-{number:05}.jsonl"
        lines = "".join(json.dumps(ticket, separators=(",", ":")) + "\n" for ticket in tickets)
        ports.blobs.put(key, lines.encode(), content_type="application/jsonl")
        concurrency = max(2, ceil(places * AT_THE_DOOR))
        sent = {"key": key, "count": len(tickets), "concurrency": concurrency}
        return {"result": "dial", **sent, "gone": gone, "at": now}
    return _nobody(campaign, held, looked=len(candidates), ports=ports)


def _begin(campaign: Campaign, *, ports: PlanPorts) -> Campaign:
    """Note, once, that it dials from now on."""
    if campaign.started_at is not None:
        return campaign
    now = ports.clock.now()

    def decide(c: Campaign) -> CampaignRevision | None:
        if c.started_at is not None:
            return None
        note = TimelineEntry(now, "started")
        return CampaignRevision({"started_at": now}, note, outbox=events.campaign_started(c, now))

    return revise_campaign(campaign.account_id, campaign.campaign_id, decide, campaigns=ports.campaigns)[0]


def _pass_size(places: int, limits: Limits, went: int, took_ms: int | None) -> int:
    """Say how many calls ten minutes carry: as many as went in the last pass, else as calls of three minutes would.

    Or as the carrier's pace allows. What a pass holds too much goes back to the planner, behind the others.
    """
    by_places = places * PASS_MINUTES * 60 // CALL_SECONDS
    if took_ms is not None and went > 0:
        by_places = went * PASS_MINUTES * 60_000 // max(took_ms, SHORTEST_PASS_MS)
    by_pace = ceil(limits.calls_per_second * PASS_MINUTES * 60) if limits.calls_per_second > 0 else by_places
    least = min(max(MIN_PLANNED, 2 * places), MAX_PLANNED)
    return max(least, min(by_places, by_pace, MAX_PLANNED))


def _candidates(campaign: Campaign, limit: int, *, ports: PlanPorts) -> tuple[Recipient, ...]:
    now = ports.clock.now()
    lifted = campaign.lifted_at is not None and now < campaign.lifted_at + LOOK_AGAIN_MS
    until = now + LOOK_AGAIN_MS if lifted else now
    # Who waits longest comes first; but a next try is not to stand behind the whole list, so some of a pass is theirs.
    again = ports.campaigns.due(campaign, until=now, limit=ceil(limit / 3), latest_first=True)
    again = tuple(r for r in again if r.tries > 0)
    listed = ports.campaigns.due(campaign, until=until, limit=limit - len(again))
    found = ports.campaigns.recipients(campaign, [r.index for r in (*again, *listed)])
    return tuple(r for r in found if r.state is RecipientState.PENDING and _may_go(r, campaign, now))


def _may_go(recipient: Recipient, campaign: Campaign, now: int) -> bool:
    """Tell whether it is time to look at somebody: due, or held for a country that was lifted since."""
    if (recipient.due_at or 0) <= now:
        return True
    last = recipient.decisions[-1] if recipient.decisions else None
    return last is not None and last.verdict is Verdict.HOLD and last.at < (campaign.lifted_at or 0)


def _tickets(
    campaign: Campaign, candidates: Sequence[Recipient], limits: Limits, *, ports: PlanPorts
) -> tuple[list[dict[str, Any]], int]:
    """Decide over each: the tickets of those to dial, and how many are held for their country."""
    now = ports.clock.now()
    contacts = ports.contacts.many(campaign.account_id, [r.phone_number for r in candidates])
    tickets, held = list[dict[str, Any]](), 0
    for recipient in candidates:
        due = next_due(campaign, recipient, contacts.get(recipient.phone_number), limits, now)
        if due.verdict is Verdict.DIAL:
            ids = {"account_id": campaign.account_id, "campaign_id": campaign.campaign_id}
            tickets.append({**ids, "index": recipient.index, "number": recipient.tries + 1, "planned_at": now})
            continue
        held += due.verdict is Verdict.HOLD
        try:
            ports.campaigns.change_recipient(recipient, put_off(recipient, due, now, look_again=now + LOOK_AGAIN_MS))
        except StaleRecord:
            continue  # somebody else has moved it: it is looked at where it stands then
    return tickets, held


def _nobody(campaign: Campaign, held: int, *, looked: int, ports: PlanPorts) -> dict[str, Any]:
    """Nobody is due: it is over, or it waits for a moment, for calls to end, or for somebody to act."""
    counts = ports.campaigns.counts(campaign)
    if counts.done:
        _complete(campaign, ports=ports)
        return {"result": "again"}
    if held and counts.in_flight == 0 and _all_held(campaign, counts.pending, ports=ports):
        countries, why = campaign.held_countries, dict.fromkeys(map(campaign.why_held, campaign.held_countries))
        reason = f"only numbers of {', '.join(countries)} are left, which are held: {'; '.join(why)}"
        ids = (campaign.account_id, campaign.campaign_id, reason)
        pause_by_itself(*ids, campaigns=ports.campaigns, workflow=ports.workflow, clock=ports.clock)
        return {"result": "again"}
    if looked:
        return {"result": "again"}
    if counts.pending == 0:
        return _await(campaign, None, ports=ports)  # the last call's end signals
    now = ports.clock.now()
    return _await(campaign, ports.campaigns.next_due_at(campaign) or now + LAG_MS, ports=ports)


def _all_held(campaign: Campaign, pending: int, *, ports: PlanPorts) -> bool:
    """Tell whether everybody who still waits is held for their country; not asked where they are very many."""
    if pending > MAX_HELD:
        return False
    far = ports.clock.now() * 2  # whenever they are due: each was held at a moment of its own
    waiting = ports.campaigns.due(campaign, until=far, limit=pending)
    return len(waiting) >= pending and all(r.country in campaign.held_countries for r in waiting)


def _await(campaign: Campaign, until: int | None, *, ports: PlanPorts) -> dict[str, Any]:
    now = ports.clock.now()
    seconds = LONGEST_WAIT_SECONDS if until is None else min(max(1, ceil((until - now) / 1000)), LONGEST_WAIT_SECONDS)
    return {"result": "await", "seconds": seconds, "signal": campaign.signal, "until": now + seconds * 1000}


def _go_on(campaign: Campaign, *, ports: PlanPorts) -> dict[str, Any]:
    """Continue in a new execution, before this one's history is full."""
    generation = campaign.generation + 1
    note = TimelineEntry(ports.clock.now(), "continued", f"in execution {generation}")

    def decide(c: Campaign) -> CampaignRevision | None:
        return CampaignRevision({"generation": generation}, note) if c.generation == campaign.generation else None

    now, _ = revise_campaign(campaign.account_id, campaign.campaign_id, decide, campaigns=ports.campaigns)
    ports.workflow.start(now.account_id, now.campaign_id, now.generation)
    return {"result": "done"}


def _complete(campaign: Campaign, *, ports: PlanPorts) -> None:
    now = ports.clock.now()

    def decide(c: Campaign) -> CampaignRevision | None:
        return (
            finished(c, _S.COMPLETED, "everybody was called, or will not be", now) if c.status is _S.RUNNING else None
        )

    revise_campaign(campaign.account_id, campaign.campaign_id, decide, campaigns=ports.campaigns)


def _sweep(campaign: Campaign, *, ports: PlanPorts) -> dict[str, Any]:
    """Give everybody who still waits in a campaign that is over their end, a bounded number at a time."""
    far = ports.clock.now() * 2  # whenever they are due
    if campaign.imported_at is None:  # its list was never read to its end: nobody of it was counted, or will be called
        return _swept(campaign, ports=ports)
    waiting = ports.campaigns.recipients(
        campaign, [r.index for r in ports.campaigns.due(campaign, until=far, limit=SWEPT_AT_ONCE)]
    )
    pending = [r for r in waiting if r.state is RecipientState.PENDING]
    _tickets(campaign, pending, Limits(), ports=ports)
    if pending:
        return {"result": "again"}
    counts = ports.campaigns.counts(campaign)
    if counts.in_flight or counts.pending:  # a call that was put back must find somebody who ends it
        return _await(campaign, ports.clock.now() + 60_000, ports=ports)
    return _swept(campaign, ports=ports)


def _swept(campaign: Campaign, *, ports: PlanPorts) -> dict[str, Any]:
    """Leave nothing behind: its pool of places, and its list, unless that is the recurring campaign's.

    A recurring campaign's own is kept until its last run has surely read it.
    """
    keep_until = (campaign.finished_at or 0) + LIST_KEPT_MS
    if campaign.recurrence is not None and ports.clock.now() < keep_until:
        return _await(campaign, keep_until, ports=ports)
    if campaign.parent_id is None:
        ports.blobs.delete([campaign.source_key])
    ports.leases.forget(campaign.account_id, campaign.campaign_id)
    swept = CampaignRevision({"swept_at": ports.clock.now()})
    ids = (campaign.account_id, campaign.campaign_id)
    revise_campaign(*ids, lambda c: None if c.needs_nobody else swept, campaigns=ports.campaigns)
    return {"result": "done"}
