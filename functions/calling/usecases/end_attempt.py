"""What a settled call means for its campaign: the recipient's outcome or next try, the breaker, the waiting planner.

Part of settling: it may run any number of times for one call. The recipient moves once; a planner that may have to
look again is woken each time. What must not go on is held before the recipient moves: whom a refusal costs no attempt
waits again from then on, and would be dialled into the same refusal.
"""

from calling.domain import breaker
from calling.domain.attempts import ended
from calling.domain.call import Call
from calling.domain.campaign import Campaign
from calling.domain.limits import Breaker
from calling.domain.outcome import was_one_too_many
from calling.domain.recipient import Recipient, RecipientState
from calling.ports import CampaignStore, CampaignWorkflow, Clock, ContactStore, LimitsStore, StaleRecord
from calling.usecases.hold_country import hold_country
from calling.usecases.revise_campaign import signal_campaign
from calling.usecases.steer_campaign import pause_by_itself

_TRIES = 12


def end_attempt(
    call: Call,
    *,
    campaigns: CampaignStore,
    contacts: ContactStore,
    limits: LimitsStore,
    workflow: CampaignWorkflow,
    clock: Clock,
) -> None:
    """Tell a call's campaign of its end; nothing where it has none.

    Raises:
        StaleRecord: the recipient moved each time; settling comes again.
    """
    if call.recipient is None or call.campaign_id is None:
        return
    campaign = campaigns.get(call.account_id, call.campaign_id)
    recipient = campaigns.recipient(campaign, call.recipient) if campaign else None
    if campaign is None or recipient is None:
        return
    if ended(campaign, recipient, call, clock.now()) is not recipient:
        campaign = _hold(campaign, recipient, call, campaigns=campaigns, workflow=workflow, clock=clock)
        if not call.was_asked_of_carrier or call.refusal is not None or was_one_too_many(call):
            contacts.forget_dial(call.account_id, call.to_number, call.call_id)
    recipient, moved = _move(campaign, recipient, call, campaigns=campaigns, clock=clock)
    if moved:
        _judge(campaign, call, campaigns=campaigns, limits=limits, workflow=workflow, clock=clock)
    _wake(campaign, recipient, campaigns=campaigns, workflow=workflow, clock=clock)


def _hold(
    campaign: Campaign,
    recipient: Recipient,
    call: Call,
    *,
    campaigns: CampaignStore,
    workflow: CampaignWorkflow,
    clock: Clock,
) -> Campaign:
    """Stop what the carrier refuses for the account's sake: the campaign, or its calls to one country."""
    ids, country = (call.account_id, campaign.campaign_id), recipient.country
    reason = breaker.account_refused(call)
    if reason is not None:
        pause_by_itself(*ids, reason, campaigns=campaigns, workflow=workflow, clock=clock)
    return hold_country(campaign, country, call, campaigns=campaigns, clock=clock)


def _move(
    campaign: Campaign, recipient: Recipient, call: Call, *, campaigns: CampaignStore, clock: Clock
) -> tuple[Recipient, bool]:
    for _ in range(_TRIES):
        after = ended(campaign, recipient, call, clock.now())
        if after is recipient:
            return recipient, False
        try:
            return campaigns.change_recipient(recipient, after), True
        except StaleRecord:
            recipient = campaigns.recipient(campaign, recipient.index) or recipient
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
    """Count the call for the breaker, which may pause the campaign."""
    failed = breaker.failed(call)
    if breaker.account_refused(call) is not None or not (call.was_asked_of_carrier or failed):
        return
    rules = limits.get(call.account_id).breaker
    slot = breaker.slot(rules, clock.now())
    campaigns.count_outcome(campaign, slot, failed=failed)
    reason = _tripped(campaign, rules, slot, campaigns=campaigns) if failed else None
    if reason is not None:
        pause_by_itself(
            call.account_id, campaign.campaign_id, reason, campaigns=campaigns, workflow=workflow, clock=clock
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
