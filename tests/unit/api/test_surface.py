"""What the API is as a whole: what it serves, what it says of itself, and that nothing sent to it breaks it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.app import create_app
from tests.unit.api.conftest import FROM, TO, Api, World, error_of, make_world


def test_health_needs_no_key(client: TestClient) -> None:
    response = client.get("/v1/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sms"),
        ("GET", "/sms/campaigns"),
        ("PUT", "/account/storage"),
        ("GET", "/account/llm"),
        ("DELETE", "/account/tts"),
        ("PUT", "/integrations/monitor/number/%2B447700900123"),
        ("GET", "/integrations/web-calls/number/%2B447700900123"),
    ],
)
def test_what_is_not_served_says_so(api: Api, method: str, path: str) -> None:
    error = error_of(api.request(method, path), 404, "not_found")
    assert "not part of this product" in error["message"]


def test_nothing_there(client: TestClient, api: Api) -> None:
    error_of(api.get("/nothing"), 404, "not_found")
    error_of(api.get("/agents/"), 404, "not_found")
    error_of(client.get("/"), 404, "not_found")
    refused = api.request("DELETE", "/voices")
    error_of(refused, 405, "not_found")
    assert refused.headers["allow"] == "GET"


def test_the_openapi_document(client: TestClient) -> None:
    document = client.get("/v1/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    names = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names.add(operation["operationId"])
            assert operation.get("description"), (method, path)
            assert "422" not in operation["responses"]
            if path in ("/v1/health", "/v1/calls/{call_id}/recording"):
                assert "security" not in operation
                continue
            assert operation["security"] == [{"key": []}]
            problem = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert problem == {"$ref": "#/components/schemas/ProblemEnvelope"}
            good = {code: r for code, r in operation["responses"].items() if code.startswith("2")}
            assert len(good) == (2 if (method, path) == ("post", "/v1/calls/batch") else 1), (method, path)
            kind = "text/csv" if path.endswith(".csv") else "application/json"
            assert all(response["content"][kind]["schema"] for response in good.values()), (method, path)
    assert len(names) == sum(len(o) for o in document["paths"].values())
    outbound = document["components"]["schemas"]["OutboundCall"]
    assert outbound["required"] == ["agent_id", "to_number"]
    assert outbound["additionalProperties"] is False
    assert "/v1/sms" not in document["paths"]


def test_the_docs_page(client: TestClient) -> None:
    page = client.get("/v1/docs")
    assert page.status_code == 200
    assert "/v1/openapi.json" in page.text
    assert "swagger" in page.text.lower()


class Counted:
    """A store that notes each of its methods that is called: one round trip each."""

    def __init__(self, store: object, trips: list[str]) -> None:
        self._store = store
        self._trips = trips

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._trips.append(name)
            return getattr(self._store, name)(*args, **kwargs)

        return call


def test_a_call_takes_three_round_trips(world: World, api: Api) -> None:
    """One to count and read the key, one for the agent with its numbers, one for the record."""
    trips: list[str] = []
    names = ("accounts", "agents", "calls", "people", "deliveries", "idempotency")
    counted_stores: dict[str, Any] = {name: Counted(getattr(world.services, name), trips) for name in names}
    services = replace(world.services, **counted_stores)
    with TestClient(create_app(services)) as client:
        counted = Api(client, world.owner.api_key)
        counted.agent_id = api.agent_id
        assert counted.place(dynamic_vars={"a": "b"}).status_code == 201
        assert trips == ["spend", "get_agent", "add"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
TARGETS: dict[str, tuple[str, dict[str, Any]]] = {
    "/calls/outbound": ("POST", {"agent_id": "", "to_number": TO, "prompt": "Say hello.", "from_number": FROM}),
    "/agents": ("POST", {}),
    "/agents/{agent}": ("PUT", {}),
    "/phone-numbers": ("POST", {"phone_number": "+447700900555", "agent_id": ""}),
    "/phone-numbers/%2B447700900123": ("PATCH", {}),
    "/integrations/webhook/number/%2B447700900123": ("PUT", {"url": "https://x.example.com"}),
    "/keys": ("POST", {}),
    "/calls/batch": ("POST", {"agent_id": "", "name": "X", "recipients": [{"phone_number": TO}], "from_number": FROM}),
    "/calls/batch?dry_run=true": ("POST", {"agent_id": "", "recipients": [{"phone_number": TO}], "from_number": FROM}),
    "/uploads": ("POST", {}),
    "/suppressions/import": ("POST", {"phone_numbers": [TO]}),
    "/suppressions/%2B447386172392": ("PUT", {}),
    "/settings": ("PUT", {}),
}


@pytest.fixture(scope="module")
def fuzzed() -> Any:
    world = make_world()
    world.clock.now = lambda: 1_795_260_000_000  # type: ignore[method-assign]
    app = create_app(world.services)
    client = TestClient(app, raise_server_exceptions=False)
    api = Api(client, world.owner.api_key)
    api.agent_id = api.post("/agents", {"name": "Mia"}).json()["agent_id"]
    api.post("/phone-numbers", {"phone_number": FROM, "agent_id": api.agent_id})
    fields = {
        path: sorted(app.openapi()["components"]["schemas"][schema].get("properties", {}))
        for path, schema in zip(
            TARGETS,
            (
                "OutboundCall",
                "AgentFields",
                "AgentChanges",
                "NumberImport",
                "NumberChanges",
                "WebhookUrl",
                "KeyRequest",
                "CampaignRequestBody",
                "CampaignRequestBody",
                "UploadRequest",
                "SuppressionsImport",
                "SuppressionFields",
                "SettingsChanges",
            ),
            strict=True,
        )
    }
    return world, api, fields


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_body_breaks_it(fuzzed: Any, data: st.DataObject) -> None:
    """Whatever value any known field has: an answer of the contract, never a 500, and a 201 only with a record."""
    world, api, fields = fuzzed
    world.accounts.key_items = {
        k: type(v)(v.account_id, v.key_id, v.secret_hash, v.created_at, v.scopes)
        for k, v in world.accounts.key_items.items()
    }
    path = data.draw(st.sampled_from(list(TARGETS)))
    method, base = TARGETS[path]
    body = dict(base)
    if "agent_id" in body:
        body["agent_id"] = api.agent_id
    changed = data.draw(st.dictionaries(st.sampled_from([*fields[path], "other"]), json_values, min_size=1, max_size=2))
    body |= changed
    response = api.request(method, path.replace("{agent}", api.agent_id), content=json.dumps(body))
    assert response.status_code in (200, 201, 400, 403, 404, 409), response.text
    if response.status_code >= 400:
        error_of(response, response.status_code, response.json()["error"]["code"])
