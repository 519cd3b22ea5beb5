"""Phone numbers: import, list, change, let go."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from fastapi import APIRouter

from api.auth import AuthenticatedRoute
from api.presenters import show_number
from api.schemas.common import PROBLEMS
from api.schemas.phone_numbers import (
    DeletedNumber,
    DeletedNumberEnvelope,
    NumberChanges,
    NumberEnvelope,
    NumberImport,
    NumberList,
)
from api.services import Key, Ports, Services
from calling.domain.agent import Number, VoicemailAction, check_spoken
from calling.domain.errors import InvalidRequest, NotFound
from calling.domain.phone_number import parse
from calling.ports import AlreadyExists
from calling.usecases.change_number import change_number
from calling.usecases.import_number import NumberRequest, import_number
from calling.usecases.own_account import OwnCredentials
from calling.usecases.release_line import release_line

router = APIRouter(route_class=AuthenticatedRoute, tags=["phone numbers"], responses=PROBLEMS)
_RELEASE_MS = 10_000  # with one more request that gets no answer less than the 29 s the HTTP API waits for us


@router.post("/phone-numbers", status_code=201)
def import_phone_number(body: NumberImport, ports: Ports, key: Key) -> NumberEnvelope:
    """Import a number of a Twilio account; with `inbound_enabled` its incoming calls are pointed here."""
    fields = {name: getattr(body, name) for name in NumberImport.model_fields if not name.startswith("twilio_")}
    request = NumberRequest(**fields, own=OwnCredentials(**body.sent_credentials()))
    _check_voicemail(request.voicemail_action, request.voicemail_message, body.agent_id, key.account_id, ports)
    number = import_number(
        key.account_id,
        request,
        public_base_url=ports.public_base_url,
        agents=ports.agents,
        carrier=ports.carrier,
        credentials=ports.credentials,
        vault=ports.vault,
        clock=ports.clock,
    )
    _only_default(number, ports)
    return NumberEnvelope(phone_number=show_number(number), warnings=[])


@router.get("/phone-numbers")
def list_phone_numbers(ports: Ports, key: Key, agent_id: str | None = None) -> NumberList:
    """List numbers, oldest first."""
    numbers = [n for n in ports.agents.numbers(key.account_id) if agent_id in (None, n.agent_id)]
    return NumberList(phone_numbers=[show_number(n) for n in numbers], count=len(numbers))


@router.patch("/phone-numbers/{phone_number}")
def update_phone_number(phone_number: str, body: NumberChanges, ports: Ports, key: Key) -> NumberEnvelope:
    """Change a number: the fields that are sent, and only those."""
    was, sent = find_number(key.account_id, phone_number, ports), body.sent_credentials()
    fields = {name: getattr(body, name) for name in body.model_fields_set if not name.startswith("twilio_")}
    number = replace(was, **fields)
    found = ports.agents.get_agent(key.account_id, number.agent_id)
    if found is None:
        raise NotFound("There is no such agent.", code="agent_not_found", field="agent_id")
    if number.voice_id is not None:
        check_spoken(found[0].language, number.voice_id)
    _check_voicemail(number.voicemail_action, number.voicemail_message, number.agent_id, key.account_id, ports)
    number, warning = change_number(
        was,
        number,
        sent,
        public_base_url=ports.public_base_url,
        agents=ports.agents,
        carrier=ports.carrier,
        credentials=ports.credentials,
        vault=ports.vault,
        clock=ports.clock,
    )
    _only_default(number, ports)
    return NumberEnvelope(phone_number=show_number(number), warnings=[warning] if warning else [])


@router.delete("/phone-numbers/{phone_number}", response_model_exclude_none=True)
def delete_phone_number(phone_number: str, ports: Ports, key: Key) -> DeletedNumberEnvelope:
    """Let go of a number; its Twilio account keeps it, with the settings it had before its import."""
    number = find_number(key.account_id, phone_number, ports)
    gone = DeletedNumber(phone_number=number.phone_number.e164)
    return DeletedNumberEnvelope(phone_number=gone, warnings=let_go([number], ports) or None)


def let_go(numbers: Iterable[Number], ports: Services) -> list[str]:
    """Give lines back and forget their numbers, whatever the carrier says; give its refusals as warnings.

    A carrier that does not answer is not waited for again and again: what is left after 10 s is forgotten unasked.
    """
    warnings, until = [], ports.clock.now() + _RELEASE_MS
    for number in numbers:
        if ports.clock.now() < until:
            warning = release_line(
                number, public_base_url=ports.public_base_url, carrier=ports.carrier, credentials=ports.credentials
            )
        else:
            warning = f"There was no time to put back the settings of {number.phone_number.e164} at Twilio."
        warnings += [warning] if warning else []
        ports.agents.delete_number(number)
    return warnings


def find_number(account_id: str, text: str, ports: Services) -> Number:
    """Find the number of a path. A raw `+` that a proxy took for a space is put right."""
    wanted = parse(text.replace(" ", "+", 1), field="phone_number")
    number = ports.agents.get_number(account_id, wanted)
    if number is None:
        raise NotFound("There is no such phone number.", code="phone_number_not_found", field="phone_number")
    return number


def _only_default(number: Number, ports: Services) -> None:
    """Of an agent's numbers one at most is the default: the one that was made so last."""
    if not number.is_default:
        return
    found = ports.agents.get_agent(number.account_id, number.agent_id)
    for other in found[1] if found is not None else ():
        if other.is_default and other.phone_number != number.phone_number:
            with suppress(AlreadyExists):  # another account's since before numbers were claimed
                ports.agents.put_number(replace(other, is_default=False), was=other)


def _check_voicemail(
    action: VoicemailAction | None, message: str | None, agent_id: str, account_id: str, ports: Services
) -> None:
    """Refuse to leave a message where neither the number nor its agent has one."""
    if action is not VoicemailAction.LEAVE_MESSAGE or (message or "").strip():
        return
    found = ports.agents.get_agent(account_id, agent_id)
    if found is not None and not (found[0].voicemail_message or "").strip():
        raise InvalidRequest(
            "voicemail_action is leave_message but there is no voicemail_message.",
            code="voicemail_message_required",
            field="voicemail_message",
        )
