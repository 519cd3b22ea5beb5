"""Give an account one more key. Its secret is told once, with the secret that signs the account's webhooks."""

from dataclasses import dataclass, field

from calling.domain.account import Account, ApiKey, hash_secret, new_key_id
from calling.domain.errors import Conflict, NotFound
from calling.ports import AccountStore, Clock, Ids, Vault

MAX_KEYS = 20  # of an account: enough to give each program one of its own, few enough to look through


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with what its owner is told once."""

    key: ApiKey
    secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)

    @property
    def account_id(self) -> str:
        """Whose it is."""
        return self.key.account_id

    @property
    def api_key(self) -> str:
        """The bearer credential, KEY_ID:KEY_SECRET."""
        return f"{self.key.key_id}:{self.secret}"


def create_key(
    account_id: str,
    scopes: tuple[str, ...],
    name: str | None,
    *,
    accounts: AccountStore,
    vault: Vault,
    clock: Clock,
    ids: Ids,
) -> NewKey:
    """Make a key.

    Raises:
        Conflict: `too_many_keys`.
        StaleRecord: another key was made or revoked meanwhile.
    """
    account = account_with_id(account_id, accounts)
    if len(accounts.keys(account_id)) >= MAX_KEYS:
        raise Conflict(
            f"An account has {MAX_KEYS} keys at most: revoke one first.", code="too_many_keys", limit=MAX_KEYS
        )
    new = draw_key(account, scopes, name, vault=vault, clock=clock, ids=ids)
    accounts.change_keys(account, add=new.key)
    return new


def account_with_id(account_id: str, accounts: AccountStore) -> Account:
    """Read an account. Raises NotFound."""
    account = accounts.get_account(account_id)
    if account is None:
        raise NotFound(f"There is no account {account_id!r}.")
    return account


def draw_key(
    account: Account, scopes: tuple[str, ...], name: str | None, *, vault: Vault, clock: Clock, ids: Ids
) -> NewKey:
    """Draw a key that is not stored yet."""
    secret = ids.secret()
    # The id's front is taken by new_key_id; ids that count differ at their end.
    key_id = new_key_id(account.account_id, ids.new("x").removeprefix("x_")[::-1])
    key = ApiKey(account.account_id, key_id, hash_secret(secret), clock.now(), scopes=scopes, name=name)
    return NewKey(key, secret, vault.decrypt(account.account_id, account.webhook_secret))
