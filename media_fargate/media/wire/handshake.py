"""Who may open a media stream: the carrier's signature over the URL it was given.

Source: twilio.com/docs/usage/security. A WebSocket has no body, so the signature is over the URL alone. Proxies and
Twilio itself differ in a trailing slash, so both spellings count.
"""

import base64
import hmac
import re
from hashlib import sha1

_PATH = re.compile(r"^/calls/(acct_[A-Za-z0-9_-]{1,64})/(call_[A-Za-z0-9_-]{1,64})/?$")


def call_of(path: str) -> tuple[str, str] | None:
    """Read (account_id, call_id) out of `/calls/{account_id}/{call_id}`; None for any other path or a query."""
    match = _PATH.match(path)
    return (match.group(1), match.group(2)) if match else None


def signature(auth_token: str, url: str) -> str:
    """Sign a URL as the carrier does: base64 of HMAC-SHA1."""
    return base64.b64encode(hmac.new(auth_token.encode(), url.encode(), sha1).digest()).decode()


def signed(auth_token: str, url: str, given: str | None) -> bool:
    """Check a handshake's signature in constant time; False where there is none."""
    if not given:
        return False
    bare = url.rstrip("/")
    offered = given.encode(errors="replace")
    right = [hmac.compare_digest(signature(auth_token, u).encode(), offered) for u in (bare, bare + "/")]
    return any(right)
