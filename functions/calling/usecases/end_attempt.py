"""What a settled call means for its campaign: the recipient's outcome or next try, the breaker, the waiting planner.

Part of settling: it may run any number of times for one call. The recipient moves once; a planner that may have to
look again is woken each time.
"""

from calling.domain import breaker
from calling.domain.attempts import ended
from calling.domain.call import Call, TimelineEntry
from calling.domain.campaign import Campaign
from calling.domain.limits import Breaker
from calling.domain.phone_number import region
from calling.domain.recipient import Recipient, RecipientState
from calling.domain.revision import CampaignRevision
from calling.ports import CampaignStore, CampaignWorkflow, Clock, LimitsStore, StaleRecord
from calling.usecases.revise_campaign import revise_campaign, signal_campaign
from calling.usecases.steer_campaign import pause_by_itself

_TRIES = 12


def end_attempt(
    call: Call, *, campaigns: CampaignStore, limits: LimitsStore, workflow: CampaignWorkflow, clock: Clock
) -> None:
    """Tell a call's campaign of its end; nothing where it has none.

    Raises:
        StaleRecord: the recipient moved each time; settling comes again.
    """
    if call.recipient is None or call.campaign_id is None:
        return
    campaign = campaigns.get(call.account_id, call.campaign_id)
    if campaign is None:
        return
    recipient, moved = _move(campaign, call, campaigns=campaigns, clock=clock)
    if recipient is None:
        return
    if moved:
        _judge(campaign, call, campaigns=campaigns, limits=limits, workflow=workflow, clock=clock)
    _wake(campaign, recipient, campaigns=campaigns, workflow=workflow, clock=clock)


def _move(campaign: Campaign, call: Call, *, campaigns: CampaignStore, clock: Clock) -> tuple[Recipient | None, bool]:
    for _ in range(_TRIES):
        recipient = campaigns.recipient(campaign, call.recipient or 0)
        if recipient is None:
            return None, False
        after = ended(campaign, recipient, call, clock.now())
        if after is recipient:
            return recipient, False
        try:
            return campaigns.change_recipient(recipient, after), True
        except StaleRecord:
            continue
    raise StaleRecord


def _judge(
    campaign: Campaign,
    call: Call,
    *,
    campaigns: CampaignStore,
    limits: LimitsStore,
    workflow: CampaignWorkflow,
    clock: Clock,
) -> None:
    """Pause what must not go on: the campaign, or its calls to one country."""
    reason = breaker.account_refused(call)
    if reason is None and (call.was_asked_of_carrier or breaker.failed(call)):
        rules = limits.get(call.account_id).breaker
        slot = breaker.slot(rules, clock.now())
        campaigns.count_outcome(campaign, slot, failed=breaker.failed(call))
        reason = _tripped(campaign, rules, slot, campaigns=campaigns) if breaker.failed(call) else None
    if reason is not None:
        pause_by_itself(
            call.account_id, campaign.campaign_id, reason, campaigns=campaigns, workflow=workflow, clock=clock
        )
    country = region(call.to_number) if breaker.country_refused(call) else None
    if country is not None:
        note = TimelineEntry(clock.now(), "country_held", f"the carrier account may not call {country}")
        revise_campaign(
            call.account_id,
            campaign.campaign_id,
            lambda c: (
                None
                if country in c.held_countries
                else CampaignRevision({"held_countries": (*c.held_countries, country)}, note)
            ),
            campaigns=campaigns,
        )


def _tripped(campaign: Campaign, rules: Breaker, slot: int, *, campaigns: CampaignStore) -> str | None:
    calls, failures = campaigns.outcomes(campaign, range(slot - breaker.SLOTS, slot + 1))
    return breaker.trips(rules, calls, failures)


def _wake(
    campaign: Campaign, recipient: Recipient, *, campaigns: CampaignStore, workflow: CampaignWorkflow, clock: Clock
) -> None:
    """Have the planner look again where it could not know of this: the last call is over, or a try comes sooner."""
    now = campaigns.get(campaign.account_id, campaign.campaign_id)
    if now is None:
        return
    waits_again = recipient.state is RecipientState.PENDING
    # A moment that has passed is of a wait that is over: the planner may be beginning another, not knowing of this.
    wakes_at = now.wake_at if now.wake_at is not None and now.wake_at > clock.now() else None
    sooner = waits_again and (wakes_at is None or (recipient.due_at or 0) < wakes_at)
    if sooner or campaigns.counts(now).in_flight == 0:
        signal_campaign(campaign.account_id, campaign.campaign_id, campaigns=campaigns, workflow=workflow)
