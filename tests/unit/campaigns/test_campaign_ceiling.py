"""Carrier accounts that allow a few calls at once: learnt from few refusals, planned under, said on the campaign."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from calling.domain.call import Call
from calling.domain.campaign import CampaignStatus
from calling.domain.limits import Limits
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.faults import Faults
from tests.fakes.sim.house import ACCOUNT
from tests.fakes.sim.lives import human, no_answer, voicemail
from tests.fakes.sim.rough import Roughness

Make = Callable[..., CampaignWorld]
SLOW = Limits(max_concurrent_calls=20, calls_per_second=1, frequency_cap=None)
ALLOWS_2 = "Twilio allows 2 calls at once: approve a Business Primary Customer Profile"
HOUR = 3600


@pytest.fixture
def make() -> Iterator[Make]:
    worlds: list[CampaignWorld] = []

    def one(*, concurrency: int = 2, late: bool = False, limits: Limits = SLOW, **fields: Any) -> CampaignWorld:
        world = CampaignWorld(limits=limits, **fields)
        world.carrier.concurrency, world.carrier.concurrency_late = concurrency, late
        world.carrier.anybody = human(30)
        worlds.append(world)
        return world

    yield one
    for world in worlds:
        world.close()


def too_many(world: CampaignWorld) -> int:
    """Requests that were refused, and calls that were accepted and failed, for too many lived."""
    refused = sum(post.answer == "refused 10004" for post in world.posts())
    return refused + sum(live.life.error == 10004 for live in world.carrier.calls.values())


def call_of(world: CampaignWorld, call_id: str) -> Call:
    found = world.calls.get(ACCOUNT, call_id)
    assert found is not None
    return found


@pytest.mark.parametrize("late", [False, True], ids=["refused", "accepted, then failed"])
@pytest.mark.parametrize(("concurrency", "cap"), [(2, 20), (3, 20), (5, 100), (1, 20)])
def test_what_the_carrier_allows_at_once_is_learnt_and_costs_nobody_anything(
    make: Make, late: bool, concurrency: int, cap: int
) -> None:
    world = make(concurrency=concurrency, late=late, limits=replace(SLOW, max_concurrent_calls=cap))
    campaign_id = world.create(numbers(60), max_attempts=1)
    world.run()
    assert world.states(campaign_id) == {"completed": 60}
    assert {r.attempts for r in world.recipients(campaign_id)} == {1}
    hours = world.seconds() / HOUR
    assert too_many(world) <= 4 * (1 + int(hours)), "a few an hour"
    assert "paused" not in {entry.event for entry in world.campaign(campaign_id).timeline}
    least = 60 / concurrency * 33 / HOUR
    assert hours <= least * 1.25, "and what it allows is used"


def test_it_is_said_on_the_campaign_and_forgotten_after_an_hour(make: Make) -> None:
    world = make()
    campaign_id = world.create(numbers(400))
    world.pass_time(120)
    campaign = world.campaign(campaign_id)
    ceiling = campaign.ceiling_at(world.agenda.now_ms)
    assert ceiling is not None
    assert (ceiling.calls, ceiling.words) == (2, ALLOWS_2)
    assert ALLOWS_2 in {entry.reason for entry in campaign.timeline}
    assert ALLOWS_2 in {r.reason for r in world.recipients(campaign_id)}, "and on who waits for it"
    world.carrier.concurrency = 0  # the profile is approved
    assert world.law.peak == 2
    world.pass_time(HOUR)
    assert world.campaign(campaign_id).ceiling_at(world.agenda.now_ms) is None
    world.run()
    assert world.law.peak >= 15
    assert world.states(campaign_id) == {"completed": 400}


def test_a_burst_that_is_refused_at_once_learns_it_exactly(make: Make) -> None:
    world = make(concurrency=3, limits=replace(SLOW, calls_per_second=0))
    campaign_id = world.create(numbers(40))
    world.pass_time(60)
    ceiling = world.ceilings.get(world.credentials.account.sid, now=world.agenda.now_ms)
    assert ceiling is not None
    assert ceiling.calls == 3
    refused = too_many(world)
    assert refused <= 18, "one burst of the cap"
    world.run()
    assert too_many(world) == refused
    assert world.states(campaign_id) == {"completed": 40}


@pytest.mark.parametrize("late", [False, True])
def test_calls_by_themselves_wait_for_room_and_are_dialled(make: Make, late: bool) -> None:
    world = make(late=late)
    campaign_id = world.create(numbers(30))
    singles: list[str] = []
    for n in range(6):
        world.at(60 + n * 45, lambda n=n: singles.append(world.single(f"+4473869000{n:02}")))  # type: ignore[misc]  # its default binds it
    world.run()
    assert {call_of(world, call_id).status.value for call_id in singles} == {"completed"}
    assert world.states(campaign_id) == {"completed": 30}
    assert too_many(world) <= 4
    waited = [call_of(world, call_id) for call_id in singles]
    assert ALLOWS_2 in {entry.reason for call in waited for entry in call.timeline}


def test_calls_by_themselves_learn_it_too(make: Make) -> None:
    world = make()
    singles = [world.single(phone) for phone in numbers(8)]
    world.run()
    assert {call_of(world, call_id).status.value for call_id in singles} == {"completed"}
    assert too_many(world) <= 2


def test_a_call_by_itself_that_the_carrier_failed_says_why(make: Make) -> None:
    world = make(late=True)
    singles = [world.single(phone) for phone in numbers(3)]
    world.run()
    failed = [c for c in map(call_of, [world] * 3, singles) if c.status.value == "failed"]
    assert [c.carrier_error_code for c in failed] == [10004]


def test_calls_of_others_are_no_ceiling_of_ours(make: Make) -> None:
    world = make(concurrency=4)
    world.carrier.others = 4  # calls that came in, or another program's
    world.at(60, lambda: setattr(world.carrier, "others", 0))
    campaign_id = world.create(numbers(12))
    world.pass_time(50)
    assert world.ceilings.known == {}, "none of ours lived"
    world.run()
    assert world.states(campaign_id) == {"completed": 12}


def test_people_of_all_kinds_give_their_room_back(make: Make) -> None:
    world = make()
    phones = numbers(24)
    for n, phone in enumerate(phones):
        world.lives(phone, (human(5), no_answer(), voicemail())[n % 3])
    campaign_id = world.create(phones)
    world.run()
    assert world.states(campaign_id) == {"completed": 8, "no_answer": 8, "voicemail": 8}
    assert too_many(world) <= 4


def test_two_campaigns_share_what_the_carrier_allows(make: Make) -> None:
    world = make()
    first, second = world.create(numbers(20)), world.create(numbers(20, first=100))
    world.run()
    assert world.states(first) == world.states(second) == {"completed": 20}
    assert too_many(world) <= 4
    for campaign_id in (first, second):
        assert ALLOWS_2 in {entry.reason for entry in world.campaign(campaign_id).timeline}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_goes_wrong_beside_it_nobody_is_lost(make: Make, late: bool, seed: int) -> None:
    world = make(concurrency=4, late=late, faults=Roughness(0.5).faults(seed))
    world.law.slack_ms, world.law.exact = 3_000, False
    campaign_id = world.create(numbers(60), max_attempts=1)
    world.run()
    assert world.campaign(campaign_id).status is CampaignStatus.COMPLETED
    calls = [call_of(world, r.call_id or "") for r in world.recipients(campaign_id)]
    assert {c.carrier_error_code for c in calls} == {None}, "it failed for nobody in the end"


@pytest.mark.parametrize(
    "moment",
    [
        "before leases.take",
        "after leases.take",
        "before ceilings.learn",
        "after ceilings.learn",
        "before leases.holders",
        "after leases.release",
    ],
)
@pytest.mark.parametrize("function", ["DialCall", "SettleCall"])
def test_a_lambda_that_dies_over_it_leaves_nothing_held(make: Make, function: str, moment: str) -> None:
    for number in (0, 1, 5):
        world = make(late=function == "SettleCall", faults=Faults(kill_at=(f"{function}: {moment}", number)))
        campaign_id = world.create(numbers(8), max_attempts=1)
        world.run()
        assert world.states(campaign_id) == {"completed": 8}, "nor costs anybody their call"
