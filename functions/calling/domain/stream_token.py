"""The token that lets the carrier's media stream in: it binds call and expiry, and travels in `<Parameter>`.

Form: `<expiry epoch s>.<hex HMAC-SHA256 of "account|call|expiry">`. Replays are stopped by the record: one call has
one stream, and the stream's call SID must be the call's.
"""

import hmac
from hashlib import sha256


def issue(secret: bytes, account_id: str, call_id: str, expires_at: int) -> str:
    """Make a token; `expires_at` is epoch seconds."""
    return f"{expires_at}.{_mac(secret, account_id, call_id, expires_at)}"


def valid(secret: bytes, token: str, account_id: str, call_id: str, now: float) -> bool:
    """Check a token in constant time; False for anything malformed, foreign or expired."""
    expiry, _, mac = token.partition(".")
    if not (expiry.isascii() and expiry.isdigit() and len(expiry) <= 12):
        return False
    right = hmac.compare_digest(_mac(secret, account_id, call_id, int(expiry)).encode(), mac.encode())
    return right and now < int(expiry)


def _mac(secret: bytes, account_id: str, call_id: str, expires_at: int) -> str:
    return hmac.new(secret, f"{account_id}|{call_id}|{expires_at}".encode(), sha256).hexdigest()
