"""Exactly once, shown under faults: each Lambda is killed at each kind of moment, and everything at once by seed.

What is checked at every request and at the end stands in `tests/fakes/sim/law.py`. `make soak` does the same at size.
"""

from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain.call import Call, Direction
from calling.domain.campaign import CampaignStatus
from calling.domain.limits import Limits
from calling.domain.phone_number import PhoneNumber
from calling.usecases.take_places import take_places
from tests.fakes.pools import MemoryLeasePool, MemoryLineLock
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.faults import Faults
from tests.fakes.sim.house import FROM
from tests.fakes.sim.lambdas import LAMBDAS
from tests.fakes.sim.rough import Roughness, rough_world, small_world

# What no Lambda of these runs asks for: uploads' ids are made by the API's door.
PORTS_WITHOUT_MOMENTS = {"ids"}


@cache
def moments() -> Counter[str]:
    """Count the moments of a run in which nothing is killed."""
    world, campaign_id = small_world()
    try:
        world.run()
        expected = {"completed": 4, "no_answer": 2, "voicemail": 2, "failed": 4}
        assert world.states(campaign_id) == expected
    finally:
        world.close()
    return world.faults.moments


def test_the_moments_are_those_of_every_lambda_and_of_every_port() -> None:
    functions = {name.split(":")[0] for name in moments()}
    assert functions == set(LAMBDAS)
    ports = {name.split()[-1].split(".")[0] for name in moments()}
    world = CampaignWorld()
    assert ports | PORTS_WITHOUT_MOMENTS == set(world.ports)
    for name in moments():
        other = name.replace(": before", ": after") if ": before" in name else name.replace(": after", ": before")
        assert other in moments(), f"{name} without {other}"


@pytest.mark.parametrize("function", sorted(LAMBDAS))
def test_a_lambda_killed_at_any_moment_costs_nobody_a_call_and_nobody_a_second_one(function: str) -> None:
    """One run for each kind of moment, at its first, a middle and its last occurrence."""
    for moment, count in moments().items():
        if moment.split(":")[0] != function:
            continue
        for number in sorted({0, count // 2, count - 1}):
            world, campaign_id = small_world((moment, number))
            try:
                world.run()
                assert world.faults.hit["kill"] == 1, f"{moment} {number} was not reached"
                assert world.campaign(campaign_id).status is CampaignStatus.COMPLETED
                assert not world.machines.failed
            finally:
                world.close()


@settings(max_examples=4, deadline=None, derandomize=True)
@given(seed=st.integers(0, 100_000), factor=st.sampled_from([0.5, 1.0, 3.0]))
def test_whatever_goes_wrong_at_once_everybody_is_called_as_often_as_allowed(seed: int, factor: float) -> None:
    world, _ = rough_world(seed, 100, Roughness(factor))
    try:
        world.run()
    finally:
        world.close()


def test_a_line_that_a_dead_lambda_took_is_free_again_though_the_person_is_never_called() -> None:
    world = CampaignWorld(faults=Faults(kill_at=("DispatchRecipient: after lines.acquire", 0)))
    phone = numbers(1)[0]
    try:
        campaign_id = world.create([phone])
        world.at(60, lambda: world.suppress(phone))
        world.run()
        assert world.faults.hit["kill"] == 1
        assert world.states(campaign_id) == {"skipped": 1}
    finally:
        world.close()


def test_a_late_copy_of_a_message_leaves_the_places_of_the_one_that_got_through() -> None:
    leases, lines, limits = MemoryLeasePool(), MemoryLineLock(), Limits()
    people = [PhoneNumber(phone) for phone in numbers(1)]
    call = Call("acct", "call_2", "agent_1", Direction.OUTBOUND, FROM, people[0], 0, campaign_id="camp", recipient=0)
    lines.acquire("acct", people[0], "call_1")

    class Slow(MemoryLineLock):
        """It finds the line taken; while it stands still the line becomes free and a copy gets through."""

        def acquire(self, account_id: str, person: PhoneNumber, holder: str) -> bool:
            assert not lines.acquire(account_id, person, holder)
            lines.release(account_id, person, "call_1")
            assert take_places(call, None, limits, leases=leases, lines=lines, now=1) is None
            return False

    assert take_places(call, None, limits, leases=leases, lines=Slow(), now=2) is not None
    assert set(leases.holders("acct", "all")) == set(leases.holders("acct", "camp")) == {"call_2"}


def test_hundreds_of_people_and_everything_at_once() -> None:
    hit = Counter[str]()
    for seed in (1, 2):
        world, _ = rough_world(seed, 300)
        try:
            world.run()
        finally:
            world.close()
        hit += world.faults.hit
    faults = {
        "kill", "throttled before", "throttled after", "interleaved", "message twice", "callback drop",
        "callback twice", "callback late", "accept_then_drop", "http_500", "http_500_accepted", "http_429",
        "carrier does not answer", "media dies", "index lags", "completed unanswered",
    }  # fmt: skip
    assert faults <= set(hit), f"never happened: {faults - set(hit)}"
