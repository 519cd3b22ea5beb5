"""Go on with campaigns whose execution has ended though they have not: none says that it runs and dials nobody."""

from calling.domain.call import TimelineEntry
from calling.domain.campaign import Campaign, CampaignStatus
from calling.domain.revision import CampaignRevision
from calling.ports import CampaignStore, CampaignWorkflow, Clock, ExecutionState
from calling.usecases.revise_campaign import revise_campaign
from calling.usecases.start_campaign import launched
from calling.usecases.steer_campaign import finished

NEW_MS = 2 * 60_000  # whoever makes a campaign starts its execution within this


def revive_campaign(
    account_id: str, campaign_id: str, *, campaigns: CampaignStore, workflow: CampaignWorkflow, clock: Clock
) -> bool:
    """Start a campaign's next execution where the last one is over; True where that was needed.

    A scheduled one whose moment passed without its being started is started. A recurring one is completed once its end
    has passed: its schedule does not fire then any more.
    """
    campaign = campaigns.get(account_id, campaign_id)
    if campaign is not None and _overdue(campaign, clock.now()):
        return _start(campaign, campaigns=campaigns, workflow=workflow, clock=clock)
    if campaign is not None and _recurred(campaign, clock.now()):
        campaign, _ = revise_campaign(account_id, campaign_id, lambda c: _complete(c, clock.now()), campaigns=campaigns)
    if campaign is None or not _should_run(campaign, clock.now()):
        return False
    if workflow.state(campaign_id, campaign.generation) is ExecutionState.RUNNING:
        return False
    generation = campaign.generation + 1
    note = TimelineEntry(clock.now(), "revived", "its execution had ended; it goes on in a new one")
    campaign, written = revise_campaign(
        account_id,
        campaign_id,
        lambda c: (
            CampaignRevision({"generation": generation}, note)
            if c.generation == generation - 1 and _should_run(c, clock.now())
            else None
        ),
        campaigns=campaigns,
    )
    if written:
        workflow.start(account_id, campaign_id, generation)
    return written


def _overdue(campaign: Campaign, now: int) -> bool:
    waits = campaign.status is CampaignStatus.SCHEDULED and campaign.scheduled_at is not None
    return waits and now > (campaign.scheduled_at or 0) + NEW_MS


def _start(campaign: Campaign, *, campaigns: CampaignStore, workflow: CampaignWorkflow, clock: Clock) -> bool:
    ids, why = (campaign.account_id, campaign.campaign_id), "its schedule did not start it"
    campaign, written = revise_campaign(
        *ids, lambda c: launched(c, why, clock.now()) if _overdue(c, clock.now()) else None, campaigns=campaigns
    )
    if written:
        workflow.start(*ids, campaign.generation)
    return written


def _recurred(campaign: Campaign, now: int) -> bool:
    over = campaign.recurrence_ends_at is not None and now > campaign.recurrence_ends_at + NEW_MS
    return campaign.recurrence is not None and campaign.status is CampaignStatus.SCHEDULED and over


def _complete(campaign: Campaign, now: int) -> CampaignRevision | None:
    if not _recurred(campaign, now):
        return None
    return finished(campaign, CampaignStatus.COMPLETED, "its recurrence is over", now)


def _should_run(campaign: Campaign, now: int) -> bool:
    """Tell whether an execution belongs to it: it dials, reads its list, or ends who waits in one that is over.

    A scheduled one waits for the clock alone.
    """
    waits = campaign.status is CampaignStatus.SCHEDULED
    waits = waits and (campaign.imported_at is not None or campaign.recurrence is not None)
    return not campaign.needs_nobody and not waits and now - campaign.created_at > NEW_MS
