"""API keys: one more, or a new secret for the key that asks. Each secret is shown once and never stored."""

from fastapi import APIRouter

from api.auth import AdminRoute, SecretRoute
from api.schemas.common import PROBLEMS
from api.schemas.keys import KeyRequest, NewKey
from api.services import Key, Ports
from calling.domain.account import ApiKey
from calling.usecases.create_key import create_key
from calling.usecases.rotate_key import rotate_key

router = APIRouter(route_class=AdminRoute, tags=["keys"], responses=PROBLEMS)
own = APIRouter(route_class=SecretRoute, tags=["keys"], responses=PROBLEMS)


@router.post("/keys", status_code=201)
def create_api_key(body: KeyRequest, ports: Ports, key: Key) -> NewKey:
    """Make one more key of this account. Needs the scope admin."""
    made = create_key(key.account_id, body.scopes, accounts=ports.accounts, clock=ports.clock, ids=ports.ids)
    return _show(*made)


@own.post("/keys/rotate")
def rotate_api_key(ports: Ports, key: Key) -> NewKey:
    """Give the key that asks a new secret; the old one stops at once."""
    return _show(*rotate_key(key, accounts=ports.accounts, ids=ports.ids))


def _show(key: ApiKey, secret: str) -> NewKey:
    return NewKey(key_id=key.key_id, key_secret=secret, api_key=f"{key.key_id}:{secret}", scopes=list(key.scopes))
