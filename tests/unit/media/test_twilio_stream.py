"""Media Streams' JSON: what is read is what was sent, and nothing else gets in."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.wire import handshake
from media.wire import twilio_stream as wire

SIDS = st.from_regex(r"\A[A-Za-z0-9]{1,40}\Z")
START = {
    "event": "start",
    "start": {
        "streamSid": "MZ1",
        "accountSid": "AC1",
        "callSid": "CA1",
        "customParameters": {"token": "t"},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    },
}


def start_with(**changes: object) -> str:
    return json.dumps(START | {"start": START["start"] | changes})  # type: ignore[operator]  # a dict of dicts


@given(SIDS, st.binary(max_size=wire.MAX_CHUNK))
def test_media_we_send_carries_the_sound_unchanged(sid: str, sound: bytes) -> None:
    body = json.loads(wire.media(sid, sound))
    assert (body["event"], body["streamSid"]) == ("media", sid)
    assert base64.b64decode(body["media"]["payload"]) == sound


@given(st.integers(0, 10**9), st.binary(max_size=500))
def test_media_we_get_is_read(timestamp: int, sound: bytes) -> None:
    body = {"track": "inbound", "timestamp": str(timestamp), "payload": base64.b64encode(sound).decode()}
    assert wire.parse(json.dumps({"event": "media", "media": body})) == wire.Media(timestamp, sound)


@given(SIDS, st.text(max_size=100))
def test_a_mark_comes_back_as_it_was_sent(sid: str, name: str) -> None:
    assert wire.parse(wire.mark(sid, name)) == wire.Mark(name)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_garbage_is_an_error_or_nothing_but_never_another_exception(message: str | bytes) -> None:
    with suppress(wire.ProtocolError):
        wire.parse(message)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["start", "media", "mark", "dtmf"]),
)
def test_a_known_event_in_a_wrong_shape_is_an_error(inner: object, event: str) -> None:
    try:
        read = wire.parse(json.dumps({"event": event, event: inner}))
    except wire.ProtocolError:
        return
    assert read is None or isinstance(read, wire.Mark | wire.Digit)


def test_start_is_read() -> None:
    assert wire.parse(json.dumps(START)) == wire.Started("MZ1", "AC1", "CA1", {"token": "t"})


@pytest.mark.parametrize(
    "changes",
    [
        {"mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 8000, "channels": 1}},
        {"mediaFormat": None},
        {"customParameters": {"token": "x" * 1000}},
        {"customParameters": {"token": 5}},
        {"customParameters": ["token"]},
        {"callSid": "CA 1"},
        {"callSid": None},
    ],
)
def test_a_start_that_is_not_ours_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(wire.ProtocolError):
        wire.parse(start_with(**changes))


def test_what_is_not_for_us_is_nothing() -> None:
    assert wire.parse('{"event":"connected","protocol":"Call","version":"1.0.0"}') is None
    assert wire.parse('{"event":"something-new"}') is None
    assert wire.parse('{"event":"media","media":{"track":"outbound"}}') is None


def test_an_oversized_message_is_refused_unread() -> None:
    with pytest.raises(wire.ProtocolError):
        wire.parse(" " * (wire.MAX_MESSAGE + 1))


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/calls/acct_1/call_2", ("acct_1", "call_2")),
        ("/calls/acct_1/call_2/", ("acct_1", "call_2")),
        ("/calls/acct_1/call_2?x=1", None),
        ("/calls/acct_1/../call_2", None),
        ("/calls/acct_1", None),
        ("/", None),
    ],
)
def test_only_a_calls_path_names_a_call(path: str, ids: tuple[str, str] | None) -> None:
    assert handshake.call_of(path) == ids


def test_a_key_nobody_knows_is_ignored() -> None:
    assert wire.parse('{"event":"dtmf","dtmf":{"digit":"w"}}') is None
    assert wire.parse('{"event":"dtmf","dtmf":{"digit":"#"}}') == wire.Digit("#")
