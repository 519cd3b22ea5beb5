"""Ask for the last time before the request to the carrier whether this person may be called now.

Suppression and the frequency cap are decided by a conditional write that also counts the dial, so that two campaigns
which reach one person at the same moment cannot both pass.
"""

from dataclasses import dataclass, replace

from calling.domain.call import Call, EndedReason
from calling.domain.campaign import Campaign
from calling.domain.contact import Contact
from calling.domain.due import Due, next_due
from calling.domain.limits import Limits
from calling.domain.phone_number import region
from calling.domain.recipient import Recipient, Verdict
from calling.domain.window import is_open
from calling.ports import CampaignStore, ContactStore


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not dialled. `put_back`: the reason passes, its recipient waits again."""

    end: EndedReason
    words: str
    put_back: bool = False


def dial_refusal(
    call: Call, limits: Limits, *, contacts: ContactStore, campaigns: CampaignStore, now: int
) -> Refusal | None:
    """Say why a call must not be dialled now; None where it may, and its campaign's dial is counted then."""
    if call.not_after is not None and now >= call.not_after:
        return Refusal(EndedReason.EXPIRED, "its not_after passed before it could be dialled")
    if call.recipient is None or call.campaign_id is None:
        return _single(call, limits, contacts.get(call.account_id, call.to_number))
    campaign = campaigns.get(call.account_id, call.campaign_id)
    recipient = campaigns.recipient(campaign, call.recipient) if campaign else None
    if campaign is None or recipient is None or recipient.call_id != call.call_id:
        return Refusal(EndedReason.CANCELED, "its campaign is gone")
    contact = _before(contacts.get(call.account_id, call.to_number), call)
    refused = _refusal(campaign, recipient, next_due(campaign, recipient, contact, limits, now), now)
    if refused is not None or limits.frequency_cap is None:
        return refused
    stands_in_the_way = contacts.count_dial(
        call.account_id, call.to_number, call.call_id, cap=limits.frequency_cap, now=now
    )
    if stands_in_the_way is None:
        return None
    return _refusal(campaign, recipient, next_due(campaign, recipient, stands_in_the_way, limits, now), now)


def _single(call: Call, limits: Limits, contact: Contact | None) -> Refusal | None:
    if contact is not None and contact.suppressed:
        return Refusal(EndedReason.SUPPRESSED, "this number is on the do-not-call list")
    country = region(call.to_number) if limits.blocked_countries else None
    if country in limits.blocked_countries:
        return Refusal(EndedReason.SUPPRESSED, f"numbers of {country} are blocked in the settings")
    return None


def _before(contact: Contact | None, call: Call) -> Contact | None:
    """Leave out this very call's dial: an earlier entry counted it and was then told to come later."""
    if contact is None or call.call_id not in contact.dials:
        return contact
    return replace(contact, dials={known: at for known, at in contact.dials.items() if known != call.call_id})


def _refusal(campaign: Campaign, recipient: Recipient, due: Due, now: int) -> Refusal | None:
    if due.verdict is Verdict.DIAL:
        return None
    if due.verdict is Verdict.NEVER:
        return Refusal(due.end or EndedReason.CANCELED, due.reason)
    closed = not is_open(campaign.window, recipient.zones or (campaign.timezone,), now)
    return Refusal(EndedReason.OUTSIDE_WINDOW if closed else EndedReason.CANCELED, due.reason, put_back=True)
