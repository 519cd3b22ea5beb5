"""Keys, limits, and the headers of every response."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from calling.domain.account import ApiKey, hash_secret
from tests.unit.api.conftest import Api, World, error_of


def ask(client: TestClient, authorization: str | None) -> Any:
    return client.get("/v1/calls", headers={"Authorization": authorization} if authorization is not None else {})


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (None, "invalid_api_key"),
        ("", "invalid_api_key"),
        ("Bearer", "invalid_api_key"),
        ("Bearer ", "invalid_api_key"),
        ("Basic {id}:{secret}", "invalid_api_key"),
        ("Bearer {id}", "key_secret_required"),
        ("Bearer {id}:", "key_secret_required"),
        ("Bearer {id}:{secret}x", "invalid_api_key"),
        ("Bearer {id}:{other}", "invalid_api_key"),
        ("Bearer {foreign}:{secret}", "invalid_api_key"),
        ("Bearer key_000000000000_00000000:{secret}", "invalid_api_key"),
        ("Bearer nonsense:{secret}", "invalid_api_key"),
        ("Bearer \u00e9:{secret}", "invalid_api_key"),
    ],
)
def test_wrong_keys(client: TestClient, world: World, form: str | None, code: str) -> None:
    names = {"id": world.owner.key_id, "secret": world.owner.key_secret}
    names |= {"other": world.stranger.key_secret, "foreign": world.stranger.key_id}
    header = None if form is None else form.format(**names)
    sent = {} if header is None else {b"Authorization": header.encode("latin-1")}
    response = client.get("/v1/calls", headers=sent)
    assert error_of(response, 401, code)["type"] == "authentication_error"
    assert world.owner.key_secret not in response.text


def test_a_right_key(client: TestClient, world: World) -> None:
    assert ask(client, f"Bearer {world.owner.api_key}").status_code == 200
    assert ask(client, f"bearer  {world.owner.api_key}").status_code == 200


def test_a_stranger_learns_nothing_about_the_body(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    error_of(client.post("/v1/calls/outbound", content=b"{", headers=headers), 401, "invalid_api_key")


def test_a_key_without_the_scope(client: TestClient, world: World) -> None:
    account = world.owner.account_id
    key_id = f"key_{account.removeprefix('acct_')}_0badcafe"
    world.accounts.key_items[account, key_id] = ApiKey(account, key_id, hash_secret("s"), 0, scopes=("metrics",))
    error = error_of(ask(client, f"Bearer {key_id}:s"), 403, "scope_required")
    assert error["type"] == "permission_error"


def test_every_response_has_the_headers(client: TestClient, api: Api) -> None:
    responses = [
        api.get("/calls"),
        api.get("/calls/call_nobody"),
        api.place("prompt"),
        client.get("/v1/calls"),
        client.get("/v1/health"),
        client.get("/v1/nothing"),
        client.get("/v1/openapi.json"),
        client.delete("/v1/voices"),
    ]
    for response in responses:
        names = {"x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
        assert names <= set(response.headers), response.request.url
    ids = [r.headers["x-request-id"] for r in responses]
    assert len(set(ids)) == len(ids)


def test_reads_and_writes_are_limited_a_minute(world: World) -> None:
    services = replace(world.services, reads_per_minute=3, writes_per_minute=2)
    with TestClient(create_app(services)) as client:
        api = Api(client, world.owner.api_key)
        first = api.get("/agents")
        assert first.headers["x-ratelimit-limit"] == "3"
        assert first.headers["x-ratelimit-remaining"] == "2"
        reset = int(first.headers["x-ratelimit-reset"])
        now = world.clock.now() // 1000
        assert now < reset <= now + 60
        assert [api.post("/agents", {}).status_code for _ in range(3)] == [201, 201, 429]
        assert [api.get("/agents").status_code for _ in range(3)] == [200, 200, 429]
        error = error_of(refused := api.get("/agents"), 429, "rate_limit_exceeded")
        assert error["details"]["retry_after"] == int(refused.headers["retry-after"]) == reset - now
        assert refused.headers["x-ratelimit-remaining"] == "0"
        assert Api(client, world.stranger.api_key).get("/agents").status_code == 200
        world.clock.advance(60)
        assert api.get("/agents").status_code == 200


def test_the_defaults_are_600_reads_and_120_writes(api: Api) -> None:
    assert api.get("/agents").headers["x-ratelimit-limit"] == "600"
    assert api.place().headers["x-ratelimit-limit"] == "120"


def test_what_nobody_foresaw_leaks_nothing(
    world: World, client: TestClient, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise RuntimeError("secret +447386172392")

    world.calls.add = explode  # type: ignore[method-assign]
    response = api.place()
    error = error_of(response, 500, "internal_error")
    assert error["type"] == "server_error"
    assert "secret" not in response.text + caplog.text
    assert response.headers["x-request-id"]
