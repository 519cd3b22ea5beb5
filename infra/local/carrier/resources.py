"""Calls and numbers as records, and as the JSON that Twilio's API and our own controls show of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from math import ceil
from time import time
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from infra.local.carrier.params import Params, Target

API_VERSION: Final = "2010-04-01"
_MINUTE_USD: Final = 0.014  # a begun minute to a US number
TERMINAL: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_SUBRESOURCES: Final = {
    "events": "Events",
    "notifications": "Notifications",
    "payments": "Payments",
    "recordings": "Recordings",
    "siprec": "Siprec",
    "streams": "Streams",
    "transcriptions": "Transcriptions",
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
    "user_defined_messages": "UserDefinedMessages",
}


@dataclass(slots=True)
class SentCallback:
    """One callback as it went out; answer_status is None while unanswered or when nobody answered."""

    event: str
    sequence: int | None
    sent_at: float
    answer_status: int | None = None

    def to_json(self) -> dict[str, object]:
        """As the controls show it."""
        return {
            "event": self.event,
            "sequence": self.sequence,
            "sent_at": self.sent_at,
            "answer_status": self.answer_status,
        }


@dataclass(slots=True)
class CallRecord:
    """All facts of one call. Times are epoch seconds."""

    sid: str
    account_sid: str
    direction: str
    to: str
    from_: str
    created_at: float
    phone_number_sid: str
    parameters: Params
    stir_verstat: str | None = None
    queue_seconds: float = 0.0
    status: str = "queued"
    updated_at: float = 0.0
    ringing_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    billed_at: float | None = None
    answered_by: str | None = None
    sip_code: int | None = None
    error_code: int | None = None  # why it fails before it rings
    callbacks: list[SentCallback] = field(default_factory=list)
    other_callbacks: list[SentCallback] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    seconds_from_agent: float = 0.0
    seconds_to_agent: float = 0.0
    warnings: list[int] = field(default_factory=list)
    past: list[tuple[float, CallRecord]] = field(default_factory=list, repr=False)

    def change(self, status: str, now: float) -> None:
        """Take a status; what was shown until now is kept for those who see it late."""
        self.past.append((now, replace(self, past=[])))
        self.status, self.updated_at = status, now

    def as_of(self, moment: float) -> CallRecord:
        """The record as it was then; a call is shown from its first moment on."""
        return next((was for until, was in self.past if until > moment), self)

    @property
    def ended(self) -> bool:
        """The call has reached a terminal status."""
        return self.status in TERMINAL

    @property
    def duration(self) -> int:
        """Whole seconds between answer and end, begun ones counted."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return max(1, round(self.ended_at - self.answered_at))

    @property
    def end_time(self) -> float | None:
        """When it ended; Twilio gives none to a call that was not completed."""
        return self.ended_at if self.status == "completed" else None

    @property
    def price(self) -> str | None:
        """What its minutes cost, as Twilio writes it: negative text, some time after the end, of connected calls."""
        if not self.duration or self.billed_at is None or time() < self.billed_at:
            return None
        return f"{-ceil(self.duration / 60) * _MINUTE_USD:.5f}"

    def to_twilio(self) -> dict[str, object]:
        """The Call resource."""
        uri = f"/{API_VERSION}/Accounts/{self.account_sid}/Calls/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "answered_by": self.answered_by,
            "api_version": API_VERSION,
            "caller_name": None,
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at or self.created_at),
            "direction": self.direction,
            "duration": str(self.duration) if self.status == "completed" else None,
            "end_time": rfc2822(self.end_time),
            "forwarded_from": None,
            "from": self.from_,
            "from_formatted": self.from_,
            "group_sid": None,
            "parent_call_sid": None,
            "phone_number_sid": self.phone_number_sid,
            "price": self.price,
            "price_unit": "USD",
            "queue_time": str(round(self.queue_seconds * 1000)),
            "start_time": rfc2822(self.ringing_at or self.answered_at),
            "status": self.status,
            "stir_verstat": self.stir_verstat,
            "subresource_uris": {name: f"{uri}/{path}.json" for name, path in _SUBRESOURCES.items()},
            "to": self.to,
            "to_formatted": self.to,
            "trunk_sid": None,
            "uri": f"{uri}.json",
        }

    def to_sim(self) -> dict[str, object]:
        """What the controls tell of this call."""
        return {
            "sid": self.sid,
            "direction": self.direction,
            "to": self.to,
            "from": self.from_,
            "status": self.status,
            "created_at": self.created_at,
            "ringing_at": self.ringing_at,
            "answered_at": self.answered_at,
            "ended_at": self.ended_at,
            "answered_by": self.answered_by,
            "sip_code": self.sip_code,
            "parameters": self.parameters,
            "callbacks": [callback.to_json() for callback in self.callbacks],
            "other_callbacks": [callback.to_json() for callback in self.other_callbacks],
            "audio_seconds": {
                "from_agent": round(self.seconds_from_agent, 2),
                "to_agent": round(self.seconds_to_agent, 2),
            },
            "heard": list(self.heard),
            "said": list(self.said),
            "warnings": list(self.warnings),
        }


@dataclass(slots=True)
class NumberRecord:
    """A number of the account and where its calls go."""

    sid: str
    account_sid: str
    phone_number: str
    created_at: float
    friendly_name: str
    voice: bool = True
    settings: dict[str, str] = field(default_factory=dict)

    def target(self, url_name: str, method_name: str) -> Target | None:
        """Whom a setting has asked about calls to this number. Application and trunk go before its voice URLs."""
        elsewhere = self.settings.get("VoiceApplicationSid") or self.settings.get("TrunkSid")
        url = self.settings.get(url_name, "")
        if not url or (elsewhere and url_name.startswith("Voice")):
            return None
        return Target(url, self.settings.get(method_name) or "POST")

    def update(self, given: dict[str, str]) -> None:
        """Change settings. Setting an application unsets the trunk, and the other way round."""
        self.settings.update(given)
        for name, other in (("VoiceApplicationSid", "TrunkSid"), ("TrunkSid", "VoiceApplicationSid")):
            if given.get(name):
                self.settings[other] = ""

    def to_twilio(self) -> dict[str, object]:
        """The IncomingPhoneNumber resource."""
        shown = {name: self.settings.get(name, default) for name, default in NUMBER_SETTINGS.items()}
        uri = f"/{API_VERSION}/Accounts/{self.account_sid}/IncomingPhoneNumbers/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "address_requirements": "none",
            "address_sid": None,
            "api_version": API_VERSION,
            "beta": False,
            "bundle_sid": None,
            "capabilities": {"voice": self.voice, "sms": not self.voice, "mms": False, "fax": False},
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.created_at),
            "emergency_address_sid": None,
            "emergency_address_status": "unregistered",
            "emergency_status": "Inactive",
            "friendly_name": self.friendly_name,
            "identity_sid": None,
            "origin": "twilio",
            "phone_number": self.phone_number,
            "sms_application_sid": "",
            "sms_fallback_method": "POST",
            "sms_fallback_url": "",
            "sms_method": "POST",
            "sms_url": "",
            "status": "in-use",
            "subresource_uris": {"assigned_add_ons": f"{uri}/AssignedAddOns.json"},
            "type": "mobile",
            "uri": f"{uri}.json",
            "voice_caller_id_lookup": False,
            "voice_receive_mode": "voice",
            **{_snake(name): value for name, value in shown.items()},
            "trunk_sid": shown["TrunkSid"] or None,
        }


NUMBER_SETTINGS: Final = {
    "VoiceUrl": "",
    "VoiceMethod": "POST",
    "VoiceFallbackUrl": "",
    "VoiceFallbackMethod": "POST",
    "StatusCallback": "",
    "StatusCallbackMethod": "POST",
    "VoiceApplicationSid": "",
    "TrunkSid": "",
}


@dataclass(slots=True)
class CallerIdRecord:
    """A number of somebody else's that its owner has verified: calls may show it, none to it come here."""

    sid: str
    account_sid: str
    phone_number: str
    created_at: float

    def to_twilio(self) -> dict[str, object]:
        """The OutgoingCallerId resource."""
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.created_at),
            "friendly_name": self.phone_number,
            "phone_number": self.phone_number,
            "uri": f"/{API_VERSION}/Accounts/{self.account_sid}/OutgoingCallerIds/{self.sid}.json",
        }


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")


def rfc2822(epoch: float | None) -> str | None:
    """A time as Twilio writes it, in whole seconds of UTC."""
    return None if epoch is None else format_datetime(datetime.fromtimestamp(int(epoch), UTC))


def call_list(records: Sequence[CallRecord], query: Params) -> list[CallRecord]:
    """The calls a list request asks for, newest first; `records` are oldest first."""
    return [record for record in reversed(records) if _matches(record, query)]


def _matches(record: CallRecord, query: Params) -> bool:
    plain = {"To": record.to, "From": record.from_, "Status": record.status, "ParentCallSid": ""}
    if any(name in query and query[name][-1] != value for name, value in plain.items()):
        return False
    days = {"StartTime": record.ringing_at or record.answered_at, "EndTime": record.end_time}
    return all(_day_matches(epoch, name, query) for name, epoch in days.items())


def _day_matches(epoch: float | None, name: str, query: Params) -> bool:
    """Twilio compares whole UTC days; a call without the time matches no filter on it."""
    asked = {operator: query[name + operator][-1][:10] for operator in ("", "<", ">") if name + operator in query}
    if not asked:
        return True
    if epoch is None:
        return False
    day = datetime.fromtimestamp(epoch, UTC).date().isoformat()
    return asked.get("", day) == day and asked.get(">", day) <= day <= asked.get("<", day)


class Listed(Protocol):
    """What stands in a list."""

    @property
    def sid(self) -> str:
        """Its id."""

    def to_twilio(self) -> dict[str, Any]:
        """The JSON of Twilio's API."""


def page_of(records: Sequence[Listed], path: str, key: str, query: Params) -> dict[str, Any]:
    """One page of a list as Twilio shapes it; the page token names the last record of the page before."""
    size = min(max(int(_plain(query, "PageSize", "50")), 1), 1000)
    number = int(_plain(query, "Page", "0"))
    token = query.get("PageToken", [""])[-1].removeprefix("PA")
    start = number * size
    if token:
        start = next((index + 1 for index, record in enumerate(records) if record.sid == token), len(records))
    shown = records[start : start + size]
    more = start + size < len(records)
    kept = {name: values for name, values in query.items() if name not in {"Page", "PageToken", "PageSize"}}

    def uri(page: int, after: str = "") -> str:
        token = {"PageToken": [f"PA{after}"]} if after else {}
        return f"{path}?{urlencode({**kept, 'PageSize': [str(size)], 'Page': [str(page)], **token}, doseq=True)}"

    return {
        key: [record.to_twilio() for record in shown],
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, shown[-1].sid) if more else None,
        "previous_page_uri": uri(number - 1) if number > 0 else None,
        "page": number,
        "page_size": size,
        "start": start,
        "end": max(start + len(shown) - 1, 0),
        "uri": uri(number),
    }


def _plain(query: Params, name: str, default: str) -> str:
    value = query.get(name, [default])[-1]
    return value if value.isdigit() else default
