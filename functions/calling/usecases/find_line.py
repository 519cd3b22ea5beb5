"""Look a number up at the carrier, with the credentials that are to be used from now on."""

from dataclasses import replace

from calling.domain.errors import CarrierError, CarrierRefused, InvalidRequest, NotFound
from calling.domain.phone_number import PhoneNumber
from calling.ports import Carrier, CarrierAccount, CarrierLine


class CarrierAuthFailed(CarrierError):
    """The carrier did not accept the credentials that came with a number."""

    default_code = "twilio_auth_failed"


def find_line(account: CarrierAccount, number: PhoneNumber, *, inbound: bool, carrier: Carrier) -> CarrierLine:
    """Find a number that can do what it is wanted for; `inbound`: calls to it, too, are to come here.

    Raises:
        NotFound: `number_not_in_twilio`.
        InvalidRequest: `number_without_voice`; `verified_caller_id`: only calls from it pass the carrier.
        CarrierError: `twilio_auth_failed`, or the carrier did not answer.
    """
    try:
        if account.api_key_sid is not None:  # the key asks, but the token signs: a wrong one would show too late
            carrier.line(replace(account, api_key_sid=None, api_key_secret=None), number)
        line = carrier.line(account, number)
    except CarrierRefused as refused:
        if refused.http_status != 401:
            raise
        raise CarrierAuthFailed(
            "Twilio does not accept these credentials.", twilio_code=refused.twilio_code, http_status=401
        ) from refused
    if line is None:
        raise NotFound("This number is not in that Twilio account.", code="number_not_in_twilio", field="phone_number")
    if not line.voice:
        raise InvalidRequest("This number cannot make calls.", code="number_without_voice", field="phone_number")
    if inbound and line.routing is None:
        raise InvalidRequest(
            "This is a verified caller id: it can only call out, so send inbound_enabled: false.",
            code="verified_caller_id",
            field="inbound_enabled",
        )
    return line
