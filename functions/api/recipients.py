"""Walk a campaign's recipients in the order of their rows, a bounded time; write them as CSV."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from api.campaign_presenters import shown_reason, shown_state
from api.schemas.common import iso
from calling.domain.campaign import Campaign
from calling.domain.errors import InvalidRequest
from calling.domain.recipient import Recipient
from calling.ports import CampaignStore, Clock

COLUMNS = ("index", "phone_number", "state", "outcome", "attempts", "call_id", "reason", "last_ended_at")
MAX_CSV = 4_500_000  # characters: a Lambda answers with 6 MB at most
_WALK_MS = 10_000
_AT_ONCE = 1_000
_LONGEST_GAP = 3_000  # rows without anybody (doubles) after which a list that is still being read counts as ended
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Page:
    """Some recipients; `cursor` is the row to go on with, None: that was all."""

    recipients: tuple[Recipient, ...]
    cursor: int | None


def read_cursor(text: str | None) -> int:
    """Read where to go on. Raises InvalidRequest."""
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidRequest("This cursor is not one of this list's.", field="cursor")
    return int(text)


def read_page(
    campaign: Campaign,
    wanted: Callable[[Recipient], bool],
    *,
    start: int,
    skip: int,
    limit: int,
    campaigns: CampaignStore,
    clock: Clock,
) -> Page:
    """Find the first `limit` wanted recipients from row `start` on, after `skip` of them."""
    found, until = list[Recipient](), clock.now() + _WALK_MS
    at_once = min(skip + limit, _AT_ONCE)
    for after, chunk in _chunks(campaign, start, max(at_once, 100), campaigns):
        for recipient in chunk:
            if not wanted(recipient):
                continue
            if skip:
                skip -= 1
                continue
            found.append(recipient)
            if len(found) == limit:
                return Page(tuple(found), _next(campaign, recipient.index + 1))
        if clock.now() >= until:
            return Page(tuple(found), _next(campaign, after))
    return Page(tuple(found), None)


def _next(campaign: Campaign, index: int) -> int | None:
    return index if campaign.rows is None or index < campaign.rows else None


def _chunks(
    campaign: Campaign, start: int, size: int, campaigns: CampaignStore
) -> Iterator[tuple[int, tuple[Recipient, ...]]]:
    gap = 0
    while (campaign.rows is None and gap < _LONGEST_GAP) or start < (campaign.rows or 0):
        end = start + size if campaign.rows is None else min(start + size, campaign.rows)
        chunk = campaigns.recipients(campaign, range(start, end))
        gap = 0 if chunk else gap + size
        yield end, chunk
        start = end


def as_csv(campaign: Campaign, page: Page, now: int) -> tuple[str, int | None]:
    """Write a page as CSV with a header (RFC 4180), and where to go on."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for recipient in page.recipients:
        if text.tell() > MAX_CSV:
            return text.getvalue(), recipient.index
        writer.writerow(_cells(campaign, recipient, now))
    return text.getvalue(), page.cursor


def _cells(campaign: Campaign, recipient: Recipient, now: int) -> list[object]:
    number = recipient.phone_number.e164
    ended = recipient.last_ended_at
    return [
        recipient.index,
        number if _E164.fullmatch(number) else _harmless(number),
        shown_state(campaign, recipient).value,
        recipient.outcome or "",
        recipient.attempts,
        recipient.call_id or "",
        _harmless(shown_reason(campaign, recipient, now)),
        "" if ended is None else iso(ended),
    ]


def _harmless(text: str) -> str:
    """Keep a spreadsheet from reading a cell as a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text
