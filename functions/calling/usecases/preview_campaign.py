"""Show what a campaign would come to, by the very functions that would create and dial it. Stores and dials nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from calling.domain.campaign import Campaign, CampaignStatus
from calling.domain.contact import Contact, free_at
from calling.domain.estimate import CostRange, cost_range, finish_at
from calling.domain.limits import Limits
from calling.domain.lists import read_rows
from calling.domain.recipient import Recipient
from calling.domain.rows import BadRow, Row, RowError, read_row
from calling.domain.seen_numbers import SeenNumbers
from calling.domain.window import next_open
from calling.ports import AgentStore, BlobStore, Clock, ContactStore, LimitsStore
from calling.usecases.compose_campaign import CampaignRequest, ComposedCampaign, compose_campaign
from calling.usecases.create_campaign import require_upload, upload_key
from calling.usecases.missing_variables import missing_variables

MAX_LOOKED_AT = 20_000  # rows of an upload
MAX_NAMED = 1_000  # rows whose missing variables are listed
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class PreviewPorts:
    """What looking ahead needs of the world."""

    agents: AgentStore
    blobs: BlobStore
    contacts: ContactStore
    limits: LimitsStore
    clock: Clock


@dataclass(slots=True)
class Tally:
    """What became of the rows. One person may be counted under several reasons; `callable` are under none."""

    rows: int = 0
    valid: int = 0
    duplicates: int = 0
    invalid: list[RowError] = field(default_factory=list)
    suppressed: int = 0
    frequency_capped: int = 0  # called so often that they wait; they are called later
    outside_every_window: int = 0
    blocked_country: int = 0
    callable: int = 0
    missing: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    missing_rows: int = 0


@dataclass(frozen=True, slots=True)
class CampaignPreview:
    """A campaign as it would be. `finish_at` (epoch ms) None: nobody is called, or nobody can tell."""

    campaign: Campaign
    tally: Tally
    finish_at: int | None
    cost: CostRange
    warnings: tuple[str, ...]


def preview_campaign(
    account_id: str,
    request: CampaignRequest,
    *,
    ports: PreviewPorts,
    default_model: str,
    allowed: tuple[str, ...] = (),
) -> CampaignPreview:
    """Look a campaign over before it is created. Bad rows are listed and refuse nothing.

    `default_model` is that of agents which name none; `allowed`: see Numbering.

    Raises what create_campaign raises but for bad rows; UnreadableList.
    """
    composed = compose_campaign(
        account_id, request, "camp_preview", agents=ports.agents, clock=ports.clock, allowed=allowed
    )
    now, limits = ports.clock.now(), ports.limits.get(account_id)
    start = composed.campaign.scheduled_at or now
    composed = replace(composed, campaign=replace(composed.campaign, status=CampaignStatus.RUNNING))
    tally, warnings = Tally(), composed.warnings
    if request.upload_id is not None:
        require_upload(account_id, request.upload_id, blobs=ports.blobs)
        key = upload_key(account_id, request.upload_id)
        rows = islice(read_rows(lambda: ports.blobs.chunks(key), request.phone_column), MAX_LOOKED_AT)
        recipients: Iterator[Recipient] = _uploaded(composed.campaign, rows, tally, now, allowed)
    else:
        recipients = iter(composed.recipients or ())
        tally.rows, tally.invalid = len(request.rows or ()), list(composed.invalid)
        tally.duplicates = composed.duplicates
    while batch := tuple(islice(recipients, _AT_ONCE)):
        known = ports.contacts.many(account_id, [r.phone_number for r in batch])
        for recipient in batch:
            _count(tally, composed, recipient, known.get(recipient.phone_number), limits, start)
    if tally.rows >= MAX_LOOKED_AT:
        warnings += (f"Only the list's first {MAX_LOOKED_AT:,} rows were looked at: all figures are theirs.",)
    return CampaignPreview(
        campaign=composed.campaign,
        tally=tally,
        finish_at=None if request.recurrence else finish_at(composed.campaign, limits, tally.callable, start),
        cost=cost_range(
            composed.campaign,
            tally.callable,
            machine_detection=composed.agent.amd_enabled,
            model=composed.agent.llm_model or default_model,
        ),
        warnings=warnings,
    )


def _uploaded(
    campaign: Campaign, rows: Iterator[Row | BadRow], tally: Tally, now: int, allowed: tuple[str, ...]
) -> Iterator[Recipient]:
    """Read an upload as its import would, counting what is no recipient."""
    seen = SeenNumbers()
    for index, row in enumerate(rows):
        tally.rows += 1
        found = read_row(campaign, index, row, now, allowed=allowed)
        if isinstance(found, RowError):
            tally.invalid.append(found)
        elif seen.add(found.phone_number.e164):
            yield found
        else:
            tally.duplicates += 1


def _count(
    tally: Tally,
    composed: ComposedCampaign,
    recipient: Recipient,
    contact: Contact | None,
    limits: Limits,
    start: int,
) -> None:
    campaign = composed.campaign
    tally.valid += 1
    suppressed = contact is not None and contact.suppressed
    blocked = recipient.country is not None and recipient.country in limits.blocked_countries
    free = free_at(contact, limits.frequency_cap, start)
    opens = next_open(campaign.window, recipient.zones, free)
    never = opens is None or (recipient.not_after is not None and opens >= recipient.not_after)
    tally.suppressed += suppressed
    tally.blocked_country += blocked
    tally.frequency_capped += free > start
    tally.outside_every_window += never
    tally.callable += not (suppressed or blocked or never)
    names = missing_variables(campaign, composed.agent, composed.number, recipient)
    if names:
        tally.missing_rows += 1
        if len(tally.missing) < MAX_NAMED:
            tally.missing.append((recipient.index, names))
