"""What a campaign will probably take: until when, and how many dollars. Pure arithmetic over stated assumptions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from calling.domain.campaign import Campaign, CampaignStatus, Counts
from calling.domain.cost import (
    MACHINE_DETECTION_CALL,
    MEDIA_STREAM_MINUTE,
    MILLION,
    OUTBOUND_MINUTE,
    POLLY_NEURAL_CHARACTER,
    TRANSCRIBE_MINUTE,
)
from calling.domain.limits import Limits
from calling.domain.model_usage import price_of
from calling.domain.window import CallingWindow, moment_of, next_open

HELD_SECONDS = 60  # that an attempt holds a place, on average: ringing included, and those nobody answers
REPEATED_SHARE = 0.3  # of attempts that end in an outcome of `retry_on`
FEW_ANSWERED, FEW_MINUTES = 0.3, 1  # the low end: so many calls connect, for so many started minutes
MANY_ANSWERED, MANY_MINUTES = 1.0, 3  # the high end
CHARACTERS_A_MINUTE = 500  # that the agent speaks
READ_TOKENS_A_MINUTE, WRITTEN_TOKENS_A_MINUTE = 10_000, 200  # some six turns, each of which re-reads what was said
LONGEST_DAYS = 400  # further ahead nothing is foretold
_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class CostRange:
    """Dollars, from few short conversations to everybody talking."""

    low: float
    high: float
    assumptions: tuple[str, ...]
    currency: str = "USD"


def attempts(campaign: Campaign, people: int) -> float:
    """Say how many attempts so many people will take, retries included."""
    rounds = campaign.max_attempts if campaign.retry_on else 1
    return people * float(sum(REPEATED_SHARE**n for n in range(rounds)))


def finish_at(campaign: Campaign, limits: Limits, people: int, start: int) -> int | None:
    """Foretell when the last call will have ended (epoch ms); None: nobody is called, or nobody can tell."""
    if people <= 0:
        return None
    rate = campaign.calls_at_once(limits, start) / HELD_SECONDS
    if limits.calls_per_second > 0:
        rate = min(rate, limits.calls_per_second)
    work = max(ceil(attempts(campaign, people) / rate), HELD_SECONDS) * 1000
    at = open_after(campaign.window, campaign.timezone, start, work)
    rounds = campaign.max_attempts - 1 if campaign.retry_on else 0
    for _ in range(rounds):
        if at is not None:
            at = next_open(campaign.window, (campaign.timezone,), at + campaign.retry_delay_minutes * 60_000)
    return at


def cost_range(campaign: Campaign, people: int, *, machine_detection: bool, model: str) -> CostRange:
    """Estimate what calling so many people will cost; a model without a known price is left out, and that is said."""
    price = price_of(model)
    tokens = 0.0
    if price is not None:
        tokens = (READ_TOKENS_A_MINUTE * price.input + WRITTEN_TOKENS_A_MINUTE * price.output) / MILLION
    minute = (
        OUTBOUND_MINUTE
        + MEDIA_STREAM_MINUTE
        + TRANSCRIBE_MINUTE
        + CHARACTERS_A_MINUTE * POLLY_NEURAL_CHARACTER
        + tokens
    )
    once = MACHINE_DETECTION_CALL if machine_detection else 0.0
    tried = attempts(campaign, people)
    said = (
        "US list prices of Twilio, AWS and Anthropic; yours may differ",
        *([f"without the language model: no price of {model} is known"] if price is None else []),
        f"low: {FEW_ANSWERED:.0%} of {people:,} calls connect, for {FEW_MINUTES} minute",
        f"high: all of {tried:,.0f} attempts connect, for {MANY_MINUTES} minutes",
        f"an attempt holds its place for {HELD_SECONDS} seconds on average",
        *([f"{REPEATED_SHARE:.0%} of attempts are made again"] if tried > people else []),
    )
    return CostRange(
        low=round(people * FEW_ANSWERED * (FEW_MINUTES * minute + once), 2),
        high=round(tried * MANY_ANSWERED * (MANY_MINUTES * minute + once), 2),
        assumptions=said,
    )


def eta(campaign: Campaign, counts: Counts, now: int) -> int | None:
    """Foretell from what was done when a running campaign will be over (epoch ms); None: nothing tells yet."""
    called = counts.completed + counts.failed + counts.no_answer + counts.busy + counts.voicemail
    left = counts.pending + counts.in_flight
    if campaign.status is not CampaignStatus.RUNNING or campaign.started_at is None or not called or not left:
        return None
    worked = open_time(campaign.window, campaign.timezone, campaign.started_at, now)
    return open_after(campaign.window, campaign.timezone, now, worked * left // called)


def open_after(window: CallingWindow | None, zone: str, start: int, work: int) -> int | None:
    """Give the moment at which a window has been open for `work` ms since `start`; None: not in a year."""
    for opened, closed in _periods(window, zone, start):
        if closed - opened >= work:
            return opened + work
        work -= closed - opened
    return None


def open_time(window: CallingWindow | None, zone: str, start: int, end: int) -> int:
    """Count the ms between two moments at which a window is open."""
    total = 0
    for opened, closed in _periods(window, zone, start):
        if opened >= end:
            break
        total += min(closed, end) - opened
    return total


def _periods(window: CallingWindow | None, zone: str, start: int) -> Iterator[tuple[int, int]]:
    """Walk a window's open periods from `start` on, for LONGEST_DAYS."""
    last = start + LONGEST_DAYS * _DAY_MS
    if window is None:
        yield start, last
        return
    at = start
    while at < last:
        opened = next_open(window, (zone,), at)
        if opened is None:
            return
        at = _closes(window, zone, opened)
        yield opened, at


def _closes(window: CallingWindow, zone: str, at: int) -> int:
    """Give the end of the period that is open at `at`: today's, or of one that goes over midnight tomorrow's."""
    midnight = datetime.combine(datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date(), time())
    ends = [moment_of(midnight + timedelta(days=n, minutes=window.end), zone) for n in (0, 1)]
    return next((end for end in ends if end > at), at + 60_000)
