"""Let a campaign's execution wait until the next recipient is due, or somebody wakes it."""

from calling.domain.campaign import Campaign
from calling.domain.revision import CampaignRevision
from calling.ports import CampaignStore, CampaignWorkflow
from calling.usecases.revise_campaign import revise_campaign


def await_due(
    account_id: str,
    campaign_id: str,
    token: str,
    *,
    signal: int,
    until: int,
    campaigns: CampaignStore,
    workflow: CampaignWorkflow,
) -> None:
    """Leave `token` to be answered by whoever signals the campaign, or answer it at once.

    `signal` is what the planner saw before it decided to wait: where it has moved since, there is something to see.
    `until` (epoch ms) is when the state machine goes on by itself.

    Raises:
        NotFound: `campaign_not_found`.
    """

    def decide(campaign: Campaign) -> CampaignRevision | None:
        if campaign.signal != signal:
            return None
        return CampaignRevision({"wake_token": token, "wake_at": until})

    _, waits = revise_campaign(account_id, campaign_id, decide, campaigns=campaigns)
    if not waits:
        workflow.answer(token, {"result": "woken"})
