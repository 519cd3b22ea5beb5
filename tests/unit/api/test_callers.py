"""What operators tell of people: kept by number, merged, checked, and read by the agent."""

from typing import Any

import pytest

from tests.unit.api.conftest import FROM, TO, Api, World, error_of

PATH = f"/phone-numbers/{FROM.replace('+', '%2B')}/callers"
SARAH = f"{PATH}/{TO.replace('+', '%2B')}"


def put(api: Api, **fields: Any) -> Any:
    return api.request("PUT", SARAH, json=fields)


def test_what_is_left_out_is_kept_and_null_removes(api: Api) -> None:
    error_of(api.get(SARAH), 404, "caller_not_found")
    put(api, name="Sarah", location="Leeds")
    shown = put(api, location=None, preference="mornings").json()["caller"]
    assert (shown["phone_number"], shown["caller_number"]) == (FROM, TO)
    assert {k: v for k, v in shown["context"].items() if v} == {"name": "Sarah", "preference": "mornings"}
    assert api.get(SARAH).json() == {"caller": shown}
    assert api.request("DELETE", SARAH).json()["caller"] == {
        "phone_number": FROM,
        "caller_number": TO,
        "deleted": True,
    }
    error_of(api.request("DELETE", SARAH), 404, "caller_not_found")


@pytest.mark.parametrize("field", ["last_call", "open_item"])
def test_what_calls_write_is_not_written_by_hand(world: World, api: Api, field: str) -> None:
    error_of(put(api, **{field: "x"}), 400, "engine_only_field", field)
    rows = {"callers": [{"caller_number": TO, "name": "Sarah"}, {"caller_number": TO, field: "x"}]}
    error_of(api.post(f"{PATH}/import", rows), 400, "engine_only_field", field)
    error_of(api.get(SARAH), 404, "caller_not_found")


def test_an_import_writes_all_or_nothing(api: Api) -> None:
    rows = [{"caller_number": TO, "name": "Sarah"}, {"caller_number": "+447386172393", "email": "k@example.com"}]
    bad = [*rows, {"caller_number": "12"}]
    error_of(api.post(f"{PATH}/import", {"callers": bad}), 400, "invalid_phone_format", "callers.2.caller_number")
    error_of(api.get(SARAH), 404, "caller_not_found")
    assert api.post(f"{PATH}/import", {"callers": rows}).json() == {"imported": 2}
    assert api.get(SARAH).json()["caller"]["context"]["name"] == "Sarah"
    error_of(api.post(f"{PATH}/import", {"callers": rows * 501}), 400, "invalid_field", "callers")


def test_unknown_fields_and_foreign_numbers(api: Api, other: Api) -> None:
    error_of(put(api, nickname="S"), 400, "unknown_field", "nickname")
    error_of(api.get(f"{PATH}/12"), 400, "invalid_phone_format", "caller_number")
    error_of(other.get(SARAH), 404, "phone_number_not_found")


def test_the_agent_reads_it(api: Api) -> None:
    put(api, name="Sarah", preference="mornings")
    body = {"agent_id": api.agent_id, "to_number": TO, "prompt": "Hi.", "from_number": FROM}
    shown = api.post("/calls/preview", body).json()
    assert "<person>\nname: Sarah\npreference: mornings\n</person>" in shown["system_prompt"]
    assert {"call_id": None, "name": "name", "text": "Sarah"} in shown["history"]
    elsewhere = api.post("/calls/preview", body | {"from_number": "+447700900124"}).json()
    assert "<person>" not in elsewhere["system_prompt"]
