"""A call's notifications, which tell why it failed: `Calls/{sid}/Notifications.json`, of Twilio's API 2010-04-01."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.local.carrier.params import Params
from infra.local.carrier.resources import API_VERSION, CallRecord, rfc2822

_ERROR = "0"  # the level; 1 is a warning


@dataclass(frozen=True, slots=True)
class Notification:
    """What went wrong with a call, as the carrier logged it."""

    call: CallRecord
    error_code: int

    @property
    def sid(self) -> str:
        """One a call: its id with another prefix."""
        return f"NO{self.call.sid[2:]}"

    def to_twilio(self) -> dict[str, Any]:
        """The JSON of Twilio's API."""
        at = rfc2822(self.call.updated_at)
        owner = f"/{API_VERSION}/Accounts/{self.call.account_sid}"
        return {
            "sid": self.sid,
            "account_sid": self.call.account_sid,
            "call_sid": self.call.sid,
            "api_version": API_VERSION,
            "log": _ERROR,
            "error_code": str(self.error_code),
            "more_info": f"https://www.twilio.com/docs/errors/{self.error_code}",
            "message_text": f"ErrorCode={self.error_code}&LogLevel=ERROR",
            "message_date": at,
            "date_created": at,
            "date_updated": at,
            "request_method": None,
            "request_url": "",
            "uri": f"{owner}/Calls/{self.call.sid}/Notifications/{self.sid}.json",
        }


def notifications(call: CallRecord, query: Params) -> list[Notification]:
    """List those of a call; `Log` asks for one level."""
    if call.error_code is None or not call.ended or query.get("Log", [_ERROR])[-1] != _ERROR:
        return []
    return [Notification(call, call.error_code)]
