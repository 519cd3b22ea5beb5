"""Twilio's signature of its requests to us. The URL must be the one Twilio was given: public host, path, query.

Twilio's own validator computes; here its variants are compared in constant time. A request says by which algorithm it
is signed, but each algorithm has secrets of its own here, so whoever writes that header can choose neither a weaker
check nor another secret: HMAC-SHA1 goes with auth tokens, HMAC-SHA256 with shared keys.
https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from twilio.request_validator import (
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from calling.ports import CarrierAccount

_DEFAULT_PORTS = {"https": 443, "http": 80, "wss": 443, "ws": 80}


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request brings: its signature and, where a shared key made it, which key by which algorithm."""

    text: str = ""
    settings: str = ""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Signature":
        """Read it out of headers whose names are in lower case, or in any."""
        return cls(headers.get(SIGNATURE_HEADER.lower()) or "", headers.get(SIGNATURE_SETTINGS_HEADER.lower()) or "")


def valid(account: CarrierAccount, url: str, params: Mapping[str, str], signature: Signature) -> bool:
    """Check a form callback; `params` are all fields of the form, empty ones too.

    Twilio signs some URLs with their port and some without, so both are accepted.
    """
    algorithm = get_signature_algorithm(signature.settings).upper()
    right = [
        RequestValidator(secret).compute_signature(variant, dict(params), algorithm)
        for secret in _secrets(account, algorithm)
        for variant in _with_and_without_port(url)
    ]
    return any(hmac.compare_digest(variant.encode(), signature.text.encode()) for variant in right)


def valid_handshake(account: CarrierAccount, url: str, signature: Signature) -> bool:
    """Check a WebSocket handshake: the wss URL without a body, with or without a slash at its end."""
    bare = url.rstrip("/")
    return any(valid(account, variant, {}, signature) for variant in (bare, f"{bare}/"))


def _secrets(account: CarrierAccount, algorithm: str) -> list[str]:
    allowed = {HMAC_SHA1: (account.auth_token, *account.other_tokens), HMAC_SHA256: account.shared_keys}
    return [secret for secret in allowed.get(algorithm, ()) if secret]


def _with_and_without_port(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)
    both = (urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{port}"))
    return tuple(dict.fromkeys((url, *both)))
