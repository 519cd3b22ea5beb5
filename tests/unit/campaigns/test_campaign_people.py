"""People, before lists: who says "stop" is called no more, and who is in a call with us is in no other."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from calling.domain.agent import Number
from calling.domain.call import EndedReason
from calling.domain.contact import SuppressionSource
from calling.domain.limits import Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.rows import Row
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.house import ACCOUNT, FROM
from tests.fakes.sim.lives import human, opts_out
from tests.fakes.sim.rough import OTHER

Make = Callable[..., CampaignWorld]


@pytest.fixture
def make() -> Iterator[Make]:
    worlds: list[CampaignWorld] = []

    def one(**fields: Any) -> CampaignWorld:
        worlds.append(CampaignWorld(**fields))
        return worlds[-1]

    yield one
    for world in worlds:
        world.close()


@pytest.mark.parametrize("stored_after", [0.0, 2.0, 10.0, 15.0])
def test_who_says_stop_is_not_called_by_whoever_waits_for_them(make: Make, stored_after: float) -> None:
    for start in range(10):
        world = make()
        phone = numbers(1)[0]
        world.lives(phone, opts_out(talks=8.0, stored_after=stored_after))
        world.create([phone])
        world.at(start / 5, lambda w=world, p=phone: w.create([p]))  # type: ignore[misc]  # bound now
        world.at(1 + start / 5, lambda w=world, p=phone: w.single(p))  # type: ignore[misc]  # bound now
        world.run()
        assert len(world.posts()) == 1


def test_who_says_stop_is_on_the_list_while_they_still_talk(make: Make) -> None:
    world = make()
    phone = numbers(1)[0]
    world.lives(phone, opts_out(talks=50.0))
    world.create([phone])
    world.pass_time(15)
    known = world.contacts.get(ACCOUNT, PhoneNumber(phone))
    assert world.carrier.live
    assert known is not None
    assert known.suppressed_by is SuppressionSource.CALL
    world.run()


# -------------------------------------------------------------------- one live call a person

HOUR = 3600.0


def with_two_numbers(make: Make, **fields: Any) -> CampaignWorld:
    world = make(**fields)
    world.agents.add_number(Number(ACCOUNT, "agent_1", OTHER, 0))
    return world


def reason(world: CampaignWorld, campaign_id: str) -> str | None:
    return world.recipients(campaign_id)[0].reason


def test_two_campaigns_with_two_caller_ids_ring_nobody_at_once(make: Make) -> None:
    world = with_two_numbers(make, limits=Limits(max_concurrent_calls=20, calls_per_second=0, frequency_cap=None))
    phones = numbers(5)
    first = world.create(phones, from_number=FROM.e164)
    second = world.create(phones, from_number=OTHER.e164)
    world.run()
    assert len(world.posts()) == 10
    assert world.states(first) == world.states(second) == {"completed": 5}


def test_who_says_stop_is_not_called_from_another_number_either(make: Make) -> None:
    world = with_two_numbers(make)
    phone = numbers(1)[0]
    world.lives(phone, opts_out(talks=50.0))
    world.create([phone], from_number=FROM.e164)
    world.at(10, lambda: world.create([phone], from_number=OTHER.e164))
    world.run()
    assert len(world.posts()) == 1


def test_who_calls_us_is_answered_and_dialled_when_that_call_is_over(make: Make) -> None:
    world = make()
    phone = numbers(1)[0]
    world.calls_us(phone, human(talks=90.0))
    world.pass_time(2)
    campaign_id = world.create([phone])
    single = world.single(phone)
    world.pass_time(60)
    assert not world.posts()
    assert reason(world, campaign_id) == "in_a_call"
    call = world.calls.get(ACCOUNT, single)
    assert call is not None
    assert (call.timeline[-1].event, call.timeline[-1].reason) == ("waiting", "in_a_call")
    world.run()
    assert len(world.posts()) == 2
    assert world.recipients(campaign_id)[0].attempts == 1


def test_who_calls_us_while_we_call_them_is_answered_and_is_in_a_call_until_both_are_over(make: Make) -> None:
    world = make()
    phone = numbers(1)[0]
    world.lives(phone, human(talks=40.0), human())
    world.create([phone])
    world.at(20, lambda: world.calls_us(phone, human(talks=60.0)))
    world.at(25, lambda: world.single(phone))
    world.run()
    first, second = world.posts(phone)
    assert second.at - first.at > 75_000
    inbound = [c for c in world.calls.calls.values() if c.direction == "inbound"]
    assert [c.status.value for c in inbound] == ["completed"]


@pytest.mark.parametrize("minutes", [None, 20.0])
def test_a_dial_waits_an_hour_or_until_its_not_after_and_ends_with_that_reason(
    make: Make, minutes: float | None
) -> None:
    world = make(max_call_duration_seconds=7200)
    phone = numbers(1)[0]
    waits = HOUR if minutes is None else minutes * 60
    not_after = None if minutes is None else datetime.fromtimestamp(world.agenda.now_ms / 1000 + waits, UTC)
    world.calls_us(phone, human(talks=1.9 * HOUR))
    world.pass_time(2)
    campaign_id = world.create([Row(phone, not_after=not_after)])
    single = world.single(phone, not_after=not_after)
    world.pass_time(waits - 60)
    assert reason(world, campaign_id) == "in_a_call"
    assert world.states(campaign_id) == {"pending": 1}
    world.pass_time(120)
    recipient, call = world.recipients(campaign_id)[0], world.calls.get(ACCOUNT, single)
    assert (recipient.state.value, recipient.reason, recipient.attempts) == ("skipped", "in_a_call", 0)
    assert call is not None
    assert (call.status.value, call.ended_reason) == ("canceled", EndedReason.IN_A_CALL)
    world.run()
    assert not world.posts()


def test_others_are_called_while_somebody_is_in_a_call(make: Make) -> None:
    world = make(limits=Limits(max_concurrent_calls=2, single_call_reserve=1, calls_per_second=0, frequency_cap=None))
    phones = numbers(12)
    for phone in phones[:6]:
        world.calls_us(phone, human(talks=600.0))
    world.pass_time(2)
    world.create(phones)
    world.pass_time(200)
    assert {p.to_number for p in world.posts()} == set(phones[6:])
    world.run()
    assert len(world.posts()) == 12


def test_who_calls_us_after_their_dial_was_dispatched_is_not_rung_beside_it(make: Make) -> None:
    world = make(limits=Limits(max_concurrent_calls=7, calls_per_second=0.05, frequency_cap=None))
    phones = numbers(3)
    singles = [world.single(phone) for phone in phones]
    campaign_id = world.create([phones[1]])
    world.pass_time(8)
    world.calls_us(phones[2], human(talks=120.0))
    world.pass_time(60)
    assert {p.to_number for p in world.posts()} >= {phones[0]}
    assert phones[2] not in {p.to_number for p in world.posts()}
    world.run()
    assert {p.call_id for p in world.posts()} >= set(singles)
    assert world.states(campaign_id) == {"completed": 1}
