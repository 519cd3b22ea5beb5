"""What must be true of a Twilio account before the first call: looked at over the wire, judged in a pure function."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from requests.exceptions import RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from calling.adapters.twilio_client import client, http_client
from calling.ports import CarrierAccount

T = TypeVar("T")
_LITTLE = 10.0  # of the account's currency: some hundred minutes
_MOST = 200  # numbers and rules that are looked at


class NotAccepted(Exception):
    """Twilio does not accept these credentials; the text says which of them."""


class NotReached(Exception):
    """Twilio could not be asked."""


class Weight(StrEnum):
    """What a finding means for calls."""

    STOPS = "STOPS CALLS"
    HURTS = "LOOK AT"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, with what to do about it."""

    weight: Weight
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A number of the account and where its calls go."""

    number: str
    voice: bool = True
    voice_url: str = ""
    elsewhere: str = ""  # the application or trunk that goes before the URL


@dataclass(frozen=True, slots=True)
class Facts:
    """An account as Twilio shows it. None: that could not be asked, as in a region, or of a subaccount."""

    status: str = "active"
    kind: str = "Full"
    balance: tuple[float, str] | None = None
    profiles: tuple[str, ...] | None = None  # approved in Trust Hub, by name
    countries: frozenset[str] | None = None  # ISO codes that may be called
    lines: tuple[Line, ...] = ()
    caller_ids: int = 0
    rules: tuple[tuple[str, str], ...] | None = None  # webhook rules: name, and the URL or prefix ("": all)


def look(account: CarrierAccount, *, base_url: str = "") -> Facts:
    """Ask Twilio about an account, with its token and, where it has one, its API key; nothing is changed.

    Raises:
        NotAccepted: the token or the key is wrong, or another account's.
        NotReached: no answer, or none that can be read.
    """
    http = http_client(base_url)
    # The token, because an API key may not read accounts, and because callbacks are signed with it.
    with_token = client(_without_key(account), http)
    seen = _needed("auth token", lambda: with_token.api.v2010.accounts(account.sid).fetch())
    if account.api_key_sid:
        _needed("API key", lambda: client(account, http).calls.list(limit=1))
    return Facts(
        status=str(seen.status),
        kind=str(seen.type),
        balance=_told(lambda: _balance(with_token, account.sid)),
        profiles=_told(lambda: _approved(with_token)),
        countries=_told(lambda: _countries(with_token)),
        lines=_told(lambda: tuple(_line(n) for n in with_token.incoming_phone_numbers.list(limit=_MOST))) or (),
        caller_ids=len(_told(lambda: with_token.outgoing_caller_ids.list(limit=_MOST)) or ()),
        rules=_told(lambda: tuple(_rule(r) for r in with_token.webhooks.v1.rules.list(limit=_MOST))),
    )


def judge(
    facts: Facts, *, api_url: str = "", countries: Collection[str] = (), shared_key: bool = False
) -> tuple[Finding, ...]:
    """Say what stops or hurts calls and what to do, gravest first.

    `api_url` is the deployment's (its callbacks' base), `countries` are ISO codes of those that are to be called.
    """
    found = [
        *_of_the_account(facts),
        *_of_profiles(facts),
        *_of_countries(facts, countries),
        *_of_lines(facts, api_url),
        *_of_rules(facts, api_url, shared_key),
    ]
    return tuple(sorted(found, key=lambda finding: list(Weight).index(finding.weight)))


def _of_the_account(facts: Facts) -> list[Finding]:
    found = []
    if facts.status != "active":
        found.append(
            _stops(f"The account is {facts.status}, and dials nothing until it is active: the Console says why.")
        )
    if facts.kind == "Trial":
        found.append(
            _hurts(
                "A trial account: it calls numbers that you have verified (others: 21219), Twilio speaks first and "
                "waits for a key, and few calls may live at once. Upgrade it before you call anybody else."
            )
        )
    if facts.balance is None:
        return [*found, _fine("The balance cannot be read with these credentials.")]
    amount, currency = facts.balance
    words = f"The balance is {amount:.2f} {currency}"
    if amount <= 0:
        return [*found, _stops(f"{words}: Twilio suspends the account. Add funds, and turn on auto-recharge.")]
    if amount < _LITTLE:
        return [*found, _hurts(f"{words}: soon there will be none. Add funds, and turn on auto-recharge.")]
    return [*found, _fine(f"{words}.")]


def _of_profiles(facts: Facts) -> list[Finding]:
    if facts.profiles is None:
        return [_fine("Customer profiles cannot be read with these credentials: see Trust Hub in the Console.")]
    if not facts.profiles:
        return [
            _hurts(
                "No customer profile is approved: two calls may live at once, in and out together (10004), and calls "
                "to +1 are refused (21216). Ask Trust Hub for a Business Primary Customer Profile: one to three days."
            )
        ]
    return [
        _fine(
            f"Approved in Trust Hub: {', '.join(facts.profiles)}. An individual's primary profile allows three calls "
            "at once, a business's has no such limit."
        )
    ]


def _of_countries(facts: Facts, wanted: Collection[str]) -> list[Finding]:
    if facts.countries is None:
        return [_fine("Geo permissions cannot be read with these credentials: see Voice > Settings in the Console.")]
    missing = sorted({country.upper() for country in wanted} - facts.countries)
    if missing:
        return [
            _stops(
                f"Calls to {', '.join(missing)} are not permitted (21215): tick them in the Console under Voice > "
                "Settings > Geo permissions."
            )
        ]
    return [_fine(f"May be called: {', '.join(sorted(facts.countries)) or 'no country'}.")]


def _of_lines(facts: Facts, api_url: str) -> list[Finding]:
    if not facts.lines and not facts.caller_ids:
        return [_stops("There is no number to call from: buy one with voice, or verify one of yours as a caller id.")]
    return [_of_line(line, api_url) for line in facts.lines]


def _of_line(line: Line, api_url: str) -> Finding:
    ours = bool(api_url) and line.voice_url.startswith(f"{api_url.rstrip('/')}/twilio/")
    if not line.voice:
        return _hurts(f"{line.number} has no voice: it cannot be imported.")
    if ours and line.elsewhere:
        return _hurts(
            f"{line.number} points here, but {line.elsewhere} goes before that: its calls do not come. Switch "
            "inbound_enabled off and on."
        )
    if ours:
        return _fine(f"{line.number}: its calls come here.")
    goes = line.elsewhere or urlsplit(line.voice_url).hostname
    after = (
        f"go to {goes}; its import with inbound_enabled takes them until you let it go" if goes else "go nowhere yet"
    )
    return _fine(f"{line.number}: its calls {after}.")


def _of_rules(facts: Facts, api_url: str, shared_key: bool) -> list[Finding]:
    covering = [
        name for name, at in facts.rules or () if api_url.startswith(at) or (api_url and at.startswith(api_url))
    ]
    if not covering or shared_key:
        return []
    return [
        _hurts(
            f"Webhook rules cover our addresses: {', '.join(covering)}. Where their setting signs with a shared key, "
            "that key belongs into the carrier secret (put_secrets --more), or all callbacks are refused."
        )
    ]


def _needed(what: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except TwilioRestException as error:
        if error.status in (401, 403, 404):  # a wrong token, test credentials, a SID that is another account's
            raise NotAccepted(f"Twilio does not accept this {what} for this account ({error.code}).") from error
        raise NotReached(f"Twilio answered {error.status}.") from error
    except TwilioException as error:  # of a list, with the bare response
        status = getattr(error.args[1] if len(error.args) > 1 else None, "status_code", None)
        if status in (401, 403, 404):
            raise NotAccepted(f"Twilio does not accept this {what} for this account.") from error
        raise NotReached("Twilio's answer could not be read.") from error
    except (RequestException, ValueError) as error:
        raise NotReached("Twilio could not be reached.") from error


def _told(ask: Callable[[], T]) -> T | None:
    """Ask for what not every account or credential may read."""
    try:
        return ask()
    except (TwilioException, RequestException, ValueError, TypeError, KeyError):
        return None


def _without_key(account: CarrierAccount) -> CarrierAccount:
    return CarrierAccount(account.sid, account.auth_token, account.region)


def _balance(asked: Client, sid: str) -> tuple[float, str]:
    found = asked.api.v2010.accounts(sid).balance.fetch()
    return float(found.balance), str(found.currency)


def _approved(asked: Client) -> tuple[str, ...]:
    profiles = asked.trusthub.v1.customer_profiles.list(status="twilio-approved", limit=_MOST)
    return tuple(str(profile.friendly_name) for profile in profiles)


def _countries(asked: Client) -> frozenset[str]:
    found = asked.voice.v1.dialing_permissions.countries.list(low_risk_numbers_enabled=True, limit=400)
    return frozenset(str(country.iso_code) for country in found)


def _line(found: Any) -> Line:  # noqa: ANN401  a twilio IncomingPhoneNumberInstance
    capabilities = found.capabilities if isinstance(found.capabilities, dict) else {}
    return Line(
        str(found.phone_number),
        capabilities.get("voice") is not False,
        found.voice_url or "",
        found.trunk_sid or found.voice_application_sid or "",
    )


def _rule(found: Any) -> tuple[str, str]:  # noqa: ANN401  a twilio RuleInstance
    return str(found.friendly_name or found.id), found.prefix or found.value or ""


def _stops(words: str) -> Finding:
    return Finding(Weight.STOPS, words)


def _hurts(words: str) -> Finding:
    return Finding(Weight.HURTS, words)


def _fine(words: str) -> Finding:
    return Finding(Weight.FINE, words)
