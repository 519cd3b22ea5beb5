"""How long records are kept: the `ttl` that DynamoDB forgets them by. It knows days, not what a record means."""

from dataclasses import dataclass

from calling.adapters.dynamodb import codec
from calling.adapters.dynamodb.codec import Item
from calling.ports import Clock

_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Retention:
    """`days`: calls, what was said on them, their deliveries. `history_days`: what the next call is told of them."""

    days: int
    history_days: int
    clock: Clock

    def record(self, begins_at: int = 0) -> Item:
        """Give the ttl of a record that begins to exist now, or to matter at a later moment (epoch ms)."""
        return self._ttl(self.days, begins_at)

    def history(self) -> Item:
        """Give the ttl of a past call's summary."""
        return self._ttl(self.history_days)

    def _ttl(self, days: int, begins_at: int = 0) -> Item:
        return {"ttl": codec.number(max(self.clock.now(), begins_at) // 1000 + days * _DAY)}
