"""A ticket that could not be dispatched, time and again: the planner hears of it, the recipient comes again later."""

from calling.domain.attempts import put_off
from calling.domain.campaign import Ticket
from calling.domain.due import Due
from calling.domain.recipient import RecipientState, Verdict
from calling.ports import CallStore, CampaignStore, CampaignWorkflow, Clock, LeasePool, LineLock
from calling.usecases.take_places import leave_places

LATER_MS = 5 * 60_000


def defer_recipient(
    ticket: Ticket,
    *,
    campaigns: CampaignStore,
    calls: CallStore,
    leases: LeasePool,
    lines: LineLock,
    workflow: CampaignWorkflow,
    clock: Clock,
) -> None:
    """Put the recipient off for five minutes, free what it may hold, answer the ticket's token.

    One that went on meanwhile stays as it is.

    Raises:
        StaleRecord: the recipient is being changed; the message comes again.
    """
    now = clock.now()
    campaign = campaigns.get(ticket.account_id, ticket.campaign_id)
    recipient = campaigns.recipient(campaign, ticket.index) if campaign else None
    waits = recipient is not None and recipient.state is RecipientState.PENDING
    if recipient is not None and waits and recipient.tries == ticket.number - 1:
        due = Due(Verdict.WAIT, "it could not be dispatched and comes again later", at=now + LATER_MS)
        campaigns.change_recipient(recipient, put_off(recipient, due, now, look_again=now + LATER_MS))
    if campaign is not None and recipient is not None:
        leave_places(ticket, recipient, calls=calls, leases=leases, lines=lines)
    workflow.answer(ticket.token, {"result": "deferred"})
