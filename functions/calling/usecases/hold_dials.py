"""Count the streams that the recogniser refuses, over all tasks, and hold new dials when they are more than one."""

from calling.domain.hold import hold_until
from calling.ports import Clock, DialHold


def hold_dials(refused: int, *, hold: DialHold, clock: Clock) -> bool:
    """Note that so many streams were refused just now; True where a hold begins (not where one goes on)."""
    now = clock.now()
    until = hold_until(refused, hold.note_refusal(now), now)
    return until is not None and hold.extend(until, now=now)
