"""A wish not to be called, said on a call, is honoured when it is stored, and again when the call is settled."""

from typing import Any

import pytest

from calling.domain.call import CallStatus, CarrierStatus, EndedReason
from calling.domain.contact import Contact, SuppressionSource
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import RecipientState
from calling.domain.transcript import Turn
from calling.usecases.record_media import store_turn
from calling.usecases.settle_call import settle_call
from tests.fakes.campaigns import MemoryContactStore
from tests.fakes.world import ACCOUNT, Killed, World
from tests.unit.usecases.test_way_of_a_call import check_invariants

SARAH = PhoneNumber("+447386172392")
WISH = "Please stop calling me."


def contact(world: World) -> Contact | None:
    return world.contacts.get(ACCOUNT, SARAH)


def ended(world: World, *words: str, role: str = "caller", **changes: object) -> None:
    """A call that was answered, and on which this was said; nothing but its settling is left."""
    now = world.clock.now()
    world.accept("call_1")
    world.queue.sent.clear()
    world.dispatch("call_1")
    happened = {
        "status": CallStatus.IN_PROGRESS,
        "dial_started_at": now,
        "answered_at": now,
        "twilio_call_sid": "CA1",
        "carrier_status": CarrierStatus.COMPLETED,
        "carrier_ended_at": now,
        "media_opened_at": now,
        "media_closed_at": now,
    } | changes
    world.calls.change(world.call("call_1"), {name: value for name, value in happened.items() if value is not None})
    for index, text in enumerate(words):
        turn = Turn(index, role, text, 0, 1)  # type: ignore[arg-type]  # agent or caller
        world.calls.add_turn(ACCOUNT, "call_1", turn)


def settle(world: World) -> None:
    world.lambda_("SettleCall", lambda: settle_call(ACCOUNT, "call_1", summary_failed=True, ports=world.settle_ports()))


def test_who_asks_not_to_be_called_is_on_the_list_when_the_call_is_settled() -> None:
    world = World()
    ended(world, "Hello?", WISH)
    settle(world)
    known = contact(world)
    assert known is not None
    assert (known.suppressed_by, known.suppressed_on) == (SuppressionSource.CALL, "call_1")
    assert known.suppressed_at == world.clock.now()
    assert world.call("call_1").timeline[-1].details["suppressed"] is True


def on_the_line(world: World, *words: str, **changes: Any) -> None:
    """A call on which somebody talks: this is said and stored, and nothing has ended."""
    ended(world, carrier_status=CarrierStatus.IN_PROGRESS, carrier_ended_at=None, media_closed_at=None, **changes)
    for index, text in enumerate(words):
        store_turn(ACCOUNT, "call_1", Turn(index, "caller", text, 0, 1), **world.hearing)


def test_who_asks_not_to_be_called_is_on_the_list_when_it_is_stored() -> None:
    world = World()
    on_the_line(world, "Hello?", WISH)
    known = contact(world)
    assert known is not None
    assert (known.suppressed_by, known.suppressed_on) == (SuppressionSource.CALL, "call_1")
    assert world.call("call_1").status is CallStatus.IN_PROGRESS


def test_words_that_come_when_the_call_is_settled_already_are_honoured() -> None:
    world = World()
    ended(world, "Hello?")
    settle(world)
    store_turn(ACCOUNT, "call_1", Turn(1, "caller", WISH, 0, 1), **world.hearing)
    known = contact(world)
    assert known is not None
    assert known.suppressed


def test_a_list_that_fails_loses_no_turn_and_settling_hears_it() -> None:
    world = World()
    on_the_line(world)
    away = MemoryContactStore()
    away.suppress = None  # type: ignore[assignment,method-assign]  # the table is away
    with pytest.raises(TypeError):
        store_turn(ACCOUNT, "call_1", Turn(0, "caller", WISH, 0, 1), **world.hearing | {"contacts": away})
    now = world.clock.now()
    over = {"carrier_status": CarrierStatus.COMPLETED, "carrier_ended_at": now, "media_closed_at": now}
    world.calls.change(world.call("call_1"), over)
    settle(world)
    known = contact(world)
    assert known is not None
    assert known.suppressed


@pytest.mark.parametrize(("words", "changes"), [(WISH, {"voicemail_method": "speech"}), ("Call me tomorrow.", {})])
def test_what_is_no_persons_wish_is_stored_and_no_more(words: str, changes: dict[str, object]) -> None:
    world = World()
    on_the_line(world, words, **changes)
    assert contact(world) is None
    assert [turn.text for turn in world.calls.turns(ACCOUNT, "call_1")] == [words]


def test_it_is_honoured_once() -> None:
    world = World()
    ended(world, WISH)
    settle(world)
    first = contact(world)
    world.clock.advance(60)
    settle(world)
    assert contact(world) == first
    assert world.contacts.allow(ACCOUNT, SARAH)
    settle(world)
    known = contact(world)
    assert known is not None
    assert not known.suppressed, "who was taken off the list by hand is not put back by an old call"


def test_a_settlement_killed_at_any_moment_and_repeated_suppresses_once() -> None:
    whole = World()
    ended(whole, WISH)
    whole.moments.clear()
    settle(whole)
    moments = list(whole.moments)
    assert "SettleCall: after contacts.suppress" in moments
    for number in range(len(moments)):
        world = World()
        ended(world, WISH)
        world.moments.clear()
        world.kills = frozenset({number})
        with pytest.raises(Killed):
            settle(world)
        settled = world.call("call_1").settled_at is not None
        known = contact(world)
        assert not settled or (known is not None and known.suppressed), "never settled without it"
        world.clock.advance(5)
        settle(world)
        settle(world)
        known = contact(world)
        assert known is not None
        assert known.suppressed
        assert known.version == 1, "one write, whoever came how often"
        check_invariants(world, "call_1")


@pytest.mark.parametrize(
    ("words", "role", "changes"),
    [
        (WISH, "caller", {"voicemail_method": "speech"}),
        (WISH, "caller", {"voicemail_method": "carrier"}),
        (WISH, "agent", {}),
        ("Don't call me before five.", "caller", {}),
        ("That is fine, call me tomorrow.", "caller", {}),
    ],
)
def test_what_is_no_persons_wish_suppresses_nobody(words: str, role: str, changes: dict[str, object]) -> None:
    world = World()
    ended(world, words, role=role, **changes)
    settle(world)
    assert contact(world) is None


def test_a_later_call_to_this_number_is_canceled_without_a_request() -> None:
    world = World()
    ended(world, WISH)
    settle(world)
    world.accept("call_2")
    world.run()
    check_invariants(world, "call_2")
    call = world.call("call_2")
    assert (call.status, call.ended_reason) == (CallStatus.CANCELED, EndedReason.SUPPRESSED)
    assert world.carrier.posts == []


def test_a_later_campaign_skips_this_number_at_its_doorway() -> None:
    world = World(cap=5)
    ended(world, WISH)
    settle(world)
    world.add_campaign(SARAH.e164)
    assert world.begin() == ""
    assert world.recipient().state is RecipientState.SKIPPED
    assert world.recipient().reason == "this number is on the do-not-call list"


def test_a_campaigns_call_that_is_on_its_way_already_is_canceled_without_a_request() -> None:
    world = World(cap=5)
    world.add_campaign(SARAH.e164)
    call_id = world.begin()
    world.contacts.suppress(ACCOUNT, SARAH, at=world.clock.now(), by=SuppressionSource.CALL)
    world.walk(call_id)
    check_invariants(world, call_id)
    call = world.call(call_id)
    assert (call.status, call.ended_reason) == (CallStatus.CANCELED, EndedReason.SUPPRESSED)
    assert world.carrier.posts == []
    assert (world.recipient().state, world.recipient().attempts) == (RecipientState.SKIPPED, 0)
    assert world.leases.holders(ACCOUNT, "camp_1") == {}
