"""Campaigns as people see them: whom they call, when, how many at once, how often, and what they say of waiting."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from calling.domain.call import CallStatus
from calling.domain.campaign import CampaignStatus, RetryOn
from calling.domain.limits import Breaker, FrequencyCap, Limits
from calling.domain.recipient import Verdict
from calling.domain.rows import Row
from calling.ports import Schedule
from calling.usecases import import_recipients as importing
from calling.usecases import plan_pass as planning
from tests.fakes.sim.campaign_world import FREE, CampaignWorld, numbers
from tests.fakes.sim.faults import Faults
from tests.fakes.sim.house import ACCOUNT
from tests.fakes.sim.lives import busy, failed, human, no_answer, refused, voicemail

Make = Callable[..., CampaignWorld]
S = CampaignStatus


@pytest.fixture
def make() -> Iterator[Make]:
    worlds: list[CampaignWorld] = []

    def one(**fields: object) -> CampaignWorld:
        worlds.append(CampaignWorld(**fields))  # type: ignore[arg-type]  # its own fields
        return worlds[-1]

    yield one
    for world in worlds:
        world.close()


def at(zone: str, *moment: int) -> int:
    """Epoch ms of a wall clock."""
    return round(datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp() * 1000)  # type: ignore[misc, arg-type]  # year and on


def said(world: CampaignWorld, campaign_id: str) -> list[str]:
    return [f"{entry.event}: {entry.reason}" for entry in world.campaign(campaign_id).timeline]


# -------------------------------------------------------------------- whom, how many, how often


def test_thirty_people_of_all_kinds_at_five_places(make: Make) -> None:
    world = make()
    phones = numbers(30)
    kinds = (human(), busy(), no_answer(), voicemail(), failed(), refused(21211))
    for index, phone in enumerate(phones):
        world.lives(phone, kinds[index % 6])
    campaign_id = world.create(phones)
    world.run()
    expected = {"completed": 5, "busy": 5, "no_answer": 5, "voicemail": 5, "failed": 10}
    assert world.states(campaign_id) == expected
    assert world.law.peak == 5, "all the places campaigns may have, and no more"
    assert len(world.posts()) == 30
    reasons = {r.reason for r in world.recipients(campaign_id)}
    assert "the line was busy (SIP 486)" in reasons
    assert "the call failed: not a valid phone number (Twilio 21211)" in reasons
    assert world.campaign(campaign_id).status is S.COMPLETED


def test_a_campaign_has_a_cap_of_its_own(make: Make) -> None:
    world = make()
    campaign_id = world.create(numbers(12), max_concurrent=2)
    world.run()
    assert world.law.peak == 2
    assert world.states(campaign_id) == {"completed": 12}


def test_tries_stay_within_one_budget_and_keep_their_distance(make: Make) -> None:
    world = make()
    never, once, fine = numbers(3)
    world.lives(never, busy())
    world.lives(once, no_answer(), human())
    campaign_id = world.create(
        [never, once, fine], max_attempts=3, retry_on=(RetryOn.BUSY, RetryOn.NO_ANSWER), retry_delay_minutes=10
    )
    world.run()
    assert [len(world.posts(phone)) for phone in (never, once, fine)] == [3, 2, 1]
    times = [post.at for post in world.posts(never)]
    assert all(b - a >= 600_000 for a, b in pairwise(times))
    states = [r.state.value for r in world.recipients(campaign_id)]
    assert states == ["busy", "completed", "completed"]
    tried = world.recipients(campaign_id)[0]
    assert tried.attempts == 3
    assert [d.reason for d in tried.decisions if d.verdict is Verdict.WAIT] == [
        "the line was busy (SIP 486); it is tried again"
    ] * 2


def test_what_is_not_in_retry_on_is_not_tried_again(make: Make) -> None:
    world = make()
    phones = numbers(2)
    world.lives(phones[0], busy())
    world.lives(phones[1], refused(21211))
    world.create(phones, max_attempts=3, retry_on=(RetryOn.NO_ANSWER, RetryOn.FAILED))
    world.run()
    assert len(world.posts()) == 2, "a number that does not exist is not tried again either"


def test_the_pace_of_the_carrier_account_is_kept(make: Make) -> None:
    world = make(limits=Limits(max_concurrent_calls=40, calls_per_second=2, frequency_cap=None))
    world.create(numbers(40))
    world.run()
    gaps = [b.at - a.at for a, b in pairwise(world.posts())]
    assert min(gaps) >= 500
    assert sum(gaps) <= 39 * 500 * 1.15, "and is used"


def test_a_list_with_doubles_and_bad_rows(make: Make) -> None:
    world = make()
    good = numbers(3)
    campaign_id = world.create([*good, good[0], "+44 7386 000001", "nonsense", "+4499"], skip_invalid=True)
    world.run()
    assert world.states(campaign_id) == {"completed": 3, "invalid": 2}
    campaign = world.campaign(campaign_id)
    assert (campaign.rows, campaign.invalid_count, campaign.duplicate_count) == (7, 2, 2)
    assert [r.index for r in world.recipients(campaign_id) if r.state.value == "invalid"] == [5, 6]


# -------------------------------------------------------------------- when


def test_a_campaign_of_the_night_waits_for_everybodys_morning(make: Make) -> None:
    world = make(start_ms=at("Europe/London", 2026, 11, 26, 22, 0))
    british, american = numbers(3), numbers(3, start="+12125")
    campaign_id = world.create([*british, *american], window_start_minutes=9 * 60, window_end_minutes=17 * 60)
    world.pass_time(60)
    # It is 17:00 in New York: too late there, and too late in London.
    assert not world.posts()
    waiting = world.recipients(campaign_id)[0]
    assert waiting.reason == "the calling window (09:00 to 17:00 every day, on the recipient's clock) is closed"
    world.run()
    assert {post.at for post in world.posts()} >= {world.posts()[0].at}
    assert min(p.at for p in world.posts(british[0])) >= at("Europe/London", 2026, 11, 27, 9, 0)
    assert min(p.at for p in world.posts(american[0])) >= at("America/New_York", 2026, 11, 27, 9, 0)
    assert max(p.at for p in world.posts()) < at("America/New_York", 2026, 11, 27, 9, 5)
    assert world.states(campaign_id) == {"completed": 6}


@pytest.mark.parametrize("day", [(2026, 3, 28), (2026, 10, 24)], ids=["clock forward", "clock back"])
def test_a_window_over_midnight_in_the_night_the_clock_changes(make: Make, day: tuple[int, int, int]) -> None:
    world = make(start_ms=at("Europe/London", *day, 20, 0), limits=Limits(3, 1, 0, None))
    campaign_id = world.create(
        numbers(20), window_start_minutes=23 * 60, window_end_minutes=2 * 60, window_days=["sat"], max_concurrent=1
    )
    for phone in numbers(20):
        world.lives(phone, human(1000, rings=5))
    world.run()  # the law looks at each dial with a clock of its own
    assert sum(world.states(campaign_id).values()) == 20


def test_who_cannot_be_reached_before_not_after_is_skipped(make: Make) -> None:
    world = make(limits=Limits(2, 1, 0, None))
    soon = datetime.fromtimestamp(world.agenda.now_ms / 1000 + 30, UTC)
    phones = numbers(5)
    for phone in phones:
        world.lives(phone, human(20))
    campaign_id = world.create([Row(phone, not_after=soon) for phone in phones])
    world.run()
    states = world.states(campaign_id)
    assert states["completed"] >= 1
    assert states["skipped"] == 5 - states["completed"]
    assert {r.reason for r in world.recipients(campaign_id) if r.state.value == "skipped"} == {
        "its not_after has passed"
    }


def test_pause_stops_new_dials_at_once_and_resume_goes_on(make: Make) -> None:
    world = make()
    campaign_id = world.create(numbers(30))
    world.pass_time(20)
    world.pause(campaign_id)
    before = len(world.posts())
    world.settle()
    assert len(world.posts()) == before
    assert world.counts(campaign_id).in_flight == 0
    assert world.counts(campaign_id).pending == 30 - before
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 30}


def test_cancel_midway_lets_who_is_on_the_line_finish(make: Make) -> None:
    world = make()
    campaign_id = world.create(numbers(30))
    world.pass_time(20)
    world.cancel(campaign_id)
    before = len(world.posts())
    world.run()
    assert world.states(campaign_id) == {"completed": before, "canceled": 30 - before}
    assert world.campaign(campaign_id).status is S.CANCELED
    assert {r.reason for r in world.recipients(campaign_id) if r.state.value == "canceled"} == {
        "the campaign is canceled"
    }


def scheduled(world: CampaignWorld, seconds: float, count: int = 4) -> str:
    begins = datetime.fromtimestamp(world.agenda.now_ms / 1000 + seconds, UTC)
    return world.create(numbers(count), scheduled=True, scheduled_at=begins)


def test_the_scheduler_may_fire_twice(make: Make) -> None:
    world = make()
    world.firings = 2
    campaign_id = scheduled(world, 3600)
    world.pass_time(3500)
    assert not world.posts()
    assert world.campaign(campaign_id).status is S.SCHEDULED
    world.run()
    assert len(world.posts()) == 4
    assert [line for line in said(world, campaign_id) if line.startswith("launched")] == ["launched: by its schedule"]


def test_the_second_firing_does_not_undo_a_pause(make: Make) -> None:
    world = make()
    world.firings = 2
    campaign_id = scheduled(world, 60, count=30)
    world.at(65, lambda: world.pause(campaign_id))
    world.settle()
    assert world.campaign(campaign_id).status is S.PAUSED
    world.resume(campaign_id)
    world.run()


def test_a_scheduled_campaign_is_launched_by_hand_and_not_again_by_its_schedule(make: Make) -> None:
    world = make()
    campaign_id = scheduled(world, 3600)
    world.at(60, lambda: world.launch(campaign_id))
    world.run()
    assert len(world.posts()) == 4
    assert world.posts()[-1].at < world.began + 120_000


def test_a_scheduled_campaign_that_is_canceled_leaves_nobody_waiting(make: Make) -> None:
    world = make()
    campaign_id = scheduled(world, 3600)
    world.at(60, lambda: world.cancel(campaign_id))
    world.run()
    assert world.states(campaign_id) == {"canceled": 4}


def test_each_firing_of_a_recurring_campaign_is_one_run(make: Make) -> None:
    world = make()
    parent = world.create(numbers(3), scheduled=True, recurrence="rate(1 day)")
    world.pass_time(10)
    assert world.scheduler.schedules[parent] == Schedule(ACCOUNT, parent, "UTC", expression="rate(1 day)")
    for occasion in ("monday", "monday", "tuesday"):
        world.fire(parent, occasion)
        world.pass_time(600)
    world.cancel(parent)
    world.run()
    runs = [c for c in world.campaigns.campaigns.values() if c.parent_id == parent]
    assert len(runs) == 2
    assert [world.states(run.campaign_id) for run in runs] == [{"completed": 3}] * 2
    assert len(world.posts()) == 6


# -------------------------------------------------------------------- who must not be called


def test_who_is_suppressed_midway_is_not_called_any_more(make: Make) -> None:
    world = make()
    phones = numbers(30)
    campaign_id = world.create(phones)
    world.at(20, lambda: world.suppress(phones[29]))
    world.run()
    assert not world.posts(phones[29])
    last = world.recipients(campaign_id)[29]
    assert (last.state.value, last.reason) == ("skipped", "this number is on the do-not-call list")


def test_who_asks_not_to_be_called_is_not_called_by_the_next_campaign(make: Make) -> None:
    world = make()
    phone = numbers(1)[0]
    world.lives(phone, human(says="Please stop calling me."))
    world.create([phone])
    world.run()
    second = world.create([phone])
    world.run()
    assert len(world.posts()) == 1
    assert world.states(second) == {"skipped": 1}


def test_two_campaigns_share_one_frequency_cap(make: Make) -> None:
    world = make(limits=Limits(6, 1, 0, FrequencyCap(calls=2, days=1)))
    phone = numbers(1)[0]
    world.lives(phone, busy())
    asked = {"max_attempts": 2, "retry_on": (RetryOn.BUSY,)}
    first, second = world.create([phone], **asked), world.create([phone], **asked)
    world.pass_time(3600)
    assert len(world.posts()) == 2
    waiting = [r for c in (first, second) for r in world.recipients(c) if r.state.value == "pending"]
    assert {r.reason for r in waiting} == {"this number was called 2 times in 24 hours"}
    world.run()
    times = [post.at for post in world.posts()]
    assert len(times) == 4
    assert times[2] - times[0] >= 86_400_000


def test_the_breaker_trips_and_says_why(make: Make) -> None:
    world = make(limits=Limits(7, 2, 0, None, Breaker(failure_rate=0.5, min_calls=10, window_seconds=120)))
    world.carrier.anybody = failed()
    campaign_id = world.create(numbers(60))
    world.settle()
    campaign = world.campaign(campaign_id)
    assert campaign.status is S.PAUSED
    assert campaign.pause_reason == "10 of the last 10 calls failed within 120 seconds"
    assert len(world.posts()) < 25
    world.carrier.anybody = human()
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id)["completed"] > 35


def test_a_refused_account_pauses_the_campaign(make: Make) -> None:
    world = make()
    world.carrier.anybody = refused(20003)
    campaign_id = world.create(numbers(30))
    world.settle()
    campaign = world.campaign(campaign_id)
    assert campaign.status is S.PAUSED
    assert campaign.pause_reason == "the carrier refused the account's credentials (Twilio 20003)"
    assert len(world.posts()) <= 5


def test_a_country_without_permission_is_held_and_the_others_are_called(make: Make) -> None:
    world = make()
    german, british = numbers(10, start="+4915120"), numbers(10)
    for phone in german:
        world.lives(phone, refused(21215))
    campaign_id = world.create([x for pair in zip(german, british, strict=True) for x in pair])
    world.settle()
    campaign = world.campaign(campaign_id)
    assert campaign.held_countries == ("DE",)
    assert campaign.status is S.PAUSED
    assert campaign.pause_reason is not None
    assert "only numbers of DE are left" in campaign.pause_reason
    tried = sum(len(world.posts(phone)) for phone in german)
    assert tried <= 5
    assert all(len(world.posts(phone)) == 1 for phone in british)
    for phone in german:
        world.lives(phone, human())
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 20}


# -------------------------------------------------------------------- places


def test_single_calls_are_not_delayed_behind_a_campaign(make: Make) -> None:
    world = make()
    for phone in numbers(40):
        world.lives(phone, human(60))
    world.create(numbers(40))
    world.pass_time(60)
    call_id = world.single("+447386900000")
    accepted = world.agenda.now_ms
    world.pass_time(5)
    call = world.calls.get(ACCOUNT, call_id)
    assert call is not None
    assert call.dial_started_at is not None
    assert call.dial_started_at - accepted < 1_000
    world.run()
    assert world.law.peak_campaign == 5


@pytest.mark.parametrize(("first", "then"), [(12, 5), (5, 12)], ids=["lowered", "raised"])
def test_the_cap_may_be_changed_midway(make: Make, first: int, then: int) -> None:
    world = make(limits=Limits(first, 2, 0, None))
    campaign_id = world.create(numbers(60))
    world.at(25, lambda: world.set_limits(max_concurrent_calls=then))
    later = list[int]()
    for second in range(45, 60):
        world.at(second, lambda: later.append(len(world.carrier.live)))
    world.run()
    assert world.states(campaign_id) == {"completed": 60}
    assert max(later) == then - 2, "the new cap holds, and is used"


def test_long_calls_keep_their_places(make: Make) -> None:
    world = make(max_call_duration_seconds=1800)
    world.carrier.anybody = human(1500)
    campaign_id = world.create(numbers(8))
    world.run()
    assert world.states(campaign_id) == {"completed": 8}
    assert world.law.peak == 5


def test_waiting_for_a_place_is_a_reason_and_never_a_failure(make: Make) -> None:
    world = make(limits=Limits(2, 1, 0, None), max_call_duration_seconds=1800)
    world.carrier.anybody = human(1500)
    campaign_id = world.create(numbers(3))
    world.pass_time(120)
    reasons = [r.reason for r in world.recipients(campaign_id)]
    assert reasons[0] == "it is being called"
    assert "all 1 places of the campaign are taken" in reasons
    world.run()
    assert world.states(campaign_id) == {"completed": 3}
    assert all(r.tries == 1 for r in world.recipients(campaign_id))


# -------------------------------------------------------------------- executions


def test_a_long_campaign_goes_on_in_the_next_execution(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MAX_PASSES", 3)
    world = make()
    for phone in numbers(6):
        world.lives(phone, busy())
    campaign_id = world.create(numbers(6), max_attempts=4, retry_on=(RetryOn.BUSY,), retry_delay_minutes=5)
    world.run()
    assert len(world.posts()) == 24
    assert world.campaign(campaign_id).generation >= 2
    assert "continued: in execution 1" in said(world, campaign_id)


def test_an_execution_that_dies_is_revived(make: Make) -> None:
    world = make()
    campaign_id = world.create(numbers(40))
    world.at(150, lambda: world.machines.doomed.add(f"{campaign_id}-0"))
    for phone in numbers(40):
        world.lives(phone, human(40))
    world.run()
    assert world.states(campaign_id) == {"completed": 40}
    assert len(world.posts()) == 40
    assert "revived: its execution had ended; it goes on in a new one" in said(world, campaign_id)


def csv(count: int, *bad: str) -> bytes:
    return "\n".join(["phone,name", *(f"{phone},Sam" for phone in numbers(count)), *bad, ""]).encode()


def test_an_upload_is_read_in_several_runs(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 7)
    world = make()
    world.import_ms = 0
    campaign_id = world.upload(csv(40))
    world.run()
    assert world.states(campaign_id) == {"completed": 40}
    assert world.invocations["ImportRecipients"] == 6


@pytest.mark.parametrize("number", range(6))
def test_an_import_that_dies_midway_reads_on(make: Make, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(importing, "BATCH", 7)
    world = make(faults=Faults(kill_at=("ImportRecipients: after campaigns.put_recipients", number)))
    world.import_ms = 0
    campaign_id = world.upload(csv(40))
    world.run()
    assert world.faults.hit["kill"] == 1
    assert world.states(campaign_id) == {"completed": 40}
    assert len(world.posts()) == 40


@pytest.mark.parametrize("moment", ["before campaigns.change", "after campaigns.change"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_list_with_a_bad_row_dials_nobody_even_if_the_import_dies(make: Make, moment: str, number: int) -> None:
    world = make(faults=Faults(kill_at=(f"ImportRecipients: {moment}", number)))
    campaign_id = world.upload(csv(5, "nonsense,Sam"))
    world.run()
    assert not world.posts()
    assert world.campaign(campaign_id).status is S.FAILED
    assert "failed: 1 rows of its list are invalid" in said(world, campaign_id)


def test_a_list_that_cannot_be_read_fails_the_campaign_and_says_so(make: Make) -> None:
    world = make()
    campaign_id = world.upload(csv(3))
    world.at(0.1, lambda: world.blobs.delete([f"campaigns/{ACCOUNT}/{campaign_id}/list"]))
    world.run()
    assert world.campaign(campaign_id).status is S.FAILED
    assert "failed: its list could not be read" in said(world, campaign_id)


def test_every_dial_says_what_it_was_decided_on(make: Make) -> None:
    world = make(limits=Limits(7, 2, 5, FrequencyCap()), start_ms=at("Europe/London", 2026, 11, 26, 10, 0))
    campaign_id = world.create(numbers(1), window_start_minutes=540, window_end_minutes=1020)
    world.run()
    dialled = next(d for d in world.recipients(campaign_id)[0].decisions if d.verdict is Verdict.DIAL)
    assert dialled.reason == "it is due"
    assert dialled.details["local_time"] == "Thu 26 Nov 10:00"
    assert dialled.details["window_open"] is True
    assert {"zones", "zone_source", "window", "lease", "suppression", "pace", "frequency"} <= set(dialled.details)
    statuses = Counter(call.status for call in world.calls.calls.values())
    assert statuses == {CallStatus.COMPLETED: 1}
    assert FREE.frequency_cap is None
