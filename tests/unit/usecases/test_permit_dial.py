"""The last question before the request: every refusal, in its words, and dials counted where two reach one person."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from calling.domain.call import EndedReason
from calling.domain.campaign import CampaignStatus
from calling.domain.contact import DAY_MS, SuppressionSource
from calling.domain.limits import FrequencyCap, Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.window import CallingWindow
from calling.usecases.permit_dial import Refusal, dial_refusal
from tests.fakes.world import ACCOUNT, World

SARAH = PhoneNumber("+447386172392")
LIMITS = Limits(max_concurrent_calls=10, calls_per_second=0)
E = EndedReason


def ask(world: World, call_id: str, limits: Limits = LIMITS) -> Refusal | None:
    return dial_refusal(
        world.call(call_id), limits, contacts=world.contacts, campaigns=world.campaigns, now=world.clock.now()
    )


def suppress(world: World) -> None:
    world.contacts.suppress(ACCOUNT, SARAH, at=world.clock.now(), by=SuppressionSource.API)


def campaign(world: World, campaign_id: str = "camp_1", **changes: Any) -> None:
    """Change a campaign's record behind everybody's back."""
    key = (ACCOUNT, campaign_id)
    world.campaigns.campaigns[key] = replace(world.campaigns.campaigns[key], **changes)


def recipient(world: World, **changes: Any) -> None:
    rows = world.campaigns.rows[ACCOUNT, "camp_1"]
    rows[0] = replace(rows[0], **changes)


def on_its_way(**fields: Any) -> tuple[World, str]:
    """A campaign's call that is through the doorway and about to be dialled."""
    world = World(cap=10)
    world.add_campaign(SARAH.e164, **fields)
    call_id = world.begin()
    assert call_id
    return world, call_id


def dials(world: World) -> dict[str, int]:
    known = world.contacts.get(ACCOUNT, SARAH)
    return known.dials if known else {}


def test_a_single_call_may_be_dialled_and_counts_as_nobodys_campaign() -> None:
    world = World()
    world.accept("call_1")
    assert ask(world, "call_1") is None
    assert dials(world) == {}


@pytest.mark.parametrize(("after", "refused"), [(-1, True), (0, True), (1, False)])
def test_a_single_call_expires_at_its_not_after(after: int, refused: bool) -> None:
    world = World()
    world.accept("call_1", not_after=world.clock.now() + after)
    found = ask(world, "call_1")
    assert (found is not None) is refused
    assert found is None or (found.end, found.put_back) == (E.EXPIRED, False)


def test_a_single_call_to_somebody_on_the_list() -> None:
    world = World()
    world.accept("call_1")
    suppress(world)
    assert ask(world, "call_1") == Refusal(E.SUPPRESSED, "this number is on the do-not-call list")


@pytest.mark.parametrize(("to", "blocked"), [("+447386172392", True), ("+12125550123", False), ("+80012345678", False)])
def test_a_single_call_to_a_country_that_is_blocked(to: str, blocked: bool) -> None:
    world = World()
    world.accept("call_1", to=to)
    found = ask(world, "call_1", replace(LIMITS, blocked_countries=("GB", "FR")))
    assert found == (Refusal(E.SUPPRESSED, "numbers of GB are blocked in the settings") if blocked else None)


def test_campaigns_dials_are_nothing_to_a_single_call() -> None:
    world = World()
    world.contacts.count_dial(ACCOUNT, SARAH, "call_x", cap=FrequencyCap(1, 1), now=world.clock.now())
    world.accept("call_1")
    assert ask(world, "call_1", replace(LIMITS, frequency_cap=FrequencyCap(1, 1))) is None


def test_a_campaigns_call_may_be_dialled_and_is_counted() -> None:
    world, call_id = on_its_way()
    assert ask(world, call_id) is None
    assert dials(world) == {call_id: world.clock.now()}


def test_without_a_cap_nothing_is_counted() -> None:
    world, call_id = on_its_way()
    assert ask(world, call_id, replace(LIMITS, frequency_cap=None)) is None
    assert dials(world) == {}


def test_a_campaigns_call_expires_at_its_not_after() -> None:
    world, call_id = on_its_way()
    world.calls.change(world.call(call_id), {"not_after": world.clock.now()})
    assert ask(world, call_id) == Refusal(E.EXPIRED, "its not_after passed before it could be dialled")


@pytest.mark.parametrize("gone", ["campaign", "recipient", "another try"])
def test_a_call_whose_campaign_or_recipient_is_not_its_own_any_more(gone: str) -> None:
    world, call_id = on_its_way()
    if gone == "campaign":
        world.campaigns.campaigns.clear()
    elif gone == "recipient":
        world.campaigns.rows.clear()
    else:
        recipient(world, call_ids=(call_id, "call_newer"))
    assert ask(world, call_id) == Refusal(E.CANCELED, "its campaign is gone")
    assert dials(world) == {}


NEVER: list[tuple[dict[str, Any], dict[str, Any], Limits, EndedReason, str]] = [
    ({"status": CampaignStatus.CANCELED}, {}, LIMITS, E.CANCELED, "the campaign is canceled"),
    ({"status": CampaignStatus.FAILED}, {}, LIMITS, E.CANCELED, "the campaign is failed"),
    ({"status": CampaignStatus.COMPLETED}, {}, LIMITS, E.CANCELED, "the campaign is completed"),
    ({}, {"not_after": 1}, LIMITS, E.EXPIRED, "its not_after has passed"),
    ({"max_attempts": 2}, {"attempts": 2}, LIMITS, E.FAILED, "all 2 attempts were made"),
    (
        {},
        {"country": "GB"},
        replace(LIMITS, blocked_countries=("GB",)),
        E.SUPPRESSED,
        "numbers of GB are blocked in the settings",
    ),
]


@pytest.mark.parametrize(("of_campaign", "of_recipient", "limits", "end", "words"), NEVER)
def test_what_will_never_be_dialled(
    of_campaign: dict[str, Any], of_recipient: dict[str, Any], limits: Limits, end: EndedReason, words: str
) -> None:
    world, call_id = on_its_way()
    campaign(world, **of_campaign)
    recipient(world, **of_recipient)
    assert ask(world, call_id, limits) == Refusal(end, words)
    assert dials(world) == {}


def test_a_campaigns_call_to_somebody_on_the_list() -> None:
    world, call_id = on_its_way()
    suppress(world)
    assert ask(world, call_id) == Refusal(E.SUPPRESSED, "this number is on the do-not-call list")


HELD: list[tuple[dict[str, Any], str]] = [
    ({"status": CampaignStatus.PAUSED, "pause_reason": "on request"}, "the campaign is paused: on request"),
    ({"status": CampaignStatus.PAUSED}, "the campaign is paused: on request"),
    ({"status": CampaignStatus.IMPORTING}, "the list of recipients is being read"),
    ({"status": CampaignStatus.SCHEDULED}, "the campaign has not been launched yet"),
    (
        {"held_countries": ("GB",)},
        "calls to GB are held: the carrier account may not call this country (geo permissions)",
    ),
]


@pytest.mark.parametrize(("of_campaign", "words"), HELD)
def test_what_is_held_goes_back_to_its_campaign(of_campaign: dict[str, Any], words: str) -> None:
    world, call_id = on_its_way()
    campaign(world, **of_campaign)
    recipient(world, country="GB")
    assert ask(world, call_id) == Refusal(E.CANCELED, words, put_back=True)
    assert dials(world) == {}


def test_a_window_that_has_closed_meanwhile() -> None:
    world, call_id = on_its_way()
    at = datetime.fromtimestamp(world.clock.now() / 1000, UTC)
    minute = at.hour * 60 + at.minute
    campaign(world, window=CallingWindow((minute - 60) % 1440, minute))
    found = ask(world, call_id)
    assert found is not None
    assert (found.end, found.put_back) == (E.OUTSIDE_WINDOW, True)
    assert found.words.endswith("is closed")
    assert dials(world) == {}


def test_a_window_that_is_open_where_the_campaign_is_and_closed_where_the_person_is() -> None:
    world, call_id = on_its_way()
    at = datetime.fromtimestamp(world.clock.now() / 1000, UTC)
    minute = at.hour * 60 + at.minute
    campaign(world, window=CallingWindow((minute - 60) % 1440, (minute + 60) % 1440))
    assert ask(world, call_id) is None
    recipient(world, zones=("Asia/Tokyo",))
    found = ask(world, call_id)
    assert found is not None
    assert (found.end, found.put_back) == (E.OUTSIDE_WINDOW, True)


def test_a_try_that_comes_too_early() -> None:
    world, call_id = on_its_way(retry_delay_minutes=30)
    recipient(world, retry_at=world.clock.now() + 60_000, outcome="busy")
    assert ask(world, call_id) == Refusal(E.CANCELED, "it is tried again 30 minutes after 'busy'", put_back=True)


def test_a_call_that_was_counted_and_told_to_come_later_does_not_stand_in_its_own_way() -> None:
    world, call_id = on_its_way()
    once = replace(LIMITS, frequency_cap=FrequencyCap(calls=1, days=1))
    assert ask(world, call_id, once) is None
    first = dials(world)
    world.clock.advance(30)
    assert ask(world, call_id, once) is None
    assert dials(world) == dict.fromkeys(first, world.clock.now()), "counted once, at the time it leaves"


def test_of_two_campaigns_that_reach_one_person_at_the_cap_one_dials() -> None:
    world = World(cap=10)
    once = replace(LIMITS, frequency_cap=FrequencyCap(calls=1, days=1))
    begun = []
    for name in ("camp_1", "camp_2"):
        world.add_campaign(SARAH.e164, campaign_id=name)
        begun.append(world.begin(campaign_id=name))
        world.lines.lines.clear()  # as where they call from two numbers
    first, second = begun
    assert ask(world, first, once) is None
    refused = ask(world, second, once)
    assert refused == Refusal(E.CANCELED, "this number was called once in 24 hours", put_back=True)
    assert set(dials(world)) == {first}
    world.clock.advance(DAY_MS / 1000)
    assert ask(world, second, once) is None


class Meanwhile:
    """Contacts that change between being read and being counted: what was read is old."""

    def __init__(self, world: World) -> None:
        self.contacts = world.contacts

    def get(self, account_id: str, person: PhoneNumber) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.contacts, name)


@pytest.mark.parametrize("by", ["another campaign's dial", "a suppression"])
def test_what_came_between_reading_and_counting_is_seen_by_the_write(by: str) -> None:
    world, call_id = on_its_way()
    cap = FrequencyCap(calls=1, days=1)
    if by == "a suppression":
        suppress(world)
    else:
        world.contacts.count_dial(ACCOUNT, SARAH, "call_other", cap=cap, now=world.clock.now())
    found = dial_refusal(
        world.call(call_id),
        replace(LIMITS, frequency_cap=cap),
        contacts=Meanwhile(world),
        campaigns=world.campaigns,
        now=world.clock.now(),
    )
    assert found is not None
    assert found.put_back is (by != "a suppression")
    assert call_id not in dials(world)


def test_a_refusal_that_passes_gives_the_recipient_back_without_an_attempt() -> None:
    """The whole way: counted by another campaign meanwhile, not dialled, settled, pending again."""
    world, call_id = on_its_way()
    world.limits.put(ACCOUNT, replace(LIMITS, frequency_cap=FrequencyCap(calls=1, days=1)))
    world.contacts.count_dial(ACCOUNT, SARAH, "call_other", cap=FrequencyCap(1, 1), now=world.clock.now())
    world.walk(call_id)
    call, row = world.call(call_id), world.recipient()
    assert (call.ended_reason, call.put_back, world.carrier.posts) == (E.CANCELED, True, [])
    assert call.timeline[-2].reason == "this number was called once in 24 hours"
    assert (row.state.value, row.attempts, row.tries) == ("pending", 0, 1)
