"""Whether a person may be called at all, and again so soon: suppression, and dials by campaigns. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from calling.domain.limits import FrequencyCap
from calling.domain.phone_number import PhoneNumber

DAY_MS = 24 * 3600 * 1000
IN_A_CALL_MS = 3600 * 1000  # how long a dial waits for somebody who is in another call with us


class SuppressionSource(StrEnum):
    """Who said that a person must not be called."""

    API = "api"
    IMPORT = "import"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Contact:
    """One person of an account. `dials` are campaign dials, call id → epoch ms; old ones are dropped when written."""

    account_id: str
    person: PhoneNumber
    version: int = 0
    suppressed_at: int | None = None
    suppressed_by: SuppressionSource | None = None
    suppressed_why: str | None = field(default=None, repr=False)
    suppressed_on: str | None = None  # the call on which it was said
    dials: dict[str, int] = field(default_factory=dict)

    @property
    def suppressed(self) -> bool:
        """True while this person must not be called."""
        return self.suppressed_at is not None


def waits_until(not_after: int | None, since: int) -> int:
    """Say until when (epoch ms) a dial waits for somebody who has been in another call since then."""
    return not_after if not_after is not None else since + IN_A_CALL_MS


def free_at(contact: Contact | None, cap: FrequencyCap | None, now: int) -> int:
    """Say from when on (epoch ms) a campaign may dial this person once more; `now` where it may already."""
    if contact is None or cap is None:
        return now
    counted = sorted(at for at in contact.dials.values() if at + cap.days * DAY_MS > now)
    return now if len(counted) < cap.calls else counted[-cap.calls] + cap.days * DAY_MS


def with_dial(contact: Contact, call_id: str, cap: FrequencyCap, now: int) -> dict[str, int]:
    """Give the dials after one more: what counts no longer is left out, so the record stays small."""
    kept = {known: at for known, at in contact.dials.items() if at + cap.days * DAY_MS > now}
    return kept | {call_id: now}
