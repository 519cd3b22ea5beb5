"""Twilio Media Streams' JSON, in both directions. Numbers are strings there; sizes are bounded here.

Source: twilio.com/docs/voice/media-streams/websocket-messages. Events the carrier may add later are no error; a known
event with a wrong shape is one.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any

MAX_MESSAGE = 65_536  # bytes of one message; a 20 ms frame has about 400
MAX_CHUNK = 3_200  # mu-law bytes we put into one message: 400 ms
_MAX_PARAMETERS, _MAX_TEXT = 20, 600
_MAX_TIMESTAMP = 10**9  # ms: eleven days
_SID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
_DIGITS = frozenset("0123456789*#ABCD")


class ProtocolError(Exception):
    """The other side does not speak Media Streams. The text names the field, never its content."""


@dataclass(frozen=True, slots=True)
class Started:
    """The stream begins: whose call it is, and the `<Parameter>`s that came with it."""

    stream_sid: str
    account_sid: str
    call_sid: str
    parameters: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Media:
    """Sound of the callee: mu-law, and when it began, in ms since the stream did."""

    timestamp: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of ours came back: everything before it was played, or cleared."""

    name: str


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed."""

    digit: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The stream ends: the call was hung up or redirected."""


Event = Started | Media | Mark | Digit | Stopped


def parse(message: str | bytes) -> Event | None:
    """Read one message; None for one that carries nothing for us.

    Raises:
        ProtocolError: not JSON, too large, or a known event in a wrong shape.
    """
    if len(message) > MAX_MESSAGE:
        raise ProtocolError("message too large")
    try:
        body = json.loads(message)
    except (ValueError, RecursionError) as e:
        raise ProtocolError("not JSON") from e
    if not isinstance(body, dict) or not isinstance(body.get("event"), str):
        raise ProtocolError("no event")
    reader = _READERS.get(body["event"])
    return reader(body) if reader else None


def media(stream_sid: str, payload: bytes) -> str:
    """Write a message that queues raw mu-law (no file header) at the carrier."""
    return json.dumps(
        {"event": "media", "streamSid": stream_sid, "media": {"payload": base64.b64encode(payload).decode()}}
    )


def mark(stream_sid: str, name: str) -> str:
    """Write a message that asks for an echo when all audio before it has been played."""
    return json.dumps({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}})


def clear(stream_sid: str) -> str:
    """Write a message that empties the carrier's buffer; waiting marks come back at once."""
    return json.dumps({"event": "clear", "streamSid": stream_sid})


def _start(body: dict[str, Any]) -> Started:
    start = _object(body, "start")
    form = _object(start, "mediaFormat")
    if (form.get("encoding"), str(form.get("sampleRate")), str(form.get("channels"))) != ("audio/x-mulaw", "8000", "1"):
        raise ProtocolError("mediaFormat")
    parameters = start.get("customParameters") or {}
    if not isinstance(parameters, dict) or len(parameters) > _MAX_PARAMETERS:
        raise ProtocolError("customParameters")
    for name, value in parameters.items():
        if not isinstance(value, str) or len(name) + len(value) > _MAX_TEXT:
            raise ProtocolError("customParameters")
    stream, account, call = (_sid(start, name) for name in ("streamSid", "accountSid", "callSid"))
    return Started(stream, account, call, dict(parameters))


def _media(body: dict[str, Any]) -> Media | None:
    sound = _object(body, "media")
    if sound.get("track", "inbound") != "inbound":
        return None
    timestamp, payload = str(sound.get("timestamp", "")), sound.get("payload")
    if not (timestamp.isascii() and timestamp.isdigit()) or int(timestamp) > _MAX_TIMESTAMP:
        raise ProtocolError("timestamp")
    if not isinstance(payload, str):
        raise ProtocolError("payload")
    try:
        return Media(int(timestamp), base64.b64decode(payload, validate=True))
    except (binascii.Error, ValueError) as e:
        raise ProtocolError("payload") from e


def _mark(body: dict[str, Any]) -> Mark:
    name = _object(body, "mark").get("name")
    if not isinstance(name, str) or len(name) > _MAX_TEXT:
        raise ProtocolError("mark")
    return Mark(name)


def _dtmf(body: dict[str, Any]) -> Digit | None:
    digit = _object(body, "dtmf").get("digit")
    if not isinstance(digit, str):
        raise ProtocolError("digit")
    return Digit(digit) if digit in _DIGITS else None


def _stop(_: dict[str, Any]) -> Stopped:
    return Stopped()


_READERS = {"start": _start, "media": _media, "mark": _mark, "dtmf": _dtmf, "stop": _stop}


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise ProtocolError(name)
    return value


def _sid(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not _SID.match(value):
        raise ProtocolError(name)
    return value
