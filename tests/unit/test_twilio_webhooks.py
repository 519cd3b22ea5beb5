"""The carrier's door beside status and inbound calls: what a stream met, and what follows it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urldefrag, urlencode
from xml.etree import ElementTree as ET

import pytest
from twilio.request_validator import RequestValidator

from calling.domain import callbacks, twiml
from calling.domain.agent import VOICES
from calling.domain.call import CallStatus, CarrierStatus, EndedReason
from calling.domain.callbacks import TRY_AGAIN, CallCallback, NumberCallback
from calling.domain.carrier_codes import stream_words
from infra.local.carrier.callbacks import Policy
from tests.fakes.world import ACCOUNT, FROM, World
from twilio_webhooks.handler import Ports, serve

API, MEDIA = "https://api.example", "wss://media.example"
SID = "CA" + "1" * 32
ON_THE_LINE = {
    "status": CallStatus.IN_PROGRESS,
    "twilio_call_sid": SID,
    "answered_at": 1,
    "media_opened_at": 2,
    "media_alive_at": 2,
}
LIVES = {"CallStatus": "in-progress"}
ERROR = {"StreamEvent": "stream-error", "StreamError": "31921"}


def world_with(**changes: Any) -> World:
    world = World()
    world.accept("call_1")
    world.calls.change(world.call("call_1"), ON_THE_LINE | changes)
    return world


def post(
    world: World, url: str, form: Mapping[str, str], *, signed_for: str | None = None, **changes: str
) -> dict[str, Any]:
    body = {"AccountSid": world.credentials.account.sid, "CallSid": SID, **form, **changes}
    right = RequestValidator(world.credentials.account.auth_token)
    headers = {"x-twilio-signature": right.compute_signature(urldefrag(signed_for or url).url, body)}
    event = {"rawPath": urldefrag(url).url.removeprefix(API), "headers": headers, "body": urlencode(body)}
    stores = (world.calls, world.leases, world.lines, world.agents, world.credentials)
    ports = Ports(*stores, world.workflow, world.clock, API, MEDIA)
    return serve(event, ports)


def of_call(world: World, kind: CallCallback, form: Mapping[str, str] | None = None, **changes: str) -> dict[str, Any]:
    return post(world, callbacks.of_call(API, ACCOUNT, "call_1", kind), form or {}, **changes)


def spoken(answer: dict[str, Any]) -> list[str]:
    """The verbs of the answered TwiML, with what is said."""
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "text/xml")
    return [f"{verb.tag} {verb.text or ''}".strip() for verb in ET.fromstring(answer["body"])]  # noqa: S314  our own


@pytest.mark.parametrize("kind", CallCallback)
@pytest.mark.parametrize("wrong", ["signature", "account", "call"])
def test_every_callback_of_a_call_is_verified(kind: CallCallback, wrong: str) -> None:
    world = world_with()
    url = callbacks.of_call(API, ACCOUNT, "call_2" if wrong == "call" else "call_1", kind)
    account = {"AccountSid": "AC" + "9" * 32} if wrong == "account" else {}
    form = {"CallStatus": "completed", "AnsweredBy": "human", **ERROR}
    refused = post(world, url, form, signed_for="https://else.example" if wrong == "signature" else None, **account)
    assert refused["statusCode"] == 403
    assert world.call("call_1").stream_error is None


@pytest.mark.parametrize("kind", NumberCallback)
def test_every_callback_of_a_number_is_verified(kind: NumberCallback) -> None:
    world = World()
    url = f"{API}/twilio/{ACCOUNT}/{kind.value}"
    assert post(world, url, {"To": FROM.e164}, signed_for=API)["statusCode"] == 403


def test_what_a_stream_met_stands_on_the_record_in_words() -> None:
    world = world_with()
    started = {"StreamEvent": "stream-started", "StreamSid": "MZ1"}
    assert of_call(world, CallCallback.STREAM, started)["statusCode"] == 204
    assert world.call("call_1").stream_error is None
    for error in ("31921", "31920"):  # the first counts
        assert of_call(world, CallCallback.STREAM, ERROR, StreamError=error)["statusCode"] == 204
    call = world.call("call_1")
    assert call.stream_error == "31921"
    (entry,) = [e for e in call.timeline if e.event == "stream_error"]
    assert entry.reason == "the call's audio connection was closed (Twilio 31921)"
    assert of_call(world, CallCallback.STREAM)["statusCode"] == 400, "no callback of a stream"


def test_a_stream_of_another_call_says_nothing_of_this_one() -> None:
    world = world_with()
    of_call(world, CallCallback.STREAM, ERROR, CallSid="CA" + "9" * 32)
    assert world.call("call_1").stream_error is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("31920", "the call's audio could not be connected (handshake) (Twilio 31920)"),
        ("Error 31910: SSL", "the call's audio could not be connected (TLS) (Twilio 31910)"),
        ("31999", "31999"),
        ("no route to 319211", "no route to 319211"),
    ],
)
def test_a_streams_error_is_a_code_or_a_text(said: str, words: str) -> None:
    assert stream_words(said) == words


@pytest.mark.parametrize(
    "met",
    [
        {"media_opened_at": None, "media_alive_at": None},  # the handshake was refused: 31920
        {},  # its process is gone: 31921
        {"media_closed_at": 3, "media_reason": EndedReason.ERROR},  # its session broke
    ],
    ids=["never up", "process gone", "session broke"],
)
def test_who_has_lost_the_agent_hears_a_sentence(met: dict[str, Any]) -> None:
    world = world_with(**met)
    for _ in range(2):  # asked again, the same
        say, hangup = spoken(of_call(world, CallCallback.AFTER_STREAM, LIVES))
        assert say == "Say I am sorry, our connection has failed, so I have to end this call here. Goodbye."
        assert hangup == "Hangup"
    assert [e.event for e in world.call("call_1").timeline].count("connection_lost") == 1


@pytest.mark.parametrize(
    "met",
    [
        {"media_closed_at": 3, "media_reason": EndedReason.COMPLETED},  # the agent has said goodbye
        {"media_reason": EndedReason.SILENCE_TIMEOUT},  # ended by us, its last write is under way
        {"media_closed_at": 3},  # the other side hung up
        {"cancel_requested_at": 3},
        {"carrier_status": CarrierStatus.COMPLETED},
        {"amd_result": "machine_start"},  # nothing is left on a voicemail
        {"voicemail_method": "speech"},
    ],
    ids="-".join,
)
def test_nothing_odd_is_said_after_an_end_of_our_own(met: dict[str, Any]) -> None:
    world = world_with(**met)
    assert spoken(of_call(world, CallCallback.AFTER_STREAM, LIVES)) == ["Hangup"]
    assert "connection_lost" not in [e.event for e in world.call("call_1").timeline]


def test_nobody_is_told_anything_on_a_call_that_is_over() -> None:
    """Our record may not know yet that it ended."""
    world = world_with()
    assert spoken(of_call(world, CallCallback.AFTER_STREAM, {"CallStatus": "completed"})) == ["Hangup"]
    assert "connection_lost" not in [e.event for e in world.call("call_1").timeline]


def test_a_call_that_could_not_be_answered_is_told_so() -> None:
    """The fallback: what `inbound` should have done has failed three times."""
    world = World()
    urls = callbacks.of_number(API, ACCOUNT)
    say, hangup = spoken(post(world, urls.voice_fallback, {"To": FROM.e164, "ErrorCode": "11200"}))
    assert (say[:40], hangup) == ("Say I am sorry, your call cannot be take", "Hangup")
    assert world.calls.calls == {}


def test_what_we_hand_out_is_tried_again_as_long_as_twilio_tries() -> None:
    """Three tries of 4.5 s: Twilio gives all of them together 15 s."""
    policy = Policy.of(TRY_AGAIN.removeprefix("#"))
    assert (policy.retries, policy.retry_on) == (2, frozenset({"5xx", "ct", "rt"}))
    assert policy.read * (policy.retries + 1) <= 15
    urls = callbacks.of_number(API, ACCOUNT)
    handed_out = [urls.voice, urls.voice_fallback, urls.status]
    handed_out += [callbacks.of_call(API, ACCOUNT, "call_1", kind) for kind in CallCallback]
    assert [urldefrag(url).fragment == "" for url in handed_out].count(True) == 1, "of the stream's alone"
    assert all("?" not in url for url in handed_out)


@pytest.mark.parametrize("voice", [None, "", "Somebody", *VOICES])
def test_the_sentence_is_said_in_a_voice_twilio_has(voice: str | None) -> None:
    spoken_by = ET.fromstring(twiml.not_now(voice))[0].get("voice")  # noqa: S314  our own
    assert spoken_by == f"Polly.{voice if voice in VOICES else 'Joanna'}-Neural"


def test_the_twiml_of_a_call_is_within_twilios_limit() -> None:
    long = "https://" + "a" * 60 + ".execute-api.ap-southeast-2.amazonaws.com"
    document = twiml.connect_stream(
        "acct_" + "a" * 24,
        "call_" + "c" * 24,
        token="9" * 12 + "." + "f" * 64,
        public_base_url=long,
        media_public_url=long,
    )
    assert len(document) < twiml.MAX_TWIML / 3
