"""Calling windows against a model that only looks at wall clocks, in every zone and on the nights clocks change."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from phonenumbers import timezone as number_zones

from calling.domain import window as module
from calling.domain.errors import InvalidRequest
from calling.domain.window import (
    DAYS,
    CallingWindow,
    calling_window,
    is_open,
    known_zone,
    local_time,
    moment_of,
    next_open,
)

ZONES = sorted(available_timezones())
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
FIRST = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
LAST = int(datetime(2031, 1, 1, tzinfo=UTC).timestamp() * 1000)
RESTLESS = (
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Cairo",
    "America/Havana",
    "America/Santiago",
    "America/New_York",
    "Asia/Beirut",
    "Europe/London",
    "Africa/Casablanca",
    "America/Scoresbysund",
    "Asia/Gaza",
)


def naive(window: CallingWindow | None, zones: Sequence[str], at: int) -> bool:
    """Say it once more, the long way: the list of all days' minutes at which the window is open, per wall clock."""
    if window is None:
        return True
    shown = [datetime.fromtimestamp(at // 1000, UTC).astimezone(ZoneInfo(name)) for name in zones]
    return all((d.weekday(), d.hour * 60 + d.minute) in open_minutes(window) for d in shown)


@lru_cache(maxsize=512)
def open_minutes(window: CallingWindow) -> frozenset[tuple[int, int]]:
    length = window.end - window.start if window.end > window.start else 1440 - window.start + window.end
    begins = [DAYS.index(day) * 1440 + window.start for day in window.days]
    week = {(begin + n) % (7 * 1440) for begin in begins for n in range(length)}
    return frozenset(divmod(minute, 1440) for minute in week)


@lru_cache(maxsize=1024)
def changes(name: str) -> tuple[int, ...]:
    """The moments from 2024 to 2030 at which a zone's clock is changed."""
    zone, found = ZoneInfo(name), []

    def offset(second: int) -> timedelta | None:
        return datetime.fromtimestamp(second, zone).utcoffset()

    weeks = range(FIRST // 1000, LAST // 1000, 7 * 24 * 3600)  # no clock is changed twice within a week
    for (low, before), (high, after) in pairwise((second, offset(second)) for second in weeks):
        if before != after:
            day = next(s for s in range(low, high + 1, 24 * 3600) if offset(s) != before) - 24 * 3600
            found.append(next(s for s in range(day, high + 1, 900) if offset(s) != before) * 1000)
    return tuple(found)


WHERE = st.sampled_from(("anywhere", "near", "close", "midnight"))
MANY = st.integers(0, 10_000)
NEAR = st.integers(-26 * 60 * MINUTE, 26 * 60 * MINUTE)
CLOSE = st.integers(-2 * MINUTE, 2 * MINUTE)
ANYWHERE = st.integers(FIRST, LAST - 1)


def moment(draw: st.DrawFn, zones: Sequence[str]) -> int:
    """Any moment, the hours about a changed clock, its very minutes, and those about a local midnight."""
    where, name = draw(WHERE), zones[draw(MANY) % len(zones)]
    if where == "midnight":
        day = datetime(2024, 1, 1) + timedelta(days=draw(MANY) % 2556)  # noqa: DTZ001  local
        return moment_of(day, name) + draw(CLOSE)
    if where == "anywhere" or not changes(name):
        return draw(ANYWHERE)
    edge = changes(name)[draw(MANY) % len(changes(name))]
    return edge + draw(NEAR if where == "near" else CLOSE)


minutes = st.one_of(st.integers(0, 1440), st.sampled_from((0, 1, 60, 90, 120, 150, 180, 540, 1020, 1380, 1439, 1440)))
days = st.one_of(
    st.just(DAYS), st.sets(st.sampled_from(DAYS), min_size=1).map(lambda s: tuple(d for d in DAYS if d in s))
)


@st.composite
def windows(draw: st.DrawFn) -> CallingWindow:
    start, end, on = draw(minutes), draw(minutes), draw(days)
    assume(start < 1440 and start != end)
    window = calling_window(start, end, on)
    assert window is not None
    return window


zone_lists = st.lists(
    st.one_of(st.sampled_from(ZONES), st.sampled_from(RESTLESS)), min_size=1, max_size=3, unique=True
).map(tuple)


@st.composite
def situations(draw: st.DrawFn) -> tuple[CallingWindow, tuple[str, ...], int]:
    zones = draw(zone_lists)
    return draw(windows()), zones, moment(draw, zones)


@settings(max_examples=300, deadline=None)
@given(situations())
def test_it_is_open_when_every_wall_clock_says_so(situation: tuple[CallingWindow, tuple[str, ...], int]) -> None:
    window, zones, at = situation
    assert is_open(window, zones, at) == naive(window, zones, at)


@pytest.mark.parametrize("group", range(12))
def test_it_is_open_by_the_wall_clock_about_every_change_of_every_zone(group: int) -> None:
    window = CallingWindow(23 * 60, 150, ("sat", "sun", "thu"))
    for name in ZONES[group::12]:
        for change in changes(name)[:2] or (FIRST,):
            half_hours = range(change - 180 * MINUTE, change + 181 * MINUTE, 30 * MINUTE)
            for at in (*half_hours, change - 1, change):
                assert is_open(window, (name,), at) == naive(window, (name,), at), (name, at)


@settings(max_examples=150, deadline=None)
@given(situations())
def test_the_next_opening_is_open_and_nothing_before_it_is(
    situation: tuple[CallingWindow, tuple[str, ...], int],
) -> None:
    window, zones, at = situation
    found = next_open(window, zones, at)
    if found is None:
        assert not any(naive(window, zones, t) for t in range(at, at + 14 * DAY, 5 * MINUTE))
        return
    assert found >= at
    assert naive(window, zones, found)
    # Windows, offsets and changes of clocks lie on whole minutes: the starts of minutes stand for all that is in them.
    first = -(-at // MINUTE) * MINUTE
    step = MINUTE if found - at <= 2 * DAY else 15 * MINUTE
    assert not any(
        naive(window, zones, t)
        for t in (at, *range(first, found, step), *range(found - 30, found))
        if t >= at and t < found
    )


@settings(max_examples=60, deadline=None)
@given(situations(), st.integers(0, 10 * DAY))
def test_asked_again_on_the_way_the_answer_is_the_same(
    situation: tuple[CallingWindow, tuple[str, ...], int], later: int
) -> None:
    window, zones, at = situation
    found = next_open(window, zones, at)
    if found is not None and found > at:
        assert next_open(window, zones, at + later % (found - at)) == found
        assert next_open(window, zones, found) == found


@pytest.mark.parametrize("name", RESTLESS)
def test_edges_within_a_gap_or_a_fold_are_found_to_the_minute(name: str) -> None:
    """A window that begins in a skipped hour opens as the clock is changed; one in a doubled hour opens twice."""
    for change in changes(name)[:2]:
        last = datetime.fromtimestamp((change - 1) // 1000, ZoneInfo(name))
        wall = last.hour * 60 + last.minute + 1
        for start in (-75, -45, -15, 0, 15, 45, 75):
            for length in (10, 100):
                begin = (wall + start) % 1440
                window = CallingWindow(begin, (begin + length) % 1440)
                for at in range(change - 150 * MINUTE, change + 150 * MINUTE, 50 * MINUTE):
                    expected = next(t for t in range(at, at + 2 * DAY, MINUTE * 5) if naive(window, (name,), t))
                    assert next_open(window, (name,), at) == expected


@pytest.mark.parametrize("name", ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Antarctica/Troll"])
def test_a_weekly_window_that_a_changed_clock_skips_opens_the_week_after(name: str) -> None:
    zone = ZoneInfo(name)
    gap = next(c for c in changes(name) if _offset(zone, c) > _offset(zone, c - 1))
    before = datetime.fromtimestamp((gap - 1) // 1000, zone)
    missed = before.hour * 60 + before.minute + 1
    window = CallingWindow(missed % 1440, missed % 1440 + 30, (DAYS[before.weekday()],))
    found = next_open(window, (name,), gap - 6 * DAY)
    assert found is not None
    assert 12 * DAY < found - (gap - 6 * DAY) <= 13 * DAY + 2 * 60 * MINUTE
    assert naive(window, (name,), found)


def _offset(zone: ZoneInfo, at: int) -> timedelta:
    offset = datetime.fromtimestamp(at / 1000, zone).utcoffset()
    assert offset is not None
    return offset


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    window = CallingWindow(60, 120)
    fold = moment_of(datetime(2026, 11, 1, 1, 0), "America/New_York")  # noqa: DTZ001  local
    assert is_open(window, ("America/New_York",), fold)
    assert is_open(window, ("America/New_York",), fold + 119 * MINUTE)
    assert not is_open(window, ("America/New_York",), fold + 120 * MINUTE)


def test_a_window_over_midnight_belongs_to_the_day_it_began_on() -> None:
    window = CallingWindow(22 * 60, 2 * 60, ("fri",))
    friday = moment_of(datetime(2026, 11, 27), "Europe/London")  # noqa: DTZ001  local
    assert not is_open(window, ("Europe/London",), friday + 60 * MINUTE)
    assert is_open(window, ("Europe/London",), friday + 22 * 60 * MINUTE)
    assert is_open(window, ("Europe/London",), friday + DAY + 119 * MINUTE)
    assert not is_open(window, ("Europe/London",), friday + DAY + 120 * MINUTE)
    assert next_open(window, ("Europe/London",), friday) == friday + 22 * 60 * MINUTE


def toll_free() -> tuple[str, ...]:
    zones = number_zones.time_zones_for_number(phonenumbers.parse("+18002530000", None))
    assert len(zones) > 40
    return tuple(zones)


@pytest.mark.parametrize(
    "window", [CallingWindow(540, 1020), CallingWindow(0, 720), CallingWindow(300, 240, ("mon", "tue", "wed"))]
)
def test_a_toll_free_number_lies_in_all_zones_of_north_america(window: CallingWindow) -> None:
    zones = toll_free()
    at = int(datetime(2026, 3, 7, 3, 7, tzinfo=UTC).timestamp() * 1000)
    found = next_open(window, zones, at)
    quarters = (t for t in range(at // MINUTE * MINUTE, at + 14 * DAY, MINUTE * 5) if t >= at)
    expected = next((t for t in quarters if naive(window, zones, t)), None)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found <= expected < found + 5 * MINUTE


def test_of_many_zones_each_clock_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes a toll-free number cheap: its zones' edges are sought once for each clock that differs."""
    sought: list[str] = []
    edges = module._edges

    def counted(w: CallingWindow, zone: ZoneInfo, day: int, clock: module._Clock) -> list[int]:
        sought.append(zone.key)
        return edges(w, zone, day, clock)

    monkeypatch.setattr(module, "_edges", counted)
    next_open(CallingWindow(541, 1021), toll_free(), FIRST + 7 * DAY)
    assert 0 < len(sought) <= 15


def test_no_window_is_always_open_and_no_zone_is_utc() -> None:
    assert is_open(None, (), 0)
    assert next_open(None, ("Europe/London",), 77) == 77
    assert is_open(CallingWindow(0, 1), (), FIRST)
    assert not is_open(CallingWindow(0, 1), (), FIRST + MINUTE)


@pytest.mark.parametrize(
    ("start", "end", "on"),
    [
        (540, None, None),
        (None, 540, None),
        (1440, 60, None),
        (-1, 60, None),
        (0, 1441, None),
        (60, 60, None),
        (0, 0, None),
        (60, 120, ()),
        (60, 120, ("mon", "Tuesday")),
    ],
)
def test_half_a_window_or_none_is_refused(start: int | None, end: int | None, on: Sequence[str] | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        calling_window(start, end, on)
    assert refused.value.code == "invalid_window"


def test_a_window_says_what_it_is() -> None:
    assert calling_window(None, None, None) is None
    whole = calling_window(None, None, ["tue", "mon", "tue"])
    assert whole == CallingWindow(0, 1440, ("mon", "tue"))
    assert whole.words() == "00:00 to 24:00 on mon, tue"
    assert CallingWindow(540, 1020).words() == "09:00 to 17:00 every day"
    assert local_time("America/New_York", FIRST) == "Sun 31 Dec 19:00"


def test_zones_are_known_by_their_names() -> None:
    assert all(known_zone(name) for name in ZONES)
    for name in (
        "",
        "Mars/Olympus",
        "../etc/passwd",
        "/etc/localtime",
        "Europe",
        "Europe/London\0",
        "x" * 5000,
        "\ud800",
    ):
        assert not known_zone(name)


def test_a_local_time_is_a_moment() -> None:
    skipped = moment_of(datetime(2026, 3, 8, 2, 30), "America/New_York")  # noqa: DTZ001  local
    assert local_time("America/New_York", skipped) == "Sun 8 Mar 03:30"
    first = moment_of(datetime(2026, 11, 1, 1, 30), "America/New_York")  # noqa: DTZ001  local
    assert local_time("America/New_York", first + 60 * MINUTE) == "Sun 1 Nov 01:30"


@example(window=CallingWindow(0, 1440), zones=("UTC",), at=FIRST + 999)
@given(window=windows(), zones=zone_lists, at=st.integers(FIRST, LAST))
@settings(max_examples=100, deadline=None)
def test_seconds_and_milliseconds_do_not_matter(window: CallingWindow, zones: tuple[str, ...], at: int) -> None:
    minute = at // MINUTE * MINUTE
    assert is_open(window, zones, minute) == is_open(window, zones, at) == is_open(window, zones, minute + MINUTE - 1)
