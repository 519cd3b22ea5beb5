"""What the carrier's codes mean, in words and in consequences. Twilio's error dictionary and RFC 3261's responses.

https://www.twilio.com/docs/api/errors · https://www.rfc-editor.org/rfc/rfc3261#section-21
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Whose fault a refused dial is: that decides what else may be dialled."""

    NUMBER = "number"  # this number will never do
    BLOCKED = "blocked"  # this number, or the account's missing profile: others of its country tell which
    COUNTRY = "country"  # geo permissions: no number of its country will do until the settings are changed
    ACCOUNT = "account"  # the carrier account or the caller ID: nothing will do until somebody mends it
    PACE = "pace"  # too much at once: the same will do later
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code's meaning in words, and whose fault it is."""

    words: str
    fault: Fault = Fault.OTHER


TWILIO: dict[int, Meaning] = {
    10001: Meaning("the carrier account is not active", Fault.ACCOUNT),
    10002: Meaning("a trial account may not do this", Fault.ACCOUNT),
    10004: Meaning("the carrier account has too many calls at once", Fault.PACE),
    10005: Meaning("voice calls are disabled for the carrier account", Fault.ACCOUNT),
    13224: Meaning("the number is invalid or not supported", Fault.NUMBER),
    13225: Meaning("the carrier does not call this number", Fault.NUMBER),
    13227: Meaning("the carrier account may not call this country (geo permissions)", Fault.COUNTRY),
    20003: Meaning("the carrier refused the account's credentials", Fault.ACCOUNT),
    20005: Meaning("the carrier account is suspended", Fault.ACCOUNT),
    20006: Meaning("the carrier refused the account's access", Fault.ACCOUNT),
    20008: Meaning("the credentials are the carrier account's test credentials", Fault.ACCOUNT),
    20404: Meaning("there is no such carrier account: its SID is wrong", Fault.ACCOUNT),
    20429: Meaning("too many requests to the carrier", Fault.PACE),
    21202: Meaning("premium-rate or short number", Fault.NUMBER),
    21203: Meaning("international calls are not enabled for the carrier account", Fault.COUNTRY),
    21210: Meaning("the number called from is not verified", Fault.ACCOUNT),
    21211: Meaning("not a valid phone number", Fault.NUMBER),
    21212: Meaning(
        "the number called from is not accepted as a caller ID, or is on a do-not-originate list", Fault.ACCOUNT
    ),
    21214: Meaning("the number cannot be reached", Fault.NUMBER),
    21215: Meaning("the carrier account may not call this country (geo permissions)", Fault.COUNTRY),
    21216: Meaning(
        "blocked by Twilio: high-risk number, or your account has no approved Primary Customer Profile (Trust Hub)",
        Fault.BLOCKED,
    ),
    21217: Meaning("does not appear to be a valid phone number", Fault.NUMBER),
    21219: Meaning("a trial account may call verified numbers only", Fault.ACCOUNT),
    21610: Meaning("this number has opted out of messages", Fault.NUMBER),
    22005: Meaning("the carrier's queue of calls is full", Fault.PACE),
    31910: Meaning("the call's audio could not be connected (TLS)"),
    31920: Meaning("the call's audio could not be connected (handshake)"),
    31921: Meaning("the call's audio connection was closed"),
    31924: Meaning("the call's audio connection broke the websocket protocol"),
    31931: Meaning("more than ten minutes of the call's audio were waiting to be played"),
    31951: Meaning("the call's audio connection sent a message the carrier does not know"),
    32203: Meaning("the carrier does not call this number", Fault.NUMBER),
    32205: Meaning("the carrier account may not call this country (geo permissions)", Fault.COUNTRY),
    32224: Meaning("the number is not valid", Fault.NUMBER),
}
SIP: dict[int, str] = {
    403: "the called network refused the call",
    404: "no such number",
    408: "nobody answered in time",
    410: "the number is not in service any more",
    480: "the phone could not be reached",
    484: "the number is incomplete",
    486: "the line was busy",
    487: "the call was ended before it was answered",
    488: "the called network could not take the call",
    500: "the called network failed",
    503: "the called network had no room",
    600: "the line was busy",
    603: "the call was declined",
    604: "no such number",
    607: "the call was marked as unwanted",
    608: "the call was rejected as spam",
}
NO_SUCH_NUMBER = frozenset({404, 410, 484, 604})  # SIP: what they say of a number speaks against nothing else


NOBODYS_ATTEMPT = frozenset({Fault.COUNTRY, Fault.ACCOUNT})  # the callee has no part in it, and nothing was placed


def fault(twilio_code: int | None) -> Fault:
    """Say whose fault a refused request is."""
    meaning = TWILIO.get(twilio_code or 0)
    return meaning.fault if meaning else Fault.OTHER


def words(twilio_code: int | None, sip_code: int | None) -> str | None:
    """Say what the codes of a failed call mean; None where there are none, or the call went well."""
    if twilio_code:
        meaning = TWILIO.get(twilio_code)
        return f"{meaning.words if meaning else 'the carrier refused the call'} (Twilio {twilio_code})"
    if sip_code is None or sip_code < 300:
        return None
    return f"{SIP.get(sip_code, 'the call could not be set up')} (SIP {sip_code})"


def stream_words(error: str) -> str:
    """Say in words what the carrier reported of a media stream: one of its 319xx codes, or a text that may name one."""
    named = re.search(r"(?<!\d)319\d\d(?!\d)", error)
    meaning = TWILIO.get(int(named.group())) if named else None
    return f"{meaning.words} (Twilio {named.group()})" if named and meaning else error
