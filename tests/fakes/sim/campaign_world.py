"""A house under the law, and the way tests speak to it: accept a campaign, act midway, let time pass, judge.

world = CampaignWorld(limits=Limits(max_concurrent_calls=7))
campaign_id = world.create(numbers(30), max_attempts=2)
world.at(60, lambda: world.pause(campaign_id))
world.run()
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import Any

from calling.domain.campaign import Campaign, CampaignStatus, Counts
from calling.domain.contact import SuppressionSource
from calling.domain.errors import CarrierError, Conflict
from calling.domain.limits import Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import Recipient
from calling.domain.rows import Row
from calling.ports import ExecutionState
from calling.usecases.create_campaign import CampaignRequest, upload_key
from calling.usecases.hang_up import hang_up
from calling.usecases.hold_dials import hold_dials
from calling.usecases.place_call import CallRequest, place_call
from calling.usecases.start_campaign import start_campaign
from calling.usecases.steer_campaign import cancel_campaign, pause_campaign, resume_campaign
from tests.fakes.sim.carrier_life import Post
from tests.fakes.sim.faults import Faults
from tests.fakes.sim.house import ACCOUNT, FROM, House
from tests.fakes.sim.law import Law
from tests.fakes.sim.lives import Life

HOUR_MS = 3_600_000
FREE = Limits(max_concurrent_calls=7, single_call_reserve=2, calls_per_second=0, frequency_cap=None)
_LONGEST_QUIET_MS = 3 * HOUR_MS  # so long nothing may be left to do and something be left unfinished


def numbers(count: int, first: int = 0, start: str = "+447386") -> list[str]:
    """Make numbers that may be called: mobile ones of Britain."""
    return [f"{start}{first + n:06}" for n in range(count)]


class CampaignWorld(House):
    """See the module."""

    def __init__(self, *, faults: Faults | None = None, limits: Limits = FREE, **fields: Any) -> None:
        super().__init__(faults=faults, limits=limits, **fields)
        self.law = Law(self)
        self.began = self.agenda.now_ms
        self.made = 0
        self.highest_cap = limits.max_concurrent_calls

    # ---------------------------------------------------------------- what tests do

    def create(self, phones: Sequence[str | Row], **asked: Any) -> str:
        """Have a campaign accepted; a request that dies is made again under the same idempotency key."""
        rows = [Row(phone) if isinstance(phone, str) else phone for phone in phones]
        return self._create(CampaignRequest("agent_1", rows, prompt="Remind them.", **asked))

    def upload(self, data: bytes, **asked: Any) -> str:
        """Have a campaign accepted whose list is a file."""
        self.blobs.put(upload_key(ACCOUNT, "upl_1"), data, content_type="text/csv")
        return self._create(CampaignRequest("agent_1", upload_id="upl_1", prompt="Remind them.", **asked))

    def _create(self, request: CampaignRequest) -> str:
        self.made += 1
        once = sha256(str(self.made).encode()).hexdigest()[:24]
        self.insist("Api", {"account_id": ACCOUNT, "request": request, "once": once}, after=5)
        return f"camp_{once}"

    def lives(self, phone: str, *lives: Life) -> None:
        """Write down what the calls to a number come to."""
        self.carrier.people[phone] = list(lives)

    def at(self, seconds: float, work: Callable[[], object]) -> None:
        """Have something done so many seconds after now."""
        self.agenda.after(seconds, work)

    def pause(self, campaign_id: str) -> None:
        pause_campaign(
            ACCOUNT, campaign_id, campaigns=self.campaigns, workflow=self.campaign_workflow, clock=self.clock
        )
        self.law.closed[campaign_id] = self.agenda.now_ms

    def resume(self, campaign_id: str) -> None:
        self.law.closed.pop(campaign_id, None)
        resume_campaign(
            ACCOUNT, campaign_id, campaigns=self.campaigns, workflow=self.campaign_workflow, clock=self.clock
        )

    def cancel(self, campaign_id: str) -> None:
        cancel_campaign(
            ACCOUNT,
            campaign_id,
            campaigns=self.campaigns,
            workflow=self.campaign_workflow,
            scheduler=self.scheduler,
            clock=self.clock,
        )
        self.law.closed[campaign_id] = self.agenda.now_ms

    def launch(self, campaign_id: str) -> None:
        """A person launches it."""
        self.law.closed.pop(campaign_id, None)
        start_campaign(
            ACCOUNT,
            campaign_id,
            campaigns=self.campaigns,
            workflow=self.campaign_workflow,
            scheduler=self.scheduler,
            clock=self.clock,
        )

    def suppress(self, phone: str) -> None:
        now = self.agenda.now_ms
        self.contacts.suppress(ACCOUNT, PhoneNumber(phone), at=now, by=SuppressionSource.API)
        self.law.suppressed.setdefault(phone, now)

    def refuse_streams(self, count: int = 2) -> None:
        """The recogniser refuses so many streams just now."""
        hold_dials(count, hold=self.hold, clock=self.clock)
        if self.hold.until() > self.agenda.now_ms:
            self.law.held.append((self.agenda.now_ms, self.hold.until()))

    def set_limits(self, **changes: Any) -> None:
        was = self.limits.get(ACCOUNT)
        now = replace(was, **changes)
        if now.max_concurrent_calls < was.max_concurrent_calls:
            held = len(self.leases.holders(ACCOUNT, "all"))
            self.law.ceiling = dict.fromkeys(("all", "campaigns", *self._ids()), held)
        self.limits.change(ACCOUNT, changes)
        self.highest_cap = max(self.highest_cap, now.max_concurrent_calls)

    def single(self, phone: str, **asked: Any) -> str:
        """Place a call that belongs to no campaign."""
        placed = place_call(
            ACCOUNT,
            CallRequest(agent_id="agent_1", to_number=phone, prompt="Remind them.", **asked),
            calls=self.calls,
            agents=self.agents,
            campaigns=self.campaigns,
            queue=self.queues["Calls"],
            clock=self.clock,
            ids=self.ports["ids"],
        )
        return placed.call.call_id

    def calls_us(self, phone: str, life: Life) -> None:
        """Somebody calls the agent's number."""
        self.carrier.calls_us(phone, FROM, life)

    def hang_up_on_ringing(self, most: int) -> None:
        """Somebody changes their mind about calls that have not been answered yet."""
        ringing = [self.carrier.calls[sid] for sid in self.carrier.live if self.carrier.calls[sid].answered_at is None]
        for live in ringing[:most]:
            with suppress(Conflict, CarrierError):  # over by now, or the wish stays
                hang_up(
                    ACCOUNT,
                    live.owner,
                    calls=self.calls,
                    agents=self.agents,
                    credentials=self.credentials,
                    carrier=self.carrier,
                    clock=self.clock,
                )

    # ---------------------------------------------------------------- what tests look at

    def campaign(self, campaign_id: str) -> Campaign:
        found = self.campaigns.get(ACCOUNT, campaign_id)
        assert found is not None, f"there is no {campaign_id}"
        return found

    def counts(self, campaign_id: str) -> Counts:
        return self.campaigns.counts(self.campaign(campaign_id))

    def recipients(self, campaign_id: str) -> list[Recipient]:
        rows = self.campaigns.rows.get((ACCOUNT, campaign_id), {})
        return [rows[index] for index in sorted(rows)]

    def states(self, campaign_id: str) -> dict[str, int]:
        return dict(Counter(r.state.value for r in self.recipients(campaign_id)))

    def posts(self, phone: str | None = None) -> list[Post]:
        return [p for p in self.carrier.posts if phone is None or p.to_number == phone]

    def seconds(self) -> float:
        """Tell how much time has passed."""
        return (self.agenda.now_ms - self.began) / 1000

    # ---------------------------------------------------------------- time

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass."""
        until = self.agenda.now_ms + round(seconds * 1000)
        while (following := self.agenda.next_at()) is not None and following <= until:
            self._step()
        self.agenda.now_ms = until

    def run(self, *, days: float = 30) -> None:
        """Let time pass until nothing is left to do, then judge everything."""
        self.settle(days=days)
        self.law.at_the_end()
        self._judge()

    def settle(self, *, days: float = 30) -> None:
        """Let time pass until nothing is left to do. A paused campaign is left paused."""
        end = self.agenda.now_ms + round(days * 24 * HOUR_MS)
        busy_at = self.agenda.now_ms
        while self.agenda.now_ms < end:
            if self._only_pauses():
                return
            if self.agenda.waiting:
                busy_at = self.agenda.now_ms
            elif not self._unfinished() or self.agenda.now_ms - busy_at > _LONGEST_QUIET_MS:
                return
            if not self._step():
                return
        raise AssertionError(f"it never ends: {self.machines.running()[:5]}, seed {self.faults.seed}")

    def close(self) -> None:
        """End its threads."""
        self.strands.close()

    def on_post(self, post: Post) -> None:
        self.law.on_post(post)

    def on_end(self, sid: str) -> None:
        self.law.on_end(sid)

    def on_said(self, sid: str, words: str) -> None:
        self.law.on_said(sid, words)

    def _step(self) -> bool:
        moved = self.agenda.step()
        if self.broken:
            raise self.broken[0]
        if len(self.law.violations) > 20:
            self._judge()
        return moved

    def _judge(self) -> None:
        violations = self.law.violations
        assert not violations, f"seed {self.faults.seed}, kill {self.faults.kill_at}:\n" + "\n".join(violations[:20])

    def _ids(self) -> list[str]:
        return [campaign_id for _, campaign_id in self.campaigns.campaigns]

    def _only_pauses(self) -> bool:
        """Tell whether all that lives are campaigns waiting for a person."""
        going = [c for c in self.campaigns.campaigns.values() if not c.status.is_terminal]
        paused = [c for c in going if c.status is CampaignStatus.PAUSED and (c.wake_at or 0) > self.agenda.now_ms]
        if not paused or len(paused) < len(going) or self.calls.due_calls or any(self.leases.pools_held.values()):
            return False
        return len(self.machines.running()) == len(paused)

    def _unfinished(self) -> bool:
        if self.calls.due_calls or any(self.leases.pools_held.values()):
            return True
        waits = {CampaignStatus.PAUSED, CampaignStatus.SCHEDULED}
        if any(not c.needs_nobody and c.status not in waits for c in self.campaigns.campaigns.values()):
            return True
        return any(state is ExecutionState.RUNNING for state in self.machines.states.values())
