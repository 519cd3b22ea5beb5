"""The life of a key: made, listed, rotated, revoked; and the operator's way back in."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from calling.domain.account import Account, ApiKey, hash_secret
from calling.domain.errors import NotFound
from calling.ports import StaleRecord
from calling.usecases.create_key import MAX_KEYS, NewKey
from calling.usecases.recover_account import recover_account
from tests.unit.api.conftest import Api, World, error_of


def test_an_account_is_told_its_secrets_once_and_stores_none(world: World) -> None:
    owner = world.owner
    stored = world.accounts.accounts[owner.account_id]
    key = world.accounts.key_items[owner.account_id, owner.key_id]
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


def make(api: Api, **body: Any) -> dict[str, Any]:
    response = api.post("/keys", body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def recovered(world: World, *, revoke_all: bool) -> NewKey:
    services = world.services
    return recover_account(
        world.owner.account_id,
        revoke_all=revoke_all,
        accounts=services.accounts,
        vault=services.vault,
        clock=services.clock,
        ids=services.ids,
    )


def test_keys_are_listed_without_their_secrets(world: World, client: TestClient, api: Api, other: Api) -> None:
    world.clock.advance(1)
    made = make(api, name="CRM")
    unused = api.get("/keys").json()[1]
    assert unused == {
        "key_id": made["key_id"],
        "name": "CRM",
        "scopes": ["calls"],
        "created_at": unused["created_at"],
        "last_used_at": None,
    }
    assert Api(client, made["api_key"]).get("/agents").status_code == 200
    first, used = api.get("/keys").json()
    assert (first["key_id"], first["name"], first["scopes"]) == (world.owner.key_id, None, ["calls", "admin"])
    assert used["last_used_at"] <= used["created_at"]  # to the minute
    assert used["last_used_at"][:16] == used["created_at"][:16]
    listed = api.get("/keys").text
    for secret in (made["key_secret"], world.owner.key_secret, world.owner.webhook_secret, "hash"):
        assert secret not in listed
    assert [key["key_id"] for key in other.get("/keys").json()] == [world.stranger.key_id]


def test_making_and_rotating_show_the_webhook_secret_and_nothing_else_does(
    world: World, client: TestClient, api: Api
) -> None:
    made = make(api)
    assert made["webhook_secret"] == world.owner.webhook_secret
    assert api.post(f"/keys/{made['key_id']}/rotate").json()["webhook_secret"] == world.owner.webhook_secret
    rotated = api.post("/keys/rotate").json()
    assert rotated["webhook_secret"] == world.owner.webhook_secret
    assert world.owner.webhook_secret not in Api(client, rotated["api_key"]).get("/keys").text


def test_a_stolen_key_is_revoked(client: TestClient, api: Api) -> None:
    stolen = make(api)
    thief = Api(client, stolen["api_key"])
    thief = Api(client, thief.post("/keys/rotate").json()["api_key"])  # who thinks the owner is locked out
    assert thief.get("/agents").status_code == 200
    assert api.request("DELETE", f"/keys/{stolen['key_id']}").json() == {"key_id": stolen["key_id"], "deleted": True}
    for method, path in (("GET", "/agents"), ("POST", "/keys/rotate")):
        error_of(thief.request(method, path), 401, "invalid_api_key")
    assert stolen["key_id"] not in api.get("/keys").text
    error_of(api.request("DELETE", f"/keys/{stolen['key_id']}"), 404, "not_found", "key_id")


def test_an_admin_rotates_any_key_of_its_account(client: TestClient, api: Api, other: Api) -> None:
    made = make(api, name="CRM")
    path = f"/keys/{made['key_id']}/rotate"
    error_of(other.post(path), 404, "not_found", "key_id")
    error_of(other.request("DELETE", f"/keys/{made['key_id']}"), 404, "not_found", "key_id")
    rotated = api.post(path).json()
    assert (rotated["key_id"], rotated["name"], rotated["scopes"]) == (made["key_id"], "CRM", ["calls"])
    error_of(Api(client, made["api_key"]).get("/agents"), 401, "invalid_api_key")
    assert Api(client, rotated["api_key"]).get("/agents").status_code == 200


def test_only_an_admin_looks_after_keys(world: World, client: TestClient, api: Api) -> None:
    lesser = Api(client, make(api)["api_key"])
    owners = world.owner.key_id
    for method, path in (("GET", "/keys"), ("DELETE", f"/keys/{owners}"), ("POST", f"/keys/{owners}/rotate")):
        error_of(lesser.request(method, path), 403, "scope_required")
    assert lesser.post("/keys/rotate").status_code == 200


def test_the_last_admin_key_stays(world: World, client: TestClient, api: Api) -> None:
    make(api)
    error_of(api.request("DELETE", f"/keys/{world.owner.key_id}"), 409, "last_admin_key")
    second = Api(client, make(api, scopes=["admin"])["api_key"])
    assert second.request("DELETE", f"/keys/{world.owner.key_id}").status_code == 200
    error_of(api.get("/agents"), 401, "invalid_api_key")


def test_there_is_a_maximum(api: Api) -> None:
    keys = [make(api) for _ in range(MAX_KEYS - 1)]
    assert error_of(api.post("/keys", {}), 409, "too_many_keys")["details"] == {"limit": MAX_KEYS}
    assert api.request("DELETE", f"/keys/{keys[0]['key_id']}").status_code == 200
    assert make(api)["key_id"]


def test_of_two_changes_at_once_one_has_to_look_again(world: World, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two would pass the maximum together, or two admin keys revoke each other."""
    listed = world.accounts.keys

    def meanwhile(account_id: str) -> tuple[ApiKey, ...]:
        monkeypatch.setattr(world.accounts, "keys", listed)
        found = listed(account_id)
        make(api)
        return found

    monkeypatch.setattr(world.accounts, "keys", meanwhile)
    assert error_of(api.post("/keys", {}), 503, "unavailable")["type"] == "server_error"
    assert len(listed(world.owner.account_id)) == 2


def test_a_rotation_on_its_way_does_not_bring_a_revoked_key_back(
    world: World, client: TestClient, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = make(api)
    read = world.accounts.get_account

    def meanwhile(account_id: str) -> Account | None:
        monkeypatch.setattr(world.accounts, "get_account", read)
        assert api.request("DELETE", f"/keys/{stolen['key_id']}").status_code == 200
        return read(account_id)

    monkeypatch.setattr(world.accounts, "get_account", meanwhile)
    error_of(Api(client, stolen["api_key"]).post("/keys/rotate"), 503, "unavailable")
    assert stolen["key_id"] not in api.get("/keys").text


def test_a_lost_admin_key_is_made_anew_and_the_others_stay(world: World, client: TestClient, api: Api) -> None:
    calls = make(api)
    new = recovered(world, revoke_all=False)
    assert new.webhook_secret == world.owner.webhook_secret
    assert Api(client, new.api_key).post("/keys", {}).status_code == 201
    assert Api(client, calls["api_key"]).get("/agents").status_code == 200


def test_a_stolen_admin_key_stops_with_all_it_has_made(world: World, client: TestClient, api: Api) -> None:
    for _ in range(MAX_KEYS - 1):
        make(api, scopes=["admin"])
    owner = world.owner.account_id
    many = {(owner, f"key_{n:03}"): ApiKey(owner, f"key_{n:03}", "hash", 1) for n in range(200)}  # of no maximum yet
    world.accounts.key_items |= many
    new = recovered(world, revoke_all=True)
    assert [key.key_id for key in world.accounts.keys(owner)] == [new.key.key_id]
    assert Api(client, new.api_key).get("/keys").status_code == 200
    error_of(api.get("/keys"), 401, "invalid_api_key")
    assert [key.key_id for key in world.accounts.keys(world.stranger.account_id)] == [world.stranger.key_id]


def test_a_thief_who_makes_keys_meanwhile_loses_them_too(
    world: World, client: TestClient, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, made = world.accounts.change_keys, list[dict[str, Any]]()

    def meanwhile(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(world.accounts, "change_keys", change)
        made.append(make(api, scopes=["admin"]))
        change(*args, **kwargs)

    monkeypatch.setattr(world.accounts, "change_keys", meanwhile)
    new = recovered(world, revoke_all=True)
    assert made
    error_of(Api(client, made[0]["api_key"]).get("/keys"), 401, "invalid_api_key")
    assert [key.key_id for key in world.accounts.keys(world.owner.account_id)] == [new.key.key_id]


def test_recovering_ends_where_nothing_is_there_or_nothing_stays_still(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = world.accounts.get_account

    def moved(account_id: str) -> Account | None:
        account = read(account_id)
        return account and replace(account, keys_version=-1)

    monkeypatch.setattr(world.accounts, "get_account", moved)
    with pytest.raises(StaleRecord):
        recovered(world, revoke_all=True)
    world.accounts.accounts.clear()
    with pytest.raises(NotFound):
        recovered(world, revoke_all=False)
