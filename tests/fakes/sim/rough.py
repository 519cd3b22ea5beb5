"""Worlds in which things go wrong, for the fault suite (small) and `make soak` (at size)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from random import Random

from calling.domain.agent import Number
from calling.domain.campaign import CampaignStatus, RetryOn
from calling.domain.limits import Breaker, FrequencyCap, Limits
from calling.domain.phone_number import PhoneNumber
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.faults import Faults
from tests.fakes.sim.house import ACCOUNT, FROM
from tests.fakes.sim.lives import Life, busy, failed, human, no_answer, refused, voicemail

OTHER = PhoneNumber("+447700900124")  # another number of the agent's
NEVER_TRIPS = Breaker(failure_rate=1.01)
_KINDS: tuple[Callable[[], list[Life]], ...] = (
    lambda: [human(2)],
    lambda: [busy(), human(2)],
    lambda: [no_answer()],
    lambda: [voicemail()],
    lambda: [failed()],
    lambda: [refused(21211)],
)


def small_world(kill_at: tuple[str, int] | None = None, *, seed: int = 0) -> tuple[CampaignWorld, str]:
    """Twelve people of all kinds, three single calls, one that comes in; scheduled; one ticket is a dead letter."""
    limits = Limits(max_concurrent_calls=5, single_call_reserve=1, calls_per_second=4)
    world = CampaignWorld(faults=Faults(seed, kill_at), limits=limits, max_call_duration_seconds=30)
    world.openers = True
    world.poison = {4}
    phones = numbers(12)
    for index, phone in enumerate(phones):
        world.lives(phone, *_KINDS[index % len(_KINDS)]())
    begins = datetime.fromtimestamp(world.agenda.now_ms / 1000 + 50, UTC)
    campaign_id = world.create(
        phones,
        scheduled=True,
        scheduled_at=begins,
        max_attempts=2,
        retry_on=(RetryOn.BUSY,),
        retry_delay_minutes=1,
    )
    for second in (52, 53, 54):  # the last one finds no place, and waits
        world.at(second, partial(world.single, f"+4473869999{second}"))
    world.at(55, partial(world.calls_us, "+447386999955", human(2)))
    return world, campaign_id


@dataclass(frozen=True, slots=True)
class Roughness:
    """How rough a world is: 1 is more than any day of AWS and Twilio together."""

    factor: float = 1.0

    def faults(self, seed: int) -> Faults:
        f = self.factor
        return Faults(
            seed,
            kill=0.001 * f,
            throttle_before=0.003 * f,
            throttle_after=0.003 * f,
            interleave=0.3,
            messages_twice=1,
            drop=0.1 * f,
            twice=0.1 * f,
            late=0.1 * f,
            create={
                "accept_then_drop": 0.03 * f,
                "http_500": 0.02 * f,
                "http_500_accepted": 0.03 * f,
                "http_429": 0.03 * f,
            },
            ask_fails=0.05 * f,
            lag_seconds=8,
            fetch_lag_seconds=3,
            ends_as_completed=0.5,
            media_dies=0.05 * f,
            index_lag=0.2,
        )


def rough_world(seed: int, count: int, roughness: Roughness | None = None) -> tuple[CampaignWorld, list[str]]:
    """Two campaigns to partly the same people, and people who act midway: everything at once, by one seed."""
    chance = Random(seed)
    limits = Limits(
        max_concurrent_calls=max(6, count // 12),
        single_call_reserve=2,
        calls_per_second=chance.choice((0.0, 5.0, 20.0)),
        frequency_cap=FrequencyCap(calls=4, days=1),
        breaker=NEVER_TRIPS,
    )
    faults = (roughness or Roughness()).faults(seed)
    world = CampaignWorld(faults=faults, limits=limits, max_call_duration_seconds=60)
    # A slot is exact; what comes between it and the request (permission, intent) is not.
    world.law.slack_ms = 3_000
    world.law.exact = False
    world.carrier.concurrency = chance.choice((0, 0, 5))
    world.carrier.concurrency_late = chance.random() < 0.5
    phones = numbers(count)
    for phone in phones:
        world.lives(phone, *(_life(chance) for _ in range(2)))
    first = world.create(
        phones,
        from_number=FROM.e164,
        max_attempts=3,
        retry_on=(RetryOn.BUSY, RetryOn.NO_ANSWER, RetryOn.FAILED, RetryOn.UNKNOWN),
        retry_delay_minutes=1,
        max_concurrent=chance.choice((None, limits.max_concurrent_calls // 2)),
    )
    world.agents.add_number(Number(ACCOUNT, "agent_1", OTHER, 0))
    second = world.create(phones[: count // 4], from_number=OTHER.e164, max_attempts=2, retry_on=(RetryOn.VOICEMAIL,))
    _act(world, chance, phones, first)
    return world, [first, second]


def _life(chance: Random) -> Life:
    kind = chance.randrange(10)
    if kind < 4:
        return human(chance.uniform(0.5, 40), rings=chance.uniform(0.1, 8))
    if kind == 4:
        return human(500)  # longer than the agent allows
    return (busy, no_answer, voicemail, failed, lambda: refused(21211))[kind - 5]()


@dataclass(frozen=True, slots=True)
class _Steering:
    """What somebody does to a campaign, where its state allows it."""

    world: CampaignWorld
    chance: Random
    campaign_id: str

    def pause(self) -> None:
        if self._is(CampaignStatus.RUNNING):
            self.world.pause(self.campaign_id)
            self.world.at(self.chance.uniform(1, 60), self.resume)

    def resume(self) -> None:
        if self._is(CampaignStatus.PAUSED):
            self.world.resume(self.campaign_id)

    def cancel(self) -> None:
        if self._is(CampaignStatus.RUNNING, CampaignStatus.PAUSED):
            self.world.cancel(self.campaign_id)

    def die(self) -> None:
        """All executions of campaigns end, as if an operator had stopped them."""
        running = self.world.machines.running()
        self.world.machines.doomed.update(name for name in running if name.startswith("camp_"))

    def _is(self, *wanted: CampaignStatus) -> bool:
        found = self.world.campaigns.get(ACCOUNT, self.campaign_id)
        return found is not None and found.status in wanted


def _act(world: CampaignWorld, chance: Random, phones: list[str], campaign_id: str) -> None:
    """What people do meanwhile, and what becomes of executions."""
    steering = _Steering(world, chance, campaign_id)
    low, high = max(5, len(phones) // 20), max(9, len(phones) // 8)
    acts: list[Callable[[], object]] = [steering.pause, steering.die]
    acts += [partial(world.set_limits, max_concurrent_calls=cap) for cap in (low, high)]
    acts.append(world.refuse_streams)
    acts += [partial(world.suppress, phone) for phone in chance.choices(phones, k=4)]
    acts += [partial(world.single, phone) for phone in chance.choices(phones, k=4)]
    acts += [partial(world.hang_up_on_ringing, 3)] * 3
    for act in acts:
        if chance.random() < 0.6:
            world.at(chance.uniform(2, 150), act)
    if chance.random() < 0.15:
        world.at(chance.uniform(60, 300), steering.cancel)
    for phone in chance.choices(phones, k=6):
        world.at(chance.uniform(2, 150), partial(world.calls_us, phone, human(chance.uniform(2, 55))))
