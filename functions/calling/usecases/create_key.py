"""Give an account one more key. Its secret is told once."""

from calling.domain.account import ApiKey, hash_secret, new_key_id
from calling.ports import AccountStore, Clock, Ids


def create_key(
    account_id: str, scopes: tuple[str, ...], *, accounts: AccountStore, clock: Clock, ids: Ids
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret."""
    secret = ids.secret()
    # The id's front is taken by new_key_id; ids that count differ at their end.
    key_id = new_key_id(account_id, ids.new("x").removeprefix("x_")[::-1])
    key = ApiKey(account_id, key_id, hash_secret(secret), clock.now(), scopes=scopes)
    accounts.put_key(key)
    return key, secret
