"""Campaigns where something of ours stood still, died, was late or was done twice: nobody is lost, nothing is left.

Each test is one that a reading of the code asked for; the law looks on all the while.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from calling.domain.campaign import CampaignStatus
from calling.domain.limits import Breaker, Limits
from calling.domain.placeholders import fill
from calling.domain.recipient import Recipient
from calling.domain.rows import Row
from calling.usecases import import_recipients as importing
from calling.usecases import plan_pass as planning
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.faults import Faults, Run
from tests.fakes.sim.house import ACCOUNT, _Wiring
from tests.fakes.sim.lambdas import LAMBDAS
from tests.fakes.sim.lives import failed, human, refused

Make = Callable[..., CampaignWorld]
S = CampaignStatus
SLOW = Limits(max_concurrent_calls=20, calls_per_second=1, frequency_cap=None)


@pytest.fixture
def make() -> Iterator[Make]:
    worlds: list[CampaignWorld] = []

    def one(**fields: Any) -> CampaignWorld:
        worlds.append(CampaignWorld(**fields))
        return worlds[-1]

    yield one
    for world in worlds:
        world.close()


def in_seconds(world: CampaignWorld, seconds: float) -> datetime:
    return datetime.fromtimestamp(world.agenda.now_ms / 1000 + seconds, UTC)


def runs(world: CampaignWorld, parent_id: str) -> list[str]:
    return [c.campaign_id for c in world.campaigns.campaigns.values() if c.parent_id == parent_id]


def said(world: CampaignWorld, campaign_id: str) -> list[str]:
    return [f"{entry.event}: {entry.reason}" for entry in world.campaign(campaign_id).timeline]


# -------------------------------------------------------------------- a list that is read later than it was sent


def test_a_row_that_expires_before_the_import_is_that_persons_end(make: Make) -> None:
    world = make()
    phones = numbers(5)
    world.slow["ImportRecipients"] = 10
    rows = [Row(phone, not_after=in_seconds(world, 5) if n == 2 else None) for n, phone in enumerate(phones)]
    campaign_id = world.create(rows)
    world.run()
    assert world.states(campaign_id) == {"completed": 4, "skipped": 1}
    skipped = world.recipients(campaign_id)[2]
    assert (skipped.state.value, skipped.reason) == ("skipped", "its not_after has passed")
    assert world.campaign(campaign_id).status is S.COMPLETED


def test_a_call_has_its_rows_variables_before_the_campaigns_however_they_are_named(make: Make) -> None:
    world = make()
    first, second = numbers(2)
    rows = [Row(first, dynamic_vars={"First Name": "Zoë", "City": ""}), Row(second)]
    campaign_id = world.create(rows, dynamic_vars={"first_name": "there", "city": "Leeds"})
    world.run()
    calls = [world.calls.calls[ACCOUNT, r.call_id] for r in world.recipients(campaign_id) if r.call_id]
    said = [fill("{first name} of {{CITY}}", call.dynamic_vars).text for call in calls]
    assert said == ["Zoë of Leeds", "there of Leeds"]


def test_a_row_that_expires_before_a_later_run_is_left_out_of_that_run(make: Make) -> None:
    world = make()
    phones = numbers(3)
    rows = [Row(phone, not_after=in_seconds(world, 3 * 3600) if n == 1 else None) for n, phone in enumerate(phones)]
    parent = world.create(rows, scheduled=True, recurrence="rate(1 day)")
    world.pass_time(10)
    for occasion in ("monday", "tuesday", "wednesday"):
        world.fire(parent, occasion)
        world.pass_time(86_400)
    world.cancel(parent)
    world.run()
    assert [world.states(run) for run in runs(world, parent)] == [
        {"completed": 3},
        {"completed": 2, "skipped": 1},
        {"completed": 2, "skipped": 1},
    ]


# -------------------------------------------------------------------- recurring, and scheduled


@pytest.mark.parametrize("end", ["canceled", "over"])
def test_the_last_run_still_reads_the_list_of_a_recurring_campaign_that_has_ended(
    make: Make, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(importing, "BATCH", 5)
    world = make()
    world.import_ms = 0
    asked = {"recurrence_ends_at": in_seconds(world, 3600)} if end == "over" else {}
    parent = world.create(numbers(30), scheduled=True, recurrence="rate(1 hour)", **asked)
    world.pass_time(3590)
    world.slow["ImportRecipients"] = 90  # ten minutes in all
    world.fire(parent, "the last one")
    if end == "canceled":
        world.at(30, lambda: world.cancel(parent))
    world.pass_time(420)
    assert world.campaign(parent).status is (S.CANCELED if end == "canceled" else S.COMPLETED)
    (run,) = runs(world, parent)
    assert world.campaign(run).imported_at is None, "it reads still"
    over = world.campaign(parent)
    world.pass_time(3600)
    assert world.states(run) == {"completed": 30}
    assert world.blobs.get(over.source_key) is not None
    world.run()
    assert world.blobs.get(over.source_key) is None
    over = world.campaign(parent)
    assert (over.swept_at or 0) >= (over.finished_at or 0) + planning.LIST_KEPT_MS


def test_a_recurring_campaign_launched_twice_by_hand_has_one_run(make: Make) -> None:
    world = make()
    parent = world.create(numbers(3), scheduled=True, recurrence="rate(1 day)")
    world.pass_time(60 - world.agenda.now_ms / 1000 % 60 + 60 - 2)
    for _ in range(2):  # before and after the turn of a minute
        world.launch(parent)
        world.pass_time(1)
        world.launch(parent)
        world.pass_time(3)
    assert len(runs(world, parent)) == 1
    world.pass_time(90)
    world.launch(parent)
    world.pass_time(90)
    assert len(runs(world, parent)) == 2, "later it is a new one"
    world.cancel(parent)
    world.run()
    assert Counter(post.to_number for post in world.posts()) == dict.fromkeys(numbers(3), 2)


def test_a_scheduled_campaign_whose_schedule_never_fired_begins_all_the_same(make: Make) -> None:
    world = make()
    world.firings = 0
    campaign_id = world.create(numbers(4), scheduled=True, scheduled_at=in_seconds(world, 600))
    world.pass_time(590)
    assert world.campaign(campaign_id).status is S.SCHEDULED
    world.pass_time(300)
    assert 600 <= (world.posts()[0].at - world.began) / 1000 <= 600 + 4 * 60
    assert "launched: its schedule did not start it" in said(world, campaign_id)
    world.fire(campaign_id, "at last")
    world.run()
    assert world.states(campaign_id) == {"completed": 4}
    assert len(world.posts()) == 4


# -------------------------------------------------------------------- the end


def test_a_canceled_campaign_with_very_many_is_swept_over_several_executions(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MAX_PASSES", 3)
    monkeypatch.setattr(planning, "SWEPT_AT_ONCE", 5)
    world = make()
    campaign_id = world.create(numbers(120))
    world.at(5, lambda: world.cancel(campaign_id))
    world.run()
    called, campaign = len(world.posts()), world.campaign(campaign_id)
    assert world.states(campaign_id) == {"completed": called, "canceled": 120 - called}
    assert campaign.generation >= 70 // (3 * 5), "the pass that was under way held fifty"
    assert campaign.needs_nobody
    assert world.machines.entered["PlanPass"] < 60, "it never spins"


def test_a_ticket_that_dies_each_time_after_taking_its_line_leaves_nothing_held(make: Make) -> None:
    moment = "DispatchRecipient: after lines.acquire"
    world = make(faults=Faults(kill_each={moment: 6}))
    phone = numbers(1)[0]
    campaign_id = world.create([phone])
    world.pass_time(5 * 180 + 30)
    assert world.faults.hit["kill"] == 6
    assert world.lines.lines, "its line is taken, and nobody lives who has it"
    while not world.invocations["DeferRecipient"]:
        world.pass_time(1)
    world.pass_time(1)
    recipient = world.recipients(campaign_id)[0]
    assert (recipient.state.value, recipient.reason) == ("pending", "it could not be dispatched and comes again later")
    assert not world.lines.lines
    assert not any(world.leases.pools_held.values())
    single = world.single(phone)
    world.pass_time(2)
    assert [post.call_id for post in world.posts()] == [single]
    world.run()
    assert world.states(campaign_id) == {"completed": 1}


def test_a_copy_of_a_message_that_is_outrun_leaves_the_places_of_the_one_that_got_through(make: Make) -> None:
    world = make(limits=SLOW)
    queue, bodies = world.queues["Campaigns"], list[Mapping[str, Any]]()
    put, admit = queue.put, world.pacer.admit
    world.pacer.doors[ACCOUNT, world.credentials.account.sid] = world.agenda.now_ms + 8_000  # so that a wait is noted

    def keeping(body: Mapping[str, Any], delay: float) -> None:
        bodies.append(body)
        put(body, delay)

    def outrun(*args: Any, **more: Any) -> bool:
        world.pacer.admit = admit  # type: ignore[method-assign]  # the copy gets through while this one stands still
        assert LAMBDAS["DispatchRecipient"](_Wiring(world, Run("Copy", Faults(), Counter(), None)), bodies[0])
        return False

    queue.put, world.pacer.admit = keeping, outrun  # type: ignore[method-assign]
    campaign_id = world.create(numbers(1))
    world.run()  # the law sees that whoever lives at the carrier holds a place
    assert world.states(campaign_id) == {"completed": 1}


# -------------------------------------------------------------------- held, and resumed


@pytest.mark.parametrize("others", [0, 40])
def test_who_was_held_for_a_country_is_called_as_soon_as_it_is_lifted(make: Make, others: int) -> None:
    world = make()
    german = numbers(12, start="+4915120")
    for phone in german:
        world.lives(phone, refused(21215))
    campaign_id = world.create([*german, *numbers(others)])
    world.settle()
    campaign = world.campaign(campaign_id)
    assert (campaign.status, campaign.held_countries) == (S.PAUSED, ("DE",))
    tried = {post.to_number for post in world.posts()} & set(german)
    assert 0 < len(tried) < 12
    for phone in german:
        world.lives(phone, human(5))
    resumed = world.agenda.now_ms
    world.resume(campaign_id)
    world.run()
    held = [world.posts(phone)[-1].at - resumed for phone in german]
    assert max(held) < 30_000
    assert min(held) < 2_000


# -------------------------------------------------------------------- what is written of it


def test_a_wait_that_changes_its_reason_all_the_time_is_written_once(make: Make) -> None:
    world = make(limits=Limits(5, 1, 0, None))
    writes, change = Counter[str](), world.campaigns.change_recipient

    def changing(was: Recipient, now: Recipient, **call: Any) -> Recipient:
        writes[was.phone_number.e164] += 1
        return change(was, now, **call)

    world.campaigns.change_recipient = changing  # type: ignore[method-assign]  # counts
    campaign_id = world.create(numbers(3), max_concurrent=2)

    def others(places: int, pool: str) -> None:
        """Others take these places; what they held before they give back."""
        for name in ("all", campaign_id):
            for n in range(4):
                world.leases.release(ACCOUNT, name, f"another_{n}")
        for n in range(places):
            world.leases.take(ACCOUNT, pool, f"another_{n}", cap=places, expires_at=2 * world.began)

    others(4, "all")
    for n in range(1, 20):
        world.at(3 * n, lambda n=n: others(*((2, campaign_id) if n % 2 else (4, "all"))))  # type: ignore[misc]  # its default binds it
    world.at(60, lambda: others(0, "all"))
    world.pass_time(59)
    polls = world.invocations["DispatchRecipient"]
    assert polls > 30
    assert set(writes.values()) == {1}, "the wait"
    world.run()
    assert set(writes.values()) == {3}, "the wait, the call, its end"
    assert world.states(campaign_id) == {"completed": 3}


@pytest.mark.parametrize("why", ["on request", "by the breaker"])
def test_who_is_put_back_just_before_the_dial_reads_why(make: Make, why: str) -> None:
    rules = Breaker(failure_rate=0.5, min_calls=3, window_seconds=120)
    world = make(limits=replace(SLOW, breaker=rules))
    reason = "on request"
    campaign_id = world.create(numbers(40))
    if why == "on request":
        world.at(20, lambda: world.pause(campaign_id))
    else:
        reason = "3 of the last 3 calls failed within 120 seconds"
        for phone in numbers(3):
            world.lives(phone, failed())
    world.settle()
    assert world.campaign(campaign_id).status is S.PAUSED
    put_back = [r for r in world.recipients(campaign_id) if r.tries and r.state.value == "pending"]
    assert put_back, "calls had their slots when it was paused"
    assert {r.reason for r in put_back} == {
        f"it was put off just before it was dialled: the campaign is paused: {reason}"
    }
    calls = [world.calls.get(ACCOUNT, r.call_id or "") for r in put_back]
    assert {c.never_dialled_why for c in calls if c is not None} == {f"the campaign is paused: {reason}"}
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id)["completed"] >= 37
