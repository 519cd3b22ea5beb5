"""Where requests to the carrier go, and as whom: its regions have hosts and credentials of their own."""

import base64
from typing import Any

import pytest
import requests

from calling.adapters.twilio import TwilioCarrier
from calling.domain.errors import CarrierThrottled
from calling.domain.routing import Region
from calling.ports import CarrierAccount

HOSTS = {
    Region.US1: "api.twilio.com",
    Region.IE1: "api.dublin.ie1.twilio.com",
    Region.AU1: "api.sydney.au1.twilio.com",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was about to be sent; nothing is."""
    sent: list[Any] = []

    def send(_: object, request: Any, **__: Any) -> None:
        sent.append(request)
        raise requests.ConnectTimeout(ConnectionRefusedError()) from _never()

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    return sent


def _never() -> Exception:
    from urllib3.exceptions import ConnectTimeoutError  # noqa: PLC0415  of this fault alone

    return ConnectTimeoutError()


@pytest.mark.parametrize("region", Region)
@pytest.mark.parametrize("key", [(None, None), ("SK1", "secret")])
def test_a_region_is_asked_at_its_own_host(asked: list[Any], region: Region, key: tuple[str, str]) -> None:
    account = CarrierAccount("AC1", "token", region, *key)
    with pytest.raises(CarrierThrottled):
        TwilioCarrier().fetch(account, "CA1")
    (request,) = asked
    assert request.url == f"https://{HOSTS[region]}/2010-04-01/Accounts/AC1/Calls/CA1.json"
    user, _, password = base64.b64decode(request.headers["Authorization"].split(" ")[1]).decode().partition(":")
    assert (user, password) == (key if key[0] else ("AC1", "token"))


def test_a_stand_in_is_asked_whatever_the_region(asked: list[Any]) -> None:
    with pytest.raises(CarrierThrottled):
        TwilioCarrier("http://127.0.0.1:9").fetch(CarrierAccount("AC1", "token", Region.IE1), "CA1")
    assert asked[0].url.startswith("http://127.0.0.1:9/2010-04-01/")
