"""An account and its API keys. A key's id names its account, so every read starts with the account."""

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256

_KEY_ID = re.compile(r"^key_([0-9a-f]{12})_([0-9a-f]{8})$")


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant. `webhook_secret` is ciphertext (KMS): it must be read again to sign.

    `keys_version` goes up with each key that is made or revoked: of two such changes at once one has to look again.
    """

    account_id: str
    created_at: int  # epoch ms
    webhook_secret: str = field(repr=False)
    keys_version: int = 0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of an account: its secret's hash, what it may do, and how often it was used this minute."""

    account_id: str
    key_id: str
    secret_hash: str = field(repr=False)
    created_at: int  # epoch ms
    scopes: tuple[str, ...] = ("calls",)
    name: str | None = None
    window: int = 0  # the minute (epoch s // 60) the two counts belong to
    reads: int = 0
    writes: int = 0

    @property
    def last_used_at(self) -> int | None:
        """When it was used last (epoch ms, to the minute); None for never."""
        return self.window * 60_000 or None


ADMIN = "admin"
ALL_SCOPES = ("calls", ADMIN)


def new_key_id(account_id: str, random_hex: str) -> str:
    """Make a key id that names its account: acct_<12 hex> gives key_<12 hex>_<8 hex>."""
    return f"key_{account_id.removeprefix('acct_')}_{random_hex[:8]}"


def account_of(key_id: str) -> str | None:
    """Read the account out of a key id; None where it is not one of ours."""
    match = _KEY_ID.match(key_id)
    return f"acct_{match.group(1)}" if match else None


def hash_secret(secret: str) -> str:
    """Hash a key's secret. It is 256 random bits, so a plain SHA-256 cannot be guessed back; no salt is needed."""
    return sha256(secret.encode()).hexdigest()


def secret_matches(key: ApiKey, secret: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(key.secret_hash, hash_secret(secret))
