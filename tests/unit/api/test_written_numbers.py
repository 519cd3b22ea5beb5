"""The one rule for people's numbers, at every door it is asked at; and rows that are skipped one by one."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from calling.domain.call import Call
from tests.unit.api.conftest import FROM, PEOPLE, TO, Api, World, error_of, imported
from tests.unit.api.test_campaigns import stored

BOTH_WAYS = "4693504527"  # in Dallas, and with a + in Sweden
DALLAS, SWEDISH = "+14693504527", "+4693504527"


def called(world: World, answer: Any) -> Call:
    assert answer.status_code == 201, answer.text
    return world.calls.calls[world.owner.account_id, answer.json()["call_id"]]


def one_row(api: Api, text: str, **said: Any) -> Any:
    return api.batch(recipients=[{"phone": text}], **said)


def one_line(api: Api, world: World, text: str, **said: Any) -> Any:
    upload_id = api.post("/uploads").json()["upload_id"]
    key = f"uploads/{world.owner.account_id}/{upload_id}"
    world.blobs.put(key, f'phone;name\n"{text}";Zoe\n'.encode(), content_type="text/csv")
    return api.batch("recipients", query="?dry_run=true", recipients_upload_id=upload_id, **said)


Door = Callable[[Api, World, str, dict[str, Any]], Any]
ACCEPTS: dict[str, Door] = {
    "call": lambda api, world, text, said: api.place(to_number=text, **said),
    "preview": lambda api, world, text, said: api.post(
        "/calls/preview", {"agent_id": api.agent_id, "to_number": text, "prompt": "Ask", **said}
    ),
    "campaign": lambda api, world, text, said: one_row(api, text, **said),
    "suppress": lambda api, world, text, said: api.request("PUT", f"/suppressions/{text}", params=said),
    "look up": lambda api, world, text, said: api.get(f"/history/{text}", params=said),
    "suppress many": lambda api, world, text, said: api.post("/suppressions/import", {"phone_numbers": [text], **said}),
    "tell of": lambda api, world, text, said: api.request(
        "PUT", f"/phone-numbers/%2B447700900123/callers/{text}", json={"name": "Zoe"}, params=said
    ),
    "tell of many": lambda api, world, text, said: api.post(
        "/phone-numbers/%2B447700900123/callers/import", {"callers": [{"caller_number": text, "name": "Zoe"}], **said}
    ),
    "list": lambda api, world, text, said: api.get("/calls", params={"to_number": text, **said}),
}


@pytest.mark.parametrize("door", ACCEPTS)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("+44 7386 172392", {}),
        ("07386 172392", {}),  # the countries of the account's numbers are guessed
        ("07386-172392", {"default_country": "gb"}),
        ("00447386172392", {}),
        ("(07386) 172 392", {"default_country": "GB"}),
    ],
)
def test_every_door_reads_what_a_person_writes(
    world: World, api: Api, door: str, text: str, said: dict[str, Any]
) -> None:
    answer = ACCEPTS[door](api, world, text, said)
    assert answer.status_code in (200, 201), answer.text
    if door in ("call", "preview"):
        assert answer.json()["to"] == TO
    if door.startswith("suppress"):
        assert api.get("/suppressions/%2B447386172392").json()["suppression"]["phone_number"] == TO
    if door.startswith("tell"):
        assert api.get("/phone-numbers/%2B447700900123/callers/%2B447386172392").status_code == 200
    if door == "look up":
        assert answer.json()["phone_number"] == TO


@pytest.mark.parametrize("door", ACCEPTS)
@pytest.mark.parametrize("text", ["+15550301", "+4412345", "4.47386E+11", "Bob"])
def test_no_door_takes_what_is_nobodys_number(world: World, api: Api, door: str, text: str) -> None:
    error_of(ACCEPTS[door](api, world, text, {"default_country": "GB"}), 400, "invalid_phone_format")


@pytest.mark.parametrize("door", ACCEPTS)
def test_every_door_refuses_a_country_that_is_none(world: World, api: Api, door: str) -> None:
    error = error_of(ACCEPTS[door](api, world, TO, {"default_country": "UK"}), 400, "invalid_field", "default_country")
    assert "GB" in error["message"]


def test_a_country_that_was_said_settles_a_number_and_a_guess_does_not(world: World, api: Api) -> None:
    world.carrier.owned.add("+13125550100")
    assert api.post("/phone-numbers", {"phone_number": "+13125550100", "agent_id": api.agent_id}).status_code == 201
    ours: dict[str, Any] = {"from_number": "+13125550100"}
    error = error_of(api.place(to_number=BOTH_WAYS, **ours), 400, "ambiguous_phone", "to_number")
    assert DALLAS in error["message"]
    assert SWEDISH in error["message"]
    assert "default_country" in error["message"]
    said = api.place(to_number=BOTH_WAYS, default_country="US", **ours)
    assert called(world, said).to_number.e164 == DALLAS
    bad = error_of(one_row(api, BOTH_WAYS, **ours), 400, "ambiguous_phone", "recipients.0")
    assert DALLAS in bad["message"]
    assert one_row(api, BOTH_WAYS, default_country="US", **ours).status_code == 201
    # The agent's word counts as said; a request's comes before it.
    assert (
        api.request("PUT", f"/agents/{api.agent_id}", json={"default_country": "us"}).json()["default_country"] == "US"
    )
    assert called(world, api.place(to_number=BOTH_WAYS, **ours)).to_number.e164 == DALLAS
    assert called(world, api.place(to_number="07386 172392", default_country="GB", **ours)).to_number.e164 == TO
    made = one_row(api, BOTH_WAYS, **ours)
    assert stored(world, made).default_country == "US"
    assert api.get(f"/calls/batch/{made.json()['campaign_id']}").json()["default_country"] == "US"


def test_an_uploaded_list_is_read_in_its_country(world: World, api: Api) -> None:
    assert one_line(api, world, "07386 172392").json()["valid_count"] == 1
    assert one_line(api, world, "0151 23456789", default_country="DE").json()["valid_count"] == 1
    assert one_line(api, world, "0151 23456789").json()["invalid_count"] == 1


def test_numbers_that_cost_more_than_a_call_are_for_the_deployment_to_allow(world: World, api: Api) -> None:
    for number in ("+449098790000", "+19002345678", "+971700012345", "+447012345678", "+870301234567"):
        error_of(api.place(to_number=number), 400, "destination_not_allowed", "to_number")
        error_of(one_row(api, number), 400, "destination_not_allowed", "recipients.0")
        assert one_line(api, world, number).json()["invalid_count"] == 1
        assert api.request("PUT", f"/suppressions/%2B{number[1:]}").status_code == 200
    for number in ("+18002345678", "+448001234567"):
        assert api.place(to_number=number).status_code == 201


def test_what_the_deployment_allows_is_dialled(world: World, api: Api) -> None:
    services = replace(world.services, allowed_destinations=("+870", "+4490"))
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        allowed = Api(client, world.owner.api_key)
        allowed.agent_id = api.agent_id
        for number in ("+449098790000", "+870301234567"):
            assert allowed.place(to_number=number).status_code == 201
            assert one_row(allowed, number).status_code == 201
            assert one_line(allowed, world, number).json()["valid_count"] == 1
        error_of(allowed.place(to_number="+19002345678"), 400, "destination_not_allowed", "to_number")


BAD: dict[str, tuple[Any, str]] = {
    "an unknown field": ({"phone": PEOPLE[0], "nmae": "Zoe"}, "unknown_field"),
    "a numeric phone": ({"phone": 447386172392}, "invalid_field"),
    "no phone": ({"variables": {"name": "Zoe"}}, "missing_field"),
    "a null variable": ({"phone": PEOPLE[0], "variables": {"name": None}}, "invalid_field"),
    "a list of variables": ({"phone": PEOPLE[0], "variables": ["x"]}, "invalid_field"),
    "no object": ("+447386172392", "invalid_field"),
    "nothing": (None, "invalid_field"),
    "metadata that is none": ({"phone": PEOPLE[0], "metadata": "x"}, "invalid_field"),
    "too much metadata": ({"phone": PEOPLE[0], "metadata": {"x": "y" * 4_096}}, "invalid_field"),
    "a numeric prompt": ({"phone": PEOPLE[0], "prompt": 7}, "invalid_field"),
    "a long prompt": ({"phone": PEOPLE[0], "prompt": "x" * 16_001}, "prompt_too_long"),
    "a number that is none": ({"phone": "12"}, "invalid_phone_format"),
    "a zone that is none": ({"phone": PEOPLE[0], "timezone": "Mars/Base"}, "invalid_timezone"),
    "two numbers": ({"phone": PEOPLE[0], "phone_number": PEOPLE[1]}, "unknown_field"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_row_refuses_the_request_or_is_skipped_and_listed(world: World, api: Api, what: str) -> None:
    row, code = BAD[what]

    def send(**more: Any) -> Any:
        body = {"agent_id": api.agent_id, "from_number": FROM, "prompt": "Ask", "recipients": [row, {"phone": TO}]}
        return api.request(
            "POST", "/calls/batch", content=json.dumps(body | more), headers={"Content-Type": "application/json"}
        )

    refused = error_of(send(), 400, code)
    assert refused["details"]["field"].startswith("recipients.0")
    assert [bad["row_index"] for bad in refused["details"]["invalid"]] == [0]
    made = send(skip_invalid=True)
    assert made.status_code == 201, made.text
    answer = made.json()
    assert [answer[name] for name in ("recipients_count", "valid_count", "invalid_count")] == [2, 1, 1]
    assert answer["invalid"] == refused["details"]["invalid"]
    assert answer["invalid"][0]["reason"]
    # The list that was kept is read as it was: nobody moves up, and the bad row is listed with the others.
    imported(world, answer["campaign_id"])
    path = f"/calls/batch/{answer['campaign_id']}/recipients"
    assert [(r["index"], r["state"], r["phone_number"]) for r in api.get(path).json()][1:] == [(1, "pending", TO)]
    assert [r["index"] for r in api.get(f"{path}?state=invalid").json()] == [0]


def test_a_list_of_which_no_row_can_be_read_says_so(world: World, api: Api) -> None:
    upload_id = api.post("/uploads").json()["upload_id"]
    key = f"uploads/{world.owner.account_id}/{upload_id}"
    world.blobs.put(key, f"Phone,Mobile,Name\n{PEOPLE[0]},{TO},Zoe\n".encode(), content_type="text/csv")
    sent = {"recipients_upload_id": upload_id, "skip_invalid": True}
    error = error_of(
        api.batch("recipients", query="?dry_run=true", **sent), 400, "invalid_field", "recipients_upload_id"
    )
    assert "'Phone' and 'Mobile'" in error["message"]
    failed = imported(world, stored(world, api.batch("recipients", **sent)).campaign_id)
    assert failed.status.value == "failed"
    assert "'Phone' and 'Mobile'" in (failed.pause_reason or "")
    named = sent | {"phone_column": "Mobile"}
    assert api.batch("recipients", query="?dry_run=true", **named).json()["valid_count"] == 1
    ran = imported(world, stored(world, api.batch("recipients", **named)).campaign_id)
    assert (ran.status.value, ran.rows, ran.invalid_count) == ("running", 1, 0)
    assert api.get(f"/calls/batch/{ran.campaign_id}").json()["phone_column"] == "Mobile"
    error_of(api.batch(phone_column="phone"), 400, "invalid_field", "phone_column")
