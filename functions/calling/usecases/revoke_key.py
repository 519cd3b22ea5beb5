"""Stop a key for good."""

from calling.domain.account import ADMIN, ApiKey
from calling.domain.errors import Conflict, NotFound
from calling.ports import AccountStore
from calling.usecases.create_key import account_with_id


def revoke_key(account_id: str, key_id: str, *, accounts: AccountStore) -> None:
    """Revoke a key of an account; its next request is refused.

    Raises:
        NotFound: the account has no such key.
        Conflict: `last_admin_key`: nobody could make or revoke a key any more.
        StaleRecord: another key was made or revoked meanwhile.
    """
    account = account_with_id(account_id, accounts)
    keys = accounts.keys(account_id)
    key = key_of(key_id, keys)
    if not any(ADMIN in other.scopes for other in keys if other.key_id != key_id):
        raise Conflict("This is the account's last admin key: make another one first.", code="last_admin_key")
    accounts.change_keys(account, remove=[key])


def key_of(key_id: str, keys: tuple[ApiKey, ...]) -> ApiKey:
    """Find a key among an account's. Raises NotFound."""
    found = next((key for key in keys if key.key_id == key_id), None)
    if found is None:
        raise NotFound("There is no such key.", field="key_id")
    return found
