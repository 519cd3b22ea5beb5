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
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator

from calling.adapters.twilio_signature import Signature, valid, valid_handshake
from calling.adapters.webhook_signatures import sign
from calling.ports import CarrierAccount

TOKEN, BEFORE, SHARED = "0123456789abcdef0123456789abcdef", "before", "a shared key"
ACCOUNT = CarrierAccount("AC1", TOKEN)
ROTATED = CarrierAccount("AC1", TOKEN, other_tokens=(BEFORE,), shared_keys=(SHARED,))
URL = "https://api.example.com/twilio/acct_1/calls/call_1/status"
FORM = {"CallSid": "CA1", "CallStatus": "ringing", "To": "+447700900123", "Empty": "", "Name": "Zoë"}


def signature(
    url: str, form: dict[str, str], token: str = TOKEN, *, by: str = HMAC_SHA1, said: str | None = None
) -> Signature:
    """What Twilio would send; `said` is what its second header claims, where it has one."""
    text = str(RequestValidator(token).compute_signature(url, form, by))
    return Signature(text, "" if said is None else f"key=webhooks_sharedkey_1,algorithm={said}")


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=5), st.text(max_size=30))
def test_we_accept_what_twilios_validator_accepts(form: dict[str, str], wrong: str) -> None:
    right = signature(URL, form)
    assert valid(ACCOUNT, URL, form, right)
    assert valid(ACCOUNT, URL, form, Signature(wrong)) == bool(RequestValidator(TOKEN).validate(URL, form, wrong))


@pytest.mark.parametrize(
    "signed",
    ["http://127.0.0.1:8080/twilio/x?a=b&c=d", "https://api.example.com:443/x", "https://api.example.com/x"],
)
def test_a_port_may_be_in_the_signed_url_or_not(signed: str) -> None:
    for asked in {signed, signed.replace(":443", "")}:
        assert valid(ACCOUNT, asked, FORM, signature(signed, FORM))


def test_anything_changed_is_refused() -> None:
    right = signature(URL, FORM)
    assert valid(ACCOUNT, URL, FORM, right)
    for token, url, form, given_signature in (
        ("x" * 32, URL, FORM, right),
        (TOKEN, URL + "?x=1", FORM, right),
        (TOKEN, URL.replace("call_1", "call_2"), FORM, right),
        (TOKEN, URL, FORM | {"CallStatus": "completed"}, right),
        (TOKEN, URL, FORM | {"More": ""}, right),
        (TOKEN, URL, {}, right),
        (TOKEN, URL, FORM, Signature(right.text[:-1])),
        (TOKEN, URL, FORM, Signature()),
        (TOKEN, URL, FORM, Signature("é")),
        ("", URL, FORM, signature(URL, FORM, token=" ")),
    ):
        assert not valid(CarrierAccount("AC1", token), url, form, given_signature)


@pytest.mark.parametrize("asked", ["wss://media.example/calls/a/c", "wss://media.example/calls/a/c/"])
@pytest.mark.parametrize("signed", ["wss://media.example/calls/a/c", "wss://media.example/calls/a/c/"])
def test_a_handshake_is_signed_with_or_without_its_last_slash(asked: str, signed: str) -> None:
    assert valid_handshake(ACCOUNT, asked, signature(signed, {}))
    assert not valid_handshake(ACCOUNT, asked, signature(signed.replace("/c", "/d"), {}))
    assert not valid_handshake(ACCOUNT, asked, Signature())


@pytest.mark.parametrize(
    ("secret", "by", "said", "accepted"),
    [
        (TOKEN, HMAC_SHA1, None, True),
        (BEFORE, HMAC_SHA1, None, True),
        (SHARED, HMAC_SHA256, HMAC_SHA256, True),
        (SHARED, HMAC_SHA256, "hmac_sha256", True),
        # What the header says chooses neither the secret nor a weaker hash.
        (SHARED, HMAC_SHA1, HMAC_SHA1, False),
        (SHARED, HMAC_SHA1, None, False),
        (TOKEN, HMAC_SHA256, HMAC_SHA256, False),
        (TOKEN, HMAC_SHA1, HMAC_SHA256, False),
        (TOKEN, HMAC_SHA1, "HMAC_MD5", False),
        (TOKEN, HMAC_SHA1, "none", False),
        ("another", HMAC_SHA1, None, False),
        ("another", HMAC_SHA256, HMAC_SHA256, False),
        ("", HMAC_SHA1, None, False),
        ("", HMAC_SHA256, HMAC_SHA256, False),
    ],
)
def test_each_algorithm_has_its_own_secrets(secret: str, by: str, said: str | None, accepted: bool) -> None:
    assert valid(ROTATED, URL, FORM, signature(URL, FORM, secret, by=by, said=said)) == accepted
    shake = signature("wss://media.example/c", {}, secret, by=by, said=said)
    assert valid_handshake(ROTATED, "wss://media.example/c", shake) == accepted


def test_without_a_shared_key_none_is_accepted() -> None:
    """Nor is the empty secret of an account that has none."""
    for secret in ("", SHARED, TOKEN):
        assert not valid(ACCOUNT, URL, FORM, signature(URL, FORM, secret, by=HMAC_SHA256, said=HMAC_SHA256))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_is_a_way_in(text: str, said: str) -> None:
    assert not valid(ROTATED, URL, FORM, Signature(text, said))


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
