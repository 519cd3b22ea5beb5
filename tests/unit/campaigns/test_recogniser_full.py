"""The recogniser's quota is met in the middle of a campaign: nobody else is rung for it, and nobody pays for it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from calling.domain.hold import HOLD_MS, RECOGNISER_FULL
from calling.domain.limits import Limits
from calling.domain.recipient import Verdict
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.law import LAMBDA_MS
from tests.fakes.sim.rough import NEVER_TRIPS

Make = Callable[..., CampaignWorld]
LIMITS = Limits(max_concurrent_calls=20, calls_per_second=2, frequency_cap=None, breaker=NEVER_TRIPS)


@pytest.fixture
def make() -> Iterator[Make]:
    worlds: list[CampaignWorld] = []

    def one(**fields: Any) -> CampaignWorld:
        worlds.append(CampaignWorld(**fields))
        return worlds[-1]

    yield one
    for world in worlds:
        world.close()


@pytest.mark.parametrize("cps", [0, 2])
def test_nobody_is_dialled_for_a_minute_then_everybody_once(make: Make, cps: float) -> None:
    world = make(limits=replace(LIMITS, calls_per_second=cps))
    campaign_id = world.create(numbers(100))
    world.pass_time(20)
    before = len(world.posts())
    assert before > 0
    world.refuse_streams()
    began = world.agenda.now_ms
    world.pass_time(HOLD_MS / 1000 - 1)
    late = [post.at - began for post in world.posts()[before:]]
    assert all(ms <= LAMBDA_MS for ms in late), "but who had been permitted already"
    waiting = [r for r in world.recipients(campaign_id) if r.reason == RECOGNISER_FULL]
    assert waiting
    assert all(r.decisions[-1].verdict is Verdict.WAIT for r in waiting)
    world.run()
    assert world.states(campaign_id) == {"completed": 100}
    assert all(r.attempts == 1 for r in world.recipients(campaign_id))
    first = next(post.at for post in world.posts() if post.at >= began + HOLD_MS)
    assert first - began < HOLD_MS + 20_000, "and it goes on soon"


def test_a_hold_lasts_while_streams_are_refused(make: Make) -> None:
    world = make(limits=LIMITS)
    campaign_id = world.create(numbers(60))
    world.pass_time(15)
    for second in range(0, 300, 30):
        world.at(second, lambda: world.refuse_streams(1))
    began = world.agenda.now_ms
    world.pass_time(330)  # the first refusal alone holds nobody; from the second on all do
    assert [post for post in world.posts() if began + 30_000 + LAMBDA_MS < post.at < began + 330_000] == []
    world.run()
    assert world.states(campaign_id) == {"completed": 60}
    assert all(r.attempts == 1 for r in world.recipients(campaign_id))


def test_a_single_call_waits_too_and_is_dialled_after(make: Make) -> None:
    world = make(limits=LIMITS)
    world.refuse_streams()
    phone = numbers(1)[0]
    call_id = world.single(phone)
    world.run()
    (post,) = world.posts(phone)
    assert HOLD_MS <= post.at - world.began < HOLD_MS + 20_000
    call = world.calls.get("acct_0123456789ab", call_id)
    assert call is not None
    assert [e.reason for e in call.timeline if e.event == "waiting"] == [RECOGNISER_FULL]
