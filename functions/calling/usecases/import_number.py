"""Give a phone number of a carrier account to an agent; where calls to it are wanted, point them here."""

from contextlib import suppress
from dataclasses import dataclass, field, replace

from calling.domain.agent import Number, VoicemailAction, check_spoken
from calling.domain.errors import CarrierAmbiguous, CarrierError, Conflict, NotFound, RedialError
from calling.domain.phone_number import PhoneNumber, parse
from calling.domain.routing import ours, whose, without_us
from calling.ports import (
    AgentStore,
    AlreadyExists,
    Carrier,
    CarrierAccount,
    CarrierLine,
    Clock,
    Credentials,
    StaleRecord,
    Vault,
)
from calling.usecases.find_line import find_line
from calling.usecases.own_account import OwnCredentials, own_account, sealed
from calling.usecases.release_line import release_line

CLAIM_MS = 2 * 60 * 1000  # longer than the API takes for a request (30 s), whatever became of it


@dataclass(frozen=True, slots=True)
class NumberRequest:
    """A number to import. Without credentials of its `own` it is in the deployment's own carrier account."""

    phone_number: str
    agent_id: str
    voice_id: str | None = None
    outbound_enabled: bool = True
    inbound_enabled: bool = True
    is_default: bool = False
    custom_prompt: str | None = field(default=None, repr=False)
    voicemail_action: VoicemailAction | None = None
    voicemail_message: str | None = field(default=None, repr=False)
    own: OwnCredentials = field(default_factory=OwnCredentials)


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

    It is claimed for the account before the carrier is asked anything: of the accounts of a deployment one has it.

    The record comes before the line is taken, so that what stood there is never forgotten; it goes again where the line
    could not be taken, unless nobody knows that and the carrier answers no more: then deleting it gives the line back.

    Raises:
        InvalidRequest: `invalid_phone_format`, `missing_field`, `invalid_voice_id`, `language_not_supported`,
            `number_without_voice`, `verified_caller_id`.
        NotFound: `agent_not_found`, `number_not_in_twilio`.
        Conflict: `number_already_imported`, here or by another account.
        CarrierError: `twilio_auth_failed`, or the carrier did not answer.
    """
    phone_number = parse(request.phone_number, field="phone_number")
    own = own_account(request.own)
    found = agents.get_agent(account_id, request.agent_id)
    if found is None:
        raise NotFound("There is no such agent.", code="agent_not_found", field="agent_id")
    if request.voice_id is not None:
        check_spoken(found[0].language, request.voice_id)
    if agents.get_number(account_id, phone_number) is not None:
        raise _imported()
    now = clock.now()
    number = sealed(_number(account_id, request, phone_number, now), own, vault=vault, now=now)
    account, until = own or credentials.of_number(number), now + CLAIM_MS
    if not agents.claim_number(account_id, phone_number, now=now, until=until):
        raise claimed_elsewhere()
    try:
        line = find_line(account, phone_number, inbound=number.inbound_enabled, carrier=carrier)
        theirs = _of_another(line, number, public_base_url, agents)
        if theirs is not None:
            agents.drop_claim(account_id, phone_number, until=until)
            with suppress(AlreadyExists, StaleRecord):  # somebody was faster: it is not ours, either way
                agents.put_number(theirs, was=theirs)
            raise claimed_elsewhere()
        return _bring(number, account, line, public_base_url, agents=agents, carrier=carrier, credentials=credentials)
    except RedialError:
        agents.drop_claim(account_id, phone_number, until=until)
        raise


def _of_another(line: CarrierLine, number: Number, public_base_url: str, agents: AgentStore) -> Number | None:
    """Find the number in the account where its line points: it may have been stored before there were claims."""
    owner = whose(line.routing, public_base_url)
    if owner is None or owner == number.account_id:
        return None
    return agents.get_number(owner, number.phone_number)


def _bring(
    number: Number,
    account: CarrierAccount,
    line: CarrierLine,
    public_base_url: str,
    *,
    agents: AgentStore,
    carrier: Carrier,
    credentials: Credentials,
) -> Number:
    """Store a claimed number, and take its line where calls to it are wanted."""
    if number.inbound_enabled and line.routing is not None:
        before = without_us(line.routing, None, public_base_url, number.account_id)
        number = replace(number, routing_before=before)
    try:
        agents.add_number(number)
    except AlreadyExists as error:
        raise _imported() from error
    if number.inbound_enabled:
        try:
            carrier.route(account, line, ours(public_base_url, number.account_id))
        except CarrierError as error:
            # It may be ours for all that. Where that cannot be put right either, the record stays: it alone remembers.
            if not isinstance(error, CarrierAmbiguous) or not release_line(
                number, public_base_url=public_base_url, carrier=carrier, credentials=credentials
            ):
                agents.delete_number(number)
            raise
    return number


def _number(account_id: str, request: NumberRequest, phone_number: PhoneNumber, now: int) -> Number:
    return Number(
        account_id=account_id,
        agent_id=request.agent_id,
        phone_number=phone_number,
        created_at=now,
        voice_id=request.voice_id,
        outbound_enabled=request.outbound_enabled,
        inbound_enabled=request.inbound_enabled,
        is_default=request.is_default,
        custom_prompt=request.custom_prompt,
        voicemail_action=request.voicemail_action,
        voicemail_message=request.voicemail_message,
    )


def _imported() -> Conflict:
    return Conflict(
        "This number is imported already: change it, or delete it first.",
        code="number_already_imported",
        field="phone_number",
    )


def claimed_elsewhere() -> Conflict:
    """Give the refusal of a number that another account of the deployment has."""
    return Conflict(
        "This number belongs to another account of this deployment.",
        code="number_already_imported",
        field="phone_number",
    )
