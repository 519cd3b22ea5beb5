"""The carrier by Twilio's own package. What its answers mean for a call is decided here, where they are seen:
never reached or 429: nothing was placed · 4xx: refused · anything else: it may have been placed.

`twilio.rest` is imported at first use: it costs a quarter of a second, and some doors hardly ever ask. Those that
always do load it while they start.
"""

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from calling.adapters.twilio_client import client, http_client
from calling.domain import carrier_codes
from calling.domain.call import CarrierStatus
from calling.domain.errors import CarrierAmbiguous, CarrierError, CarrierRefused, CarrierThrottled
from calling.domain.phone_number import PhoneNumber, mask
from calling.domain.routing import Routing
from calling.ports import CarrierAccount, CarrierCall, CarrierLine, DialRequest

if TYPE_CHECKING:
    from twilio.http import HttpClient
    from twilio.rest import Client

T = TypeVar("T")
_EVENTS = ["initiated", "ringing", "answered", "completed"]
# Too many requests, too many calls at once, a full queue (twilio.com/docs/api/errors): nothing was placed.
_THROTTLED_CODES = frozenset({20429, 10004, 22005})
_GONE_CODES = frozenset({20404, 21220})  # no such call, or one that is not in progress any more
_LISTED = 50  # calls between two numbers that are looked at; the newest come first
_ERRORS = 0  # the level of notifications that are no mere warnings
_PAGE = 1000  # the most Twilio gives at once
_OUTBOUND = frozenset({"outbound-api", "outbound-dial"})
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")


class TwilioCarrier:
    """Fulfils Carrier. `base_url` empty is Twilio; else requests go to that scheme and host. Share one a process."""

    def __init__(self, base_url: str = "") -> None:
        self._base_url = base_url

    def loaded(self) -> "TwilioCarrier":
        """Load now what the first request would: Twilio's package and, of it, calls. Asks nobody."""
        _ = self._client(CarrierAccount("AC", "none")).calls
        return self

    def dial(self, account: CarrierAccount, request: DialRequest) -> CarrierCall:
        """Place a call; see the port."""
        options: dict[str, Any] = {}
        if request.amd_callback is not None:
            options = {
                "machine_detection": request.machine_detection,
                "machine_detection_timeout": request.detection_seconds,
                "machine_detection_speech_threshold": request.speech_threshold_ms,
                "async_amd": "true",
                "async_amd_status_callback": request.amd_callback,
                "async_amd_status_callback_method": "POST",
            }
        placed = _asked(
            lambda: self._client(account).calls.create(
                to=request.to_number.e164,
                from_=request.from_number.e164,
                twiml=request.twiml,
                status_callback=request.status_callback,
                status_callback_method="POST",
                status_callback_event=_EVENTS,
                timeout=request.ring_seconds,
                time_limit=request.time_limit_seconds,
                **options,
            )
        )
        if not placed.sid:
            raise CarrierAmbiguous("The carrier's answer named no call.")
        return _call(placed)

    def fetch(self, account: CarrierAccount, sid: str) -> CarrierCall | None:
        """Ask about a call; see the port."""
        known = self._client(account).calls(sid)
        try:
            call = _call(_asked(known.fetch))
        except CarrierRefused as error:
            if error.http_status == 404:
                return None
            raise
        return call if call.status is not CarrierStatus.FAILED else replace(call, error_code=_why_it_failed(known))

    def find(
        self, account: CarrierAccount, *, to_number: PhoneNumber, from_number: PhoneNumber, created_after: int
    ) -> tuple[CarrierCall, ...]:
        """Find calls; see the port. No StartTime filter: a queued call has none yet."""
        calls = self._client(account).calls
        listed = _asked(lambda: calls.list(to=to_number.e164, from_=from_number.e164, limit=_LISTED))
        # Twilio's times are whole seconds: a call of the same second may be later than the moment asked for.
        found = [c for c in map(_call, listed) if not c.created_at or c.created_at + 1000 > created_after]
        return tuple(sorted(found, key=lambda c: c.created_at))

    def started_since(self, account: CarrierAccount, since: int) -> Iterator[CarrierCall]:
        """Read calls; see the port. Twilio filters by whole UTC days, so reading ends with a call that ended before.

        Whether 'newest first' goes by begin or by end: all that follow that one began before `since`.
        """
        calls = self._client(account).calls
        day = datetime.fromtimestamp(since / 1000, UTC).date().isoformat()
        listed = _asked(lambda: calls.stream(start_time_after=day, page_size=_PAGE))
        while (found := _asked(lambda: next(listed, None))) is not None:
            if str(found.direction) not in _OUTBOUND:
                continue
            call = _asked(partial(_call, found))
            if call.ended_at is not None and call.ended_at + 1000 <= since:  # whole seconds
                return
            yield call

    def hang_up(self, account: CarrierAccount, sid: str, *, answered: bool) -> None:
        """End a call; see the port.

        `completed` ends a call in every state, but what Twilio then calls one that was never answered is not
        documented. `canceled` leaves an answered call alone, by refusing (21220) or by changing nothing.
        """
        if answered or not self._cancel(account, sid):
            self._end(account, sid, "completed")

    def _cancel(self, account: CarrierAccount, sid: str) -> bool:
        """Cancel a call; False where it was answered meanwhile and goes on."""
        status = self._end(account, sid, "canceled")
        return status is not None and status is not CarrierStatus.IN_PROGRESS

    def _end(self, account: CarrierAccount, sid: str, status: str) -> CarrierStatus | None:
        """Ask for a last status; the one the call has then, None where it is not in a state that allows it."""
        try:
            return _status(_asked(lambda: self._client(account).calls(sid).update(status=status)).status)
        except CarrierRefused as error:
            if error.http_status != 404 and error.twilio_code not in _GONE_CODES:
                raise
            return None

    def line(self, account: CarrierAccount, number: PhoneNumber) -> CarrierLine | None:
        """Look a number up; see the port."""
        client = self._client(account)
        # Twilio finds parts of numbers, too.
        owned = _asked(lambda: client.incoming_phone_numbers.list(phone_number=number.e164, limit=20))
        for mine in owned:
            if mine.phone_number == number.e164:
                return CarrierLine(mine.sid, _has_voice(mine), _routing(mine))
        verified = _asked(lambda: client.outgoing_caller_ids.list(phone_number=number.e164, limit=20))
        callers = (CarrierLine(v.sid, voice=True, routing=None) for v in verified if v.phone_number == number.e164)
        return next(callers, None)

    def route(self, account: CarrierAccount, line: CarrierLine, routing: Routing) -> None:
        """Set where a number's calls go; see the port."""
        settings = asdict(routing)
        # Setting one of the two unsets the other, so only what is set is sent; both empty unset both.
        if routing.voice_application_sid or routing.trunk_sid:
            settings = {n: v for n, v in settings.items() if v or n not in ("voice_application_sid", "trunk_sid")}
        _asked(lambda: self._client(account).incoming_phone_numbers(line.sid).update(**settings))

    def _client(self, account: CarrierAccount) -> "Client":
        return client(account, self._http)

    @cached_property
    def _http(self) -> "HttpClient":
        return http_client(self._base_url)


def _asked(request: Callable[[], T]) -> T:
    """Ask, and say what went wrong in the domain's words."""
    from requests.exceptions import RequestException  # noqa: PLC0415  comes with twilio, loaded with it
    from twilio.base.exceptions import TwilioException  # noqa: PLC0415  likewise

    try:
        return request()
    except TwilioException as error:
        raise _refusal(error) from error
    except RequestException as error:
        if _never_reached(error):
            raise CarrierThrottled("The carrier could not be reached.") from error
        raise CarrierAmbiguous(f"The carrier's answer was lost: {type(error).__name__}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CarrierAmbiguous("The carrier's answer could not be read.") from error


def _refusal(error: Exception) -> CarrierError:
    status, code, words = _told(error)
    twilio_code = int(code) if code is not None and str(code).isdigit() else None
    message = _NUMBER.sub(lambda m: mask(m.group()), str(words or type(error).__name__))
    if not isinstance(status, int) or not 400 <= status < 500:
        return CarrierAmbiguous(message, twilio_code=twilio_code, http_status=status)
    throttled = status == 429 or twilio_code in _THROTTLED_CODES
    kind = CarrierThrottled if throttled else CarrierRefused
    return kind(message, twilio_code=twilio_code, http_status=status)


def _told(error: Exception) -> tuple[Any, Any, Any]:
    """Read HTTP status, Twilio's code and its words out of the package's three kinds of error."""
    response: Any = error.args[1] if len(error.args) > 1 else None
    if not hasattr(response, "status_code"):
        # One resource's error has a message, an RFC 9457 one a title.
        words = getattr(error, "msg", None) or getattr(error, "title", None)
        return getattr(error, "status", None), getattr(error, "code", None), words
    try:  # a list's error carries the bare response
        told = json.loads(response.text)
        return response.status_code, told.get("code"), told.get("message")
    except (ValueError, AttributeError):
        return response.status_code, None, None


def _never_reached(error: BaseException) -> bool:
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError  # noqa: PLC0415  loaded with requests

    return any(
        isinstance(cause, (ConnectTimeoutError, NewConnectionError, ssl.SSLCertVerificationError))
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk down to what really happened: requests wraps urllib3's error, and that wraps another as its reason."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    yield from seen


def _call(found: Any) -> CarrierCall:  # noqa: ANN401  a twilio CallInstance
    status = _status(found.status)
    return CarrierCall(
        sid=found.sid,
        status=status,
        to_number=found.to or "",
        from_number=getattr(found, "_from", None) or "",
        created_at=_ms(found.date_created) or _ms(found.start_time) or 0,
        # Twilio gives an end to calls that were completed alone; the others were changed last when they ended.
        ended_at=_ms(found.end_time) or _ms(found.date_updated) if status.is_terminal else None,
        duration_seconds=_whole(found.duration),
        answered_by=found.answered_by or None,
        queue_time_ms=_whole(found.queue_time),
        price=_price(found),
    )


def _has_voice(found: Any) -> bool:  # noqa: ANN401  a twilio IncomingPhoneNumberInstance
    """Only a plain no is one: Twilio's package calls this field a string, its documents an object."""
    told = found.capabilities
    return not isinstance(told, dict) or told.get("voice") is not False


def _routing(found: Any) -> Routing:  # noqa: ANN401  a twilio IncomingPhoneNumberInstance
    told = {f.name: getattr(found, f.name, None) for f in fields(Routing)}
    return Routing(**{name: value for name, value in told.items() if value})


def _why_it_failed(call: Any) -> int | None:  # noqa: ANN401  a twilio CallContext
    """Read the error among a call's notifications, which alone tell it; None where none is known, or none is told."""
    with suppress(CarrierError):
        told = _asked(lambda: call.notifications.list(log=_ERRORS, limit=_LISTED))
        codes = [int(n.error_code) for n in told if str(n.error_code).isdigit()]
        return next((code for code in codes if code in carrier_codes.TWILIO), None)
    return None


def _status(word: object) -> CarrierStatus:
    """Read a status. A word Twilio has added since counts as the first one: it undoes and ends nothing."""
    try:
        return CarrierStatus(str(getattr(word, "value", word)))
    except ValueError:
        return CarrierStatus.QUEUED


def _price(found: Any) -> float | None:  # noqa: ANN401  a twilio CallInstance
    """Read what a call cost: Twilio writes it as text, negative, and only USD can be compared with our estimate."""
    if str(getattr(found, "price_unit", None) or "").upper() != "USD":
        return None
    try:
        return abs(float(found.price))
    except (TypeError, ValueError):
        return None


def _ms(moment: object) -> int | None:
    return int(moment.timestamp() * 1000) if isinstance(moment, datetime) else None


def _whole(number: object) -> int | None:
    text = str(number) if number is not None else ""
    return int(text) if text.isdigit() else None
