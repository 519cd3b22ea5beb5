"""Posts to customers' URLs: https only, never into private networks, whatever a name resolves to or a redirect says.

A name is resolved once, every address it has is checked, and the connection goes to the checked address itself, so
that a second resolution cannot answer otherwise. TLS and Host keep the name.
"""

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urljoin, urlsplit

import urllib3

from calling.ports import WebhookAnswer

SECONDS = 10.0  # for everything together: name, connections, redirects, answer
MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# IPv6 ranges that lead to an IPv4 address inside them, private ones too: NAT64 and 6to4.
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"))
Resolve = Callable[[str, int], list[str]]


class _Refused(Exception):
    """A URL that may not be posted to; the text goes onto the delivery."""


@dataclass(frozen=True, slots=True)
class _Target:
    scheme: str
    host: str
    port: int
    address: str
    path: str
    authority: str


def resolve(host: str, port: int) -> list[str]:
    """Give all addresses of a name, IPv4 first: a Lambda has no way out over IPv6."""
    found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    return sorted(found, key=lambda address: (":" in address, address))


class HttpWebhookSender:
    """Fulfils WebhookSender. `allow_loopback_http` lets http and loopback in, for a house on a laptop."""

    def __init__(self, *, allow_loopback_http: bool = False, resolve: Resolve = resolve) -> None:
        self._loopback = allow_loopback_http
        self._resolve = resolve

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> WebhookAnswer:
        """Post once; see the port. Redirects are followed with the same body, each target checked anew."""
        deadline = time.monotonic() + SECONDS
        try:
            for _ in range(MAX_REDIRECTS + 1):
                status, location = self._send(self._target(url), body, headers, deadline)
                if status not in _REDIRECTS or not location:
                    return WebhookAnswer(status)
                url = urljoin(url, location)
        except _Refused as refusal:
            return WebhookAnswer(None, str(refusal))
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return WebhookAnswer(None, _in_words(error))
        return WebhookAnswer(None, "too many redirects")

    def _target(self, url: str) -> _Target:
        parts = urlsplit(url)
        host = parts.hostname
        if not host or parts.username is not None or parts.password is not None:
            raise _Refused("not a usable URL")
        if parts.scheme != "https" and not (self._loopback and parts.scheme == "http"):
            raise _Refused("only https is posted to")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = self._resolve(host, port)
        if not addresses:
            raise _Refused("the name has no address")
        inside = all(ip_address(a.partition("%")[0]).is_loopback for a in addresses)
        if not (self._loopback and inside) and not (parts.scheme == "https" and all(map(_is_public, addresses))):
            raise _Refused("the address is not a public one")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return _Target(parts.scheme, host, port, addresses[0], path, parts.netloc)

    def _send(
        self, target: _Target, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> tuple[int, str | None]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise urllib3.exceptions.TimeoutError("no time left")
        with closing(_pool(target)) as pool:
            answer = pool.urlopen(
                "POST",
                target.path,
                body=body,
                headers={**headers, "Host": target.authority, "User-Agent": "Redial-Webhooks/1"},
                timeout=urllib3.Timeout(total=left),
                retries=False,
                redirect=False,
                # Nothing of the answer's body is wanted, and it may be endless.
                preload_content=False,
            )
            location = answer.headers.get("Location")
            answer.close()
            return answer.status, location


def _pool(target: _Target) -> urllib3.HTTPConnectionPool:
    if target.scheme == "http":
        return urllib3.HTTPConnectionPool(target.address, target.port)
    return urllib3.HTTPSConnectionPool(
        target.address,
        target.port,
        cert_reqs="CERT_REQUIRED",
        server_hostname=target.host,
        assert_hostname=target.host,
    )


def _is_public(address: str) -> bool:
    ip: IPv4Address | IPv6Address | None = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if any(ip in network for network in _TRANSLATED) or ip.teredo:
            return False
        ip = ip.ipv4_mapped or ip
    assert ip is not None  # noqa: S101  for mypy: an address has one of the two forms
    special = ip.is_multicast or ip.is_reserved or ip.is_loopback or ip.is_link_local or ip.is_private
    return ip.is_global and not special


def _in_words(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "timeout"
    if isinstance(error, socket.gaierror):
        return "the name was not found"
    if isinstance(error, urllib3.exceptions.SSLError):
        return "TLS failed"
    return f"no answer ({type(error).__name__})"
