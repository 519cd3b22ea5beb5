"""What many calls used: each once, and the most that were live at a time."""

from calling.domain.limits import Limits
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.house import ACCOUNT
from tests.fakes.stores import MemoryUsageStore

LIMITS = Limits(max_concurrent_calls=4, single_call_reserve=0, calls_per_second=0, frequency_cap=None)


def test_single_calls_that_find_the_cap_full_are_counted_as_waiting() -> None:
    world = CampaignWorld(limits=LIMITS)
    for phone in numbers(6):
        world.single(phone)
    world.run()
    (used,) = MemoryUsageStore(world.calls).months(ACCOUNT)
    assert (used.calls, used.waited, used.peak) == (6, 2, 4)
    assert used.micro_dollars > 0


def test_a_campaign_is_counted_too() -> None:
    world = CampaignWorld(limits=LIMITS)
    world.create(numbers(20))
    world.run()
    (used,) = MemoryUsageStore(world.calls).months(ACCOUNT)
    assert (used.calls, used.waited, used.peak) == (20, 0, world.leases.peak)
    assert used.minutes == sum(call.charged_minutes or 0 for call in world.calls.calls.values())
