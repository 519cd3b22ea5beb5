"""Accept a campaign: keep its list, have it read and dialled, now or by the clock.

The execution and the schedule are made first and the record last: what starts without a record ends by itself, and an
accepted campaign always has somebody who carries it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from calling.domain.campaign import Campaign
from calling.domain.errors import InvalidRequest, NotFound
from calling.domain.lists import as_line
from calling.domain.rows import RowError
from calling.ports import (
    AgentStore,
    AlreadyExists,
    BlobStore,
    CampaignStore,
    CampaignWorkflow,
    Clock,
    Ids,
    Schedule,
    Scheduler,
)
from calling.usecases.compose_campaign import (
    CampaignRequest,
    ComposedCampaign,
    compose_campaign,
)
from calling.usecases.place_call import REMEMBERED_MS

__all__ = [
    "CampaignRequest",
    "ComposedCampaign",
    "CreatePorts",
    "compose_campaign",
    "create_campaign",
    "upload_key",
]
MAX_UPLOAD_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CreatePorts:
    """What creating a campaign needs of the world."""

    campaigns: CampaignStore
    agents: AgentStore
    blobs: BlobStore
    workflow: CampaignWorkflow
    scheduler: Scheduler
    clock: Clock
    ids: Ids


def upload_key(account_id: str, upload_id: str) -> str:
    """Name the blob an upload lies in."""
    return f"uploads/{account_id}/{upload_id}"


def create_campaign(
    account_id: str,
    request: CampaignRequest,
    *,
    ports: CreatePorts,
    once: str | None = None,
    allowed: tuple[str, ...] = (),
) -> ComposedCampaign:
    """Accept a campaign. With `once` (24 hex) a repeated request finds the campaign that the first one made.

    `allowed`: see Numbering.

    Raises:
        NotFound: `agent_not_found`, `upload_not_found`.
        NotPermitted: `from_number_not_owned`.
        InvalidRequest: `no_recipients`, `too_many_recipients`, `prompt_required`, `prompt_too_long`,
            `from_number_ambiguous`, `agent_no_phone`, `from_number_not_outbound`, `invalid_schedule`,
            `invalid_window`, `invalid_timezone`, `invalid_field`; a bad row's own code where rows are not skipped,
            with every bad row in `details["invalid"]`.
    """
    campaign_id = f"camp_{once}" if once else ports.ids.new("camp")
    first = ports.campaigns.get(account_id, campaign_id) if once else None
    if first is not None and ports.clock.now() - first.created_at >= REMEMBERED_MS:
        campaign_id, first = ports.ids.new("camp"), None  # the key was used the other day
    composed = compose_campaign(
        account_id, request, campaign_id, agents=ports.agents, clock=ports.clock, allowed=allowed
    )
    if composed.invalid and not request.skip_invalid:
        raise _bad_rows(composed.invalid)
    if composed.recipients is not None and not composed.recipients:
        raise InvalidRequest("None of the recipients can be called.", code="no_recipients", field="recipients")
    if first is not None:
        return replace(composed, campaign=first)  # as it stands now; nothing of it is begun again
    campaign = composed.campaign
    _keep_list(account_id, request, campaign.source_key, blobs=ports.blobs)
    _set_going(campaign, ports=ports)
    try:
        ports.campaigns.add(campaign)
    except AlreadyExists:
        return replace(composed, campaign=ports.campaigns.get(account_id, campaign_id) or campaign)
    return composed


def _bad_rows(invalid: Sequence[RowError]) -> InvalidRequest:
    first = invalid[0]
    more = f" ({len(invalid) - 1} more rows are bad too)" if len(invalid) > 1 else ""
    return InvalidRequest(
        f"recipients.{first.index}: {first.reason}{more} Mend them, or send skip_invalid: true.",
        code=first.code,
        field=f"recipients.{first.index}.{first.where}" if first.where else f"recipients.{first.index}",
        invalid=[{"phone": e.phone, "reason": e.reason, "row_index": e.index} for e in invalid],
    )


def _keep_list(account_id: str, request: CampaignRequest, key: str, *, blobs: BlobStore) -> None:
    """Make the list the campaign's own: an upload may be written again, or be forgotten."""
    if request.upload_id is None:
        lines = "".join(f"{as_line(row)}\n" for row in request.rows or ())
        blobs.put(key, lines.encode(), content_type="application/jsonl")
        return
    require_upload(account_id, request.upload_id, blobs=blobs)
    blobs.copy(upload_key(account_id, request.upload_id), key)


def require_upload(account_id: str, upload_id: str, *, blobs: BlobStore) -> None:
    """Make sure that a list was uploaded, and is not too large.

    Raises:
        NotFound: `upload_not_found`.
        InvalidRequest: `too_many_recipients`.
    """
    size = blobs.size(upload_key(account_id, upload_id))
    if size is None:
        raise NotFound("Nothing was uploaded under this id.", code="upload_not_found", field="recipients_upload_id")
    if size > MAX_UPLOAD_BYTES:
        raise InvalidRequest(
            "The uploaded list is too large.", code="too_many_recipients", field="recipients_upload_id"
        )


def _set_going(campaign: Campaign, *, ports: CreatePorts) -> None:
    if campaign.scheduled_at is not None or campaign.recurrence is not None:
        ports.scheduler.put(
            Schedule(
                campaign.account_id,
                campaign.campaign_id,
                campaign.timezone,
                at=campaign.scheduled_at,
                expression=campaign.recurrence,
                ends_at=campaign.recurrence_ends_at,
            )
        )
    if campaign.recurrence is None:
        ports.workflow.start(campaign.account_id, campaign.campaign_id, campaign.generation)
