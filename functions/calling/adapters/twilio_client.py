"""As whom, where and how Twilio is asked: an account's credentials, its region's host, one request at a time.

`twilio.rest` is imported at first use: it costs a quarter of a second, and some doors only hang up.
"""

import logging
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from calling.domain.routing import Region
from calling.ports import CarrierAccount

if TYPE_CHECKING:
    from twilio.http import HttpClient
    from twilio.rest import Client

TIMEOUT_SECONDS = 10.0
# A region's host is named by both (api.dublin.ie1.twilio.com), that of US1 by neither.
_EDGES = {Region.US1: None, Region.IE1: "dublin", Region.AU1: "sydney"}


def client(account: CarrierAccount, http: "HttpClient") -> "Client":
    """Make a client of an account, under its API key where it has one."""
    from twilio.rest import Client  # noqa: PLC0415  see the module's docstring

    edge = _EDGES[account.region]
    return Client(
        account.api_key_sid or account.sid,
        account.api_key_secret or account.auth_token,
        account.sid,
        region=account.region if edge else None,
        edge=edge,
        http_client=http,
    )


def http_client(base_url: str = "") -> "HttpClient":
    """Make what sends; share one a process. `base_url` empty is Twilio; else another scheme and host are asked."""
    http: HttpClient = _http_class()(base_url)
    return http


@cache
def _http_class() -> Any:  # noqa: ANN401  a class made after the import
    from twilio.http.http_client import TwilioHttpClient  # noqa: PLC0415  see the module's docstring

    class Http(TwilioHttpClient):  # type: ignore[misc]  # untyped
        """Twilio's HTTP client without retries or kept connections, able to ask another host.

        A kept connection that the other side has closed meanwhile looks like a lost answer, and a lost answer costs
        an attempt: a handshake a request is cheaper.
        """

        def __init__(self, base_url: str) -> None:
            # Its own logger writes whole requests, numbers included; this one writes nothing.
            silent = logging.getLogger(f"{__name__}.silent")
            silent.disabled = True
            super().__init__(timeout=TIMEOUT_SECONDS, max_retries=0, logger=silent)
            self._base = urlsplit(base_url)

        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  Twilio's signature
            try:
                return super().request(method, self._moved(url), *args, **kwargs)
            finally:
                self.session.close()

        def _moved(self, url: str) -> str:
            if not self._base.netloc:
                return url
            return urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))

    return Http
