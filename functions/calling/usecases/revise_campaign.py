"""Decide over a campaign's record and write the decision; wake the execution that waits for it to change."""

from collections.abc import Callable

from calling.domain.campaign import Campaign
from calling.domain.errors import NotFound
from calling.domain.revision import CampaignRevision
from calling.ports import CampaignStore, CampaignWorkflow, StaleRecord

_TRIES = 30  # every call of a campaign that ends may signal it: more writers than a call's record has


def revise_campaign(
    account_id: str,
    campaign_id: str,
    decide: Callable[[Campaign], CampaignRevision | None],
    *,
    campaigns: CampaignStore,
) -> tuple[Campaign, bool]:
    """Write what `decide` makes of the record as it stands; the record after it, and whether it was written.

    Raises:
        NotFound: `campaign_not_found`.
        StaleRecord: the record moved every time; the caller's own retry comes back to it.
    """
    for _ in range(_TRIES):
        campaign = campaigns.get(account_id, campaign_id)
        if campaign is None:
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        revision = decide(campaign)
        if revision is None:
            return campaign, False
        try:
            changed = campaigns.change(
                campaign, revision.changes, note=revision.note, outbox=revision.outbox, counts=revision.counts
            )
        except StaleRecord:
            continue
        return changed, True
    raise StaleRecord


def signal_campaign(account_id: str, campaign_id: str, *, campaigns: CampaignStore, workflow: CampaignWorkflow) -> None:
    """Have the campaign's execution look again, whether it waits already or is about to.

    The token is answered before the signal is stored: who dies in between has woken it, and comes again.
    """

    def decide(campaign: Campaign) -> CampaignRevision:
        if campaign.wake_token is not None:
            workflow.answer(campaign.wake_token, {"result": "woken"})
        return CampaignRevision({"signal": campaign.signal + 1, "wake_token": None, "wake_at": None})

    revise_campaign(account_id, campaign_id, decide, campaigns=campaigns)
