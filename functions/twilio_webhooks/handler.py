"""Lambda: what the carrier tells us. Verified first, stored with one conditional write, answered fast.

A callback is verified with the token of the call record's own carrier account, never with that of the form's
AccountSid. What cannot be verified, an unknown call included, gets the same 403.
"""

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.kms import KmsVault
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.stepfunctions import StepFunctionsDialWorkflow
from calling.adapters.twilio_signature import valid
from calling.domain.call import Call, CarrierStatus
from calling.domain.progress import CarrierFact
from calling.ports import AgentStore, CallStore, Clock, Credentials, DialWorkflow
from calling.settings import CarrierSettings, PublicSettings, TableSettings, VaultSettings, load
from calling.telemetry import call_keys, logger, traced
from calling.usecases.record_progress import record_machine_detection, record_progress

log = logger("twilio_webhooks")
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ports:
    """What this door needs of the world."""

    calls: CallStore
    agents: AgentStore
    credentials: Credentials
    workflow: DialWorkflow
    clock: Clock
    public_base_url: str


@cache
def _ports() -> Ports:
    table, dynamodb, clock = load(TableSettings).table_name, client("dynamodb"), SystemClock()
    return Ports(
        calls=DynamoCallStore(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        credentials=SecretsCredentials(
            client("secretsmanager"),
            vault=KmsVault(client("kms"), load(VaultSettings).kms_key_id),
            clock=clock,
            carrier_secret_arn=load(CarrierSettings).carrier_secret_arn,
        ),
        workflow=StepFunctionsDialWorkflow(client("stepfunctions"), ""),
        clock=clock,
        public_base_url=load(PublicSettings).public_base_url,
    )


@traced
def handler(event: dict[str, Any], _context: object) -> Answer:
    """Serve one callback: `/twilio/{account_id}/calls/{call_id}/{status|amd}`."""
    return serve(event, _ports())


def serve(event: dict[str, Any], ports: Ports) -> Answer:
    """Verify and store. 204 when stored or known already, 403 unverified, 400 not a callback, 404 no such place."""
    parts = event["rawPath"].strip("/").split("/")
    if len(parts) != 5 or (parts[0], parts[2]) != ("twilio", "calls") or parts[4] not in ("status", "amd"):
        return _answer(404)
    _, account_id, _, call_id, kind = parts
    with call_keys(log, account_id, call_id):
        form = _form(event)
        call = ports.calls.get(account_id, call_id)
        if call is None or not _verified(event, call, form, ports):
            log.warning("callback refused")
            return _answer(403)
        stored = _status(call, form, ports) if kind == "status" else _machine_detection(call, form, ports)
        log.info("callback", extra={"kind": kind, "stored": stored})
        return _answer(204 if stored else 400)


def _status(call: Call, form: dict[str, str], ports: Ports) -> bool:
    try:
        status = CarrierStatus(form.get("CallStatus", ""))
    except ValueError:
        return False
    duration, sip = form.get("CallDuration") or form.get("Duration"), form.get("SipResponseCode")
    fact = CarrierFact(
        sid=form.get("CallSid", ""),
        status=status,
        at=ports.clock.now(),
        duration_seconds=int(duration) if duration and duration.isdigit() else None,
        sip_response_code=int(sip) if sip and sip.isdigit() else None,
    )
    record_progress(call.account_id, call.call_id, fact, calls=ports.calls, workflow=ports.workflow)
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


def _verified(event: dict[str, Any], call: Call, form: dict[str, str], ports: Ports) -> bool:
    number = ports.agents.get_number(call.account_id, call.our_number)
    if number is None:
        return False
    account = ports.credentials.of_number(number)
    query = f"?{event['rawQueryString']}" if event.get("rawQueryString") else ""
    url = f"{ports.public_base_url}{event['rawPath']}{query}"
    signature = event.get("headers", {}).get("x-twilio-signature", "")
    return form.get("AccountSid") == account.sid and valid(account.auth_token, url, form, signature)


def _form(event: dict[str, Any]) -> dict[str, str]:
    body = event.get("body") or ""
    text = base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))


def _answer(status: int) -> Answer:
    body = "" if status == 204 else json.dumps({"error": status})
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": body}
