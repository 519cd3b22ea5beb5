"""Which URLs a customer's webhook may have, as far as the text alone can tell.

What a host name resolves to is decided when it is posted to; nothing here asks a resolver.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from calling.domain.errors import InvalidRequest

MAX_LENGTH = 2_048
_PRIVATE_NAMES = ("localhost", ".localhost", ".local", ".internal", ".home.arpa")


def check_webhook_url(url: str, *, allow_loopback: bool, field: str) -> str:
    """Return the URL if it may be posted to: https, a public host, no credentials in it.

    `allow_loopback` (local runs only) also takes http and https to this machine.

    Raises:
        InvalidRequest: `invalid_webhook_url`.
    """
    problem = _problem(url, allow_loopback=allow_loopback)
    if problem is not None:
        raise InvalidRequest(f"{field} {problem}.", code="invalid_webhook_url", field=field)
    return url


def _problem(url: str, *, allow_loopback: bool) -> str | None:
    if len(url) > MAX_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        return f"must be at most {MAX_LENGTH} printable ASCII characters"
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "must be an https URL"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password"
    if allow_loopback and _is_loopback(host):
        return None
    return _public_problem(parts, host)


def _public_problem(parts: SplitResult, host: str) -> str | None:
    if parts.scheme != "https":
        return "must be an https URL"
    address = _address(host)
    if address is not None:
        return None if address.is_global and not address.is_multicast else "must not point into a private network"
    if host == "localhost" or host.endswith(_PRIVATE_NAMES) or "." not in host:
        return "must not point into a private network"
    return "must have a host name or an address" if host.rsplit(".", 1)[-1][:1].isdigit() else None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
