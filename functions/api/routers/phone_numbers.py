"""Phone numbers: import, list, change, let go."""

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
from calling.usecases.import_number import NumberRequest, import_number

router = APIRouter(route_class=AuthenticatedRoute, tags=["phone numbers"], responses=PROBLEMS)


@router.post("/phone-numbers", status_code=201)
def import_phone_number(body: NumberImport, ports: Ports, key: Key) -> NumberEnvelope:
    """Import a number of a Twilio account and point its incoming calls here."""
    request = NumberRequest(
        phone_number=body.phone_number,
        agent_id=body.agent_id,
        twilio_sid=body.twilio_sid,
        twilio_token=body.twilio_token.get_secret_value() if body.twilio_token else None,
        voice_id=body.voice_id,
        outbound_enabled=body.outbound_enabled,
        inbound_enabled=body.inbound_enabled,
        is_default=body.is_default,
        custom_prompt=body.custom_prompt,
        voicemail_action=body.voicemail_action,
        voicemail_message=body.voicemail_message,
    )
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
    return NumberEnvelope(phone_number=show_number(number))


@router.get("/phone-numbers")
def list_phone_numbers(ports: Ports, key: Key, agent_id: str | None = None) -> NumberList:
    """List numbers, oldest first."""
    numbers = [n for n in ports.agents.numbers(key.account_id) if agent_id in (None, n.agent_id)]
    return NumberList(phone_numbers=[show_number(n) for n in numbers], count=len(numbers))


@router.patch("/phone-numbers/{phone_number}")
def update_phone_number(phone_number: str, body: NumberChanges, ports: Ports, key: Key) -> NumberEnvelope:
    """Change a number: the fields that are sent, and only those."""
    was = find_number(key.account_id, phone_number, ports)
    number = replace(was, **{name: getattr(body, name) for name in body.model_fields_set})
    found = ports.agents.get_agent(key.account_id, number.agent_id)
    if found is None:
        raise NotFound("There is no such agent.", code="agent_not_found", field="agent_id")
    if number.voice_id is not None:
        check_spoken(found[0].language, number.voice_id)
    _check_voicemail(number.voicemail_action, number.voicemail_message, number.agent_id, key.account_id, ports)
    ports.agents.put_number(number, was=was)
    _only_default(number, ports)
    return NumberEnvelope(phone_number=show_number(number))


@router.delete("/phone-numbers/{phone_number}")
def delete_phone_number(phone_number: str, ports: Ports, key: Key) -> DeletedNumberEnvelope:
    """Let go of a number; its Twilio account keeps it."""
    number = find_number(key.account_id, phone_number, ports)
    ports.agents.delete_number(number)
    return DeletedNumberEnvelope(phone_number=DeletedNumber(phone_number=number.phone_number.e164))


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
