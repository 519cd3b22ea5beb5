"""Give a key a new secret; the old one stops at once."""

from calling.domain.account import ApiKey, hash_secret
from calling.ports import AccountStore, Ids, Vault
from calling.usecases.create_key import NewKey, account_with_id


def rotate_key(key: ApiKey, *, accounts: AccountStore, vault: Vault, ids: Ids) -> NewKey:
    """Replace a key's secret. The id, the scopes and the name stay.

    Raises:
        StaleRecord: it was revoked, or rotated by somebody else meanwhile: of two who rotate one is told a secret.
    """
    account = account_with_id(key.account_id, accounts)
    secret = ids.secret()
    accounts.rotate_key(key, hash_secret(secret))
    return NewKey(key, secret, vault.decrypt(account.account_id, account.webhook_secret))
