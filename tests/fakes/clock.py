"""Time and chance under a test's control."""


class ManualClock:
    """A wall clock that stands still unless it is moved; sleeping moves it."""

    def __init__(self, now_ms: int = 1_795_260_000_000) -> None:
        self.now_ms = now_ms
        self.slept: list[float] = []

    def now(self) -> int:
        return self.now_ms

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_ms += round(seconds * 1000)

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


class SequenceIds:
    """Ids that count: call_000000000000000000000001, then …2."""

    def __init__(self) -> None:
        self.count = 0

    def new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}_{self.count:024x}"

    def secret(self) -> str:
        self.count += 1
        return f"{self.count:043d}"
