"""What the carrier's answer to a dial means for the other numbers of its country: they are held, or may go on."""

from typing import Any

from calling.domain import blocked, carrier_codes
from calling.domain.call import Call, TimelineEntry
from calling.domain.campaign import Campaign
from calling.domain.carrier_codes import Fault
from calling.domain.revision import CampaignRevision
from calling.ports import CampaignStore, Clock
from calling.usecases.revise_campaign import revise_campaign


def hold_country(
    campaign: Campaign, country: str | None, call: Call, *, campaigns: CampaignStore, clock: Clock
) -> Campaign:
    """Hold a campaign's calls to a country that the carrier refuses for the account's sake; the campaign after it.

    Safe to run any number of times for one call, and without a write where nothing changes: as the carrier answers, so
    that a refusal and what was accepted before it are known in their order, and when the call is settled.
    """
    if country is None or country in campaign.held_countries:
        return campaign
    if call.refusal not in (Fault.COUNTRY, Fault.BLOCKED) and country not in campaign.blocked:
        return campaign
    ids, now = (campaign.account_id, campaign.campaign_id), clock.now()
    return revise_campaign(*ids, lambda c: _decide(c, country, call, now), campaigns=campaigns)[0]


def _decide(campaign: Campaign, country: str, call: Call, now: int) -> CampaignRevision | None:
    if country in campaign.held_countries:
        return None
    dialled_at, known = call.dial_started_at or 0, campaign.blocked
    if call.refusal is Fault.BLOCKED and dialled_at >= (campaign.lifted_at or 0):
        known = blocked.refused(known, country, call.recipient or 0, dialled_at)
    elif call.twilio_call_sid is not None:
        known = blocked.accepted(known, country, dialled_at)
    changes: dict[str, Any] = {"blocked": known} if known != campaign.blocked else {}
    if call.refusal is not Fault.COUNTRY and not (country in known and known[country].by_account):
        return CampaignRevision(changes) if changes else None
    changes["held_countries"] = (*campaign.held_countries, country)
    why = f"calls to {country} are held: {carrier_codes.words(call.dial_error_code, None)}"
    return CampaignRevision(changes, TimelineEntry(now, "country_held", why))
