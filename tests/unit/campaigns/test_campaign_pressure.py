"""Campaigns under pressure: a carrier that wants less, secrets that are away, single calls in between, long calls.

Each test is one that a reading of the code asked for. The law looks on all the while: among other things that nothing
leaves before a pause is over that the carrier asked for, and that every budget is kept.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from calling.domain.call import Call, CallStatus
from calling.domain.campaign import CampaignStatus, RetryOn
from calling.domain.limits import Breaker, Limits
from calling.domain.rows import Row
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.faults import Faults
from tests.fakes.sim.house import ACCOUNT, FROM
from tests.fakes.sim.lives import busy, human
from tests.fakes.sim.rough import NEVER_TRIPS

Make = Callable[..., CampaignWorld]
SLOW = Limits(max_concurrent_calls=20, calls_per_second=1, frequency_cap=None, breaker=NEVER_TRIPS)


@pytest.fixture
def make() -> Iterator[Make]:
    worlds: list[CampaignWorld] = []

    def one(**fields: Any) -> CampaignWorld:
        worlds.append(CampaignWorld(**fields))
        return worlds[-1]

    yield one
    for world in worlds:
        world.close()


def refuses(world: CampaignWorld, code: int, seconds: float) -> None:
    """From now on the carrier refuses everything, for so long."""
    world.carrier.refuses, world.carrier.refuses_until = code, world.agenda.now_ms + round(seconds * 1000)


def call_of(world: CampaignWorld, call_id: str) -> Call:
    found = world.calls.get(ACCOUNT, call_id)
    assert found is not None
    return found


def waited(world: CampaignWorld, call_ids: list[str]) -> list[float]:
    """Seconds from each call's acceptance to its request."""
    asked = {post.call_id: post.at for post in reversed(world.posts())}
    return [(asked[call_id] - call_of(world, call_id).created_at) / 1000 for call_id in call_ids]


# -------------------------------------------------------------------- a carrier that takes no more


@pytest.mark.parametrize(
    ("cap", "code", "seconds"), [(20, 20429, 60), (40, 20429, 120), (40, 22005, 90), (20, 10004, 60)]
)
def test_a_carrier_that_takes_nothing_for_a_while_costs_nobody_a_try(
    make: Make, cap: int, code: int, seconds: int
) -> None:
    world = make(limits=replace(SLOW, max_concurrent_calls=cap))
    refuses(world, code, seconds)
    campaign_id = world.create(numbers(60))
    world.run()
    assert world.states(campaign_id) == {"completed": 60}
    assert all((r.attempts, r.tries) == (1, 1) for r in world.recipients(campaign_id))
    first = next(post for post in world.posts() if post.sid is not None)
    assert first.at - world.began >= seconds * 1000
    assert first.at - world.began < (seconds + 65) * 1000, "and it is used again soon"


@pytest.mark.parametrize(("code", "pause"), [(20429, 1), (22005, 60)])
def test_slots_that_were_reserved_before_a_pause_wait_for_its_end(make: Make, code: int, pause: int) -> None:
    world = make(limits=SLOW)
    campaign_id = world.create(numbers(30))
    world.at(10, lambda: refuses(world, code, 0.9))  # a single request meets it; those behind it have slots
    world.run()
    refused = [n for n, post in enumerate(world.posts()) if post.sid is None]
    assert len(refused) == 1
    before, after = world.posts()[refused[0] : refused[0] + 2]
    assert after.at - before.at >= pause * 1000
    assert world.states(campaign_id) == {"completed": 30}


def test_a_carrier_that_takes_nothing_for_very_long_costs_nobody_a_try(make: Make) -> None:
    world = make(limits=SLOW)
    refuses(world, 20429, 1200)
    campaign_id = world.create(numbers(25))
    world.run()
    assert world.states(campaign_id) == {"completed": 25}
    people = world.recipients(campaign_id)
    assert all(r.attempts == 1 for r in people)
    assert max(r.tries for r in people) > 1
    put_back = next(r for r in people if r.tries > 1)
    assert "it was put off just before it was dialled: the carrier took no more requests, time and again" in {
        d.reason for d in put_back.decisions
    }


@pytest.mark.parametrize("code", [20429, 22005])
def test_a_call_by_itself_that_is_never_taken_fails_and_says_the_code(make: Make, code: int) -> None:
    world = make(limits=SLOW)
    refuses(world, code, 86_400)
    call_id = world.single(numbers(1)[0])
    world.run()
    call = call_of(world, call_id)
    assert (call.status, call.dial_error_code) == (CallStatus.FAILED, code)
    assert 10 < len(world.posts()) < 30


# -------------------------------------------------------------------- a carrier that queues


def queue_times(world: CampaignWorld) -> list[int]:
    calls = [call_of(world, post.call_id) for post in world.posts() if post.sid is not None]
    return [call.queue_time_ms or 0 for call in calls]


def test_a_campaign_faster_than_its_carrier_slows_itself_down(make: Make) -> None:
    world = make(limits=replace(SLOW, max_concurrent_calls=100, calls_per_second=2))
    world.carrier.pace = 1
    campaign_id = world.create(numbers(300))
    world.run()
    assert world.states(campaign_id) == {"completed": 300}
    assert max(queue_times(world)) <= 3_000, "the carrier's queue never grows"
    seconds = (world.posts()[-1].at - world.posts()[0].at) / 1000
    assert 299 - 3 <= seconds <= 299 * 1.7, "it goes about as fast as the carrier"


def test_calls_taken_out_of_the_carriers_queue_have_failed_and_are_tried_again(make: Make) -> None:
    world = make(limits=replace(SLOW, max_concurrent_calls=100, calls_per_second=2))
    world.carrier.pace, world.carrier.free_at = 1, world.began + 200_000  # another program has filled it
    asked = {"max_attempts": 2, "retry_on": (RetryOn.FAILED,), "retry_delay_minutes": 1}
    campaign_id = world.create(numbers(120), **asked)
    world.run()
    taken = [c for c in world.calls.calls.values() if c.taken_from_queue_at is not None]
    assert 2 <= len(taken) <= 8, "each is a minute's pause"
    assert {c.status for c in taken} == {CallStatus.CANCELED}
    people = world.recipients(campaign_id)
    assert world.states(campaign_id) == {"completed": 120}, "nobody is taken twice"
    tried_again = [r for r in people if r.attempts == 2]
    assert {r.call_ids[0] for r in tried_again} == {c.call_id for c in taken}
    reason = "the call failed: the carrier's own queue was too long; it is tried again"
    assert all(reason in {d.reason for d in r.decisions} for r in tried_again)
    placed = Counter(post.to_number for post in world.posts() if post.sid is not None)
    assert all(placed[r.phone_number.e164] <= r.attempts <= 2 for r in people)


def test_calls_taken_out_of_the_carriers_queue_end_as_failed_and_count_for_the_breaker(make: Make) -> None:
    rules = Breaker(failure_rate=0.5, min_calls=3, window_seconds=600)
    world = make(limits=replace(SLOW, breaker=rules))
    world.carrier.pace, world.carrier.free_at = 1, world.began + 3_600_000
    campaign_id = world.create(numbers(20))
    world.settle()
    campaign = world.campaign(campaign_id)
    assert (campaign.status, campaign.pause_reason) == (
        CampaignStatus.PAUSED,
        "3 of the last 3 calls failed within 600 seconds",
    )
    ended = [r for r in world.recipients(campaign_id) if r.state.value == "failed"]
    assert [(r.outcome, r.reason) for r in ended] == [
        ("failed", "the call failed: the carrier's own queue was too long")
    ] * 3
    world.agenda.now_ms = world.carrier.free_at
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 17, "failed": 3}


def test_a_call_that_could_not_be_taken_out_of_the_queue_at_once_is_taken_out_later(make: Make) -> None:
    world = make(limits=SLOW, faults=Faults(kill_each={"DialCall: before carrier.hang_up": 1}))
    world.carrier.pace, world.carrier.free_at = 1, world.began + 150_000
    campaign_id = world.create(numbers(1))
    world.run()
    assert world.faults.hit["kill"] == 1
    assert world.states(campaign_id) == {"failed": 1}, "its telephone never rang"


# -------------------------------------------------------------------- single calls


@pytest.mark.parametrize(("cap", "every"), [(50, 7), (100, 9)])
def test_a_single_call_is_dialled_within_seconds_however_many_came_before_it(make: Make, cap: int, every: int) -> None:
    world = make(limits=replace(SLOW, max_concurrent_calls=cap))
    world.carrier.anybody = human(12, rings=3)
    world.create(numbers(120))
    singles: list[str] = []
    for n in range(1, 12):
        world.at(n * every, lambda n=n: singles.append(world.single(f"+44738690{n:04}")))  # type: ignore[misc]  # its default binds it
    world.run()
    assert len(singles) == 11
    assert max(waited(world, singles)) <= 6
    gaps = [b.at - a.at for a, b in pairwise(world.posts())]
    assert sum(gaps) <= len(gaps) * 1000 * 1.02, "and the pace is used all the while"


def test_a_pace_that_is_used_up_never_stands_idle_between_two_looks(make: Make) -> None:
    world = make(limits=SLOW)
    world.create(numbers(60))
    world.run()
    assert (world.posts()[-1].at - world.posts()[0].at) / 1000 <= 59 * 1.02


def test_a_single_call_after_a_pause_of_the_carrier_is_dialled_within_seconds(make: Make) -> None:
    world = make(limits=replace(SLOW, max_concurrent_calls=50))
    world.carrier.anybody = human(12, rings=3)
    world.create(numbers(120))
    world.at(20, lambda: refuses(world, 22005, 1.5))
    singles: list[str] = []
    for n in range(8):
        world.at(84 + n * 8, lambda n=n: singles.append(world.single(f"+44738690{n:04}")))  # type: ignore[misc]  # its default binds it
    world.run()
    assert max(waited(world, singles)) <= 8


# -------------------------------------------------------------------- secrets that are away


@pytest.mark.parametrize("begins", [0, 15])
def test_nobody_fails_because_secrets_were_away(make: Make, begins: int) -> None:
    world = make(limits=SLOW)
    campaign_id = world.create(numbers(40))
    until = world.began + (begins + 400) * 1000
    world.at(begins, lambda: setattr(world.credentials, "away_until", until))
    world.run()
    assert world.states(campaign_id) == {"completed": 40}
    assert all(r.attempts == 1 for r in world.recipients(campaign_id))
    assert max(post.at for post in world.posts()) < until + 20 * 60_000


def own_carrier_account(world: CampaignWorld) -> None:
    """Give the number a carrier account of its own: the doorway knows it, and only the dial needs its secret."""
    key, number = next((k, n) for k, n in world.agents.number_items.items() if n.phone_number == FROM)
    world.agents.number_items[key] = replace(number, twilio_sid="AC" + "1" * 32, twilio_token=f"{ACCOUNT}:nekot")


def test_dials_that_fail_before_the_request_are_put_back(make: Make) -> None:
    world = make(limits=SLOW)
    own_carrier_account(world)
    world.credentials.away_until = world.began + 400_000
    campaign_id = world.create(numbers(40))
    world.run()
    people = world.recipients(campaign_id)
    assert world.states(campaign_id) == {"completed": 40}
    assert max(r.tries for r in people) > 1
    assert all(r.attempts == 1 for r in people)
    put_off = "it was put off just before it was dialled: dialling failed again and again before any request"
    assert put_off in {d.reason for r in people for d in r.decisions}


def test_secrets_that_never_come_back_end_in_a_reason(make: Make) -> None:
    world = make(limits=SLOW)
    own_carrier_account(world)
    world.credentials.away_until = 2 * world.began
    campaign_id = world.create(numbers(2))
    world.run()
    assert not world.posts()
    assert world.states(campaign_id) == {"failed": 2}
    for recipient in world.recipients(campaign_id):
        assert recipient.tries == 51
        assert recipient.reason.startswith("it was put off 51 times just before it was dialled: dialling failed again")


# -------------------------------------------------------------------- long calls and few places


def test_with_long_calls_and_few_places_a_retry_does_not_wait_for_the_whole_list(make: Make) -> None:
    world = make(limits=SLOW, max_call_duration_seconds=300)
    world.carrier.anybody = human(177)
    phones, early = numbers(300), numbers(300)[3:60:6]
    for phone in early:
        world.lives(phone, busy(), human(177))
    asked = {"max_attempts": 2, "retry_on": (RetryOn.BUSY,), "retry_delay_minutes": 5}
    soon = datetime.fromtimestamp(world.began / 1000 + 1800, UTC)
    hurried = {9, 33, 100, 150}  # the first two are busy first
    rows = [Row(p, not_after=soon if n in hurried else None) for n, p in enumerate(phones)]
    campaign_id = world.create(rows, **asked)
    world.run()
    assert world.states(campaign_id) == {"completed": 300}
    gaps = [(b.at - a.at) / 60_000 for a, b in (world.posts(phone) for phone in early)]
    assert min(gaps) >= 5
    assert max(gaps) <= 25
