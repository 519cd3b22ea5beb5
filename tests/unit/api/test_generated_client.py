"""A client that was generated from our own document changes what it is told to change, and nothing else."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.schemas.agents import AgentFields
from api.schemas.settings import BreakerFields, FrequencyCapFields, SettingsChanges
from tests.unit.api.conftest import FROM, PEOPLE, TO, World, imported, make_world

NAME = "redial_client"
AGENT: dict[str, Any] = {
    "name": "Mia",
    "system_prompt": "You are Maya.",
    "welcome_message": "Good day.",
    "outbound_prompt": "Remind them.",
    "voice_id": "Amy",
    "language": "en-GB",
    "timezone": "Europe/London",
    "default_country": "GB",
    "temperature": 0.7,
    "response_length": "long",
    "llm_model": "claude-haiku-4-5",
    "ai_speaks_first": False,
    "history_disclosure": "after_confirmation",
    "ai_disclosure": "when_asked",
    "recording_notice": "This call is recorded.",
    "pickup_delay_ms": 900,
    "interruption_sensitivity": 70,
    "response_eagerness": 350,
    "boosted_keywords": ["Redial"],
    "max_call_duration_seconds": 300,
    "silence_hangup_seconds": 20,
    "record_call": False,
    "amd_enabled": False,
    "amd_speech_threshold_ms": 3500,
    "voicemail_leave_enabled": True,
    "voicemail_message": "Please call back.",
    "webhook_url": "https://agent.example.com/",
    "extraction_schema": {"type": "object", "properties": {"day": {"type": "string"}}},
    "is_active": False,
}
NUMBER: dict[str, Any] = {
    "voice_id": "Amy",
    "outbound_enabled": False,
    "inbound_enabled": False,
    "is_default": True,
    "custom_prompt": "This is the London line.",
    "voicemail_action": "leave_message",
    "voicemail_message": "Call London back.",
}
SETTINGS: dict[str, Any] = {
    "max_concurrent_calls": 12,
    "single_call_reserve": 5,
    "calls_per_second": 3.0,
    "frequency_cap": {"calls": 4, "days": 7},
    "breaker": {"failure_rate": 0.25, "min_calls": 10, "window_seconds": 60},
    "blocked_countries": ["FR"],
}
CALLER = {"name": "Ann", "email": "ann@example.com", "location": "Leeds", "preference": "mornings"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Generate a client from the document as openapi-python-client does it for anybody, and import it."""
    folder = tmp_path_factory.mktemp("generated")
    document, config = folder / "openapi.json", folder / "config.yml"
    document.write_text(json.dumps(create_app(make_world().services).openapi()))
    config.write_text("post_hooks: []\n")  # they would only tidy its code
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    where = ["--path", str(document), "--output-path", str(folder / NAME), "--config", str(config)]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield importlib.import_module(NAME)
        for name in [n for n in sys.modules if n.partition(".")[0] == NAME]:
            del sys.modules[name]


class Stranger:
    """Somebody with the generated client, a key and no other knowledge of us."""

    def __init__(self, client: ModuleType, http: TestClient, key: str) -> None:
        self.models = importlib.import_module(f"{client.__name__}.models")
        http.headers["Authorization"] = f"Bearer {key}"
        self.client = client.Client(base_url="http://testserver", raise_on_unexpected_status=True)
        self.client.set_httpx_client(http)

    def __call__(self, operation: str, *path: str, **kwargs: Any) -> Any:
        """Carry out an operation, named as `tag.operation`, and give its answer as it was parsed, not an error."""
        answer = importlib.import_module(f"{NAME}.api.{operation}").sync(*path, client=self.client, **kwargs)
        assert not isinstance(answer, self.models.ProblemEnvelope), answer
        return answer


@pytest.fixture
def stranger(generated: ModuleType, world: World) -> Iterator[Stranger]:
    with TestClient(create_app(world.services)) as http:
        yield Stranger(generated, http, world.owner.api_key)


@pytest.fixture
def agent(stranger: Stranger) -> Any:
    """An agent every field of which was set to something else than its default."""
    made = AgentFields(**AGENT)
    assert made.model_fields_set == AgentFields.model_fields.keys()
    alike = [n for n, field in AgentFields.model_fields.items() if getattr(made, n) == field.default]
    assert alike == [], "the default of these would not be seen"
    return stranger("agents.create_agent", body=stranger.models.AgentFields.from_dict(AGENT))


def test_an_agent_is_renamed(stranger: Stranger, agent: Any) -> None:
    stranger("agents.update_agent", agent.agent_id, body=stranger.models.AgentChanges(name="Maya"))
    after = stranger("agents.get_agent", agent.agent_id).to_dict()
    assert {name: after[name] for name in AGENT} == AGENT | {"name": "Maya"}
    assert after["created_at"] == agent.created_at


def test_any_field_of_an_agent_is_changed_alone(stranger: Stranger, agent: Any) -> None:
    """What is sent is what stands there: nothing at all may be another afterwards."""
    for name, value in AGENT.items():
        changes = stranger.models.AgentChanges.from_dict({name: value})
        after = stranger("agents.update_agent", agent.agent_id, body=changes).to_dict()
        assert {name: after[name] for name in AGENT} == AGENT, name


def test_a_number_is_changed(stranger: Stranger, agent: Any) -> None:
    models = stranger.models
    body = models.NumberImport.from_dict({"phone_number": FROM, "agent_id": agent.agent_id} | NUMBER)
    stranger("phone_numbers.import_phone_number", body=body)
    before = stranger("phone_numbers.list_phone_numbers").phone_numbers[0].to_dict()
    assert {name: before[name] for name in NUMBER} == NUMBER
    for changes in ({"custom_prompt": "x"}, {"voice_id": "Brian"}, {"is_default": True}):
        after = stranger("phone_numbers.update_phone_number", FROM, body=models.NumberChanges(**changes)).phone_number
        before |= changes
        assert after.to_dict() == before


def test_a_setting_is_changed(stranger: Stranger, world: World) -> None:
    models = stranger.models
    for shown, given in ((SettingsChanges, SETTINGS), (FrequencyCapFields, SETTINGS["frequency_cap"])):
        assert [n for n, field in shown.model_fields.items() if given[n] == field.default] == []
    assert set(SETTINGS["breaker"]) == set(BreakerFields.model_fields)
    before = stranger("settings.put_settings", body=models.SettingsChanges.from_dict(SETTINGS)).to_dict()
    assert before == SETTINGS
    changes = models.SettingsChanges(max_concurrent_calls=15)
    assert stranger("settings.put_settings", body=changes).to_dict() == SETTINGS | {"max_concurrent_calls": 15}
    part = models.SettingsChanges(breaker=models.BreakerFields(min_calls=7))
    after = stranger("settings.put_settings", body=part).to_dict()
    assert after["breaker"] == SETTINGS["breaker"] | {"min_calls": 7}
    assert after["single_call_reserve"] == 5


def test_what_is_known_of_a_person_is_changed(stranger: Stranger, agent: Any) -> None:
    models = stranger.models
    body = models.NumberImport(phone_number=FROM, agent_id=agent.agent_id)
    stranger("phone_numbers.import_phone_number", body=body)
    stranger("callers.put_caller", FROM, TO, body=models.CallerFields.from_dict(CALLER))
    shown = stranger("callers.put_caller", FROM, TO, body=models.CallerFields(location="York")).caller.context
    assert {k: v for k, v in shown.to_dict().items() if v is not None} == CALLER | {"location": "York"}


def test_no_change_sends_anything_of_itself(generated: ModuleType, stranger: Stranger) -> None:
    """Of every body that changes something, and of what stands in it: made without an argument it is empty."""
    document = create_app(make_world().services).openapi()
    schemas = document["components"]["schemas"]
    bodies = [o[m].get("requestBody") for o in document["paths"].values() for m in ("put", "patch") if m in o]
    todo = [body["content"]["application/json"]["schema"] for body in bodies if body]
    names: list[str] = []
    while todo:
        schema = todo.pop()
        assert "default" not in schema, schema
        if "$ref" in schema and (name := schema["$ref"].rpartition("/")[2]) not in names:
            names.append(name)
            todo.append(schemas[name])
        todo += [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("allOf", ())]
    assert {"AgentChanges", "NumberChanges", "SettingsChanges", "BreakerFields", "CallerFields"} <= set(names)
    for name in names:
        model = getattr(stranger.models, name)
        if schemas[name]["type"] == "object" and not schemas[name].get("required"):
            assert model().to_dict() == {}, name


def test_a_dry_run_and_a_campaign_are_both_in_the_document(stranger: Stranger, world: World) -> None:
    models = stranger.models
    agent = stranger("agents.create_agent", body=models.AgentFields())
    body = models.NumberImport(phone_number=FROM, agent_id=agent.agent_id)
    stranger("phone_numbers.import_phone_number", body=body)
    rows = [models.RecipientRow(phone_number=number) for number in PEOPLE]
    batch = models.CampaignRequestBody(agent_id=agent.agent_id, name="Tuesday", recipients=rows)
    ahead = stranger("campaigns.create_batch", body=batch, dry_run=True)
    assert isinstance(ahead, models.DryRun)
    assert (ahead.dry_run, ahead.callable_count) == (True, 3)
    made = stranger("campaigns.create_batch", body=batch)
    assert isinstance(made, models.CreatedCampaign)
    assert made.valid_count == 3
    imported(world, made.campaign_id)
    listed = stranger("campaigns.list_recipients", made.campaign_id)
    assert [one.phone_number for one in listed] == list(PEOPLE)


def test_a_call_is_placed_and_read(stranger: Stranger) -> None:
    models = stranger.models
    agent = stranger("agents.create_agent", body=models.AgentFields())
    body = models.NumberImport(phone_number=FROM, agent_id=agent.agent_id)
    stranger("phone_numbers.import_phone_number", body=body)
    placed = stranger(
        "calls.place_outbound_call",
        body=models.OutboundCall(agent_id=agent.agent_id, to_number=TO, prompt="Say hello."),
        idempotency_key="one",
    )
    assert stranger("calls.get_call", placed.call_id).call_status == "queued"


def test_the_whole_client_can_be_imported(generated: ModuleType) -> None:
    folder = Path(str(generated.__file__)).parent
    found = {str(p.relative_to(folder).with_suffix("")).replace("/", ".") for p in folder.glob("api/*/*.py")}
    assert len(found) > 50
    for name in found:
        importlib.import_module(f"{NAME}.{name}")
