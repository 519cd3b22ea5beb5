"""A hold on new dials: while the recogniser refuses streams, whoever answered would not be heard.

The service's quota is the deployment's, so the hold is too: it is no account's and no campaign's. Calls that come in
are not held, for whoever calls is on the line already. The hold is a moment, obeyed while it lies in the future: nobody
has to lift it, and whoever set it may die.
"""

ENOUGH = 2  # streams refused ...
WITHIN_MS = 60_000  # ... in so long a time; one alone may be a ramp that was too steep, and its retry gets through
HOLD_MS = 60_000
RECOGNISER_FULL = "recogniser_full"  # the reason of a wait, on records of calls and recipients


def hold_until(refused: int, before: int | None, now: int) -> int | None:
    """Say until when (epoch ms) nobody is dialled after `refused` refusals now; None where they are too few.

    `before`: when the last one before them was, None where there was none.
    """
    lately = before is not None and now - before <= WITHIN_MS
    return now + HOLD_MS if refused + lately >= ENOUGH else None
