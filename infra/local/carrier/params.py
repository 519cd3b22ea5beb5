"""The parameters of a create-call request, checked as Twilio checks them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from infra.local.carrier.errors import bad_request
from infra.local.carrier.people import E164

Params = dict[str, list[str]]
EVENTS: Final = ("initiated", "ringing", "answered", "completed")
MAX_TWIML: Final = 4000
_NOT_HERE: Final = (
    "ApplicationSid",
    "Byoc",
    "CallToken",
    "ClientNotificationUrl",
    "Passports",
    "SipAuthPassword",
    "SipAuthUsername",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL and how it is asked."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Detection:
    """Answering machine detection as it was asked for; timeout in seconds."""

    mode: str
    asynchronous: bool
    callback: Target | None
    timeout: float


@dataclass(frozen=True, slots=True)
class Dial:
    """What one call has been asked to be; times in seconds."""

    to: str
    from_: str
    twiml: str | None = None
    url: Target | None = None
    fallback: Target | None = None  # asked for TwiML where it could not be had otherwise
    status_callback: Target | None = None
    events: tuple[str, ...] = ("completed",)
    timeout: float = 60.0
    time_limit: float = 14400.0
    detection: Detection | None = None


def parse_form(body: bytes) -> Params:
    """A form body, every parameter with all its values."""
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


def one(params: Params, name: str) -> str:
    """The value of a parameter, empty if it is absent."""
    return params.get(name, [""])[-1].strip()


def read_dial(params: Params, owned: frozenset[str]) -> Dial:
    """Check a create-call request; TwilioError names what is wrong with it."""
    _refuse_foreign(params)
    twiml, url = one(params, "Twiml"), target(params, "Url", "Method", 21205)
    if url is None and not twiml:
        raise bad_request(21205, "Url parameter is required: neither Url nor Twiml was given")
    if len(twiml) > MAX_TWIML:
        raise bad_request(20001, f"Twiml may have {MAX_TWIML} characters")
    to, from_ = _numbers(params, owned)
    return Dial(
        to=to,
        from_=from_,
        twiml=None if url else twiml,
        url=url,
        fallback=target(params, "FallbackUrl", "FallbackMethod", 21205) if url else None,
        status_callback=target(params, "StatusCallback", "StatusCallbackMethod", 21609),
        events=_events(params),
        timeout=number(params, "Timeout", 60, (0, 600), 21208),
        time_limit=number(params, "TimeLimit", 14400, (1, 86400), 20001),
        detection=_detection(params),
    )


def target(params: Params, name: str, method_name: str, code: int) -> Target | None:
    """A URL parameter with its method, or None."""
    url = one(params, name)
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "_" in parts.hostname:
        raise bad_request(code, f"{name} is not a valid URL")
    method = one(params, method_name).upper() or "POST"
    if method not in {"GET", "POST"}:
        raise bad_request(21403, f"{method_name} must be GET or POST")
    return Target(url, method)


def number(params: Params, name: str, default: float, limits: tuple[int, int], code: int) -> float:
    """A whole number within limits."""
    text = one(params, name)
    if not text:
        return default
    if not text.isdigit() or not limits[0] <= int(text) <= limits[1]:
        raise bad_request(code, f"{name} must be a whole number from {limits[0]} to {limits[1]}")
    return float(text)


def _refuse_foreign(params: Params) -> None:
    for name in _NOT_HERE:
        if one(params, name):
            raise bad_request(20001, f"{name} is not supported by the simulated carrier")
    asked = one(params, "Record").lower() not in {"", "false"}
    if asked or any(name.startswith("Recording") for name in params):
        raise bad_request(20001, "Record: the simulated carrier does not record; the media process records by itself")


def _numbers(params: Params, owned: frozenset[str]) -> tuple[str, str]:
    to, from_ = one(params, "To"), one(params, "From")
    if not to:
        raise bad_request(21201, "No 'To' number is specified")
    if not from_:
        raise bad_request(21213, "No 'From' number is specified")
    if not E164.fullmatch(to):
        raise bad_request(21211, f"The phone number you are attempting to call, {to}, is not valid.")
    if not E164.fullmatch(from_):
        raise bad_request(21212, f"The source phone number provided, {from_}, is not valid.")
    if from_ not in owned:
        raise bad_request(21210, f"The source phone number provided, {from_}, is not yet verified for your account.")
    return to, from_


def _events(params: Params) -> tuple[str, ...]:
    asked = tuple(params.get("StatusCallbackEvent", ())) or ("completed",)
    if any(event not in EVENTS for event in asked):
        raise bad_request(21626, "Invalid StatusCallbackEvent: one of " + ", ".join(EVENTS))
    return asked


def _detection(params: Params) -> Detection | None:
    mode = one(params, "MachineDetection")
    if not mode or one(params, "SendDigits"):
        return None
    if mode not in {"Enable", "DetectMessageEnd"}:
        raise bad_request(21234, "Invalid MachineDetection: Enable or DetectMessageEnd")
    number(params, "MachineDetectionSpeechThreshold", 2400, (1000, 6000), 21234)
    number(params, "MachineDetectionSpeechEndThreshold", 1200, (500, 5000), 21234)
    number(params, "MachineDetectionSilenceTimeout", 5000, (2000, 10000), 21234)
    return Detection(
        mode=mode,
        asynchronous=one(params, "AsyncAmd").lower() == "true",
        callback=target(params, "AsyncAmdStatusCallback", "AsyncAmdStatusCallbackMethod", 21609),
        timeout=number(params, "MachineDetectionTimeout", 30, (3, 59), 21234),
    )
