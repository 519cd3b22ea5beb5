"""POST /v1/calls/outbound, field by field."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from calling.domain.agent import VoicemailAction
from calling.domain.call import Call, CallStatus
from tests.unit.api.conftest import FROM, FROM_2, TO, Api, World, error_of


def stored(world: World, response: Any) -> Call:
    assert response.status_code == 201, response.text
    return world.calls.calls[world.owner.account_id, response.json()["call_id"]]


def test_the_seeds_request_is_accepted_word_for_word(world: World, client: TestClient, api: Api) -> None:
    body = """{
    "agent_id": "AGENT",
    "to_number": "+447386172392",
    "prompt": "Remind the caller about their appointment tomorrow at 2pm.",
    "from_number": "+447700900123"
  }""".replace("AGENT", api.agent_id)
    headers = {**api.headers, "Content-Type": "application/json"}
    response = client.post("/v1/calls/outbound", content=body, headers=headers)
    assert response.status_code == 201
    call_id = response.json()["call_id"]
    assert response.json() == {"call_id": call_id, "status": "queued", "to": TO, "from": FROM, "warnings": []}
    assert world.dial_queue.sent == [(world.owner.account_id, call_id, 0)]
    call = stored(world, response)
    assert call.status is CallStatus.QUEUED
    assert call.prompt == "Remind the caller about their appointment tomorrow at 2pm."
    assert [e.event for e in call.timeline] == ["queued"]


def test_the_older_seeds_request_uses_the_agents_outbound_prompt(world: World, api: Api) -> None:
    error_of(api.place("prompt"), 400, "prompt_required", "prompt")
    api.request("PUT", f"/agents/{api.agent_id}", json={"outbound_prompt": "Ask how they liked it."})
    assert stored(world, api.place("prompt")).prompt == "Ask how they liked it."
    assert stored(world, api.place(prompt="  ")).prompt == "Ask how they liked it."
    assert stored(world, api.place(prompt=None, metadata={"order": 7})).metadata == {"order": 7}


def test_the_message_is_queued_before_the_record_is_there(world: World, api: Api) -> None:
    there: list[bool] = []
    send = world.dial_queue.send

    def watch(account_id: str, call_id: str, *, delay_seconds: int = 0) -> None:
        there.append((account_id, call_id) in world.calls.calls)
        send(account_id, call_id, delay_seconds=delay_seconds)

    world.dial_queue.send = watch  # type: ignore[method-assign]
    stored(world, api.place())
    assert there == [False]


def test_without_from_number_the_first_outbound_number_calls(world: World, api: Api) -> None:
    assert api.place("from_number").json()["from"] == FROM
    api.request("PATCH", "/phone-numbers/%2B447700900123", json={"outbound_enabled": False})
    assert api.place("from_number").json()["from"] == FROM_2
    error_of(api.place(), 400, "from_number_not_outbound", "from_number")
    api.request("DELETE", "/phone-numbers/%2B447700900124")
    error_of(api.place("from_number"), 400, "agent_no_phone")


def test_the_number_sets_the_voice(world: World, api: Api) -> None:
    api.request("PATCH", "/phone-numbers/%2B447700900124", json={"voice_id": "Amy"})
    assert stored(world, api.place(from_number=FROM_2)).voice_id == "Amy"
    assert stored(world, api.place()).voice_id == "Joanna"


@pytest.mark.parametrize("name", ["dynamic_vars", "variables"])
def test_variables_and_their_warnings(world: World, api: Api, name: str) -> None:
    prompt = "Tell {first} about {{ order }} and {when}."
    variables: dict[str, Any] = {name: {"first": "Sarah", "order": 12}}
    response = api.place(prompt=prompt, **variables)
    assert stored(world, response).dynamic_vars == {"first": "Sarah", "order": "12"}
    assert len(response.json()["warnings"]) == 1
    assert "'when'" in response.json()["warnings"][0]


def test_warnings_name_variables_of_every_text(world: World, api: Api) -> None:
    api.request("PUT", f"/agents/{api.agent_id}", json={"system_prompt": "You know {shop}."})
    response = api.place(
        prompt="Say {shop}.", voicemail_action="leave_message", voicemail_message="Call {name} back, {first}.",
        dynamic_vars={"first": "Sarah"},
    )  # fmt: skip
    assert [w.split("'")[1] for w in response.json()["warnings"]] == ["shop", "name"]
    call = stored(world, response)
    assert call.voicemail_message == "Call {name} back, {first}."
    assert call.voicemail_action is VoicemailAction.LEAVE_MESSAGE


def test_a_variable_that_a_prompt_cuts_off_is_warned_of(api: Api) -> None:
    warnings = api.place(prompt="Read {notes}.", variables={"Notes": "x" * 2_001}).json()["warnings"]
    assert warnings == ["Variable 'Notes' is long: prompts take 2,000 characters of it."]


def test_voicemail_falls_from_call_to_number_to_agent(world: World, api: Api) -> None:
    assert stored(world, api.place()).voicemail_action is VoicemailAction.HANGUP
    error_of(api.place(voicemail_action="leave_message"), 400, "voicemail_message_required", "voicemail_message")
    leave = {"voicemail_leave_enabled": True, "voicemail_message": "Please call back."}
    api.request("PUT", f"/agents/{api.agent_id}", json=leave)
    assert stored(world, api.place()).voicemail_message == "Please call back."
    api.request("PATCH", "/phone-numbers/%2B447700900123", json={"voicemail_action": "ignore"})
    assert stored(world, api.place()).voicemail_action is VoicemailAction.IGNORE
    assert stored(world, api.place(voicemail_action="hangup")).voicemail_action is VoicemailAction.HANGUP


def test_not_after(world: World, api: Api) -> None:
    now = datetime.fromtimestamp(world.clock.now() / 1000, UTC)
    error_of(api.place(not_after=(now - timedelta(seconds=1)).isoformat()), 400, "invalid_field", "not_after")
    later = now + timedelta(hours=2)
    assert stored(world, api.place(not_after=later.isoformat())).not_after == later.timestamp() * 1000
    api.request("PUT", f"/agents/{api.agent_id}", json={"timezone": "America/New_York"})
    naive = (now + timedelta(hours=2)).replace(tzinfo=None).isoformat()
    assert stored(world, api.place(not_after=naive)).not_after == (now + timedelta(hours=7)).timestamp() * 1000
    for bad in ("soon", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        assert api.place(not_after=bad).status_code in (201, 400)


@pytest.mark.parametrize("field", ["agent_id", "to_number"])
def test_missing_fields(api: Api, field: str) -> None:
    error_of(api.place(field), 400, "missing_field", field)


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"agent_id": ""}, 404, "agent_not_found", None),
        ({"agent_id": "agent_1#number#+44"}, 404, "agent_not_found", None),
        ({"agent_id": "a" * 5000}, 404, "agent_not_found", None),
        ({"promt": "typo"}, 400, "unknown_field", "promt"),
        ({"to_number": "07386 17239"}, 400, "invalid_phone_format", "to_number"),
        ({"to_number": "+44999"}, 400, "invalid_phone_format", "to_number"),
        ({"to_number": "+447386172392x"}, 400, "invalid_phone_format", "to_number"),
        ({"to_number": "+449098790000"}, 400, "destination_not_allowed", "to_number"),
        ({"to_number": 447386172392}, 400, "invalid_field", "to_number"),
        ({"from_number": "nope"}, 400, "invalid_phone_format", "from_number"),
        ({"from_number": "+447700900999"}, 403, "from_number_not_owned", "from_number"),
        ({"agent_id": "agent_nobody"}, 404, "agent_not_found", "agent_id"),
        ({"prompt": "x" * 16_001}, 400, "prompt_too_long", "prompt"),
        ({"prompt": 5}, 400, "invalid_field", "prompt"),
        ({"dynamic_vars": {"a": ["b"]}}, 400, "invalid_field", "dynamic_vars.a"),
        ({"dynamic_vars": {"a": "b" * 20_000}}, 400, "invalid_field", "dynamic_vars"),
        ({"metadata": {"a": "b" * 4_096}}, 400, "invalid_field", "metadata"),
        ({"metadata": ["a"]}, 400, "invalid_field", "metadata"),
        ({"voicemail_action": "shout"}, 400, "invalid_field", "voicemail_action"),
        ({"voicemail_message": "x" * 3_001}, 400, "invalid_field", "voicemail_message"),
        ({"dynamic_vars": {}, "variables": {}}, 400, "unknown_field", "variables"),
    ],
)
def test_refusals(world: World, api: Api, changes: dict[str, Any], status: int, code: str, field: str | None) -> None:
    error_of(api.place(**changes), status, code, field)
    assert not world.calls.calls
    assert not world.dial_queue.sent


def test_an_inactive_agent_calls_nobody(api: Api) -> None:
    api.request("PUT", f"/agents/{api.agent_id}", json={"is_active": False})
    error_of(api.place(), 400, "invalid_field", "agent_id")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b'{"metadata": {"a": NaN}}', b"\xff\xfe", b"[" * 100_000,
     b'{"agent_id": "agent_a", "to_number": "+447386172392", "metadata": {"a": "\\ud800"}}',
     b'{"agent_id": "agent_a", "to_number": "+447386172392", "prompt": "\\ud800"}',
     b'{"agent_id": "agent_a", "to_number": "+447386172392", "metadata": {"a": 1e999}}'],
)  # fmt: skip
def test_bodies_that_are_no_json_object(client: TestClient, api: Api, body: bytes) -> None:
    headers = {**api.headers, "Content-Type": "application/json"}
    response = client.post("/v1/calls/outbound", content=body, headers=headers)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] in ("invalid_json", "missing_field", "invalid_field")


def test_a_form_is_told_to_be_json(client: TestClient, api: Api) -> None:
    error_of(client.post("/v1/calls/outbound", data={"agent_id": "agent_a"}, headers=api.headers), 400, "invalid_json")


def test_a_body_above_4_mb(client: TestClient, api: Api) -> None:
    body = json.dumps({"prompt": "x" * (4 * 1024 * 1024)})
    response = client.post("/v1/calls/outbound", content=body, headers=api.headers)
    error_of(response, 413, "body_too_large")
    assert response.headers["x-request-id"]


def test_idempotency_key(world: World, api: Api) -> None:
    once = {"Idempotency-Key": "order-7"}
    first, again = api.place(headers=once), api.place(headers=once)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert len(world.calls.calls) == len(world.dial_queue.sent) == 1
    error_of(api.place(headers=once, prompt="Something else."), 422, "idempotency_key_reused")
    assert api.place(headers={"Idempotency-Key": "order-8"}).json()["call_id"] != first.json()["call_id"]
    world.idempotency.forget(world.owner.account_id, "order-8")
    replay = api.place(headers={"Idempotency-Key": "order-8"})
    assert len(world.calls.calls) == 2, "an answer that was never remembered: the call is found all the same"
    assert replay.status_code == 201
    world.clock.advance(24 * 3600 + 1)
    assert api.place(headers=once).json()["call_id"] != first.json()["call_id"]


BODY = '{"agent_id":"AGENT","to_number":"+447386172392","prompt":"Caf\u00e9?","metadata":{"a":1,"b":[1.5,2]}}'
SAME = (
    (
        '{"metadata": {"b": [1.50, 2.0], "a": 1.0}, "prompt": "Caf\\u00e9?", "to_number": "+447386172392",\n'
        '\t"agent_id": "AGENT"}'
    ),
    BODY.replace("[1.5,2]", "[15e-1,2]"),
    BODY.replace('"a":1', '"a":7,"a":1'),
)
OTHER = (
    BODY.replace("[1.5,2]", "[2,1.5]"),
    BODY.replace('"a":1', '"a":true'),
    BODY.replace('"a":1', '"a":"1"'),
    BODY.replace('"a":1', '"A":1'),
    BODY.replace("Caf", "caf"),
)


@pytest.mark.parametrize("again", SAME)
def test_a_repeated_request_is_known_by_what_it_means(world: World, api: Api, again: str) -> None:
    first, repeat = (sent(api, body) for body in (BODY, again))
    assert (first.status_code, repeat.json()) == (201, first.json())
    assert repeat.headers["idempotency-replayed"] == "true"
    assert len(world.calls.calls) == 1


@pytest.mark.parametrize("other", OTHER)
def test_a_request_that_means_something_else_is_another(world: World, api: Api, other: str) -> None:
    assert sent(api, BODY).status_code == 201
    error_of(sent(api, other), 422, "idempotency_key_reused")
    assert len(world.calls.calls) == 1


def test_what_is_no_json_is_known_by_its_bytes(api: Api) -> None:
    for body in ('{"prompt": ', "[" * 3_000, "9" * 5_000, "\xff"):
        error_of(sent(api, body), 400, "invalid_json")


def sent(api: Api, body: str) -> Any:
    content = body.replace("AGENT", api.agent_id).encode()
    return api.request("POST", "/calls/outbound", content=content, headers={"Idempotency-Key": "order-7"})


def test_an_idempotency_key_in_flight_and_after_a_failure(world: World, api: Api) -> None:
    once = {"Idempotency-Key": "order-7"}
    error_of(api.place(headers=once, prompt=" "), 400, "prompt_required")
    send = world.dial_queue.send
    seen: list[Any] = []

    def nested(account_id: str, call_id: str, *, delay_seconds: int = 0) -> None:
        world.dial_queue.send = send  # type: ignore[method-assign]
        seen.append(api.place(headers=once))
        send(account_id, call_id, delay_seconds=delay_seconds)

    world.dial_queue.send = nested  # type: ignore[method-assign]
    assert api.place(headers=once).status_code == 201
    error_of(seen[0], 409, "idempotency_in_progress")
    error_of(api.place(headers={"Idempotency-Key": "x" * 256}), 400, "invalid_field", "Idempotency-Key")


@pytest.mark.parametrize("path", ["/calls/outbound", "/calls/preview"])
def test_a_call_is_linked_to_a_campaign_that_is_there(world: World, api: Api, other: Api, path: str) -> None:
    body = {"agent_id": api.agent_id, "to_number": TO, "prompt": "Say hello."}
    theirs = other.post("/agents", {}).json()["agent_id"]
    for campaign_id in ("camp_nope", "", "camp_" + "x" * 65, "x#y", theirs):
        error_of(api.post(path, body | {"campaign_id": campaign_id}), 404, "campaign_not_found", "campaign_id")
    assert not world.calls.calls
    campaign_id = api.batch().json()["campaign_id"]
    assert api.post(path, body | {"campaign_id": campaign_id}).status_code in (200, 201)
    other.agent_id = theirs
    world.carrier.owned.add("+447700900555")
    other.post("/phone-numbers", {"phone_number": "+447700900555", "agent_id": theirs})
    refused = other.post(path, body | {"agent_id": theirs, "campaign_id": campaign_id})
    error_of(refused, 404, "campaign_not_found", "campaign_id")
