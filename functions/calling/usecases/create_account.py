"""Make an account with its first key and its webhook secret. The only moment at which their plaintext exists."""

import base64
from dataclasses import dataclass, field

from calling.domain.account import ALL_SCOPES, Account, ApiKey, hash_secret, new_key_id
from calling.ports import AccountStore, Clock, Ids, Vault


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What its owner is told once. `webhook_secret` is `whsec_` and base64, as Standard Webhooks writes it."""

    account_id: str
    key_id: str
    key_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)

    @property
    def api_key(self) -> str:
        """The bearer credential, KEY_ID:KEY_SECRET."""
        return f"{self.key_id}:{self.key_secret}"


def create_account(*, accounts: AccountStore, vault: Vault, clock: Clock, ids: Ids) -> NewAccount:
    """Create an account and a key that may do everything in it. Raises AlreadyExists for an id drawn twice."""
    now = clock.now()
    account_id = f"acct_{_hex(ids)[:12]}"
    new = NewAccount(
        account_id=account_id,
        key_id=new_key_id(account_id, _hex(ids)),
        key_secret=ids.secret(),
        webhook_secret=new_webhook_secret(ids),
    )
    account = Account(account_id, now, vault.encrypt(account_id, new.webhook_secret))
    accounts.add_account(account)
    accounts.change_keys(
        account, add=ApiKey(account_id, new.key_id, hash_secret(new.key_secret), now, scopes=ALL_SCOPES)
    )
    return new


def new_webhook_secret(ids: Ids) -> str:
    """Draw 256 bits in the form libraries of Standard Webhooks take."""
    raw = base64.urlsafe_b64decode(ids.secret() + "=")
    return "whsec_" + base64.b64encode(raw).decode()


def _hex(ids: Ids) -> str:
    """Draw random hex digits, the front of them the most random where ids count (they are read from the end)."""
    return ids.new("x").removeprefix("x_")[::-1]
