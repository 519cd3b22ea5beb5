"""TwiML as a list of verbs. Only what a conversation needs; the rest is named, so that a call can end with a warning.

Pure. Documents come from outside: no document type, no entities, limited size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, TreeBuilder  # only the tree's classes, expat parses
from xml.parsers import expat  # document types, and so entities, are refused below

MAX_BYTES: Final = 64 * 1024


class TwimlError(Exception):
    """A document that cannot be run; `code` is Twilio's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Connect:
    """`<Connect><Stream>`: a bidirectional media stream, and who is asked what to do when it is over."""

    url: str
    name: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    status_callback: str = ""
    status_callback_method: str = "POST"
    action: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Say:
    """Words for the person."""

    text: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence, in seconds."""

    length: float = 1.0


@dataclass(frozen=True, slots=True)
class Hangup:
    """The end."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse an inbound call; reason is rejected or busy."""

    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with the document at a URL."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A verb this carrier does not know."""

    name: str


Verb = Connect | Say | Pause | Hangup | Reject | Redirect | Unsupported


def parse(document: str) -> list[Verb]:
    """The verbs of a document, in order; TwimlError if it cannot be run at all."""
    root = _tree(document)
    if root.tag != "Response":
        raise TwimlError(12100, "the root element must be Response")
    return [_verb(element) for element in root]


def _tree(document: str) -> Element:
    if len(document.encode()) > MAX_BYTES:
        raise TwimlError(11750, "TwiML response body too large")
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(document.strip(), True)  # expat takes it by position
    except expat.ExpatError as error:
        raise TwimlError(12100, f"document parse failure: {error}") from error
    return builder.close()


def _refuse_doctype(*_: object) -> None:
    raise TwimlError(12100, "a document type is not allowed")


def _verb(element: Element) -> Verb:
    attributes = element.attrib
    match element.tag:
        case "Connect":
            return _connect(element)
        case "Say":
            return Say(" ".join("".join(element.itertext()).split()), attributes.get("voice", ""))
        case "Pause":
            return Pause(_seconds(attributes.get("length", "1")))
        case "Hangup":
            return Hangup()
        case "Reject":
            return Reject(attributes.get("reason", "rejected"))
        case "Redirect":
            return Redirect((element.text or "").strip(), attributes.get("method", "POST").upper())
    return Unsupported(element.tag)


def _seconds(text: str) -> float:
    if not text.isdigit():
        raise TwimlError(13910, "Pause: invalid length value")
    return float(text)


def _connect(element: Element) -> Verb:
    streams = element.findall("Stream")
    if len(streams) != 1 or len(element) != 1:
        return Unsupported(f"Connect/{element[0].tag if len(element) else ''}")
    stream = streams[0]
    url = stream.get("url", "").strip()
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise TwimlError(31920, "Stream: url must be a websocket URL")
    if parts.query or parts.fragment:
        raise TwimlError(31920, "Stream: url may not have a query string; use Parameter")
    parameters = {child.get("name", ""): child.get("value", "") for child in stream.findall("Parameter")}
    if any(len(name) + len(value) > 500 for name, value in parameters.items()):  # Twilio's limit
        raise TwimlError(12100, "Parameter: name and value may have 500 characters together")
    return Connect(
        url,
        stream.get("name", ""),
        parameters,
        stream.get("statusCallback", ""),
        stream.get("statusCallbackMethod", "POST").upper(),
        element.get("action", "").strip(),
        element.get("method", "POST").upper(),
    )
