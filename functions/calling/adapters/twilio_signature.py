"""Twilio's signature of its requests to us. The URL must be the one Twilio was given: public host, path, query.

Twilio's own validator computes; here its variants are compared in constant time.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from twilio.request_validator import RequestValidator

_DEFAULT_PORTS = {"https": 443, "http": 80, "wss": 443, "ws": 80}


def valid(auth_token: str, url: str, params: Mapping[str, str], signature: str) -> bool:
    """Check a form callback; `params` are all fields of the form, empty ones too.

    Twilio signs some URLs with their port and some without, so both are accepted.
    """
    if not auth_token or not signature:
        return False
    validator = RequestValidator(auth_token)
    right = [validator.compute_signature(variant, dict(params)) for variant in _with_and_without_port(url)]
    return any(hmac.compare_digest(variant.encode(), signature.encode()) for variant in right)


def valid_handshake(auth_token: str, url: str, signature: str) -> bool:
    """Check a WebSocket handshake: the wss URL without a body, with or without a slash at its end."""
    bare = url.rstrip("/")
    return any(valid(auth_token, variant, {}, signature) for variant in (bare, f"{bare}/"))


def _with_and_without_port(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)
    both = (urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{port}"))
    return tuple(dict.fromkeys((url, *both)))
