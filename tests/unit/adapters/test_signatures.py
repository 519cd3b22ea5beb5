"""Signatures: Twilio's against Twilio's own validator, ours against the library customers verify with."""

import base64
import hmac
import json
import time
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from twilio.request_validator import RequestValidator

from calling.adapters.twilio_signature import valid, valid_handshake
from calling.adapters.webhook_signatures import sign

TOKEN = "0123456789abcdef0123456789abcdef"
URL = "https://api.example.com/twilio/acct_1/calls/call_1/status"
FORM = {"CallSid": "CA1", "CallStatus": "ringing", "To": "+447700900123", "Empty": "", "Name": "Zoë"}


def signature(url: str, form: dict[str, str], token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, form))


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=5), st.text(max_size=30))
def test_we_accept_what_twilios_validator_accepts(form: dict[str, str], wrong: str) -> None:
    right = signature(URL, form)
    assert valid(TOKEN, URL, form, right)
    assert valid(TOKEN, URL, form, wrong) == bool(RequestValidator(TOKEN).validate(URL, form, wrong))


@pytest.mark.parametrize(
    "signed",
    ["http://127.0.0.1:8080/twilio/x?a=b&c=d", "https://api.example.com:443/x", "https://api.example.com/x"],
)
def test_a_port_may_be_in_the_signed_url_or_not(signed: str) -> None:
    for asked in {signed, signed.replace(":443", "")}:
        assert valid(TOKEN, asked, FORM, signature(signed, FORM))


def test_anything_changed_is_refused() -> None:
    right = signature(URL, FORM)
    assert valid(TOKEN, URL, FORM, right)
    for token, url, form, given_signature in (
        ("x" * 32, URL, FORM, right),
        (TOKEN, URL + "?x=1", FORM, right),
        (TOKEN, URL.replace("call_1", "call_2"), FORM, right),
        (TOKEN, URL, FORM | {"CallStatus": "completed"}, right),
        (TOKEN, URL, FORM | {"More": ""}, right),
        (TOKEN, URL, {}, right),
        (TOKEN, URL, FORM, right[:-1]),
        (TOKEN, URL, FORM, ""),
        (TOKEN, URL, FORM, "é"),
        ("", URL, FORM, signature(URL, FORM, token=" ")),
    ):
        assert not valid(token, url, form, given_signature)


@pytest.mark.parametrize("asked", ["wss://media.example/calls/a/c", "wss://media.example/calls/a/c/"])
@pytest.mark.parametrize("signed", ["wss://media.example/calls/a/c", "wss://media.example/calls/a/c/"])
def test_a_handshake_is_signed_with_or_without_its_last_slash(asked: str, signed: str) -> None:
    assert valid_handshake(TOKEN, asked, signature(signed, {}))
    assert not valid_handshake(TOKEN, asked, signature(signed.replace("/c", "/d"), {}))
    assert not valid_handshake(TOKEN, asked, "")


SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


def test_a_webhook_is_signed_in_both_ways() -> None:
    body, now = json.dumps({"event": "call.completed", "to": "é"}, ensure_ascii=False).encode(), int(time.time())
    headers = sign(SECRET, "call_1#terminal", now, body)
    assert Webhook(SECRET).verify(body, headers) == json.loads(body)
    mac = hmac.new(SECRET.encode(), f"{now}.".encode() + body, sha256).hexdigest()
    assert headers["X-Nixflex-Signature"] == f"t={now},v1={mac}"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)
    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, headers)
