"""Phone numbers and their two webhooks."""

from typing import Any

import pytest

from calling.domain import agent as agent_module
from calling.domain.errors import CarrierAmbiguous, CarrierRefused
from calling.domain.phone_number import PhoneNumber
from calling.domain.routing import ours
from tests.unit.api.conftest import FROM, FROM_2, Api, World, error_of

NEW = "+447700900555"
PATH = "/phone-numbers/%2B447700900123"
SID = "AC" + "1" * 32


def body(api: Api, **changes: Any) -> dict[str, Any]:
    return {"phone_number": NEW, "agent_id": api.agent_id} | changes


def test_import_points_the_number_here(world: World, api: Api) -> None:
    world.carrier.owned.add(NEW)
    response = api.post("/phone-numbers", body(api, voice_id="Amy", custom_prompt="Be brief."))
    assert response.status_code == 201
    number = response.json()["phone_number"]
    assert number["phone_number"] == NEW
    assert (number["voice_id"], number["custom_prompt"], number["twilio_sid"]) == ("Amy", "Be brief.", None)
    assert number["outbound_enabled"] is number["inbound_enabled"] is True
    assert world.carrier.routings[NEW] == ours("https://api.example.com", world.owner.account_id)


@pytest.mark.parametrize(
    ("sid", "token"), [("twilio_sid", "twilio_token"), ("twilio_account_sid", "twilio_auth_token")]
)
def test_credentials_of_ones_own_are_encrypted_and_never_shown(world: World, api: Api, sid: str, token: str) -> None:
    world.carrier.owned.add(NEW)
    world.carrier.token = "hush-hush"
    response = api.post("/phone-numbers", body(api, **{sid: SID, token: "hush-hush"}))
    assert response.status_code == 201, response.text
    assert response.json()["phone_number"]["twilio_sid"] == SID
    stored = world.agents.get_number(world.owner.account_id, PhoneNumber(NEW))
    assert stored is not None
    assert stored.twilio_token
    assert "hush-hush" not in stored.twilio_token
    assert world.services.vault.decrypt(world.owner.account_id, stored.twilio_token) == "hush-hush"
    shown = response.text + api.get("/phone-numbers").text
    assert "hush-hush" not in shown
    assert stored.twilio_token not in shown


def test_refusals(world: World, api: Api) -> None:
    error_of(api.post("/phone-numbers", body(api)), 404, "number_not_in_twilio", "phone_number")
    error_of(api.post("/phone-numbers", body(api, phone_number=FROM)), 409, "number_already_imported")
    error_of(api.post("/phone-numbers", body(api, phone_number="0770")), 400, "invalid_phone_format", "phone_number")
    error_of(api.post("/phone-numbers", body(api, agent_id="agent_no")), 404, "agent_not_found")
    error_of(api.post("/phone-numbers", {"phone_number": NEW}), 400, "missing_field", "agent_id")
    error_of(api.post("/phone-numbers", body(api, voice_id="Nobody")), 400, "invalid_voice_id", "voice_id")
    error_of(api.post("/phone-numbers", body(api, twilio_sid=SID)), 400, "missing_field", "twilio_token")
    error_of(api.post("/phone-numbers", body(api, twilio_token="t")), 400, "missing_field", "twilio_sid")
    error_of(api.post("/phone-numbers", body(api, telnyx_api_key="k")), 400, "unknown_field", "telnyx_api_key")
    leave = {"voicemail_action": "leave_message"}
    error_of(api.post("/phone-numbers", body(api, **leave)), 400, "voicemail_message_required")
    wrong = api.post("/phone-numbers", body(api, twilio_sid=SID, twilio_token="wrong-token"))
    assert error_of(wrong, 401, "twilio_auth_failed")["type"] == "provider_error"
    assert "wrong-token" not in wrong.text
    world.carrier.error = CarrierAmbiguous("Twilio did not answer.")
    assert error_of(api.post("/phone-numbers", body(api)), 502, "outbound_failed")["type"] == "provider_error"
    world.carrier.error = CarrierRefused("No.", twilio_code=20404, http_status=404)
    error = error_of(api.post("/phone-numbers", body(api)), 502, "outbound_failed")
    assert error["details"]["twilio_error"] == 20404


def test_a_numbers_voice_must_speak_its_agents_language(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(agent_module.VOICES, "Lea", agent_module.Voice("Lea", "fr-FR", "female"))
    world.carrier.owned.add(NEW)
    error_of(api.post("/phone-numbers", body(api, voice_id="Lea")), 400, "language_not_supported", "voice_id")
    path = f"/phone-numbers/{FROM.replace('+', '%2B')}"
    error_of(api.request("PATCH", path, json={"voice_id": "Lea"}), 400, "language_not_supported", "voice_id")
    assert api.request("PATCH", path, json={"voice_id": "Emma"}).json()["phone_number"]["voice_id"] == "Emma"


def test_the_list(api: Api) -> None:
    listed = api.get("/phone-numbers").json()
    assert [n["phone_number"] for n in listed["phone_numbers"]] == [FROM, FROM_2]
    assert listed["count"] == 2
    assert api.get("/phone-numbers?agent_id=agent_none").json()["count"] == 0


@pytest.mark.parametrize("path", [PATH, "/phone-numbers/+447700900123"])
def test_patch_changes_only_what_is_sent(api: Api, path: str) -> None:
    changed = api.request("PATCH", path, json={"voice_id": "Brian", "inbound_enabled": False}).json()["phone_number"]
    assert (changed["voice_id"], changed["inbound_enabled"], changed["outbound_enabled"]) == ("Brian", False, True)
    cleared = api.request("PATCH", path, json={"voice_id": None}).json()["phone_number"]
    assert (cleared["voice_id"], cleared["inbound_enabled"]) == (None, False)


def test_patch_moves_a_number_to_another_agent(api: Api) -> None:
    second = api.post("/agents", {"name": "Second"}).json()["agent_id"]
    error_of(api.request("PATCH", PATH, json={"agent_id": "agent_no"}), 404, "agent_not_found")
    assert api.request("PATCH", PATH, json={"agent_id": second}).json()["phone_number"]["agent_id"] == second
    assert api.get(f"/phone-numbers?agent_id={second}").json()["count"] == 1
    error_of(api.place(), 403, "from_number_not_owned")


def test_patch_refusals(api: Api) -> None:
    error_of(api.request("PATCH", PATH, json={"voice": "x"}), 400, "unknown_field", "voice")
    error_of(api.request("PATCH", PATH, json={"twilio_token": "x"}), 400, "missing_field", "twilio_sid")
    error_of(api.request("PATCH", PATH, json={"outbound_enabled": None}), 400, "invalid_field", "outbound_enabled")
    leave = {"voicemail_action": "leave_message"}
    error_of(api.request("PATCH", PATH, json=leave), 400, "voicemail_message_required")
    error_of(api.request("PATCH", "/phone-numbers/%2B447700900999", json={}), 404, "phone_number_not_found")
    error_of(api.request("PATCH", "/phone-numbers/123", json={}), 400, "invalid_phone_format", "phone_number")


def test_delete(api: Api) -> None:
    assert api.request("DELETE", PATH).json() == {"phone_number": {"phone_number": FROM, "deleted": True}}
    error_of(api.request("DELETE", PATH), 404, "phone_number_not_found")


def test_another_tenants_number_is_not_there(api: Api, other: Api) -> None:
    error_of(other.request("DELETE", PATH), 404, "phone_number_not_found")
    error_of(other.request("PATCH", PATH, json={"voice_id": "Amy"}), 404, "phone_number_not_found")
    assert other.get("/phone-numbers").json()["count"] == 0


@pytest.mark.parametrize("slot", ["webhook", "webhook2"])
def test_a_numbers_webhooks(api: Api, slot: str) -> None:
    path = f"/integrations/{slot}/number/%2B447700900123"
    nothing = {"phone_number": FROM, "webhook_url": None, "is_set": False}
    assert api.get(path).json() == nothing
    url = "https://hooks.example.com/calls?x=1"
    there = {"phone_number": FROM, "webhook_url": url, "is_set": True}
    assert api.request("PUT", path, json={"url": url}).json() == there
    assert api.get(path).json() == there
    twin = "webhook2" if slot == "webhook" else "webhook"
    assert api.get(f"/integrations/{twin}/number/%2B447700900123").json() == nothing
    assert api.request("DELETE", path).json() == nothing
    error_of(api.request("PUT", path, json={"url": "ftp://x.example.com"}), 400, "invalid_webhook_url", "url")
    error_of(api.request("PUT", path, json={}), 400, "missing_field", "url")
    error_of(api.get(f"/integrations/{slot}/number/%2B447700900999"), 404, "phone_number_not_found")


def test_one_number_of_an_agent_is_the_default(world: World, api: Api) -> None:
    def defaults() -> list[str]:
        return [n["phone_number"] for n in api.get("/phone-numbers").json()["phone_numbers"] if n["is_default"]]

    assert defaults() == []
    for number in (FROM, FROM_2):
        answer = api.request("PATCH", f"/phone-numbers/{number}", json={"is_default": True})
        assert answer.json()["phone_number"]["is_default"] is True
        assert defaults() == [number]
    assert api.place("from_number").json()["from"] == FROM_2
    world.carrier.owned.add("+447700900125")
    imported = {"phone_number": "+447700900125", "agent_id": api.agent_id, "is_default": True}
    assert api.post("/phone-numbers", imported).json()["phone_number"]["is_default"] is True
    assert defaults() == ["+447700900125"]
    assert api.request("PATCH", "/phone-numbers/+447700900125", json={"is_default": False}).status_code == 200
    assert defaults() == []
    error_of(api.request("PATCH", f"/phone-numbers/{FROM}", json={"is_default": None}), 400, "invalid_field")
