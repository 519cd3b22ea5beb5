"""The law "no dial outside a window", and all else that must hold before a phone rings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain.attempts import put_off
from calling.domain.call import EndedReason
from calling.domain.campaign import Campaign, CampaignStatus, RetryOn
from calling.domain.contact import Contact
from calling.domain.due import Due, first_look, next_due
from calling.domain.limits import FrequencyCap, Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import Recipient, RecipientState, Verdict
from calling.domain.window import DAYS, CallingWindow

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
NOW = int(datetime(2026, 3, 6, 12, tzinfo=UTC).timestamp() * 1000)  # two days before America changes its clocks
NUMBER = PhoneNumber("+447386172392")
ZONES = (
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Honolulu",
    "Africa/Cairo",
    "America/Havana",
    "UTC",
)
CAMPAIGN = Campaign(
    "acct_1", "camp_1", "agent_1", PhoneNumber("+447700900123"), NOW - DAY, max_attempts=3, retry_on=tuple(RetryOn)
)
RECIPIENT = Recipient("acct_1", "camp_1", 0, NUMBER, zones=("Europe/London",), country="GB")


@dataclass(frozen=True)
class Case:
    campaign: Campaign
    recipient: Recipient
    contact: Contact | None
    limits: Limits
    now: int


def open_in(window: CallingWindow | None, zones: Sequence[str], at: int) -> bool:
    """Judge a window by the minutes of the week it covers on each wall clock."""
    if window is None:
        return True
    length = (window.end - window.start) % 1440 or 1440
    for name in zones:
        shown = datetime.fromtimestamp(at // 1000, UTC).astimezone(ZoneInfo(name))
        minute = shown.weekday() * 1440 + shown.hour * 60 + shown.minute
        begins = (DAYS.index(day) * 1440 + window.start for day in window.days)
        if not any((minute - begin) % (7 * 1440) < length for begin in begins):
            return False
    return True


def calls_within(contact: Contact | None, cap: FrequencyCap, at: int) -> int:
    return sum(1 for dial in contact.dials.values() if dial > at - cap.days * DAY) if contact else 0


def may_be_dialled(case: Case, at: int) -> bool:
    """Say once more, one by one, what must hold for a dial."""
    campaign, recipient, contact, limits = case.campaign, case.recipient, case.contact, case.limits
    return (
        campaign.status is CampaignStatus.RUNNING
        and not recipient.state.is_terminal
        and (contact is None or contact.suppressed_at is None)
        and recipient.attempts < campaign.max_attempts
        and (recipient.not_after is None or at < recipient.not_after)
        and (
            limits.frequency_cap is None or calls_within(contact, limits.frequency_cap, at) < limits.frequency_cap.calls
        )
        and recipient.country not in limits.blocked_countries
        and recipient.country not in campaign.held_countries
        and (recipient.retry_at is None or recipient.retry_at <= at)
        and open_in(campaign.window, recipient.zones or (campaign.timezone,), at)
    )


def ask(case: Case, at: int) -> Verdict:
    return next_due(case.campaign, case.recipient, case.contact, case.limits, at).verdict


minute = st.one_of(st.integers(0, 1439), st.sampled_from((0, 1, 60, 120, 150, 540, 1020, 1439)))
window = st.one_of(
    st.none(),
    st.tuples(minute, minute, st.sets(st.sampled_from(DAYS), min_size=1))
    .filter(lambda w: w[0] != w[1])
    .map(lambda w: CallingWindow(w[0], w[1], tuple(d for d in DAYS if d in w[2]))),
    st.sampled_from((CallingWindow(540, 1020), CallingWindow(0, 1440), CallingWindow(1200, 360))),
)
# How far from now: the edges of things, and anything.
JUST = (-1, 0, 1, MINUTE, 3 * 60 * MINUTE)
SOON = st.one_of(st.sampled_from(JUST), st.integers(-DAY, 2 * DAY))
EXPIRY = st.one_of(st.none(), st.sampled_from((*JUST, *(5 * DAY + by for by in JUST))), st.integers(-DAY, 9 * DAY))
AGES = st.lists(st.one_of(st.integers(0, 3 * DAY), st.sampled_from([DAY + by for by in JUST])), max_size=4)
STATUSES = st.sampled_from((CampaignStatus.RUNNING,) * 12 + tuple(CampaignStatus))
SOME = st.sampled_from(((), (), (), ("GB",), ("US", "FR")))
CAPS = st.one_of(st.none(), st.builds(FrequencyCap, calls=st.integers(1, 3), days=st.integers(1, 2)))
WHERE = st.lists(st.sampled_from(ZONES), max_size=2, unique=True).map(tuple)
NOWS = st.one_of(st.integers(NOW, NOW + 40 * DAY), st.sampled_from([NOW + by for by in JUST]))
MADE = st.sampled_from((0, 0, 1, 1, 2, 3))
RARELY = st.sampled_from((False,) * 7 + (True,))
COUNTRIES = st.sampled_from(("GB", "US", "FR", None))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    now, attempts, expiry = draw(NOWS), draw(MADE), draw(EXPIRY)
    campaign = replace(
        CAMPAIGN,
        status=draw(STATUSES),
        window=draw(window),
        timezone=draw(st.sampled_from(ZONES)),
        held_countries=draw(SOME),
    )
    recipient = replace(
        RECIPIENT,
        state=RecipientState.COMPLETED if draw(RARELY) else RecipientState.PENDING,
        zones=draw(WHERE),
        country=draw(COUNTRIES),
        attempts=attempts,
        outcome="busy" if attempts else None,
        retry_at=now + draw(SOON) if attempts else None,
        not_after=None if expiry is None else now + expiry,
    )
    dials = {f"call_{n}": now - max(0, age) for n, age in enumerate(draw(AGES))}
    contact = Contact("acct_1", NUMBER, suppressed_at=now if draw(RARELY) else None, dials=dials)
    limits = Limits(frequency_cap=draw(CAPS), blocked_countries=draw(SOME))
    return Case(campaign, recipient, None if draw(RARELY) else contact, limits, now)


def a_wait_ends_when_it_says_and_not_before(case: Case, due: Due, samples: list[int]) -> None:
    assert due.at is not None
    assert due.at > case.now
    assert ask(case, due.at) is Verdict.DIAL
    assert may_be_dialled(case, due.at)
    length = due.at - case.now
    for at in (
        {case.now + s % length for s in samples} | {due.at - 1} | {case.now + length * n // 20 for n in range(20)}
    ):
        assert not may_be_dialled(case, at)
        again = next_due(case.campaign, case.recipient, case.contact, case.limits, at)
        assert (again.verdict, again.at) == (Verdict.WAIT, due.at)


def never_means_never(case: Case, due: Due, samples: list[int]) -> None:
    never_open = due.end is EndedReason.OUTSIDE_WINDOW and case.recipient.not_after is None
    for by in (0, 1, MINUTE, *samples):
        # A window that two zones share on no day of two weeks may open when one of them changes its clock.
        if not (never_open and by > 13 * DAY):
            assert not may_be_dialled(case, case.now + by)
        if not never_open:
            assert ask(case, case.now + by) is Verdict.NEVER


def a_hold_lasts_as_long_as_its_cause(case: Case, samples: list[int]) -> None:
    for at in (case.now + by for by in samples):
        later = ask(case, at)
        expired = case.recipient.not_after is not None and at >= case.recipient.not_after
        assert later is (Verdict.NEVER if expired else Verdict.HOLD)
    free = replace(case, campaign=replace(case.campaign, status=CampaignStatus.RUNNING, held_countries=()))
    assert ask(free, case.now) is not Verdict.HOLD
    assert (ask(free, case.now) is Verdict.DIAL) == may_be_dialled(free, case.now)


@settings(max_examples=500, deadline=None)
@given(cases(), st.lists(st.integers(0, 20 * DAY), max_size=8))
def test_no_dial_outside_a_window_nor_against_any_other_wish(case: Case, samples: list[int]) -> None:
    due = next_due(case.campaign, case.recipient, case.contact, case.limits, case.now)
    assert (due.verdict is Verdict.DIAL) == may_be_dialled(case, case.now)
    assert (due.at is not None) == (due.verdict is Verdict.WAIT)
    assert (due.end is not None) == (due.verdict is Verdict.NEVER)
    seen = first_look(case.campaign, replace(case.recipient, due_at=case.now), case.now)
    assert seen.due_at is not None
    if due.verdict is Verdict.DIAL:
        assert seen.due_at == case.now
    elif due.verdict is Verdict.WAIT:
        assert due.at is not None
        assert case.now <= seen.due_at <= due.at
        a_wait_ends_when_it_says_and_not_before(case, due, samples)
    elif due.verdict is Verdict.NEVER:
        never_means_never(case, due, samples)
    else:
        a_hold_lasts_as_long_as_its_cause(case, samples)


@pytest.mark.parametrize("status", list(CampaignStatus))
def test_only_a_running_campaign_dials(status: CampaignStatus) -> None:
    due = next_due(replace(CAMPAIGN, status=status, pause_reason="lunch"), RECIPIENT, None, Limits(), NOW)
    over = (CampaignStatus.COMPLETED, CampaignStatus.CANCELED, CampaignStatus.FAILED)
    expected = Verdict.DIAL if status is CampaignStatus.RUNNING else Verdict.NEVER if status in over else Verdict.HOLD
    assert due.verdict is expected
    if status is CampaignStatus.PAUSED:
        assert due.reason == "the campaign is paused: lunch"


def test_who_has_no_zone_of_their_own_is_called_by_the_campaigns_clock() -> None:
    nine_to_five = replace(CAMPAIGN, window=CallingWindow(540, 1020), timezone="Pacific/Honolulu")
    nowhere = replace(RECIPIENT, zones=())
    due = next_due(nine_to_five, nowhere, None, Limits(), NOW)  # noon in UTC, two in the morning in Honolulu
    assert (due.verdict, due.at) == (Verdict.WAIT, NOW + 7 * 60 * MINUTE)
    assert due.details["window_open"] is False
    assert first_look(nine_to_five, nowhere, NOW).due_at == due.at


WHY = [
    ({"not_after": NOW}, None, Verdict.NEVER, EndedReason.EXPIRED, "its not_after has passed"),
    ({"attempts": 3}, None, Verdict.NEVER, EndedReason.FAILED, "all 3 attempts were made"),
    (
        {"state": RecipientState.BUSY},
        None,
        Verdict.NEVER,
        EndedReason.CANCELED,
        "nothing more is to be done for it: busy",
    ),
    ({"country": "KP"}, None, Verdict.NEVER, EndedReason.SUPPRESSED, "numbers of KP are blocked in the settings"),
    ({"country": "CU"}, None, Verdict.HOLD, None, "calls to CU are held"),
    (
        {"retry_at": NOW + 1, "outcome": "busy", "attempts": 1},
        None,
        Verdict.WAIT,
        None,
        "it is tried again 0 minutes after 'busy'",
    ),
    (
        {"retry_at": NOW + 9, "not_after": NOW + 9, "attempts": 1},
        None,
        Verdict.NEVER,
        EndedReason.EXPIRED,
        "until its not_after has passed",
    ),
    (
        {},
        Contact("acct_1", NUMBER, suppressed_at=1),
        Verdict.NEVER,
        EndedReason.SUPPRESSED,
        "this number is on the do-not-call list",
    ),
    (
        {},
        Contact("acct_1", NUMBER, dials={"a": NOW - 1, "b": NOW - 2, "c": NOW - 3}),
        Verdict.WAIT,
        None,
        "this number was called 3 times in 24 hours",
    ),
    ({}, Contact("acct_1", NUMBER, dials={"a": NOW - 1, "b": NOW - 2}), Verdict.DIAL, None, "it is due"),
]


@pytest.mark.parametrize(("changes", "contact", "verdict", "end", "reason"), WHY)
def test_it_says_why(
    changes: dict[str, object], contact: Contact | None, verdict: Verdict, end: EndedReason | None, reason: str
) -> None:
    campaign = replace(CAMPAIGN, held_countries=("CU",))
    limits = Limits(blocked_countries=("KP",))
    recipient = replace(RECIPIENT, **changes)  # type: ignore[arg-type]
    due = next_due(campaign, recipient, contact, limits, NOW)
    assert (due.verdict, due.end) == (verdict, end)
    assert reason in due.reason
    if not recipient.state.is_terminal:
        written = put_off(recipient, due, NOW, look_again=NOW + 5).decisions[-1]
        assert (written.at, written.verdict, written.reason) == (NOW, verdict, due.reason)
        assert written.details.get("until") == due.at


def test_a_window_that_never_opens_before_its_not_after_is_outside_it() -> None:
    shut = replace(CAMPAIGN, window=CallingWindow(60, 120))
    late = replace(RECIPIENT, not_after=NOW + 60 * MINUTE)
    due = next_due(shut, late, None, Limits(), NOW)
    assert (due.verdict, due.end) == (Verdict.NEVER, EndedReason.OUTSIDE_WINDOW)
    apart = replace(RECIPIENT, zones=("Europe/London", "Pacific/Honolulu"))
    due = next_due(replace(shut, window=CallingWindow(540, 1020)), apart, None, Limits(), NOW)
    assert (due.verdict, due.end) == (Verdict.NEVER, EndedReason.OUTSIDE_WINDOW)


def test_an_hour_skipped_by_a_changed_clock_is_waited_for_a_week_more() -> None:
    sunday = replace(CAMPAIGN, window=CallingWindow(120, 150, ("sun",)))
    new_yorker = replace(RECIPIENT, zones=("America/New_York",))
    due = next_due(sunday, new_yorker, None, Limits(), NOW)
    at = datetime(2026, 3, 15, 2, tzinfo=ZoneInfo("America/New_York"))
    assert due.at == int(at.timestamp() * 1000)
    assert datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(days=8) < at
