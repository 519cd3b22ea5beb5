"""What goes wrong: Lambdas that die, tables that throttle, messages that come twice, answers that are lost.

Chance is seeded; what was hit is counted, by kind and by moment.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

TABLES = frozenset(
    {"calls", "campaigns", "contacts", "limits", "agents", "leases", "lines", "pacer", "ceilings", "people"}
)
STANDS_STILL = 0.4  # of its calls of ports, before which a slow run stands still
CARRIER_SECONDS = 0.1  # the carrier's answer to a request that places a call


class Killed(BaseException):
    """A Lambda died: nothing of its code runs on, no handler of errors either."""


class Throttled(RuntimeError):
    """The table took no more requests, or its answer was lost."""


@dataclass
class Faults:
    """Probabilities of what may go wrong, and the one moment at which a Lambda dies."""

    seed: int = 0
    kill_at: tuple[str, int] | None = None  # the moment's name, and which of its occurrences (from 0)
    kill_each: dict[str, int] = field(default_factory=dict)  # moments, and how often in turn a Lambda dies at each
    kill: float = 0.0  # at any moment
    throttle_before: float = 0.0
    throttle_after: float = 0.0
    interleave: float = 0.0  # of Lambdas, to stand still between two calls of ports while others run
    messages_twice: int = 0  # so many messages of each ticket or call come twice
    drop: float = 0.0  # of callbacks
    twice: float = 0.0
    late: float = 0.0
    create: dict[str, float] = field(default_factory=dict)  # accept_then_drop, http_500, http_500_accepted, http_429
    ask_fails: float = 0.0  # of other requests to the carrier
    lag_seconds: float = 0.0  # how long a new call is missing from the carrier's lists
    fetch_lag_seconds: float = 0.0  # a call that is asked after is shown as it was so long ago
    ends_as_completed: float = 0.0  # of calls that we end before anybody answers: the carrier says `completed`
    media_dies: float = 0.0  # of media sessions
    index_lag: float = 0.0  # of reads of the table's index: they miss what was written in the last second

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.moments: Counter[str] = Counter()
        self.hit: Counter[str] = Counter()
        self.quiet = False  # True: nothing goes wrong any more

    def happens(self, kind: str, probability: float) -> bool:
        """Decide whether something goes wrong now, and count it."""
        if probability <= 0 or self.quiet or self.chance.random() >= probability:
            return False
        self.hit[kind] += 1
        return True

    def moment(self, function: str, name: str) -> None:
        """One of the moments at which a Lambda may die."""
        moment = f"{function}: {name}"
        number = self.moments[moment]
        self.moments[moment] += 1
        if number < self.kill_each.get(moment, 0):
            self.hit["kill"] += 1
            raise Killed(moment)
        if self.kill_at == (moment, number) or (self.kill and self.happens("kill", self.kill)):
            if self.kill_at is not None:
                self.hit["kill"] += 1
            raise Killed(moment)

    def create_call(self) -> str:
        """Say how the carrier answers a request to place a call."""
        if not self.create or self.quiet:
            return "ok"
        number = self.chance.random()
        for answer, probability in self.create.items():
            if number < probability:
                self.hit[answer] += 1
                return answer
            number -= probability
        return "ok"

    def fate(self) -> str:
        """Say what becomes of a callback."""
        for kind, probability in (("drop", self.drop), ("twice", self.twice), ("late", self.late)):
            if self.happens(f"callback {kind}", probability):
                return kind
        return "deliver"


class Run:
    """One run of a Lambda: its ports may kill it, its tables throttle it, and it may stand still in between."""

    def __init__(
        self,
        function: str,
        faults: Faults,
        used: Counter[str],
        pause: Callable[[float], None] | None,
        *,
        slow: bool = False,
    ) -> None:
        self.function, self.faults, self.used, self.pause, self.slow = function, faults, used, pause, slow

    def port(self, name: str, port: Any) -> Any:
        """Give a port as this run sees it."""
        return _Port(self, name, port)

    def call(self, port: str, method: str, work: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call a port."""
        name = f"{port}.{method}"
        self.used[name] += 1
        if self.slow and self.pause is not None and self.faults.chance.random() < STANDS_STILL:
            self.pause(self.faults.chance.choice((0.0, 0.002, 0.02, 0.3)))
        self.faults.moment(self.function, f"before {name}")
        self._throttle(port, "before", self.faults.throttle_before)
        result = work(*args, **kwargs)
        if name == "carrier.dial" and self.pause is not None:
            self.pause(CARRIER_SECONDS)  # the call lives before its SID is known
        self._throttle(port, "after", self.faults.throttle_after)
        self.faults.moment(self.function, f"after {name}")
        return result

    def _throttle(self, port: str, when: str, probability: float) -> None:
        if port in TABLES and self.faults.happens(f"throttled {when}", probability):
            raise Throttled(f"throttled {when} {port}")


class _Port:
    __slots__ = ("_name", "_port", "_run")

    def __init__(self, run: Run, name: str, port: Any) -> None:
        self._run, self._name, self._port = run, name, port

    def __getattr__(self, method: str) -> Any:
        run, name, work = self._run, self._name, getattr(self._port, method)
        return lambda *args, **kwargs: run.call(name, method, work, args, kwargs)
