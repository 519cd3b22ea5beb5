"""Start a campaign: by the clock (EventBridge Scheduler, which may fire twice) or because somebody launches it."""

from dataclasses import replace
from hashlib import sha256

from calling.domain.call import TimelineEntry
from calling.domain.campaign import Campaign, CampaignStatus
from calling.domain.errors import InvalidRequest, NotFound
from calling.domain.revision import CampaignRevision
from calling.ports import AlreadyExists, CampaignStore, CampaignWorkflow, Clock, Scheduler
from calling.usecases.revise_campaign import revise_campaign
from calling.usecases.steer_campaign import resume_campaign

_S = CampaignStatus
_MINUTE_MS = 60_000


def start_campaign(
    account_id: str,
    campaign_id: str,
    *,
    occasion: str | None = None,
    campaigns: CampaignStore,
    workflow: CampaignWorkflow,
    scheduler: Scheduler,
    clock: Clock,
) -> Campaign:
    """Flip scheduled → running, once, and start the execution of that name; again changes nothing.

    `occasion` names the firing of a recurring campaign (its scheduled time): each gets one run, a campaign of its own.
    Without it a person launches it: now, and beside its schedule where it recurs (once a minute at most).

    Raises:
        NotFound: `campaign_not_found`.
        InvalidRequest: `campaign_already_completed`, `campaign_no_recipients`.
    """
    campaign = campaigns.get(account_id, campaign_id)
    if campaign is None:
        if occasion is not None:  # whoever set the schedule died before the record, or somebody else deleted that
            scheduler.delete(campaign_id)
        raise NotFound("There is no such campaign.", code="campaign_not_found")
    if campaign.status.is_terminal:
        raise InvalidRequest(f"This campaign is {campaign.status.value}.", code="campaign_already_completed")
    if campaign.rows is not None and campaign.rows <= (campaign.invalid_count or 0):
        raise InvalidRequest("This campaign has nobody to call.", code="campaign_no_recipients")
    now = clock.now()
    if campaign.recurrence is not None:
        return _run(campaign, occasion or _by_hand(campaign, now, campaigns), now, campaigns, workflow)
    if campaign.status is _S.PAUSED and occasion is not None:
        return campaign  # a second firing must not undo what somebody did after the first
    if campaign.status is _S.PAUSED:
        return resume_campaign(account_id, campaign_id, campaigns=campaigns, workflow=workflow, clock=clock)
    why = "by its schedule" if occasion else "on request"
    campaign, _ = revise_campaign(account_id, campaign_id, lambda c: launched(c, why, now), campaigns=campaigns)
    workflow.start(account_id, campaign_id, campaign.generation)
    if not occasion:
        scheduler.delete(campaign_id)
    return campaign


def launched(campaign: Campaign, why: str, now: int) -> CampaignRevision | None:
    """The execution that reads the list goes on by itself; where it has ended, the next one begins."""
    if campaign.status is _S.IMPORTING:
        return CampaignRevision({"scheduled_at": None}) if campaign.scheduled_at is not None else None
    if campaign.status is not _S.SCHEDULED:
        return None
    changes: dict[str, object] = {"status": _S.RUNNING}
    if campaign.imported_at is not None:
        changes["generation"] = campaign.generation + 1
    return CampaignRevision(changes, TimelineEntry(now, "launched", why))


def _run(
    parent: Campaign,
    occasion: str,
    now: int,
    campaigns: CampaignStore,
    workflow: CampaignWorkflow,
) -> Campaign:
    """Make the run of one occasion. The record comes last: an execution without one ends by itself."""
    run = Campaign(
        account_id=parent.account_id,
        campaign_id=_run_id(parent, occasion),
        agent_id=parent.agent_id,
        from_number=parent.from_number,
        created_at=now,
        parent_id=parent.campaign_id,
        timeline=(TimelineEntry(now, "launched", f"a run of {parent.campaign_id}"),),
    )
    asked = {name: getattr(parent, name) for name in _ASKED}
    run = replace(run, **asked)
    workflow.start(run.account_id, run.campaign_id, run.generation)
    try:
        campaigns.add(run)
    except AlreadyExists:
        return campaigns.get(run.account_id, run.campaign_id) or run
    return run


def _by_hand(parent: Campaign, now: int, campaigns: CampaignStore) -> str:
    """Name the occasion of a launch by hand: the one of less than a minute ago, also across the turn of a minute."""
    this, before = (f"by hand, minute {now // _MINUTE_MS - ago}" for ago in (0, 1))
    first = campaigns.get(parent.account_id, _run_id(parent, before))
    return before if first is not None and now - first.created_at < _MINUTE_MS else this


def _run_id(parent: Campaign, occasion: str) -> str:
    return f"camp_{sha256(f'{parent.campaign_id}|{occasion}'.encode()).hexdigest()[:24]}"


# What a run has of its recurring campaign: all that was asked, nothing of how it goes.
_ASKED = (
    "name", "prompt", "dynamic_vars", "metadata", "timezone", "window", "max_concurrent", "max_attempts", "retry_on",
    "retry_delay_minutes", "skip_invalid", "default_country", "phone_column", "source_key", "shards",
)  # fmt: skip
