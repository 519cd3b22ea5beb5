"""API keys: make, list, rotate, revoke. Each secret is shown once and never stored."""

from fastapi import APIRouter

from api.auth import AdminRoute, SecretRoute
from api.schemas.common import PROBLEMS, iso
from api.schemas.keys import KeyOut, KeyRequest, KeyRevoked, NewKeyOut
from api.services import Key, Ports
from calling.usecases.create_key import NewKey, create_key
from calling.usecases.revoke_key import key_of, revoke_key
from calling.usecases.rotate_key import rotate_key

router = APIRouter(route_class=AdminRoute, tags=["keys"], responses=PROBLEMS)
own = APIRouter(route_class=SecretRoute, tags=["keys"], responses=PROBLEMS)


@router.post("/keys", status_code=201)
def create_api_key(body: KeyRequest, ports: Ports, key: Key) -> NewKeyOut:
    """Make one more key of this account, 20 at most. Needs the scope admin."""
    made = create_key(
        key.account_id,
        body.scopes,
        body.name,
        accounts=ports.accounts,
        vault=ports.vault,
        clock=ports.clock,
        ids=ports.ids,
    )
    return _show(made)


@router.get("/keys")
def list_api_keys(ports: Ports, key: Key) -> list[KeyOut]:
    """List this account's keys, oldest first. Needs the scope admin."""
    return [
        KeyOut(
            key_id=k.key_id,
            name=k.name,
            scopes=list(k.scopes),
            created_at=iso(k.created_at),
            last_used_at=None if k.last_used_at is None else iso(k.last_used_at),
        )
        for k in ports.accounts.keys(key.account_id)
    ]


@router.delete("/keys/{key_id}")
def revoke_api_key(key_id: str, ports: Ports, key: Key) -> KeyRevoked:
    """Revoke a key: it stops at once. The last one with the scope admin stays. Needs the scope admin."""
    revoke_key(key.account_id, key_id, accounts=ports.accounts)
    return KeyRevoked(key_id=key_id)


@router.post("/keys/{key_id}/rotate")
def rotate_other_api_key(key_id: str, ports: Ports, key: Key) -> NewKeyOut:
    """Give any key of this account a new secret; the old one stops at once. Needs the scope admin."""
    other = key_of(key_id, ports.accounts.keys(key.account_id))
    return _show(rotate_key(other, accounts=ports.accounts, vault=ports.vault, ids=ports.ids))


@own.post("/keys/rotate")
def rotate_api_key(ports: Ports, key: Key) -> NewKeyOut:
    """Give the key that asks a new secret; the old one stops at once."""
    return _show(rotate_key(key, accounts=ports.accounts, vault=ports.vault, ids=ports.ids))


def _show(new: NewKey) -> NewKeyOut:
    return NewKeyOut(
        key_id=new.key.key_id,
        name=new.key.name,
        key_secret=new.secret,
        api_key=new.api_key,
        scopes=list(new.key.scopes),
        webhook_secret=new.webhook_secret,
    )
