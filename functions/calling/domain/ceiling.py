"""How many calls a carrier account allows at once, learnt from its refusals. Pure.

Twilio says it nowhere: without an approved profile it allows two or three, in and out together, and refuses what is
above with 10004. So the calls that live when it refuses are taken for its ceiling; for an hour, because the account may
be approved meanwhile, or what it refused for may have been calls of others.
"""

from dataclasses import dataclass

TOO_MANY_AT_ONCE = 10004  # Twilio's code
LEARNT_FOR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Ceiling:
    """So many calls at once, until then (epoch ms)."""

    calls: int
    until: int

    @property
    def words(self) -> str:
        """Say it to whoever can do something about it."""
        calls = "1 call" if self.calls == 1 else f"{self.calls} calls"
        return f"Twilio allows {calls} at once: approve a Business Primary Customer Profile"


def learnt(known: Ceiling | None, live: int, now: int) -> Ceiling | None:
    """What is known once a call was refused while `live` others lived; none lived: they were others' calls."""
    before = known if known is not None and known.until > now else None
    if live < 1 or (before is not None and before.calls <= live):
        return before
    return Ceiling(live, now + LEARNT_FOR_MS)
