"""Who may open a stream: the carrier, once for each call, and nobody else.

The call's id stands in the path, so the right account's token is known before the upgrade: a handshake without the
carrier's signature never becomes a socket. What follows must prove itself again with the token in `<Parameter>` and
the carrier's own ids. The server is given its door; no setting of this package opens it wider.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from calling.adapters.twilio_signature import Signature, valid_handshake
from calling.domain import stream_token
from calling.domain.call import Call
from calling.ports import CarrierAccount
from calling.usecases.find_signer import find_signer
from calling.usecases.record_media import media_opened
from media.house import House
from media.wire import twilio_stream as wire
from media.wire.handshake import call_of


@dataclass(frozen=True, slots=True)
class Admission:
    """A handshake that was let in: its call, and the carrier account it came from."""

    call: Call
    account: CarrierAccount


class Refused(Exception):
    """A handshake or a start that is not let in. The code goes to the log, and with a handshake's answer."""

    def __init__(self, status: HTTPStatus, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Door(Protocol):
    """Lets streams in. Both methods may block."""

    def admit(self, path: str, signature: Signature) -> Admission:
        """Decide over a handshake by its path and signature. Raises Refused."""

    def open(self, admission: Admission, start: wire.Started) -> Call:
        """Check what an admitted stream's start claims and bind it to its call, once. Raises Refused, Conflict."""


class CarrierDoor:
    """The one door of a deployment."""

    def __init__(self, house: House, public_url: str) -> None:
        self._house = house
        self._public_url = public_url.rstrip("/")

    def admit(self, path: str, signature: Signature) -> Admission:
        """Find the call and check the signature with its account's token."""
        ids = call_of(path)
        call = self._house.calls.get(*ids) if ids else None
        number = self._house.agents.get_number(call.account_id, call.our_number) if call else None
        if call is None or number is None:
            raise Refused(HTTPStatus.NOT_FOUND, "not_found")
        url = self._public_url + path
        account = find_signer(
            number, lambda one: valid_handshake(one, url, signature), credentials=self._house.credentials
        )
        if account is None:
            raise Refused(HTTPStatus.FORBIDDEN, "invalid_signature")
        if call.media_opened_at is not None or call.status.is_terminal:
            raise Refused(HTTPStatus.FORBIDDEN, "stream_refused")
        return Admission(call, account)

    def open(self, admission: Admission, start: wire.Started) -> Call:
        """Check the stream's own token and account, then bind it."""
        call, house = admission.call, self._house
        ids = (call.account_id, call.call_id)
        token = start.parameters.get("token", "")
        if not stream_token.valid(house.credentials.stream_secret(), token, *ids, house.clock.now() / 1000):
            raise Refused(HTTPStatus.FORBIDDEN, "invalid_token")
        if start.account_sid != admission.account.sid:
            raise Refused(HTTPStatus.FORBIDDEN, "foreign_account")
        return media_opened(
            *ids,
            stream_sid=start.stream_sid,
            call_sid=start.call_sid,
            calls=house.calls,
            workflow=house.workflow,
            clock=house.clock,
        )
