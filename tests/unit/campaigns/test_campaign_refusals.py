"""Campaigns whose dials the carrier refuses for the account's sake: nobody loses their call, and it says what to mend.

The law looks on all the while: that what was refused untouched uses up no attempt, and everything else does.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain.campaign import CampaignStatus, RetryOn
from calling.domain.limits import FrequencyCap, Limits
from calling.domain.rows import Row
from calling.ports import CarrierAccount
from tests.fakes.sim.campaign_world import CampaignWorld, numbers
from tests.fakes.sim.faults import Faults
from tests.fakes.sim.house import ACCOUNT
from tests.fakes.sim.lives import human, refused
from tests.fakes.sim.rough import NEVER_TRIPS, Roughness

Make = Callable[..., CampaignWorld]
S = CampaignStatus
SLOW = Limits(max_concurrent_calls=20, calls_per_second=1, frequency_cap=None)
ONCE = FrequencyCap(calls=1, days=1)
BLOCKED = "blocked by Twilio: high-risk number, or your account has no approved Primary Customer Profile (Trust Hub)"
EVERYTHING = {"max_attempts": 3, "retry_on": tuple(RetryOn), "retry_delay_minutes": 1}


@pytest.fixture
def make() -> Iterator[Make]:
    worlds: list[CampaignWorld] = []

    def one(**fields: Any) -> CampaignWorld:
        worlds.append(CampaignWorld(**fields))
        return worlds[-1]

    yield one
    for world in worlds:
        world.close()


def american(count: int, first: int = 0) -> list[str]:
    return numbers(count, first, "+12125")


def mend(world: CampaignWorld, phones: list[str]) -> None:
    """Whatever the account lacked, it has now."""
    world.carrier.anybody = human(5)
    for phone in phones:
        world.lives(phone, human(5))


# -------------------------------------------------------------------- 21216: the number, or the account


@pytest.mark.parametrize("cap", [None, ONCE])
def test_an_account_without_a_profile_is_found_out_at_the_third_refusal_and_nobody_is_lost(
    make: Make, cap: FrequencyCap | None
) -> None:
    world = make(limits=replace(SLOW, frequency_cap=cap))
    phones = american(100)
    for phone in phones:
        world.lives(phone, refused(21216))
    campaign_id = world.create(phones, **EVERYTHING)
    world.settle()
    campaign = world.campaign(campaign_id)
    assert (campaign.status, campaign.held_countries) == (S.PAUSED, ("US",))
    assert campaign.pause_reason == f"only numbers of US are left, which are held: {BLOCKED}"
    assert f"calls to US are held: {BLOCKED} (Twilio 21216)" in {e.reason for e in campaign.timeline}
    tried = len(world.posts())
    assert 3 <= tried <= 5, "those behind the third had been on their way"
    assert world.states(campaign_id) == {"failed": 2, "pending": 98}
    mend(world, phones)
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 100}
    assert {r.attempts for r in world.recipients(campaign_id)} == {1}
    assert world.campaign(campaign_id).blocked == {}


def test_a_few_blocked_numbers_among_others_are_the_numbers_own_fault(make: Make) -> None:
    world = make(limits=SLOW)
    phones = american(40)
    blocked = {phones[n] for n in (0, 1, 7, 8, 20, 39)}
    for phone in blocked:
        world.lives(phone, refused(21216))
    campaign_id = world.create(phones, **EVERYTHING)
    world.run()
    assert world.states(campaign_id) == {"completed": 34, "failed": 6}
    for recipient in world.recipients(campaign_id):
        if recipient.phone_number.e164 in blocked:
            assert (recipient.attempts, recipient.reason) == (1, f"the call failed: {BLOCKED} (Twilio 21216)")
    assert len(world.posts()) == 40, "a blocked number is never tried again"
    assert world.campaign(campaign_id).held_countries == ()


def test_a_profile_that_is_lost_midway_holds_its_country_alone(make: Make) -> None:
    world = make(limits=SLOW)
    phones, british = american(40), numbers(40)

    def lose() -> None:
        for phone in phones:
            if not world.posts(phone):
                world.lives(phone, refused(21216))

    world.at(20, lose)
    campaign_id = world.create([p for pair in zip(phones, british, strict=True) for p in pair])
    world.settle()
    campaign = world.campaign(campaign_id)
    assert (campaign.status, campaign.held_countries) == (S.PAUSED, ("US",))
    assert all(world.posts(phone) for phone in british)
    mend(world, phones)
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 80}


def test_a_hold_that_was_lifted_too_soon_comes_again_after_three_more(make: Make) -> None:
    world = make(limits=SLOW)
    phones = american(30)
    for phone in phones:
        world.lives(phone, refused(21216))
    campaign_id = world.create(phones, max_attempts=1)
    for _ in range(3):
        before = len(world.posts())
        world.settle()
        assert 3 <= len(world.posts()) - before <= 5
        assert world.states(campaign_id) == {"failed": 2, "pending": 28}
        world.resume(campaign_id)
    world.settle()
    mend(world, phones)
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 30}


@pytest.mark.parametrize(
    "moment",
    [
        "before campaigns.change",
        "after campaigns.change",
        "before campaigns.change_recipient",
        "after campaigns.change_recipient",
        "after contacts.forget_dial",
    ],
)
@pytest.mark.parametrize("number", range(4))
def test_who_settles_a_refused_call_may_die_at_any_moment(make: Make, moment: str, number: int) -> None:
    world = make(limits=SLOW, faults=Faults(kill_at=(f"SettleCall: {moment}", number)))
    phones = american(12)
    for phone in phones:
        world.lives(phone, refused(21216))
    campaign_id = world.create(phones)
    world.settle()
    assert world.campaign(campaign_id).status is S.PAUSED
    mend(world, phones)
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 12}


# -------------------------------------------------------------------- what nobody can be dialled for


@pytest.mark.parametrize("code", [10002, 10005, 20003, 20006, 20008, 20404, 21210])
def test_what_the_account_lacks_pauses_the_campaign_and_costs_nobody_anything(make: Make, code: int) -> None:
    world = make(limits=replace(SLOW, frequency_cap=ONCE))
    world.carrier.anybody = refused(code)
    campaign_id = world.create(numbers(30), max_attempts=1)
    world.settle()
    campaign = world.campaign(campaign_id)
    assert campaign.status is S.PAUSED
    assert (campaign.pause_reason or "").endswith(f"(Twilio {code})")
    assert len(world.posts()) <= 5
    assert world.states(campaign_id) == {"pending": 30}
    refused_ones = [r for r in world.recipients(campaign_id) if r.tries]
    assert {(r.attempts, r.outcome) for r in refused_ones} == {(0, None)}
    calls = [world.calls.get(ACCOUNT, r.call_id or "") for r in refused_ones]
    assert {(c.status.value, c.dial_error_code) for c in calls if c and c.dial_started_at} == {("failed", code)}, (
        "the record says why"
    )
    mend(world, [])
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 30}
    assert {r.attempts for r in world.recipients(campaign_id)} == {1}


def test_a_country_that_may_not_be_called_costs_nobody_their_call_however_often_it_is_lifted(make: Make) -> None:
    world = make(limits=replace(SLOW, frequency_cap=ONCE, breaker=NEVER_TRIPS))
    german = numbers(20, start="+4915120")
    for phone in german:
        world.lives(phone, refused(21215))
    campaign_id = world.create([Row(phone) for phone in german], max_attempts=1)
    for _ in range(4):
        world.settle()
        assert world.states(campaign_id) == {"pending": 20}
        assert "geo permissions" in (world.campaign(campaign_id).pause_reason or "")
        world.resume(campaign_id)
    mend(world, german)
    world.settle()
    if world.campaign(campaign_id).status is S.PAUSED:
        world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 20}


# -------------------------------------------------------------------- a token that is rotated


def rotate(world: CampaignWorld, *, stored: bool = True) -> None:
    """The carrier takes another token from now on; whoever reads the secret again finds it where it is stored."""
    world.carrier.token = "fresh"
    if stored:
        world.credentials.rotated = CarrierAccount(world.credentials.account.sid, "fresh")


def tokens_refused(world: CampaignWorld) -> int:
    return sum(post.answer == "refused 20003" for post in world.posts())


def test_a_token_that_is_rotated_midway_stops_nothing_and_costs_nobody_anything(make: Make) -> None:
    world = make(limits=replace(SLOW, frequency_cap=ONCE))
    campaign_id = world.create(numbers(40), max_attempts=1)
    world.at(10, lambda: rotate(world))
    world.run()
    assert world.states(campaign_id) == {"completed": 40}
    assert {(r.attempts, r.tries) for r in world.recipients(campaign_id)} == {(1, 1)}
    assert 1 <= tokens_refused(world) <= 5, "those that had read the old one already"
    assert "paused" not in {entry.event for entry in world.campaign(campaign_id).timeline}
    again = [c for c in world.calls.calls.values() if "credentials_renewed" in {e.event for e in c.timeline}]
    assert len(again) == tokens_refused(world)
    assert {(c.status.value, c.dial_error_code) for c in again} == {("completed", None)}


def test_a_single_call_is_dialled_with_the_token_that_is_stored_since(make: Make) -> None:
    world = make(limits=SLOW)
    rotate(world)
    call_id = world.single(numbers(1)[0])
    world.run()
    assert [post.answer for post in world.posts()] == ["refused 20003", "ok"]
    assert {post.call_id for post in world.posts()} == {call_id}


def test_a_token_that_is_wrong_and_stays_it_is_refused_once_a_call(make: Make) -> None:
    world = make(limits=SLOW)
    rotate(world, stored=False)
    campaign_id = world.create(numbers(20))
    call_id = world.single("+447386900001")
    world.settle()
    call = world.calls.get(ACCOUNT, call_id)
    assert call is not None
    assert (call.status.value, call.dial_error_code) == ("failed", 20003)
    assert world.campaign(campaign_id).pause_reason == "the carrier refused the account's credentials (Twilio 20003)"
    assert max(Counter(post.call_id for post in world.posts()).values()) == 1
    assert len(world.posts()) <= 5
    rotate(world)
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 20}


@pytest.mark.parametrize("port", ["credentials.renew", "credentials.of_number", "calls.change", "workflow.answer"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_dial_that_dies_beside_a_rotated_token_places_no_second_call(make: Make, port: str, when: str) -> None:
    for number in range(8):
        world = make(limits=SLOW, faults=Faults(kill_at=(f"DialCall: {when} {port}", number)))
        rotate(world)
        campaign_id = world.create(numbers(2), max_attempts=1)
        world.settle()
        if world.campaign(campaign_id).status is S.PAUSED:
            world.resume(campaign_id)
        world.run()
        assert max(Counter(post.to_number for post in world.posts() if post.sid).values()) == 1


def test_secrets_that_cannot_be_read_again_leave_the_call_refused(make: Make) -> None:
    world = make(limits=SLOW)
    campaign_id = world.create(numbers(3))
    renew = world.credentials.renew

    def away(number: object) -> bool:
        world.credentials.away_until = world.agenda.now_ms + 1
        return renew(number)  # type: ignore[arg-type]  # whatever it is, it is not read

    world.credentials.renew = away  # type: ignore[method-assign]  # Secrets Manager gives no answer
    rotate(world)
    world.settle()
    assert world.campaign(campaign_id).status is S.PAUSED
    assert world.states(campaign_id) == {"pending": 3}
    assert all(r.attempts == 0 for r in world.recipients(campaign_id))
    world.credentials.renew = renew  # type: ignore[method-assign]
    world.resume(campaign_id)
    world.run()
    assert world.states(campaign_id) == {"completed": 3}


# -------------------------------------------------------------------- everything at once


@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 100_000))
def test_whatever_is_refused_under_whatever_faults_nobody_is_lost_or_called_too_often(seed: int) -> None:
    """The law counts; here people mend what the account lacks, bit by bit, and resume."""
    world = CampaignWorld(faults=Roughness(0.5).faults(seed), limits=replace(SLOW, breaker=NEVER_TRIPS))
    world.law.slack_ms, world.law.exact = 3_000, False
    phones = [p for pair in zip(american(20), numbers(20), strict=True) for p in pair]
    for phone in phones:
        world.lives(phone, world.faults.chance.choice((human(5), refused(21216), refused(21215), refused(20003))))
    try:
        campaign_id = world.create(phones, max_attempts=2, retry_on=(RetryOn.FAILED, RetryOn.UNKNOWN))
        for _ in range(30):
            world.settle()
            if world.campaign(campaign_id).status is not S.PAUSED:
                break
            mend(world, world.faults.chance.sample(phones, 20))
            world.resume(campaign_id)
        world.run()
        assert all(
            r.state.value == "completed" or world.posts(r.phone_number.e164) for r in world.recipients(campaign_id)
        )
    finally:
        world.close()
