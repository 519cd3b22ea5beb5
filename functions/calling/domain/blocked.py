"""Numbers refused as blocked: whether it is the number, or the account, which may call none of its country. Pure.

Twilio's 21216 says either: a number of high risk, or an account without an approved profile. So refusals of a country
are counted as long as no call to it is accepted in between; many in a row are the account's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Blocked:
    """A country's rows refused as blocked, none accepted in between, and when the last was dialled (epoch ms)."""

    rows: tuple[int, ...] = ()
    last_at: int = 0

    @property
    def by_account(self) -> bool:
        """True once they are too many to be the numbers' own fault."""
        return len(self.rows) >= IN_A_ROW


def refused(known: Mapping[str, Blocked], country: str, row: int, at: int) -> dict[str, Blocked]:
    """Add a row of a country that was dialled at `at` and refused; the same one again changes nothing."""
    before = known.get(country, Blocked())
    rows = before.rows if row in before.rows else (*before.rows, row)
    return {**known, country: Blocked(rows, max(at, before.last_at))}


def accepted(known: Mapping[str, Blocked], country: str, at: int) -> dict[str, Blocked]:
    """Take a country out: a call to it, dialled at `at`, was accepted. One that was dialled before says nothing."""
    return {name: b for name, b in known.items() if name != country or b.last_at >= at}
