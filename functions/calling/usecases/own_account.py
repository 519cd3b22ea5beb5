"""A carrier account of a number's own: complete or refused, and sealed onto the number's record."""

from dataclasses import dataclass, field, replace

from calling.domain.agent import Number
from calling.domain.errors import InvalidRequest
from calling.domain.routing import Region
from calling.ports import CarrierAccount, Vault


@dataclass(frozen=True, slots=True)
class OwnCredentials:
    """What may come with a number: fields of the HTTP API without their `twilio_`."""

    sid: str | None = None
    token: str | None = field(default=None, repr=False)
    region: Region | None = None
    api_key_sid: str | None = None
    api_key_secret: str | None = field(default=None, repr=False)


def own_account(given: OwnCredentials) -> CarrierAccount | None:
    """Put an account together; None where nothing is given: the number is in the deployment's own.

    Raises:
        InvalidRequest: `missing_field`.
    """
    _together(("twilio_sid", given.sid), ("twilio_token", given.token))
    _together(("twilio_api_key_sid", given.api_key_sid), ("twilio_api_key_secret", given.api_key_secret))
    if given.sid is None or given.token is None:
        if given.region is not None or given.api_key_sid is not None:
            raise _missing("twilio_sid", "Region and API key belong to a Twilio account: twilio_sid and twilio_token.")
        return None
    return CarrierAccount(given.sid, given.token, given.region or Region.US1, given.api_key_sid, given.api_key_secret)


def sealed(number: Number, account: CarrierAccount | None, *, vault: Vault, now: int) -> Number:
    """Give the number with this account on its record; the same account's token of before stays beside it."""

    def seal(secret: str | None) -> str | None:
        return None if secret is None else vault.encrypt(number.account_id, secret)

    if account is None:
        return replace(
            number,
            twilio_sid=None,
            twilio_token=None,
            twilio_region=None,
            twilio_api_key_sid=None,
            twilio_api_key_secret=None,
            twilio_previous_token=None,
            twilio_token_since=None,
        )
    same = number.twilio_sid == account.sid and number.twilio_token is not None
    return replace(
        number,
        twilio_sid=account.sid,
        twilio_token=seal(account.auth_token),
        twilio_region=account.region,
        twilio_api_key_sid=account.api_key_sid,
        twilio_api_key_secret=seal(account.api_key_secret),
        twilio_previous_token=number.twilio_token if same else None,
        twilio_token_since=now if same else None,
    )


def _together(*pair: tuple[str, str | None]) -> None:
    missing = [name for name, value in pair if value is None]
    if len(missing) == 1:
        raise _missing(missing[0], f"{pair[0][0]} and {pair[1][0]} belong together.")


def _missing(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, code="missing_field", field=field)
