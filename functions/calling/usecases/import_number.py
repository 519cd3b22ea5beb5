"""Give a phone number of a carrier account to an agent and point its calls here."""

from dataclasses import dataclass, field, replace

from calling.domain import callbacks
from calling.domain.agent import Number, VoicemailAction, check_spoken
from calling.domain.callbacks import NumberUrls
from calling.domain.errors import CarrierError, CarrierRefused, Conflict, InvalidRequest, NotFound
from calling.domain.phone_number import PhoneNumber, parse
from calling.ports import (
    AgentStore,
    AlreadyExists,
    Carrier,
    CarrierAccount,
    Clock,
    Credentials,
    Vault,
)


@dataclass(frozen=True, slots=True)
class NumberRequest:
    """A number to import. Without `twilio_sid` and `twilio_token` it is in the deployment's own carrier account."""

    phone_number: str
    agent_id: str
    twilio_sid: str | None = None
    twilio_token: str | None = field(default=None, repr=False)
    voice_id: str | None = None
    outbound_enabled: bool = True
    inbound_enabled: bool = True
    is_default: bool = False
    custom_prompt: str | None = field(default=None, repr=False)
    voicemail_action: VoicemailAction | None = None
    voicemail_message: str | None = field(default=None, repr=False)


def import_number(
    account_id: str,
    request: NumberRequest,
    *,
    public_base_url: str,
    agents: AgentStore,
    carrier: Carrier,
    credentials: Credentials,
    vault: Vault,
    clock: Clock,
) -> Number:
    """Import a number.

    Raises:
        InvalidRequest: `invalid_phone_format`, `missing_field`, `invalid_voice_id`, `language_not_supported`.
        NotFound: `agent_not_found`, `number_not_in_twilio`.
        Conflict: `number_already_imported`.
        CarrierError: `twilio_auth_failed`, or the carrier did not answer.
    """
    phone_number = parse(request.phone_number, field="phone_number")
    _check_pair(request)
    found = agents.get_agent(account_id, request.agent_id)
    if found is None:
        raise NotFound("There is no such agent.", code="agent_not_found", field="agent_id")
    if request.voice_id is not None:
        check_spoken(found[0].language, request.voice_id)
    if agents.get_number(account_id, phone_number) is not None:
        raise _imported()
    number = _number(account_id, request, phone_number, clock.now())
    if request.twilio_sid is not None and request.twilio_token is not None:
        owner = CarrierAccount(request.twilio_sid, request.twilio_token)
        number = replace(number, twilio_token=vault.encrypt(account_id, request.twilio_token))
    else:
        owner = credentials.of_number(number)
    _claim(owner, phone_number, callbacks.of_number(public_base_url, account_id), carrier=carrier)
    try:
        agents.add_number(number)
    except AlreadyExists as error:
        raise _imported() from error
    return number


def _number(account_id: str, request: NumberRequest, phone_number: PhoneNumber, now: int) -> Number:
    return Number(
        account_id=account_id,
        agent_id=request.agent_id,
        phone_number=phone_number,
        created_at=now,
        twilio_sid=request.twilio_sid,
        voice_id=request.voice_id,
        outbound_enabled=request.outbound_enabled,
        inbound_enabled=request.inbound_enabled,
        is_default=request.is_default,
        custom_prompt=request.custom_prompt,
        voicemail_action=request.voicemail_action,
        voicemail_message=request.voicemail_message,
    )


def _check_pair(request: NumberRequest) -> None:
    for missing, given, name in (
        (request.twilio_sid, request.twilio_token, "twilio_sid"),
        (request.twilio_token, request.twilio_sid, "twilio_token"),
    ):
        if missing is None and given is not None:
            raise InvalidRequest("twilio_sid and twilio_token belong together.", code="missing_field", field=name)


def _claim(owner: CarrierAccount, number: PhoneNumber, urls: NumberUrls, *, carrier: Carrier) -> None:
    try:
        there = carrier.number_exists(owner, number, urls)
    except CarrierRefused as refused:
        if refused.http_status != 401:
            raise
        raise CarrierAuthFailed(
            "Twilio does not accept these credentials.", twilio_code=refused.twilio_code, http_status=401
        ) from refused
    if not there:
        raise NotFound("This number is not in that Twilio account.", code="number_not_in_twilio", field="phone_number")


class CarrierAuthFailed(CarrierError):
    """The carrier did not accept the credentials that came with a number."""

    default_code = "twilio_auth_failed"


def _imported() -> Conflict:
    return Conflict(
        "This number is imported already: change it, or delete it first.",
        code="number_already_imported",
        field="phone_number",
    )
