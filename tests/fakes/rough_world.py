"""A rougher world: what is queued goes on while a call lives, every message comes twice, lists lag, people hang up.

`World` carries one call at a time; here the doorway stays open beside the call under way, as with Step Functions.
"""

from contextlib import suppress
from dataclasses import dataclass, field

from calling.domain.call import CarrierStatus
from calling.domain.errors import Conflict
from calling.usecases.hang_up import hang_up
from tests.fakes.world import ACCOUNT, World

DOUBLES = 12  # so many messages come twice; each of a waiting call that does is one more message for ever


@dataclass
class RoughWorld(World):
    hangups: tuple[tuple[int, str], ...] = ()  # seconds after the beginning, call id
    lag_seconds: int = 0  # how long a new call is missing from the carrier's lists
    media_dies: bool = False  # it opens, and never says a last word
    doubles: int = DOUBLES

    messages: list[tuple[int, str]] = field(default_factory=list)  # due at, call id
    hung_up: set[str] = field(default_factory=set)  # calls whose hangup was accepted
    began: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.began = self.clock.now()
        self.wishes = sorted(self.hangups)

    def run(self) -> None:
        """Carry everything queued to its end; executions run one after another, dispatching goes on meanwhile."""
        for _ in range(3000):
            self._collect()
            if self.workflow.started:
                self.walk(self.workflow.started.pop(0)[1])
            elif self.messages or self.looks:
                self.pass_time(1)
            else:
                return
        raise AssertionError("the queue never empties")

    def pass_time(self, seconds: float) -> None:
        """Every second: the carrier and its callbacks, then people's wishes, then what is due in the queues."""
        for _ in range(max(1, round(seconds))):
            super().pass_time(1)
            self._hide_new()
            while self.wishes and self.wishes[0][0] * 1000 <= self.clock.now() - self.began:
                self._wish(self.wishes.pop(0)[1])
            self._collect()
            for due in sorted(m for m in self.messages if m[0] <= self.clock.now()):
                self.messages.remove(due)
                self.deliver_message(ACCOUNT, due[1])

    def _collect(self) -> None:
        """Take what was sent; some of it will be handed out a second time."""
        while self.queue.sent:
            _, call_id, delay = self.queue.sent.pop(0)
            self.messages.append((self.clock.now() + delay * 1000, call_id))
            self._double(self.messages, delay, call_id)
        for _, call_id, delay in self.watches.sent:
            self._double(self.looks, delay, call_id)

    def _double(self, into: list[tuple[int, str]], delay: int, call_id: str) -> None:
        if self.doubles > 0:
            self.doubles -= 1
            into.append((self.clock.now() + (delay + 2) * 1000, call_id))

    def _hide_new(self) -> None:
        """What a list does not show: calls younger than its lag."""
        now = self.clock.now()
        young = {sid for sid, c in self.carrier.calls.items() if now < c.created_at + self.lag_seconds * 1000}
        self.carrier.hidden = young if self.lag_seconds else set()

    def _wish(self, call_id: str) -> None:
        with suppress(Conflict):
            hang_up(
                ACCOUNT,
                call_id,
                calls=self.calls,
                agents=self.agents,
                credentials=self.credentials,
                carrier=self.carrier,
                clock=self.clock,
            )
            self.hung_up.add(call_id)

    def _live(self) -> None:
        """A call that was hung up on ends its stream too."""
        before = set(self.seen)
        super()._live()
        for sid in self.seen - before:
            if self.carrier.calls[sid].status is CarrierStatus.COMPLETED:
                self._media(sid, CarrierStatus.COMPLETED)

    def _media(self, sid: str, status: CarrierStatus) -> None:
        if not (self.media_dies and status is CarrierStatus.COMPLETED):
            super()._media(sid, status)
