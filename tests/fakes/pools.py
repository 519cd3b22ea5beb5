"""Places, pace, lines and the hold in memory."""

from calling.domain import pacing
from calling.domain.ceiling import Ceiling, learnt
from calling.domain.phone_number import PhoneNumber


class MemoryLeasePool:
    def __init__(self) -> None:
        self.pools_held: dict[tuple[str, str], dict[str, int]] = {}
        self.peak = 0  # the most places ever held in one pool

    def take(self, account_id: str, pool: str, holder: str, *, cap: int, expires_at: int) -> bool:
        held = self.pools_held.setdefault((account_id, pool), {})
        if holder not in held and len(held) >= cap:
            return False
        held[holder] = max(expires_at, held.get(holder, 0))
        self.peak = max(self.peak, len(held))
        return True

    def renew(self, account_id: str, pool: str, holder: str, *, expires_at: int) -> bool:
        held = self.pools_held.get((account_id, pool), {})
        if holder not in held:
            return False
        held[holder] = expires_at
        return True

    def release(self, account_id: str, pool: str, holder: str) -> bool:
        return self.pools_held.get((account_id, pool), {}).pop(holder, None) is not None

    def reap(self, account_id: str, pool: str, holder: str, *, now: int) -> bool:
        held = self.pools_held.get((account_id, pool), {})
        return held.get(holder, now) < now and self.release(account_id, pool, holder)

    def pools(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(self.pools_held))

    def forget(self, account_id: str, pool: str) -> None:
        if not self.pools_held.get((account_id, pool), {}):
            self.pools_held.pop((account_id, pool), None)

    def holders(self, account_id: str, pool: str) -> dict[str, int]:
        return dict(self.pools_held.get((account_id, pool), {}))


class MemoryPacer:
    def __init__(self) -> None:
        self.tat: dict[tuple[str, str], int] = {}
        self.pauses: dict[tuple[str, str], tuple[int, str]] = {}
        self.doors: dict[tuple[str, str], int] = {}

    def has_room(
        self, account_id: str, carrier_account: str, *, now: int, calls_per_second: float, ahead_ms: int
    ) -> bool:
        key = (account_id, carrier_account)
        paused = self.pauses.get(key, (0, ""))[0] > now
        return not paused and (calls_per_second <= 0 or self.doors.get(key, 0) <= now + ahead_ms)

    def admit(self, account_id: str, carrier_account: str, *, now: int, calls_per_second: float, ahead_ms: int) -> bool:
        key = (account_id, carrier_account)
        if calls_per_second <= 0:
            return True
        if self.doors.get(key, 0) > now + ahead_ms:
            return False
        self.doors[key] = pacing.reserve(self.doors.get(key, 0), now, calls_per_second).tat
        return True

    def slow_down(self, account_id: str, carrier_account: str, *, until: int, reason: str) -> None:
        key = (account_id, carrier_account)
        if until > self.pauses.get(key, (0, ""))[0]:
            self.pauses[key] = (until, reason)
            self.tat[key] = max(self.tat.get(key, 0), until)

    def slowed(self, account_id: str, carrier_account: str) -> tuple[int, str] | None:
        return self.pauses.get((account_id, carrier_account))

    def reserve(self, account_id: str, carrier_account: str, *, now: int, calls_per_second: float) -> int:
        if calls_per_second <= 0:
            return max(now, self.pauses.get((account_id, carrier_account), (0, ""))[0])
        slot = pacing.reserve(self.tat.get((account_id, carrier_account), 0), now, calls_per_second)
        self.tat[account_id, carrier_account] = slot.tat
        return slot.at


class MemoryCeilingStore:
    def __init__(self) -> None:
        self.known: dict[str, Ceiling] = {}

    def get(self, carrier_account: str, *, now: int) -> Ceiling | None:
        known = self.known.get(carrier_account)
        return known if known is not None and known.until > now else None

    def learn(self, carrier_account: str, live: int, *, now: int) -> Ceiling | None:
        known = learnt(self.known.get(carrier_account), live, now)
        if known is not None:
            self.known[carrier_account] = known
        return known


class MemoryLineLock:
    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], set[str]] = {}

    def acquire(self, account_id: str, person: PhoneNumber, holder: str) -> bool:
        return self.lines.setdefault((account_id, person.e164), {holder}) == {holder}

    def join(self, account_id: str, person: PhoneNumber, holder: str) -> None:
        self.lines.setdefault((account_id, person.e164), set()).add(holder)

    def is_shared(self, account_id: str, person: PhoneNumber, holder: str) -> bool:
        return bool(self.lines.get((account_id, person.e164), set()) - {holder})

    def release(self, account_id: str, person: PhoneNumber, holder: str) -> None:
        on_it = self.lines.get((account_id, person.e164), set())
        on_it.discard(holder)
        if not on_it:
            self.lines.pop((account_id, person.e164), None)


class MemoryDialHold:
    def __init__(self) -> None:
        self.refused_at: int | None = None
        self.held_until = 0

    def note_refusal(self, now: int) -> int | None:
        before, self.refused_at = self.refused_at, now
        return before

    def extend(self, until: int, *, now: int) -> bool:
        if self.held_until >= until:
            return False
        before, self.held_until = self.held_until, until
        return before <= now

    def until(self) -> int:
        return self.held_until
