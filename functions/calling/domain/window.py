"""When a person may be called: a daily window on their own clock, or clocks. Pure; knows zones, no calls.

A window is minutes after local midnight, [start, end), on certain days; one that ends before it starts goes over
midnight and belongs to the day it began on. It is judged by what the wall clock shows, so a day with a changed clock
needs no rule of its own. Where a number may lie in several zones, the window must be open in all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from calling.domain.errors import InvalidRequest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
# Two weeks and a day: a window of one hour a week may fall into the hour a changed clock skips.
LOOK_AHEAD_DAYS = 15
_MINUTE_MS = 60_000
_Clock = tuple[timedelta | None, tuple[tuple[int, timedelta | None], ...]]


@dataclass(frozen=True, slots=True)
class CallingWindow:
    """`start` and `end` in minutes after midnight (0 to 1440); `days` are names of DAYS."""

    start: int
    end: int
    days: tuple[str, ...] = DAYS

    def words(self) -> str:
        """Say it: `09:00 to 17:00 on mon, tue`."""
        on = "every day" if set(self.days) == set(DAYS) else f"on {', '.join(d for d in DAYS if d in self.days)}"
        return f"{_clock(self.start)} to {_clock(self.end)} {on}"


def calling_window(start: int | None, end: int | None, days: Sequence[str] | None) -> CallingWindow | None:
    """Make a window from a request's three fields; None where none of them says anything.

    Raises:
        InvalidRequest: `invalid_window`: half a window, a window of no length, no such minute or day.
    """
    if start is None and end is None and days is None:
        return None
    if (start is None) != (end is None):
        raise _wrong("window_start_minutes and window_end_minutes belong together.", "window_start_minutes")
    first, last = (0, DAY_MINUTES) if start is None or end is None else (start, end)
    if not (0 <= first < DAY_MINUTES and 0 <= last <= DAY_MINUTES):
        raise _wrong("A window's minutes are 0 to 1440 after midnight.", "window_start_minutes")
    if first == last:
        raise _wrong("A window must not begin and end at the same minute.", "window_end_minutes")
    chosen = DAYS if days is None else tuple(d for d in DAYS if d in days)
    if not chosen or (days is not None and set(days) - set(DAYS)):
        raise _wrong(f"window_days are of {', '.join(DAYS)}.", "window_days")
    return CallingWindow(first, last, chosen)


def is_open(window: CallingWindow | None, zones: Sequence[str], at: int) -> bool:
    """Tell whether the window is open at epoch ms `at` in every one of the zones (IANA names)."""
    return window is None or all(_open_in(window, _zone(name), at) for name in zones or ("UTC",))


def next_open(window: CallingWindow | None, zones: Sequence[str], at: int) -> int | None:
    """Give the first moment from `at` on (epoch ms) at which the window is open in all zones.

    None: at no moment of the next two weeks.
    """
    if is_open(window, zones, at):
        return at
    assert window is not None  # noqa: S101  no window is always open
    # The answer holds until it has come, whoever asks: one search serves all recipients of a zone for that long.
    day = at // (DAY_MINUTES * _MINUTE_MS) * DAY_MINUTES * _MINUTE_MS
    return next((moment for moment in _moments(window, tuple(zones) or ("UTC",), day) if moment >= at), None)


def local_time(zone: str, at: int) -> str:
    """Show a moment on a zone's wall clock: `Mon 26 Oct 09:00`."""
    return _local(_zone(zone), at).strftime("%a %-d %b %H:%M")


@lru_cache(maxsize=1024)
def known_zone(name: str) -> bool:
    """Tell whether an IANA name is one."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def moment_of(local: datetime, zone: str) -> int:
    """Read a wall clock's time in a zone as epoch ms; one that a changed clock skips is the moment after the gap."""
    return round(local.replace(tzinfo=_zone(zone)).timestamp() * 1000)


def _wrong(message: str, field: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_window", field=field)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name if known_zone(name) else "UTC")


def _local(zone: ZoneInfo, at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone)


def _open_in(window: CallingWindow, zone: ZoneInfo, at: int) -> bool:
    local = _local(zone, at)
    minute = local.hour * 60 + local.minute
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if window.start < window.end:
        return today in window.days and window.start <= minute < window.end
    return (today in window.days and minute >= window.start) or (yesterday in window.days and minute < window.end)


@lru_cache(maxsize=4096)
def _moments(window: CallingWindow, zones: tuple[str, ...], day: int) -> tuple[int, ...]:
    """List the moments from `day` on at which the window opens: edges of it in any zone at which it is open in all.

    Whether a window is open changes only where a wall clock reaches an edge or midnight, or is changed itself.
    """
    last = day + (LOOK_AHEAD_DAYS + 1) * DAY_MINUTES * _MINUTE_MS
    # Clocks that show the same all the time are one: the 42 zones of an American toll-free number show 11 times.
    clocks = {_clock_of(_zone(name), day): name for name in zones}
    edges = {moment for clock, name in clocks.items() for moment in _edges(window, _zone(name), day, clock)}
    shown = tuple(clocks.values())
    return tuple(moment for moment in sorted(edges) if day <= moment <= last and is_open(window, shown, moment))


def _clock_of(zone: ZoneInfo, day: int) -> _Clock:
    """Say all there is to know of a zone's clock from a day on: its offset at first, and each change of it."""
    first = datetime.fromtimestamp(day / 1000, UTC).date() - timedelta(days=1)
    days = [_offset(zone, day // 1000 + n * DAY_MINUTES * 60) for n in range(-1, LOOK_AHEAD_DAYS + 3)]
    changes = [
        (moment, after)
        for n, (before, after) in enumerate(pairwise(days))
        if before != after
        for moment in _changes(zone, first + timedelta(days=n))
    ]
    return days[0], tuple(changes)


def _edges(window: CallingWindow, zone: ZoneInfo, day: int, clock: _Clock) -> list[int]:
    first = _local(zone, day).date() - timedelta(days=1)
    dates = [first + timedelta(days=n) for n in range(LOOK_AHEAD_DAYS + 4)]
    edges = [
        m for on in dates for minute in {0, window.start, window.end % DAY_MINUTES} for m in _both(zone, on, minute)
    ]
    return edges + [moment for moment, _ in clock[1]]


def _both(zone: ZoneInfo, on: date, minute: int) -> list[int]:
    """A wall clock's minute is reached twice on the night the clock goes back."""
    naive = datetime.combine(on, time(minute // 60, minute % 60))
    return [int(naive.replace(tzinfo=zone, fold=fold).timestamp() * 1000) for fold in (0, 1)]


def _changes(zone: ZoneInfo, on: date) -> list[int]:
    """Find the moment of a day (UTC) at which the zone's offset changes, to the second."""
    low = int(datetime.combine(on, time(), UTC).timestamp())
    high = low + DAY_MINUTES * 60
    before = _offset(zone, low)
    if before == _offset(zone, high):
        return []
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return [high * 1000]


def _offset(zone: ZoneInfo, second: int) -> timedelta | None:
    return datetime.fromtimestamp(second, zone).utcoffset()
