"""Where a carrier sends the calls of one of its numbers: what stood there, what we put there, what is put back.

A number belongs to its owner. Its line is taken only where calls to it are wanted, what stood there is remembered,
and what somebody else has put there since is never touched.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from calling.domain import callbacks


class Region(StrEnum):
    """Where a carrier account's calls are processed. Each region has credentials of its own (Twilio's "Regions")."""

    US1 = "us1"
    IE1 = "ie1"
    AU1 = "au1"


@dataclass(frozen=True, slots=True)
class Routing:
    """The settings of a number at the carrier; empty is unset.

    A trunk or an application goes before `voice_url`, and setting one unsets the other (Twilio's OpenAPI).
    """

    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    voice_application_sid: str = ""
    trunk_sid: str = ""


_ADDRESSES = (
    ("voice_url", "voice_method"),
    ("voice_fallback_url", "voice_fallback_method"),
    ("status_callback", "status_callback_method"),
)


def ours(public_base_url: str, account_id: str) -> Routing:
    """Give the routing that has an account's numbers answered here."""
    urls = callbacks.of_number(public_base_url, account_id)
    return Routing(voice_url=urls.voice, voice_fallback_url=urls.voice_fallback, status_callback=urls.status)


def whose(standing: Routing | None, public_base_url: str) -> str | None:
    """Tell which account's numbers are answered where this routing points; None where that is not here."""
    door = f"{public_base_url}/twilio/"
    if standing is None or not standing.voice_url.startswith(door):
        return None
    return standing.voice_url.removeprefix(door).partition("/")[0] or None


def without_us(standing: Routing, before: Routing | None, public_base_url: str, account_id: str) -> Routing:
    """Give the routing a number has without us: what to remember when its line is taken, and to set when it is let go.

    Our own addresses, and on a line that is ours what we left empty, give way to what stood there `before`. What is
    neither stays: somebody who has set another address, application or trunk since meant it.
    """
    base, kept = _base(public_base_url, account_id), before or Routing()
    line_is_ours = standing.voice_url.startswith(base)

    def is_ours(value: str) -> bool:
        return value.startswith(base) if value else line_is_ours

    names = [name for address in _ADDRESSES if is_ours(getattr(standing, address[0])) for name in address]
    if is_ours(standing.voice_application_sid + standing.trunk_sid):
        names += ["voice_application_sid", "trunk_sid"]
    return replace(standing, **{name: getattr(kept, name) for name in names})


def _base(public_base_url: str, account_id: str) -> str:
    return f"{public_base_url}/twilio/{account_id}/"
