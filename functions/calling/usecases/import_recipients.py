"""Read a campaign's list into recipients, row by row: bounded in memory, and in time by going on in another run.

Nobody plans or dials before the list has been read, so writing a row a second time does no harm. Numbers that were
read by an earlier run are only noted as seen.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from calling.domain.call import TimelineEntry
from calling.domain.campaign import MAX_UPLOADED, Campaign, CampaignStatus, Counts
from calling.domain.due import first_look
from calling.domain.errors import NotFound, UnreadableList
from calling.domain.lists import read_rows
from calling.domain.recipient import Recipient, RecipientState
from calling.domain.revision import CampaignRevision
from calling.domain.rows import RowError, read_row, refused_row
from calling.domain.seen_numbers import SeenNumbers
from calling.ports import BlobStore, CampaignStore, Clock
from calling.usecases.revise_campaign import revise_campaign
from calling.usecases.steer_campaign import finished

BATCH = 500
_S = CampaignStatus
# The execution is started before the record is stored (create_campaign), which follows by one write.
_RECORD_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come: rows read, and what they were."""

    rows: int = 0
    valid: int = 0
    invalid: int = 0
    duplicates: int = 0


def import_recipients(
    account_id: str,
    campaign_id: str,
    *,
    progress: Progress = Progress(),
    until: int,
    gave_up: bool = False,
    allowed: tuple[str, ...] = (),
    campaigns: CampaignStore,
    blobs: BlobStore,
    clock: Clock,
) -> dict[str, Any]:
    """Read on from `progress`, beginning nothing new after `until` (epoch ms).

    Returns `{"result": "done"}`, or `{"result": "more", "progress": {…}}`. `gave_up`: every try failed, the campaign
    fails with that reason; as it does where no row of its list can be read. `allowed`: see Numbering.

    Raises:
        NotFound: `campaign_not_found`: its record has not come, though it was waited for.
    """
    campaign = _record(account_id, campaign_id, campaigns=campaigns, clock=clock)
    if campaign is None and not gave_up:
        raise NotFound("There is no such campaign (yet).", code="campaign_not_found")
    if campaign is None or campaign.imported_at is not None or campaign.status.is_terminal:
        return {"result": "done"}
    if gave_up:
        _fail(campaign, "its list could not be read", campaigns=campaigns, clock=clock)
        return {"result": "done"}
    try:
        rows = _recipients(campaign, progress.rows, allowed, blobs=blobs, now=clock.now())
        return _store(campaign, rows, progress, until, campaigns=campaigns, clock=clock)
    except UnreadableList as error:  # before the first row
        _fail(campaign, f"its list cannot be read: {error.message}", campaigns=campaigns, clock=clock)
        return {"result": "done"}


def _store(
    campaign: Campaign,
    rows: Iterator[tuple[Recipient | None, Recipient | None]],
    progress: Progress,
    until: int,
    *,
    campaigns: CampaignStore,
    clock: Clock,
) -> dict[str, Any]:
    batch = list[Recipient]()
    for recipient, known in rows:
        progress = _count(progress, recipient)
        if progress.rows > MAX_UPLOADED:
            _fail(campaign, f"its list has more than {MAX_UPLOADED:,} rows", campaigns=campaigns, clock=clock)
            return {"result": "done"}
        if known is not None:
            batch.append(known)
        if len(batch) >= BATCH:
            campaigns.put_recipients(campaign, batch)
            batch = []
            if clock.now() >= until:
                return {"result": "more", "progress": asdict(progress)}
    campaigns.put_recipients(campaign, batch)
    _finish(campaign, progress, campaigns=campaigns, clock=clock)
    return {"result": "done"}


def _record(account_id: str, campaign_id: str, *, campaigns: CampaignStore, clock: Clock) -> Campaign | None:
    for seconds in _RECORD_WAITS:
        campaign = campaigns.get(account_id, campaign_id)
        if campaign is not None:
            return campaign
        clock.sleep(seconds)
    return campaigns.get(account_id, campaign_id)


def _recipients(
    campaign: Campaign, done: int, allowed: tuple[str, ...], *, blobs: BlobStore, now: int
) -> Iterator[tuple[Recipient | None, Recipient | None]]:
    """Give (what the row is, what to store of it) from row `done` on: a double is (None, None)."""
    seen = SeenNumbers()
    rows = read_rows(lambda: blobs.chunks(campaign.source_key), campaign.phone_column)
    for index, row in enumerate(rows):
        recipient = read_row(campaign, index, row, now, accepted=True, allowed=allowed)
        bad = refused_row(campaign, recipient) if isinstance(recipient, RowError) else None
        new = not isinstance(recipient, RowError) and seen.add(recipient.phone_number.e164)
        if index < done:
            continue  # an earlier run has stored it; its number is noted as seen
        if isinstance(recipient, RowError):
            yield bad, bad
        elif new:
            yield recipient, first_look(campaign, recipient, now)
        else:
            yield None, None


def _count(progress: Progress, recipient: Recipient | None) -> Progress:
    rows = progress.rows + 1
    if recipient is None:
        return replace(progress, rows=rows, duplicates=progress.duplicates + 1)
    if recipient.state is RecipientState.INVALID:
        return replace(progress, rows=rows, invalid=progress.invalid + 1)
    return replace(progress, rows=rows, valid=progress.valid + 1)


def _finish(campaign: Campaign, progress: Progress, *, campaigns: CampaignStore, clock: Clock) -> None:
    now = clock.now()
    said = f"{progress.valid} to call, {progress.invalid} invalid, {progress.duplicates} twice in the list"
    note = TimelineEntry(now, "imported", said)
    refused = None
    if progress.invalid and not campaign.skip_invalid:
        refused = f"{progress.invalid} rows of its list are invalid"
    elif not progress.valid:
        refused = "its list has nobody to call"

    def decide(c: Campaign) -> CampaignRevision | None:
        if c.imported_at is not None:
            return None
        changes: dict[str, Any] = {
            "imported_at": now,
            "rows": progress.rows,
            "invalid_count": progress.invalid,
            "duplicate_count": progress.duplicates,
        }
        counts = Counts(pending=progress.valid, invalid=progress.invalid)
        if refused is not None and not c.status.is_terminal:  # in the same write: who dies in between would dial
            over = finished(c, _S.FAILED, refused, now)
            return CampaignRevision({**changes, **over.changes}, over.note, outbox=over.outbox, counts=counts)
        if c.status is _S.IMPORTING:
            changes["status"] = _S.RUNNING if c.scheduled_at is None and c.recurrence is None else _S.SCHEDULED
        return CampaignRevision(changes, note, counts=counts)

    revise_campaign(campaign.account_id, campaign.campaign_id, decide, campaigns=campaigns)


def _fail(campaign: Campaign, reason: str, *, campaigns: CampaignStore, clock: Clock) -> None:
    def decide(c: Campaign) -> CampaignRevision | None:
        return None if c.status.is_terminal else finished(c, _S.FAILED, reason, clock.now())

    revise_campaign(campaign.account_id, campaign.campaign_id, decide, campaigns=campaigns)
