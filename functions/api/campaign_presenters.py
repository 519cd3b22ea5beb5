"""From campaigns, their recipients and previews to what the API shows of them. Pure."""

from dataclasses import asdict
from typing import Any

from api.schemas.calls import TimelineItem
from api.schemas.campaigns import (
    CampaignOut,
    CampaignTimeline,
    CostRangeOut,
    CreatedCampaign,
    DryRun,
    InvalidRow,
    MissingVariables,
)
from api.schemas.common import iso
from api.schemas.recipients import DecisionOut, RecipientOut
from calling.domain.campaign import Campaign, CampaignStatus, Counts
from calling.domain.due import next_due
from calling.domain.estimate import eta
from calling.domain.limits import Limits
from calling.domain.recipient import Recipient, RecipientState, Verdict
from calling.domain.rows import RowError
from calling.usecases.create_campaign import ComposedCampaign
from calling.usecases.preview_campaign import CampaignPreview

_AS_IT_IS = (
    "campaign_id", "agent_id", "name", "status", "pause_reason", "prompt", "dynamic_vars", "metadata", "timezone",
    "max_concurrent", "max_attempts", "retry_delay_minutes", "skip_invalid", "default_country",
    "phone_column", "recurrence", "parent_id", "invalid_count", "duplicate_count",
)  # fmt: skip
_TIMES = ("scheduled_at", "recurrence_ends_at", "imported_at", "started_at", "finished_at")


def show_created(composed: ComposedCampaign, rows: int | None) -> CreatedCampaign:
    """Show a campaign that was accepted."""
    campaign = composed.campaign
    valid = None if composed.recipients is None else len(composed.recipients)
    known = valid is not None
    return CreatedCampaign(
        campaign_id=campaign.campaign_id,
        agent_id=campaign.agent_id,
        name=campaign.name,
        status=campaign.status,
        recipients_count=rows,
        valid_count=valid,
        invalid_count=len(composed.invalid) if known else None,
        invalid=[_bad(error) for error in composed.invalid],
        duplicate_count=composed.duplicates if known else None,
        queued_count=0 if known and campaign.status is CampaignStatus.SCHEDULED else valid,
        created_at=iso(campaign.created_at),
        warnings=list(composed.warnings),
    )


def show_dry_run(preview: CampaignPreview) -> DryRun:
    """Show what a campaign would come to."""
    campaign, tally, cost = preview.campaign, preview.tally, preview.cost
    return DryRun(
        agent_id=campaign.agent_id,
        from_number=campaign.from_number.e164,
        name=campaign.name,
        recipients_count=tally.rows,
        valid_count=tally.valid,
        invalid_count=len(tally.invalid),
        invalid=[_bad(error) for error in tally.invalid],
        duplicate_count=tally.duplicates,
        suppressed_count=tally.suppressed,
        frequency_capped_count=tally.frequency_capped,
        outside_every_window_count=tally.outside_every_window,
        blocked_country_count=tally.blocked_country,
        callable_count=tally.callable,
        missing_variables=[MissingVariables(row_index=row, variables=list(names)) for row, names in tally.missing],
        missing_variables_count=tally.missing_rows,
        expected_finish_at=_iso(preview.finish_at),
        cost=CostRangeOut(low=cost.low, high=cost.high, currency=cost.currency, assumptions=list(cost.assumptions)),
        warnings=list(preview.warnings),
    )


def show_campaign(campaign: Campaign, counts: Counts, now: int) -> CampaignOut:
    """Show a campaign: what was asked, and how it goes."""
    window, ceiling = campaign.window, campaign.ceiling_at(now)
    shown: dict[str, Any] = {name: getattr(campaign, name) for name in _AS_IT_IS}
    shown |= {name: _iso(getattr(campaign, name)) for name in _TIMES}
    return CampaignOut(
        **shown | _figures(campaign, counts),
        held_countries=list(campaign.held_countries),
        carrier_limit=ceiling.calls if ceiling else None,
        carrier_limit_reason=ceiling.words if ceiling else None,
        from_number=campaign.from_number.e164,
        schedule_type="schedule" if (campaign.scheduled_at, campaign.recurrence) != (None, None) else "now",
        window_start_minutes=window.start if window else None,
        window_end_minutes=window.end if window else None,
        window_days=list(window.days) if window else None,
        retry_on=list(campaign.retry_on),
        recipients_count=campaign.rows,
        created_at=iso(campaign.created_at),
        eta=_iso(eta(campaign, counts, now)),
    )


def show_campaign_timeline(campaign: Campaign) -> CampaignTimeline:
    """Show what happened to a campaign, oldest first."""
    entries = sorted(campaign.timeline, key=lambda e: e.at)
    return CampaignTimeline(
        campaign_id=campaign.campaign_id,
        status=campaign.status,
        timeline=[
            TimelineItem(at=iso(e.at), timestamp=e.at, event=e.event, reason=e.reason, details=e.details)
            for e in entries
        ],
    )


def show_recipient(campaign: Campaign, recipient: Recipient, now: int) -> RecipientOut:
    """Show one person of a campaign."""
    waits = shown_state(campaign, recipient) is RecipientState.PENDING
    zones = recipient.zones or (campaign.timezone,)
    return RecipientOut(
        index=recipient.index,
        phone_number=recipient.phone_number.e164,
        state=shown_state(campaign, recipient),
        outcome=recipient.outcome,
        attempts=recipient.attempts,
        call_ids=list(recipient.call_ids),
        call_id=recipient.call_id,
        reason=shown_reason(campaign, recipient, now),
        due_at=_iso(recipient.due_at) if waits else None,
        next_attempt_at=_iso(max(recipient.due_at or 0, recipient.retry_at or 0)) if waits else None,
        last_ended_at=_iso(recipient.last_ended_at),
        not_after=_iso(recipient.not_after),
        timezone=zones[0],
        timezones=list(zones),
        zone_source=recipient.zone_source,
        country=recipient.country,
        metadata=recipient.metadata,
        decisions=[
            DecisionOut(at=iso(d.at), verdict=d.verdict, reason=d.reason, details=d.details)
            for d in recipient.decisions
        ],
    )


def shown_state(campaign: Campaign, recipient: Recipient) -> RecipientState:
    """Give where a recipient stands: who still waits in a campaign that is over will not be called."""
    if recipient.state is RecipientState.PENDING and campaign.status.is_terminal:
        return RecipientState.CANCELED
    return recipient.state


def shown_reason(campaign: Campaign, recipient: Recipient, now: int) -> str:
    """Say why a recipient was not called yet, as of now: the record was written when they were last looked at."""
    if recipient.state is not RecipientState.PENDING:
        return recipient.reason
    due = next_due(campaign, recipient, None, Limits(), now)
    waits = due.verdict is Verdict.WAIT and (recipient.due_at or 0) <= now
    return due.reason if waits or due.verdict in (Verdict.HOLD, Verdict.NEVER) else recipient.reason


def _figures(campaign: Campaign, counts: Counts) -> dict[str, int]:
    figures = asdict(counts) | {"total": counts.total}
    figures.pop("invalid")
    if campaign.status.is_terminal:
        figures["canceled"] += figures["pending"]
        figures["pending"] = 0
    return figures


def _bad(error: RowError) -> InvalidRow:
    return InvalidRow(phone=error.phone, reason=error.reason, row_index=error.index)


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)
