"""Launch, pause, resume, cancel a campaign: a person does, or it does itself. Each wakes the execution that waits."""

from contextlib import suppress
from typing import Any

from calling.domain import events
from calling.domain.attempts import revived
from calling.domain.call import TimelineEntry
from calling.domain.campaign import Campaign, CampaignStatus
from calling.domain.errors import Conflict, InvalidRequest
from calling.domain.revision import CampaignRevision
from calling.ports import CampaignStore, CampaignWorkflow, Clock, Scheduler, StaleRecord
from calling.usecases.revise_campaign import revise_campaign, signal_campaign

_S = CampaignStatus


def pause_campaign(
    account_id: str, campaign_id: str, *, campaigns: CampaignStore, workflow: CampaignWorkflow, clock: Clock
) -> Campaign:
    """Dial nobody new; who is on the line stays. A paused campaign stays as it is.

    Raises:
        NotFound: `campaign_not_found`.
        Conflict: `campaign_not_pausable`: it does not run.
    """
    campaign, written = revise_campaign(
        account_id, campaign_id, lambda c: _pause(c, "on request", clock.now(), strict=True), campaigns=campaigns
    )
    if written:
        signal_campaign(account_id, campaign_id, campaigns=campaigns, workflow=workflow)
    return campaign


def pause_by_itself(
    account_id: str,
    campaign_id: str,
    reason: str,
    *,
    campaigns: CampaignStore,
    workflow: CampaignWorkflow,
    clock: Clock,
) -> None:
    """Pause a running campaign with a reason of its own; one that does not run stays as it is."""
    _, written = revise_campaign(
        account_id, campaign_id, lambda c: _pause(c, reason, clock.now(), strict=False), campaigns=campaigns
    )
    if written:
        signal_campaign(account_id, campaign_id, campaigns=campaigns, workflow=workflow)


def resume_campaign(
    account_id: str, campaign_id: str, *, campaigns: CampaignStore, workflow: CampaignWorkflow, clock: Clock
) -> Campaign:
    """Go on dialling, countries that were held included. A running campaign only has its held countries lifted.

    Whom a country's hold cost their call before it was known for one waits again, and has used no attempt.

    Raises:
        NotFound: `campaign_not_found`.
        InvalidRequest: `campaign_already_completed`.
        Conflict: `campaign_not_resumable`: it has not begun yet.
    """
    now = clock.now()

    def decide(campaign: Campaign) -> CampaignRevision | None:
        _require_alive(campaign)
        if campaign.status in (_S.SCHEDULED, _S.IMPORTING):
            raise Conflict("This campaign has not begun: launch it.", code="campaign_not_resumable")
        if campaign.status is _S.RUNNING and not campaign.held_countries:
            return None
        changes: dict[str, Any] = {"status": _S.RUNNING, "pause_reason": None, "held_countries": ()}
        if campaign.held_countries:
            changes["lifted_at"] = now
            changes["blocked"] = {c: b for c, b in campaign.blocked.items() if c not in campaign.held_countries}
        return CampaignRevision(changes, TimelineEntry(now, "resumed", "on request"))

    # Before the record forgets who they are: a request that dies in between is made again.
    _revive(account_id, campaign_id, now, campaigns=campaigns)
    campaign, _ = revise_campaign(account_id, campaign_id, decide, campaigns=campaigns)
    # Also where nothing was written: the first request may have died before it woke anybody.
    signal_campaign(account_id, campaign_id, campaigns=campaigns, workflow=workflow)
    return campaign


def _revive(account_id: str, campaign_id: str, now: int, *, campaigns: CampaignStore) -> None:
    """Have those wait again whose numbers were taken for blocked before their country was held."""
    campaign = campaigns.get(account_id, campaign_id)
    if campaign is None or campaign.status.is_terminal:
        return
    rows = [row for country in campaign.held_countries if (b := campaign.blocked.get(country)) for row in b.rows]
    for recipient in campaigns.recipients(campaign, rows):
        again = revived(recipient, now)
        if again is not recipient:
            with suppress(StaleRecord):  # another request to resume was faster
                campaigns.change_recipient(recipient, again)


def cancel_campaign(
    account_id: str,
    campaign_id: str,
    *,
    campaigns: CampaignStore,
    workflow: CampaignWorkflow,
    scheduler: Scheduler,
    clock: Clock,
) -> Campaign:
    """Dial nobody any more; who is on the line stays. A canceled campaign stays as it is.

    Raises:
        NotFound: `campaign_not_found`.
        InvalidRequest: `campaign_already_completed`.
    """
    now = clock.now()

    def decide(campaign: Campaign) -> CampaignRevision | None:
        if campaign.status is _S.CANCELED:
            return None
        _require_alive(campaign)
        over = finished(campaign, _S.CANCELED, "on request", now)
        if campaign.status is _S.SCHEDULED and campaign.imported_at is not None:
            # Its execution has read the list and ended: the next one gives everybody on it their end.
            over.changes["generation"] = campaign.generation + 1
        return over

    campaign, _ = revise_campaign(account_id, campaign_id, decide, campaigns=campaigns)
    if campaign.imported_at is not None:
        workflow.start(account_id, campaign_id, campaign.generation)
    scheduler.delete(campaign_id)
    signal_campaign(account_id, campaign_id, campaigns=campaigns, workflow=workflow)
    return campaign


def finished(campaign: Campaign, status: CampaignStatus, reason: str, now: int) -> CampaignRevision:
    """The campaign is over: its status, and one event that says so."""
    why = reason if status is _S.FAILED else None
    changes: dict[str, object] = {"status": status, "finished_at": now, "pause_reason": why}
    return CampaignRevision(
        changes, TimelineEntry(now, status.value, reason), outbox=events.campaign_completed(campaign, now)
    )


def _pause(campaign: Campaign, reason: str, now: int, *, strict: bool) -> CampaignRevision | None:
    if campaign.status is _S.PAUSED:
        return None
    if campaign.status is not _S.RUNNING:
        if strict:
            raise Conflict(
                f"A campaign that is {campaign.status.value} cannot be paused.", code="campaign_not_pausable"
            )
        return None
    return CampaignRevision({"status": _S.PAUSED, "pause_reason": reason}, TimelineEntry(now, "paused", reason))


def _require_alive(campaign: Campaign) -> None:
    if campaign.status.is_terminal:
        raise InvalidRequest(f"This campaign is {campaign.status.value}.", code="campaign_already_completed")
