"""When a stream that failed is followed by another: a decision without clock or dice, which are passed in."""

from dataclasses import dataclass

TRIES = 6  # streams in a row that may fail
_FIRST_PAUSE = 0.17  # s; each next one is twice that, so that six tries take five seconds at least
_JITTER = 0.5  # of a pause, so that calls refused together do not come back together
_PATIENCE = 15.0  # s; whoever was not heard for so long is not kept waiting, however few the tries


@dataclass(frozen=True, slots=True)
class Failures:
    """Streams of one call that failed one after another. Times are seconds of one clock."""

    count: int = 0
    since: float = 0.0

    def another(self, now: float, *, worked: bool) -> "Failures":
        """Count a stream that has failed; the count begins anew where that stream had worked before."""
        if worked or not self.count:
            return Failures(1, now)
        return Failures(self.count + 1, self.since)

    def pause(self, now: float, chance: float) -> float | None:
        """Seconds to wait before the next try, None to give up. `chance` is drawn from 0 to 1."""
        if self.count >= TRIES or now - self.since > _PATIENCE:
            return None
        return float(_FIRST_PAUSE * 2 ** (self.count - 1) * (1 + _JITTER * chance))
