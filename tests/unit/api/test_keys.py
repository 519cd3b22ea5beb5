"""Keys: one more, and a new secret."""

from starlette.testclient import TestClient

from calling.domain.account import hash_secret
from tests.unit.api.conftest import Api, World, error_of


def test_an_account_is_told_its_secrets_once_and_stores_none(world: World) -> None:
    owner = world.owner
    stored = world.accounts.accounts[owner.account_id]
    key = world.accounts.keys[owner.account_id, owner.key_id]
    assert owner.webhook_secret.startswith("whsec_")
    assert world.services.vault.decrypt(owner.account_id, stored.webhook_secret) == owner.webhook_secret
    assert key.secret_hash == hash_secret(owner.key_secret)
    assert key.scopes == ("calls", "admin")
    assert owner.api_key.split(":", 1) == [owner.key_id, owner.key_secret]
    for shown in (repr(owner), repr(stored), repr(key)):
        assert owner.key_secret not in shown
        assert owner.webhook_secret not in shown


def test_a_new_key_works_and_may_not_make_keys(client: TestClient, api: Api) -> None:
    made = api.post("/keys", {})
    assert made.status_code == 201
    key = made.json()
    assert key["scopes"] == ["calls"]
    assert key["api_key"] == f"{key['key_id']}:{key['key_secret']}"
    second = Api(client, key["api_key"])
    assert [a["agent_id"] for a in second.get("/agents").json()] == [api.agent_id]
    error = error_of(second.post("/keys", {}), 403, "scope_required")
    assert error["details"] == {"scope": "admin"}
    error_of(api.post("/keys", {"scopes": ["everything"]}), 400, "invalid_field", "scopes.0")
    error_of(api.post("/keys", {"scopes": []}), 400, "invalid_field", "scopes")


def test_rotation_keeps_the_id_and_stops_the_old_secret(world: World, client: TestClient, api: Api) -> None:
    rotated = api.post("/keys/rotate", headers={"Idempotency-Key": "x"}).json()
    assert rotated["key_id"] == world.owner.key_id
    assert rotated["key_secret"] != world.owner.key_secret
    error_of(api.get("/agents"), 401, "invalid_api_key")
    assert Api(client, rotated["api_key"]).get("/agents").status_code == 200
    assert not world.idempotency.items
