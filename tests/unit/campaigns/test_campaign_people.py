"""People, before lists: who says "stop" is called no more, and who is in a call with us is in no other."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from calling.domain.contact import SuppressionSource
from calling.domain.phone_number import PhoneNumber
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.house import ACCOUNT
from tests.fakes.sim.lives import opts_out

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
