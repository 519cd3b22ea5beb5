"""Campaigns: create or only look ahead, list, read, launch, pause, resume, cancel; their recipients and reports."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from api.auth import AuthenticatedRoute
from api.campaign_presenters import (
    show_campaign,
    show_campaign_timeline,
    show_created,
    show_dry_run,
    show_recipient,
    shown_state,
)
from api.recipients import as_csv, read_cursor, read_page
from api.schemas.campaigns import (
    CampaignDetail,
    CampaignListFilters,
    CampaignOut,
    CampaignRequestBody,
    CampaignTimeline,
    CreatedCampaign,
    CreateOptions,
    DryRun,
    PaceOut,
)
from api.schemas.common import PROBLEMS, CampaignId, iso
from api.schemas.recipients import RecipientFilters, RecipientOut, ReportFilters
from api.services import Key, Ports, Services
from calling.domain.campaign import Campaign
from calling.domain.errors import NotFound
from calling.usecases.create_campaign import CampaignRequest, CreatePorts, create_campaign
from calling.usecases.preview_campaign import PreviewPorts, preview_campaign
from calling.usecases.start_campaign import start_campaign
from calling.usecases.steer_campaign import cancel_campaign, pause_campaign, resume_campaign

router = APIRouter(route_class=AuthenticatedRoute, tags=["campaigns"], responses=PROBLEMS)
_SAME = (
    "agent_id", "name", "prompt", "from_number", "dynamic_vars", "metadata", "scheduled_at", "scheduled_date",
    "timezone", "window_start_minutes", "window_end_minutes", "window_days", "max_concurrent", "max_attempts",
    "retry_on", "retry_delay_minutes", "skip_invalid", "recurrence", "recurrence_ends_at", "default_country",
    "phone_column",
)  # fmt: skip


@router.post(
    "/calls/batch",
    status_code=201,
    response_model=CreatedCampaign,
    responses={200: {"model": DryRun, "description": "With `dry_run`: what it would come to"}},
)
def create_batch(
    body: CampaignRequestBody,
    options: Annotated[CreateOptions, Query()],
    http: Request,
    ports: Ports,
    key: Key,
) -> CreatedCampaign | JSONResponse:
    """Accept a campaign and answer at once; it is dialled now or by the clock. `dry_run` stores nothing: 200."""
    request = _request(body)
    if options.dry_run:
        looking = PreviewPorts(ports.agents, ports.blobs, ports.contacts, ports.limits, ports.clock)
        ahead = preview_campaign(
            key.account_id,
            request,
            ports=looking,
            default_model=ports.default_model,
            allowed=ports.allowed_destinations,
        )
        return JSONResponse(show_dry_run(ahead).model_dump(mode="json"))
    composed = create_campaign(
        key.account_id,
        request,
        ports=CreatePorts(
            ports.campaigns,
            ports.agents,
            ports.blobs,
            ports.campaign_workflow,
            ports.scheduler,
            ports.clock,
            ports.ids,
        ),
        allowed=ports.allowed_destinations,
        once=getattr(http.state, "once", None),  # put there by auth where there is an Idempotency-Key
    )
    return show_created(composed, None if request.rows is None else len(request.rows))


@router.get("/calls/batch")
def list_batches(
    filters: Annotated[CampaignListFilters, Query()], response: Response, ports: Ports, key: Key
) -> list[CampaignOut]:
    """List campaigns, newest first. The next page's cursor is in `X-Next-Cursor`."""
    page = ports.campaigns.query(key.account_id, limit=filters.offset + filters.limit, cursor=filters.cursor)
    if page.cursor is not None:
        response.headers["X-Next-Cursor"] = page.cursor
    return [_show(campaign, ports) for campaign in page.campaigns[filters.offset :]]


@router.get("/calls/batch/{campaign_id}")
def get_batch(campaign_id: CampaignId, ports: Ports, key: Key) -> CampaignDetail:
    """Read a campaign: what was asked, how it goes, and how fast it may dial."""
    campaign = _find(key.account_id, campaign_id, ports)
    return CampaignDetail(**dict(_show(campaign, ports)), pace=_pace(campaign, ports))


@router.post("/calls/batch/{campaign_id}/launch")
def launch_batch(campaign_id: CampaignId, ports: Ports, key: Key) -> CampaignOut:
    """Start a campaign now, whatever its schedule says. One that runs stays as it is; of one that recurs a run begins,
    and is the answer.
    """
    campaign = start_campaign(
        key.account_id,
        campaign_id,
        campaigns=ports.campaigns,
        workflow=ports.campaign_workflow,
        scheduler=ports.scheduler,
        clock=ports.clock,
    )
    return _show(campaign, ports)


@router.post("/calls/batch/{campaign_id}/pause")
def pause_batch(campaign_id: CampaignId, ports: Ports, key: Key) -> CampaignOut:
    """Dial nobody new until it is resumed; conversations go on."""
    campaign = pause_campaign(
        key.account_id, campaign_id, campaigns=ports.campaigns, workflow=ports.campaign_workflow, clock=ports.clock
    )
    return _show(campaign, ports)


@router.post("/calls/batch/{campaign_id}/resume")
def resume_batch(campaign_id: CampaignId, ports: Ports, key: Key) -> CampaignOut:
    """Go on dialling, countries that were held included."""
    campaign = resume_campaign(
        key.account_id, campaign_id, campaigns=ports.campaigns, workflow=ports.campaign_workflow, clock=ports.clock
    )
    return _show(campaign, ports)


@router.post("/calls/batch/{campaign_id}/cancel")
def cancel_batch(campaign_id: CampaignId, ports: Ports, key: Key) -> CampaignOut:
    """Dial nobody any more; conversations go on to their end."""
    campaign = cancel_campaign(
        key.account_id,
        campaign_id,
        campaigns=ports.campaigns,
        workflow=ports.campaign_workflow,
        scheduler=ports.scheduler,
        clock=ports.clock,
    )
    return _show(campaign, ports)


@router.get("/calls/batch/{campaign_id}/recipients")
def list_recipients(
    campaign_id: CampaignId,
    filters: Annotated[RecipientFilters, Query()],
    response: Response,
    ports: Ports,
    key: Key,
) -> list[RecipientOut]:
    """List a campaign's people in the order of its list, each with why they were not called yet, or how it ended.

    The next page's cursor is in `X-Next-Cursor`; with `state` a page may be short, or empty, and still have one.
    """
    campaign = _find(key.account_id, campaign_id, ports)
    page = read_page(
        campaign,
        lambda recipient: filters.state in (None, shown_state(campaign, recipient)),
        start=read_cursor(filters.cursor),
        skip=filters.offset,
        limit=filters.limit,
        campaigns=ports.campaigns,
        clock=ports.clock,
    )
    if page.cursor is not None:
        response.headers["X-Next-Cursor"] = str(page.cursor)
    now = ports.clock.now()
    return [show_recipient(campaign, recipient, now) for recipient in page.recipients]


@router.get(
    "/calls/batch/{campaign_id}/report.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "A row a recipient"}},
)
def get_report(campaign_id: CampaignId, filters: Annotated[ReportFilters, Query()], ports: Ports, key: Key) -> Response:
    """Give a campaign's people as CSV, at most 20,000 an answer: where more follow, `X-Next-Cursor` says where."""
    campaign = _find(key.account_id, campaign_id, ports)
    page = read_page(
        campaign,
        lambda _: True,
        start=read_cursor(filters.cursor),
        skip=0,
        limit=filters.limit,
        campaigns=ports.campaigns,
        clock=ports.clock,
    )
    text, cursor = as_csv(campaign, page, ports.clock.now())
    headers = {"Content-Disposition": f'attachment; filename="{campaign_id}.csv"'}
    if cursor is not None:
        headers["X-Next-Cursor"] = str(cursor)
    return Response(text, media_type="text/csv", headers=headers)


@router.get("/calls/batch/{campaign_id}/timeline")
def get_batch_timeline(campaign_id: CampaignId, ports: Ports, key: Key) -> CampaignTimeline:
    """Read what happened to a campaign, each with its reason and time."""
    return show_campaign_timeline(_find(key.account_id, campaign_id, ports))


def _request(body: CampaignRequestBody) -> CampaignRequest:
    return CampaignRequest(
        **{name: getattr(body, name) for name in _SAME},
        rows=body.recipients,
        upload_id=body.recipients_upload_id,
        scheduled=body.schedule_type == "schedule",
    )


def _find(account_id: str, campaign_id: str, ports: Services) -> Campaign:
    campaign = ports.campaigns.get(account_id, campaign_id)
    if campaign is None:
        raise NotFound("There is no such campaign.", code="campaign_not_found")
    return campaign


def _show(campaign: Campaign, ports: Services) -> CampaignOut:
    return show_campaign(campaign, ports.campaigns.counts(campaign), ports.clock.now())


def _pace(campaign: Campaign, ports: Services) -> PaceOut:
    """Say how fast the carrier account of its number is dialled now; one that is gone has no pause to tell of."""
    limits = ports.limits.get(campaign.account_id)
    number = ports.agents.get_number(campaign.account_id, campaign.from_number)
    slowed = number and ports.pacer.slowed(campaign.account_id, ports.credentials.of_number(number).sid)
    return PaceOut(
        calls_per_second=limits.calls_per_second,
        slowed_until=iso(slowed[0]) if slowed else None,
        slowed_reason=slowed[1] if slowed else None,
    )
