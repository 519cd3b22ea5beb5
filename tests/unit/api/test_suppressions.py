"""The do-not-call list."""

from typing import Any

import pytest

from calling.domain.contact import SuppressionSource
from calling.domain.phone_number import PhoneNumber
from tests.unit.api.conftest import PEOPLE, TO, Api, World, error_of

PATH = "/suppressions/%2B447386172392"


def test_put_get_delete(world: World, api: Api, other: Api) -> None:
    error = error_of(api.get(PATH), 404, "not_found", "phone_number")
    assert error["type"] == "not_found"
    put = api.request("PUT", PATH, json={"reason": "asked in writing"})
    assert put.status_code == 200
    shown = put.json()["suppression"]
    assert put.json() == {
        "suppression": {
            "phone_number": TO, "suppressed": True, "reason": "asked in writing", "source": "api", "call_id": None,
            "created_at": shown["created_at"],
        }
    }  # fmt: skip
    assert shown["created_at"].endswith("Z")
    assert api.get(PATH).json() == api.get(f"/suppressions/{TO}").json() == put.json()
    world.clock.advance(60)
    again = api.request("PUT", PATH, json={"reason": "another"})
    assert again.json() == put.json(), "who is on the list stays as they are"
    error_of(other.get(PATH), 404, "not_found")
    error_of(other.request("DELETE", PATH), 404, "not_found")
    gone = api.request("DELETE", PATH)
    assert (gone.status_code, gone.json()) == (200, {"suppression": {"phone_number": TO, "deleted": True}})
    error_of(api.get(PATH), 404, "not_found")
    error_of(api.request("DELETE", PATH), 404, "not_found")


def test_without_a_reason(api: Api) -> None:
    assert api.request("PUT", PATH).json()["suppression"]["reason"] is None
    assert api.request("PUT", "/suppressions/%2B447386172393", json={}).status_code == 200


def test_what_a_call_said(world: World, api: Api) -> None:
    world.contacts.suppress(
        world.owner.account_id, PhoneNumber(TO), at=1, by=SuppressionSource.CALL, why="stop calling", call_id="call_1"
    )
    shown = api.get(PATH).json()["suppression"]
    assert (shown["source"], shown["call_id"], shown["reason"]) == ("call", "call_1", "stop calling")


def test_refusals(api: Api) -> None:
    error_of(api.request("PUT", "/suppressions/nobody"), 400, "invalid_phone_format", "phone_number")
    error_of(api.get("/suppressions/12"), 400, "invalid_phone_format", "phone_number")
    error_of(api.request("PUT", PATH, json={"why": "x"}), 400, "unknown_field", "why")
    error_of(api.request("PUT", PATH, json={"reason": "x" * 501}), 400, "invalid_field", "reason")


@pytest.mark.parametrize(
    "body",
    [
        {"phone_numbers": [*PEOPLE, PEOPLE[0]]},
        {"suppressions": [{"phone_number": number, "reason": "in the old system"} for number in PEOPLE]},
    ],
)
def test_import(world: World, api: Api, body: dict[str, Any]) -> None:
    api.request("PUT", f"/suppressions/{PEOPLE[2]}", json={"reason": "first"})
    answer = api.post("/suppressions/import", body)
    assert (answer.status_code, answer.json()) == (200, {"imported": 2, "already": 1, "more": False})
    shown = api.get(f"/suppressions/{PEOPLE[0]}").json()["suppression"]
    reason = "in the old system" if "suppressions" in body else None
    assert (shown["source"], shown["reason"]) == ("import", reason)
    assert api.get(f"/suppressions/{PEOPLE[2]}").json()["suppression"]["reason"] == "first"
    assert api.post("/suppressions/import", body).json() == {"imported": 0, "already": 3, "more": False}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"phone_numbers": [PEOPLE[0], "12"]}, "invalid_phone_format", "phone_numbers.1"),
        ({"suppressions": [{"phone_number": "x"}]}, "invalid_phone_format", "suppressions.0.phone_number"),
        ({"suppressions": [{"phone": PEOPLE[0]}]}, "missing_field", "suppressions.0.phone_number"),
        ({"suppressions": [{"phone_number": PEOPLE[0], "why": "x"}]}, "unknown_field", "suppressions.0.why"),
        ({"phone_numbers": []}, "invalid_field", "phone_numbers"),
        ({"phone_numbers": [PEOPLE[0]] * 10_001}, "invalid_field", "phone_numbers"),
        ({"phone_numbers": [447111000001]}, "invalid_field", "phone_numbers.0"),
        ({}, "missing_field", "phone_numbers"),
        ({"phone_numbers": [PEOPLE[0]], "suppressions": []}, "missing_field", "phone_numbers"),
    ],
)
def test_a_bad_import_writes_nothing(world: World, api: Api, body: dict[str, Any], code: str, field: str) -> None:
    error_of(api.post("/suppressions/import", body), 400, code, field)
    assert not world.contacts.contacts


def test_an_import_that_takes_too_long_says_so(world: World, api: Api) -> None:
    suppress = world.contacts.suppress

    def slowly(*args: Any, **kwargs: Any) -> Any:
        world.clock.advance(11)
        return suppress(*args, **kwargs)

    world.contacts.suppress = slowly  # type: ignore[method-assign]
    body = {"phone_numbers": list(PEOPLE)}
    assert api.post("/suppressions/import", body).json() == {"imported": 2, "already": 0, "more": True}
    assert api.post("/suppressions/import", body).json() == {"imported": 1, "already": 2, "more": False}


def test_a_single_call_is_still_accepted(api: Api) -> None:
    """The list is asked at the moment of dialling: a person may be taken off it until then."""
    api.request("PUT", PATH)
    assert api.place().status_code == 201
