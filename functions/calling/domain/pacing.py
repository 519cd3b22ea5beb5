"""Calls per second: the generic cell rate algorithm (GCRA, ITU-T I.371), one number of state a carrier account.

The state is the theoretical arrival time (`tat`, epoch ms): when the next request would be exactly on pace.
"""

from dataclasses import dataclass

FAR_AWAY_MS = 5_000  # a slot further away than this is waited for in the state machine, not in a Lambda
LATE_MS = 250  # a slot missed by more than this is lost: its call would leave beside the next one


@dataclass(frozen=True, slots=True)
class Slot:
    """A reserved moment: when to send (epoch ms) and the new state to store."""

    at: int
    tat: int


def reserve(tat: int, now: int, calls_per_second: float) -> Slot:
    """Reserve the next slot with no burst: two slots are never closer than 1/calls_per_second."""
    at = max(tat, now)
    return Slot(at, at + round(1000 / calls_per_second))
