"""What an account used, a month at a time: each call is counted once, with its terminal event. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from calling.domain.call import Call
from calling.domain.cost import MILLION, cost
from calling.domain.lease import CAP_IS_FULL
from calling.domain.transcript import Turn


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used in a month (`2026-11`, UTC), by one call or by all.

    `micro_dollars` is what our own price list says; a carrier's bill that comes later changes nothing. `peak` is the
    most calls that had a place under the cap at once, and `waited` counts those that found it full.
    """

    month: str
    calls: int = 0
    minutes: int = 0
    micro_dollars: int = 0
    waited: int = 0
    peak: int = 0

    def __add__(self, more: "Usage") -> "Usage":
        """Count both, in this one's month."""
        return Usage(
            self.month,
            self.calls + more.calls,
            self.minutes + more.minutes,
            self.micro_dollars + more.micro_dollars,
            self.waited + more.waited,
            max(self.peak, more.peak),
        )


def month_of(now: int) -> str:
    """Name the month of a moment (epoch ms), in UTC."""
    return datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m")


def usage_of(call: Call, turns: Sequence[Turn], now: int) -> Usage | None:
    """Say what a call that is over used; None where the carrier was never asked for it."""
    if not call.was_asked_of_carrier:
        return None
    return Usage(
        month_of(now),
        calls=1,
        minutes=call.charged_minutes or 0,
        micro_dollars=round(cost(call, turns).total * MILLION),
        waited=int(any(CAP_IS_FULL in (entry.reason or "") for entry in call.timeline)),
        peak=call.live_at_dial or 0,
    )
