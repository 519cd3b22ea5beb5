"""Give a key a new secret; the old one stops at once."""

from dataclasses import replace

from calling.domain.account import ApiKey, hash_secret
from calling.ports import AccountStore, Ids


def rotate_key(key: ApiKey, *, accounts: AccountStore, ids: Ids) -> tuple[ApiKey, str]:
    """Replace a key's secret and return the key with it. The id and the scopes stay."""
    secret = ids.secret()
    rotated = replace(key, secret_hash=hash_secret(secret))
    accounts.put_key(rotated)
    return rotated, secret
