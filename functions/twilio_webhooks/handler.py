"""Lambda: what the carrier tells us. Verified first, stored with one conditional write, answered fast.

A callback is verified with the token of the call record's own carrier account, never with that of the form's
AccountSid; a call that comes in, with the token of the number it calls. What cannot be verified, an unknown call
included, gets the same 403.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.adapters.dynamodb.lines import DynamoLineLock
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.kms import KmsVault
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.stepfunctions import StepFunctionsDialWorkflow
from calling.adapters.twilio_signature import Signature, valid
from calling.domain import twiml
from calling.domain.agent import Number
from calling.domain.call import Call, CarrierStatus
from calling.domain.callbacks import CallCallback, NumberCallback
from calling.domain.errors import InvalidRequest
from calling.domain.phone_number import PhoneNumber, parse
from calling.domain.progress import CarrierFact, said_at
from calling.ports import AgentStore, CallStore, CarrierAccount, Clock, Credentials, DialWorkflow, LeasePool, LineLock
from calling.settings import (
    CarrierSettings,
    PublicSettings,
    RetentionSettings,
    StateMachineSettings,
    StreamSettings,
    TableSettings,
    VaultSettings,
    load,
)
from calling.startup import at_start
from calling.telemetry import call_keys, logger, traced
from calling.usecases.after_stream import after_stream
from calling.usecases.answer_inbound import InboundPorts, answer_inbound, inbound_call_id
from calling.usecases.find_signer import find_signer
from calling.usecases.record_progress import record_machine_detection, record_progress, record_stream_error

log = logger("twilio_webhooks")
Answer = dict[str, Any]
_OF_CALLS = frozenset(CallCallback)
_OF_NUMBERS = frozenset(NumberCallback)


@dataclass(frozen=True, slots=True)
class Ports:
    """What this door needs of the world."""

    calls: CallStore
    leases: LeasePool
    lines: LineLock
    agents: AgentStore
    credentials: Credentials
    workflow: DialWorkflow
    clock: Clock
    public_base_url: str
    media_public_url: str


@at_start
def _ports() -> Ports:
    table, dynamodb, clock = load(TableSettings).table_name, client("dynamodb"), SystemClock()
    public, keep = load(PublicSettings), load(RetentionSettings)
    return Ports(
        calls=DynamoCallStore(dynamodb, table, Retention(keep.retention_days, keep.history_days, clock)),
        leases=DynamoLeasePool(dynamodb, table),
        lines=DynamoLineLock(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        credentials=SecretsCredentials(
            client("secretsmanager"),
            vault=KmsVault(client("kms"), load(VaultSettings).kms_key_id),
            clock=clock,
            carrier_secret_arn=load(CarrierSettings).carrier_secret_arn,
            stream_secret_arn=load(StreamSettings).stream_token_secret_arn,
        ),
        workflow=StepFunctionsDialWorkflow(client("stepfunctions"), load(StateMachineSettings).dial_state_machine_arn),
        clock=clock,
        public_base_url=public.public_base_url,
        media_public_url=public.media_public_url,
    )


@traced
def handler(event: dict[str, Any], _context: object) -> Answer:
    """Serve `/twilio/{account_id}/calls/{call_id}/{CallCallback}` and `/twilio/{account_id}/{NumberCallback}`."""
    return serve(event, _ports())


def serve(event: dict[str, Any], ports: Ports) -> Answer:
    """Verify, then store or answer. 204 when stored or known already, 200 with TwiML, 403 unverified, 400 not a
    callback, 404 no such place.
    """
    match event["rawPath"].strip("/").split("/"):
        case ["twilio", account_id, kind] if kind in _OF_NUMBERS:
            return _inbound(event, account_id, NumberCallback(kind), ports)
        case ["twilio", account_id, "calls", call_id, kind] if kind in _OF_CALLS:
            with call_keys(log, account_id, call_id):
                return _of_call(event, account_id, call_id, CallCallback(kind), ports)
    return _answer(404)


def _of_call(event: dict[str, Any], account_id: str, call_id: str, kind: CallCallback, ports: Ports) -> Answer:
    form = _form(event)
    call = ports.calls.get(account_id, call_id)
    number = ports.agents.get_number(account_id, call.our_number) if call else None
    if call is None or number is None or not _verified(event, number, form, ports):
        log.warning("callback refused")
        return _answer(403)
    if kind is CallCallback.AFTER_STREAM:
        lives = form.get("CallStatus") == CarrierStatus.IN_PROGRESS
        document = after_stream(account_id, call_id, lives=lives, calls=ports.calls, clock=ports.clock)
        log.info("after the stream", extra={"lost": "<Say" in document})
        return _twiml(document)
    stored = _TAKES[kind](call, form, ports)
    log.info("callback", extra={"kind": kind.value, "stored": stored})
    return _answer(204 if stored else 400)


def _status(call: Call, form: dict[str, str], ports: Ports) -> bool:
    try:
        status = CarrierStatus(form.get("CallStatus", ""))
    except ValueError:
        return False
    duration, sip = form.get("CallDuration"), form.get("SipResponseCode")  # its `Duration` is in minutes
    error = form.get("ErrorCode", "")
    fact = CarrierFact(
        sid=form.get("CallSid", ""),
        status=status,
        at=said_at(form.get("Timestamp"), ports.clock.now()),
        duration_seconds=int(duration) if duration and duration.isdigit() else None,
        sip_response_code=int(sip) if sip and sip.isdigit() else None,
        stir_status=form.get("StirStatus") or None,
        error_code=int(error) if error.isdigit() else None,
    )
    record_progress(
        call.account_id, call.call_id, fact, calls=ports.calls, leases=ports.leases, workflow=ports.workflow
    )
    return True


def _machine_detection(call: Call, form: dict[str, str], ports: Ports) -> bool:
    answered_by = form.get("AnsweredBy", "")
    if not answered_by:
        return False
    record_machine_detection(
        call.account_id,
        call.call_id,
        sid=form.get("CallSid", ""),
        answered_by=answered_by,
        at=ports.clock.now(),
        calls=ports.calls,
    )
    return True


def _stream(call: Call, form: dict[str, str], ports: Ports) -> bool:
    """Take how the media stream fares: only what went wrong is kept."""
    if not form.get("StreamEvent"):
        return False
    if form["StreamEvent"] == "stream-error":
        record_stream_error(
            call.account_id,
            call.call_id,
            sid=form.get("CallSid", ""),
            error=form.get("StreamError") or "unknown",
            at=ports.clock.now(),
            calls=ports.calls,
        )
    return True


_TAKES: dict[CallCallback, Callable[[Call, dict[str, str], Ports], bool]] = {
    CallCallback.STATUS: _status,
    CallCallback.AMD: _machine_detection,
    CallCallback.STREAM: _stream,
}


def _inbound(event: dict[str, Any], account_id: str, kind: NumberCallback, ports: Ports) -> Answer:
    """Answer a call that comes in with its TwiML, or store the end of one."""
    form = _form(event)
    sid, called = form.get("CallSid", ""), _called(form)
    if not sid or called is None:
        return _answer(403)
    with call_keys(log, account_id, inbound_call_id(account_id, sid)):
        # A number nobody has (any more) can only be one of the deployment's own carrier account.
        number = ports.agents.get_number(account_id, called) or Number(account_id, "", called, 0)
        if not _verified(event, number, form, ports):
            log.warning("inbound call refused")
            return _answer(403)
        if kind is NumberCallback.STATUS:
            return _inbound_status(account_id, sid, form, ports)
        if kind is NumberCallback.FALLBACK:  # three requests for a proper answer have failed: say so, and no more
            log.error("inbound call could not be answered", extra={"twilio_code": form.get("ErrorCode")})
            return _twiml(twiml.not_now(number.voice_id))
        document = answer_inbound(
            account_id,
            sid=sid,
            caller=form.get("From", ""),
            stir_verstat=form.get("StirVerstat"),
            called=called,
            public_base_url=ports.public_base_url,
            media_public_url=ports.media_public_url,
            ports=InboundPorts(
                calls=ports.calls,
                leases=ports.leases,
                lines=ports.lines,
                agents=ports.agents,
                credentials=ports.credentials,
                workflow=ports.workflow,
                clock=ports.clock,
            ),
        )
        log.info("inbound call", extra={"answered": "<Connect" in document})
        return _twiml(document)


def _inbound_status(account_id: str, sid: str, form: dict[str, str], ports: Ports) -> Answer:
    """Store the end of a call that came in; one that was rejected has no record and needs none."""
    call = ports.calls.get(account_id, inbound_call_id(account_id, sid))
    if call is None:
        return _answer(204)
    if not call.status.is_terminal and call.task_token is None:
        ports.workflow.start(account_id, call.call_id)  # the answer may have died before it
    return _answer(204 if _status(call, form, ports) else 400)


def _called(form: dict[str, str]) -> PhoneNumber | None:
    try:
        return parse(form.get("To"), field="To")
    except InvalidRequest:
        return None


def _verified(event: dict[str, Any], number: Number, form: dict[str, str], ports: Ports) -> bool:
    query = f"?{event['rawQueryString']}" if event.get("rawQueryString") else ""
    url = f"{ports.public_base_url}{event['rawPath']}{query}"
    signature = Signature.of(event.get("headers", {}))

    def is_signed(account: CarrierAccount) -> bool:
        return form.get("AccountSid") == account.sid and valid(account, url, form, signature)

    return find_signer(number, is_signed, credentials=ports.credentials) is not None


def _form(event: dict[str, Any]) -> dict[str, str]:
    """Read the form; what is none is empty, and an empty one is signed by nobody."""
    body = event.get("body") or ""
    try:
        text = base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return {}


def _twiml(document: str) -> Answer:
    return {"statusCode": 200, "headers": {"content-type": "text/xml"}, "body": document}


def _answer(status: int) -> Answer:
    body = "" if status == 204 else json.dumps({"error": status})
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": body}
