"""Agents and voices."""

from dataclasses import replace
from typing import Any

import pytest

from calling.domain import agent as agent_module
from calling.domain.language_model import ModelFacts, ModelTraits, Restraint
from tests.unit.api.conftest import Api, World, error_of


def test_an_agent_has_the_contracts_defaults(api: Api) -> None:
    agent = api.post("/agents", {}).json()
    assert agent.pop("agent_id").startswith("agent_")
    assert agent.pop("created_at").endswith("Z")
    assert agent == {
        "name": "Untitled Agent",
        "system_prompt": "",
        "welcome_message": None,
        "outbound_prompt": None,
        "voice_id": "Joanna",
        "language": "en",
        "timezone": None,
        "default_country": None,
        "temperature": 0.3,
        "response_length": "medium",
        "llm_model": None,
        "ai_speaks_first": True,
        "history_disclosure": None,
        "ai_disclosure": "opening",
        "recording_notice": None,
        "pickup_delay_ms": 1200,
        "interruption_sensitivity": 50,
        "response_eagerness": 200,
        "boosted_keywords": [],
        "max_call_duration_seconds": 600,
        "silence_hangup_seconds": 30,
        "record_call": True,
        "amd_enabled": True,
        "amd_speech_threshold_ms": 2400,
        "voicemail_leave_enabled": False,
        "voicemail_message": None,
        "webhook_url": None,
        "extraction_schema": None,
        "is_active": True,
        "warnings": [],
    }


def test_every_field_is_kept(api: Api) -> None:
    given = {
        "name": "Mia",
        "system_prompt": "You are kind.",
        "welcome_message": "Hi!",
        "outbound_prompt": "Ask.",
        "voice_id": "Amy",
        "language": "en-GB",
        "timezone": "Europe/London",
        "temperature": 0.5,
        "response_length": "long",
        "llm_model": "claude-x",
        "ai_speaks_first": False,
        "history_disclosure": "after_confirmation",
        "ai_disclosure": "when_asked",
        "recording_notice": "This call is recorded.",
        "pickup_delay_ms": 0,
        "interruption_sensitivity": 100,
        "response_eagerness": 0,
        "boosted_keywords": ["Redial"],
        "max_call_duration_seconds": 60,
        "silence_hangup_seconds": 5,
        "record_call": False,
        "amd_enabled": False,
        "amd_speech_threshold_ms": 6000,
        "voicemail_leave_enabled": True,
        "voicemail_message": "Call back.",
        "webhook_url": "https://hooks.example.com/x",
        "is_active": False,
    }
    made = api.post("/agents", given)
    assert made.status_code == 201
    agent = api.get(f"/agents/{made.json()['agent_id']}").json()
    assert {k: agent[k] for k in given} == given


def test_put_changes_only_what_is_sent(api: Api) -> None:
    path = f"/agents/{api.agent_id}"
    api.request("PUT", path, json={"temperature": 0.9, "timezone": "Asia/Tokyo"})
    changed = api.request("PUT", path, json={"timezone": None}).json()
    assert (changed["name"], changed["temperature"], changed["timezone"]) == ("Mia", 0.9, None)
    assert api.get(path).json() == changed


def test_the_list_is_a_bare_array_oldest_first(world: World, api: Api) -> None:
    world.clock.advance(1)
    second = api.post("/agents", {"name": "Second"}).json()
    listed = api.get("/agents").json()
    assert [a["agent_id"] for a in listed] == [api.agent_id, second["agent_id"]]
    assert api.get("/agents?limit=1&offset=1").json() == [second]


def test_delete_lets_the_numbers_go(world: World, api: Api) -> None:
    assert api.request("DELETE", f"/agents/{api.agent_id}").json() == {"agent_id": api.agent_id, "deleted": True}
    error_of(api.get(f"/agents/{api.agent_id}"), 404, "agent_not_found")
    assert api.get("/phone-numbers").json() == {"phone_numbers": [], "count": 0}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"nam": "x"}, "unknown_field", "nam"),
        ({"voice_id": "Nobody"}, "invalid_voice_id", "voice_id"),
        ({"language": "fr"}, "language_not_supported", "language"),
        ({"language": "fr-FR"}, "language_not_supported", "language"),
        ({"language": "english"}, "language_not_supported", "language"),
        ({"language": "en-SG"}, "language_not_supported", "language"),
        ({"language": "en_US"}, "language_not_supported", "language"),
        ({"language": ""}, "language_not_supported", "language"),
        ({"timezone": "Mars/Base"}, "invalid_timezone", "timezone"),
        ({"timezone": "../etc/passwd"}, "invalid_timezone", "timezone"),
        ({"system_prompt": "x" * 16_001}, "prompt_too_long", None),
        ({"temperature": 1.5}, "invalid_field", "temperature"),
        ({"response_length": "huge"}, "invalid_field", "response_length"),
        ({"max_call_duration_seconds": 59}, "invalid_field", "max_call_duration_seconds"),
        ({"max_call_duration_seconds": 1801}, "invalid_field", "max_call_duration_seconds"),
        ({"silence_hangup_seconds": 46}, "invalid_field", "silence_hangup_seconds"),
        ({"interruption_sensitivity": 101}, "invalid_field", "interruption_sensitivity"),
        ({"response_eagerness": 1001}, "invalid_field", "response_eagerness"),
        ({"boosted_keywords": [1]}, "invalid_field", "boosted_keywords.0"),
        ({"name": None}, "invalid_field", "name"),
        ({"voicemail_leave_enabled": True}, "voicemail_message_required", "voicemail_message"),
        ({"webhook_url": "http://hooks.example.com"}, "invalid_webhook_url", "webhook_url"),
        ({"webhook_url": "https://127.0.0.1/"}, "invalid_webhook_url", "webhook_url"),
    ],
)
def test_refusals(api: Api, body: dict[str, Any], code: str, field: str | None) -> None:
    error_of(api.post("/agents", body), 400, code, field)
    error_of(api.request("PUT", f"/agents/{api.agent_id}", json=body), 400, code, field)


def test_another_tenants_agent_is_not_there(api: Api, other: Api) -> None:
    path = f"/agents/{api.agent_id}"
    for method in ("GET", "PUT", "DELETE"):
        error_of(other.request(method, path, json={} if method == "PUT" else None), 404, "agent_not_found")
    assert other.get("/agents").json() == []
    assert api.get(path).status_code == 200


def test_voices(api: Api) -> None:
    voices = api.get("/voices").json()
    assert {"voice_id": "Amy", "name": "Amy", "language": "en-GB", "gender": "female", "engine": "neural"} in voices


@pytest.mark.parametrize(
    ("given", "kept"),
    [("en", "en"), ("EN", "en"), ("en-gb", "en-GB"), ("EN-ab", "en-AB"), (" en-WL ", "en-WL"), ("en-ZA", "en-ZA")],
)
def test_a_language_is_kept_as_the_recogniser_writes_it(api: Api, given: str, kept: str) -> None:
    assert api.post("/agents", {"language": given}).json()["language"] == kept
    path = f"/agents/{api.agent_id}"
    assert api.request("PUT", path, json={"language": given}).json()["language"] == kept


def test_a_voice_must_speak_the_agents_language(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(agent_module.VOICES, "Lea", agent_module.Voice("Lea", "fr-FR", "female"))
    path = f"/agents/{api.agent_id}"
    for body in ({"voice_id": "Lea"}, {"voice_id": "Lea", "language": "en-GB"}):
        error_of(api.post("/agents", body), 400, "language_not_supported", "voice_id")
        error_of(api.request("PUT", path, json=body), 400, "language_not_supported", "voice_id")
    assert api.get(path).json()["voice_id"] == "Joanna"


def test_an_agent_also_speaks_in_its_numbers_voices(world: World, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    number = world.agents.numbers(world.owner.account_id)[0]
    world.agents.put_number(replace(number, voice_id="Lea"), was=number)
    monkeypatch.setitem(agent_module.VOICES, "Lea", agent_module.Voice("Lea", "fr-FR", "female"))
    path = f"/agents/{api.agent_id}"
    error_of(api.request("PUT", path, json={"language": "en-GB"}), 400, "language_not_supported", "voice_id")


def test_what_is_kept_and_not_used_is_said(api: Api) -> None:
    made = api.post("/agents", {"boosted_keywords": ["Redial"]}).json()
    assert made["boosted_keywords"] == ["Redial"]
    assert [w.split()[0] for w in made["warnings"]] == ["boosted_keywords"]
    path = f"/agents/{made['agent_id']}"
    assert api.get(path).json() == made
    assert api.request("PUT", path, json={"boosted_keywords": []}).json()["warnings"] == []


def test_an_agent_from_before_languages_were_checked_is_shown_warned_of_and_can_be_changed(
    world: World, api: Api
) -> None:
    found = world.agents.get_agent(world.owner.account_id, api.agent_id)
    assert found
    world.agents.put_agent(replace(found[0], language="fr", voice_id="Amy"))
    path = f"/agents/{api.agent_id}"
    shown = api.get(path).json()
    assert shown["language"] == "fr"
    assert "en-GB" in shown["warnings"][0]
    assert api.request("PUT", path, json={"name": "Later"}).json()["name"] == "Later"
    error_of(api.request("PUT", path, json={"voice_id": "Emma"}), 400, "language_not_supported", "language")
    assert api.request("PUT", path, json={"language": "en-ie"}).json()["warnings"] == []


HAIKU = ModelFacts(ModelTraits(temperature=True))
SONNET = ModelFacts(ModelTraits(Restraint.BETWEEN_TOOLS, forced_tools=False), retires="1 May 2027")


def test_a_model_there_is_not_is_refused_and_nothing_is_saved(api: Api, world: World) -> None:
    refused = api.post("/agents", {"llm_model": "gpt-9"})
    assert error_of(refused, 400, "model_not_supported")["details"] == {"field": "llm_model"}
    refused = api.request("PUT", f"/agents/{api.agent_id}", json={"llm_model": "gpt-9"})
    error_of(refused, 400, "model_not_supported")
    assert api.get(f"/agents/{api.agent_id}").json()["llm_model"] is None


def test_what_a_model_accepts_is_kept_with_the_agent_and_shown_to_nobody(api: Api, world: World) -> None:
    world.models.models["claude-sonnet-5-5"] = SONNET
    made = api.post("/agents", {"llm_model": "claude-sonnet-5-5", "temperature": 0.7}).json()
    assert made["warnings"] == [
        "The language model 'claude-sonnet-5-5' will be gone on 1 May 2027.",
        "temperature does nothing: claude-sonnet-5-5 takes none.",
    ]
    assert "llm_traits" not in made
    kept = world.agents.get_agent(world.owner.account_id, made["agent_id"])
    assert kept is not None
    assert kept[0].llm_traits == SONNET.traits


def test_a_service_that_does_not_answer_takes_nothing_away_that_was_learnt_of_the_same_model(
    api: Api, world: World
) -> None:
    def kept() -> ModelTraits | None:
        found = world.agents.get_agent(world.owner.account_id, api.agent_id)
        assert found is not None
        return found[0].llm_traits

    world.models.models["claude-sonnet-5-5"] = SONNET
    path = f"/agents/{api.agent_id}"
    api.request("PUT", path, json={"llm_model": "claude-sonnet-5-5"})
    world.models.models.clear()  # nobody can be asked from now on
    saved = api.request("PUT", path, json={"llm_model": "claude-sonnet-5-5"}).json()
    assert "was not checked" in saved["warnings"][0]
    assert kept() == SONNET.traits
    api.request("PUT", path, json={"llm_model": "claude-opus-5-5"})
    assert kept() is None


def test_a_model_nobody_can_be_asked_about_is_saved_with_a_warning(api: Api) -> None:
    made = api.post("/agents", {"llm_model": "claude-next-6"})
    assert made.status_code == 201
    assert "was not checked" in made.json()["warnings"][0]


def test_a_model_is_asked_about_when_it_is_sent_and_forgotten_with_it(api: Api, world: World) -> None:
    world.models.models["claude-haiku-4-5"] = HAIKU
    path = f"/agents/{api.agent_id}"
    assert api.request("PUT", path, json={"llm_model": "claude-haiku-4-5", "temperature": 0.7}).json()["warnings"] == []
    api.request("PUT", path, json={"name": "Mia"})
    assert world.models.asked == ["claude-haiku-4-5"]
    left = api.request("PUT", path, json={"llm_model": None, "temperature": 0.5}).json()
    assert left["warnings"] == ["temperature does nothing: claude-haiku-5-5 takes none."]
    found = world.agents.get_agent(world.owner.account_id, api.agent_id)
    assert found is not None
    assert found[0].llm_traits is None
