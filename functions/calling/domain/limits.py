"""What an account allows itself: its cap, its pace, how often a person is called, when a campaign stops itself."""

from dataclasses import dataclass, replace

from calling.domain.ceiling import Ceiling

MAX_CAP = 5_000


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most `calls` dials to one number by campaigns in any `days` times 24 hours."""

    calls: int = 3
    days: int = 1


@dataclass(frozen=True, slots=True)
class Breaker:
    """A campaign pauses itself once `failure_rate` of at least `min_calls` calls failed within `window_seconds`."""

    failure_rate: float = 0.5
    min_calls: int = 20
    window_seconds: int = 120


@dataclass(frozen=True, slots=True)
class Limits:
    """An account's settings. `calls_per_second` 0: no limit. Countries are ISO 3166 codes, `GB`."""

    max_concurrent_calls: int = 20
    single_call_reserve: int = 2
    calls_per_second: float = 1.0
    frequency_cap: FrequencyCap | None = FrequencyCap()
    breaker: Breaker = Breaker()
    blocked_countries: tuple[str, ...] = ()

    def campaign_places_at_carrier(self, ceiling: Ceiling) -> int:
        """How many of them campaigns may hold where the carrier account has a ceiling: the same share is kept."""
        reserve = self.single_call_reserve * min(ceiling.calls, self.max_concurrent_calls) // self.max_concurrent_calls
        return max(1, ceiling.calls - reserve)

    @property
    def campaign_places(self) -> int:
        """How many places campaigns may hold together: the rest is kept for single calls."""
        return max(1, self.max_concurrent_calls - self.single_call_reserve)

    def within(self, capacity: int) -> "Limits":
        """Bound the cap by what the deployment carries: it may have been set when that was more."""
        return replace(self, max_concurrent_calls=min(self.max_concurrent_calls, capacity))
