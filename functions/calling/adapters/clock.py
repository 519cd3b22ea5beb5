"""The wall clock and chance: the only place that asks the machine for either."""

import secrets
import time


class SystemClock:
    """Fulfils Clock."""

    def now(self) -> int:
        """Epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Wait; nothing for zero or less."""
        if seconds > 0:
            time.sleep(seconds)


class SystemIds:
    """Fulfils Ids."""

    def new(self, prefix: str) -> str:
        """Give `<prefix>_<24 hex>`: 96 random bits."""
        return f"{prefix}_{secrets.token_hex(12)}"

    def secret(self) -> str:
        """Give 256 random bits as 43 URL-safe characters."""
        return secrets.token_urlsafe(32)
