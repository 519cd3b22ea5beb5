"""Previewing, erasing and forgetting: what is shown, what is gone, and what is left alone."""

from typing import Any

import pytest

from calling.domain.call import CallStatus
from calling.domain.delivery import Delivery
from calling.domain.events import terminal
from calling.domain.history import CallSummary
from calling.domain.phone_number import PhoneNumber
from calling.domain.transcript import Turn
from calling.usecases.erase_call import MAX_SECONDS
from calling.usecases.prepare_opener import opener_keys
from tests.unit.api.conftest import FROM, TO, Api, World, error_of


def over(world: World, api: Api) -> str:
    """A call that is over, with all that one leaves behind."""
    account, call_id = world.owner.account_id, str(api.place().json()["call_id"])
    world.clock.advance(1)
    call = world.calls.calls[account, call_id]
    world.calls.add_turn(account, call_id, Turn(0, "caller", "Hello?", 0, 1))
    recording = f"recordings/{account}/{call_id}.wav"
    for key in (recording, *opener_keys(account, call_id)):
        world.services.blobs.put(key, b"sound", content_type="audio/wav")
    world.deliveries.begin(Delivery(account, f"del_{call_id}", call_id, "e", "call.completed", "https://x.example", 1))
    world.calls.change(
        call,
        {"status": CallStatus.COMPLETED, "terminal_event_at": 9, "due_at": None, "recording_key": recording},
        outbox=terminal(account, call_id, CallStatus.COMPLETED, 9),
        remember=CallSummary(
            account, call.person, call_id, call.agent_id, 9, "completed", f"Of {call_id}.", {"name": "Sarah"}
        ),
    )
    return call_id


def left(world: World) -> dict[str, Any]:
    blobs: Any = world.services.blobs
    return {
        "calls": [call_id for _, call_id in world.calls.calls],
        "turns": [call_id for _, call_id in world.calls.turn_items],
        "outbox": [e.call_id for e in world.calls.outbox],
        "remembered": [s.call_id for s in world.calls.remembered],
        "deliveries": [d.call_id for d in world.deliveries.deliveries.values()],
        "blobs": len(blobs.blobs),
    }


def test_an_erased_call_leaves_nothing(world: World, api: Api) -> None:
    erased, kept = over(world, api), over(world, api)
    answer = api.request("DELETE", f"/calls/{erased}")
    assert (answer.status_code, answer.json()) == (200, {"call_id": erased, "deleted": True})
    assert left(world) == {
        "calls": [kept],
        "turns": [kept],
        "outbox": [kept],
        "remembered": [kept],
        "deliveries": [kept],
        "blobs": 3,
    }
    error_of(api.get(f"/calls/{erased}"), 404, "call_not_found")
    error_of(api.request("DELETE", f"/calls/{erased}"), 404, "call_not_found")


def test_a_call_that_is_not_over_is_not_erased(world: World, api: Api) -> None:
    live = api.place().json()["call_id"]
    assert error_of(api.request("DELETE", f"/calls/{live}"), 409, "call_not_ended")["type"] == "conflict"
    call = world.calls.calls[world.owner.account_id, live]
    world.calls.change(call, {"status": CallStatus.COMPLETED})
    error_of(api.request("DELETE", f"/calls/{live}"), 409, "call_not_ended")  # its summary is still being made


def test_a_call_of_which_something_is_left_to_be_done_is_not_erased(world: World, api: Api) -> None:
    """Its event is written, but its campaign has not counted it yet: the reaper will, and needs the record."""
    call_id = over(world, api)
    call = world.calls.calls[world.owner.account_id, call_id]
    call = world.calls.change(call, {"due_at": world.clock.now()})
    error_of(api.request("DELETE", f"/calls/{call_id}"), 409, "call_not_ended")
    assert api.request("DELETE", "/calls").json() == {"deleted": 0, "live": 1, "more": False}
    world.calls.change(call, {"due_at": None})
    assert api.request("DELETE", f"/calls/{call_id}").status_code == 200


def test_all_calls_are_erased_but_the_live_ones_and_other_peoples(world: World, api: Api, other: Api) -> None:
    for _ in range(3):
        over(world, api)
    live = api.place().json()["call_id"]
    assert other.request("DELETE", "/calls").json() == {"deleted": 0, "live": 0, "more": False}
    assert api.request("DELETE", "/calls").json() == {"deleted": 3, "live": 1, "more": False}
    assert left(world)["calls"] == [live]


def test_erasing_stops_when_its_time_is_up_and_says_so(world: World, api: Api) -> None:
    for _ in range(3):
        over(world, api)
    erase = world.calls.erase

    def slow(account_id: str, call_id: str) -> None:
        world.clock.advance(MAX_SECONDS - 1)
        erase(account_id, call_id)

    world.calls.erase = slow  # type: ignore[method-assign]
    assert api.request("DELETE", "/calls").json() == {"deleted": 2, "live": 0, "more": True}
    assert api.request("DELETE", "/calls").json() == {"deleted": 1, "live": 0, "more": False}


def test_another_tenants_call_is_not_there_to_erase(world: World, api: Api, other: Api) -> None:
    call_id = over(world, api)
    error_of(other.request("DELETE", f"/calls/{call_id}"), 404, "call_not_found")
    other.request("DELETE", "/history/%2B447386172392")
    assert left(world)["remembered"] == [call_id]


def test_a_persons_history_is_forgotten_and_their_calls_stay(world: World, api: Api) -> None:
    call_id = over(world, api)
    assert api.request("DELETE", "/history/%2B447386172392").json() == {"phone_number": TO, "deleted": True}
    assert api.get("/history/%2B447386172392").json() == {"phone_number": TO, "facts": {}, "calls": []}
    assert left(world)["calls"] == [call_id]
    error_of(api.request("DELETE", "/history/12"), 400, "invalid_phone_format", "phone_number")


def test_a_preview_shows_what_would_be_said_and_to_whom(world: World, api: Api) -> None:
    past = over(world, api)
    before = (list(world.dial_queue.sent), dict(world.calls.calls))
    body = {
        "agent_id": api.agent_id,
        "to_number": TO,
        "prompt": "Remind {who} of {what}.",
        "variables": {"who": "Sarah"},
        "voicemail_action": "leave_message",
        "voicemail_message": "Hello {who}, please call back.",
    }
    answer = api.post("/calls/preview", body)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["to"], shown["from"], shown["voice_id"]) == (TO, FROM, "Joanna")
    assert shown["prompt"] == "Remind Sarah of."
    assert "<purpose>\nRemind Sarah of.\n</purpose>" in shown["system_prompt"]
    assert f"Of {past}." in shown["system_prompt"]
    assert shown["voicemail_message"] == "Hello Sarah, please call back."
    assert [(f["call_id"], f["name"], f["text"]) for f in shown["history"]] == [
        (past, "summary", f"Of {past}."),
        (past, "name", "Sarah"),
    ]
    assert shown["warnings"] == ["Variable 'what' has no value: it is left out of prompt."]
    assert shown["token_count"] > 50
    assert shown["opener"]["instruction"].startswith("Write the opening line")
    assert (world.dial_queue.sent, world.calls.calls) == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"to_number": "999"}, "invalid_phone_format"), ({"prompt": ""}, "prompt_required"), ({"x": 1}, "unknown_field")],
)
def test_a_preview_refuses_what_a_call_would(api: Api, changes: dict[str, Any], code: str) -> None:
    error_of(
        api.post("/calls/preview", {"agent_id": api.agent_id, "to_number": TO, "prompt": "Hi."} | changes), 400, code
    )


def test_nothing_is_remembered_under_a_number_it_was_forgotten_for(world: World, api: Api) -> None:
    over(world, api)
    world.services.people.forget(world.owner.account_id, PhoneNumber(TO))
    assert (
        api.post("/calls/preview", {"agent_id": api.agent_id, "to_number": TO, "prompt": "Hi."}).json()["history"] == []
    )


SCHEMA = {"type": "object", "properties": {"appointment_day": {"type": "string"}}}


def test_an_extraction_schema_is_kept_and_checked(api: Api) -> None:
    path = f"/agents/{api.agent_id}"
    assert api.request("PUT", path, json={"extraction_schema": SCHEMA}).json()["extraction_schema"] == SCHEMA
    assert api.get(path).json()["extraction_schema"] == SCHEMA
    wrong: list[Any] = [{}, {"type": "array"}, {"type": "object", "properties": {"a": 1}}, "text"]
    for schema in [*wrong, {"type": "object", "properties": {"a": {"description": "x" * 9000}}}]:
        error_of(
            api.request("PUT", path, json={"extraction_schema": schema}), 400, "invalid_field", "extraction_schema"
        )
