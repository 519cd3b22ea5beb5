"""The address a recording is fetched at: our own, good for as long as the recording is kept.

Whoever has it may listen; that is its purpose, in webhooks above all. Its token names the account and bears a MAC over
account and call, so nobody can make one for another call. S3's own signed URLs end with the credentials that signed
them, which live some hours in a Lambda; this one is redirected to a fresh one each time.
"""

import hmac
from hashlib import sha256

# The key is derived: what is signed here is worth nothing as a stream's token (stream_token.py), and the reverse.
_PURPOSE = b"redial/recording-link/1"
_ACCOUNT = "acct_"  # an account is named as in its keys' ids: account.py


def address(base_url: str, secret: bytes, account_id: str, call_id: str) -> str:
    """Make a recording's address under the API's base URL. `secret` is the deployment's signing secret."""
    named = account_id.removeprefix(_ACCOUNT)
    return f"{base_url}/v1/calls/{call_id}/recording?t={named}.{_mac(secret, account_id, call_id)}"


def account_of(secret: bytes, call_id: str, token: str) -> str | None:
    """Give the account of a recording's call; None where the token was not made here, for this call."""
    named, _, mac = token.partition(".")
    account_id = f"{_ACCOUNT}{named}"
    right = hmac.compare_digest(_mac(secret, account_id, call_id).encode(), mac.encode())
    return account_id if right else None


def _mac(secret: bytes, account_id: str, call_id: str) -> str:
    key = hmac.digest(secret, _PURPOSE, sha256)
    return hmac.new(key, f"{account_id}|{call_id}".encode(), sha256).hexdigest()
