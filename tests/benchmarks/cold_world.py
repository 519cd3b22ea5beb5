"""What a cold Lambda meets: the emulator with the stack of infra/data.yaml and the queues, a carrier that takes every
call, the laptop's Claude and Polly; and the events of one call, each made of what the function before it answered.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from twilio.request_validator import RequestValidator

from calling.adapters import aws
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.domain.agent import Agent, Number
from calling.domain.phone_number import PhoneNumber
from infra.create_key import create_key
from infra.local.deploy import deploy
from tests.contracts.speech_process import speech_process
from tests.flows.conftest import REGION, eventually, free_ports, start_emulator, stop_emulator
from tests.infra.plan import LAMBDAS, ROOT, Lambda, of_type

SID, TOKEN, BASE = "AC" + "0" * 32, "token", "https://api.example.com"
FROM, AGENT = "+447700900123", "agent_125207e452f8714a"
# On the way from a request to a voice, in the order in which one call meets them.
ON_THE_WAY = ("api", "dispatch_dial", "prepare_opener", "dial_call", "twilio_webhooks")
_REQUEST = ROOT / "tests" / "events" / "http_api_place_call.json"


@dataclass(frozen=True, slots=True)
class World:
    """A deployment's stores and neighbours, with one account, agent and number."""

    environment: dict[str, str]  # what differs from function to function left out
    account_id: str
    api_key: str

    def environment_of(self, function: Lambda) -> dict[str, str]:
        """Give what the template tells a function, with this world's names, and what Lambda itself sets."""
        ours = {name: value for name, value in self.environment.items() if name in function.environment}
        return function.told | ours | _of_lambda(function, self.environment["AWS_ENDPOINT_URL"])

    def event(self, folder: str, call_id: str, run: int) -> dict[str, Any]:
        """Make the event that a function of ON_THE_WAY meets first. `run` gives each call a person of its own."""
        ids = {"account_id": self.account_id, "call_id": call_id}
        if folder == "api":
            text = _REQUEST.read_text().replace("KEY_ID:KEY_SECRET", self.api_key)
            event: dict[str, Any] = json.loads(text.replace("+447386172392", f"+4473861723{run:02}"))
            return event
        if folder == "dispatch_dial":
            record = {"messageId": "m", "body": json.dumps(ids), "attributes": {"ApproximateReceiveCount": "1"}}
            return {"Records": [record]}
        return _callback(self.account_id, call_id) if folder == "twilio_webhooks" else ids | {"token": "t"}


@contextmanager
def standing(folder: Path) -> Iterator[World]:
    """Make the world, its laptop services in a new folder, and end it."""
    folder.mkdir()
    with ExitStack() as stack:
        carrier = stack.enter_context(_carrier())
        speech = f"http://127.0.0.1:{stack.enter_context(speech_process('scripted', folder)).port}"
        endpoint = stack.enter_context(_emulator())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        keys = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        for name, value in keys.items():
            patch.setenv(name, value)
        yield _populated(endpoint, carrier, speech)


def _populated(endpoint: str, carrier: str, speech: str) -> World:
    parameters = {"Stage": "local", "RetentionDays": "90", "DeletionProtection": "false"}
    made = deploy(endpoint, ROOT / "infra" / "data.yaml", parameters, stack_name="cold", region=REGION)
    sqs, secrets = aws.client("sqs", REGION), aws.client("secretsmanager", REGION)
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in of_type("AWS::SQS::Queue")}
    for name, secret in (("Carrier", {"account_sid": SID, "auth_token": TOKEN}), ("Anthropic", {"api_key": "k"})):
        secrets.put_secret_value(SecretId=made[f"{name}SecretArn"], SecretString=json.dumps(secret))
    new = create_key(made["TableName"], made["KeyArn"], REGION)
    agents, now = DynamoAgentStore(aws.client("dynamodb", REGION), made["TableName"]), SystemClock().now()
    agents.add_agent(Agent(new.account_id, AGENT, now))
    agents.add_number(Number(new.account_id, AGENT, PhoneNumber(FROM), now))
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_POLLY": speech,
        "ANTHROPIC_BASE_URL": speech,
        "TWILIO_API_URL": carrier,
        "STAGE": "prod",
        "TABLE_NAME": made["TableName"],
        "BUCKET_NAME": made["BucketName"],
        "KMS_KEY_ID": made["KeyArn"],
        "CARRIER_SECRET_ARN": made["CarrierSecretArn"],
        "ANTHROPIC_SECRET_ARN": made["AnthropicSecretArn"],
        "STREAM_TOKEN_SECRET_ARN": made["StreamTokenSecretArn"],
        "CALLS_QUEUE_URL": queues["CallsQueue"],
        "CAMPAIGNS_QUEUE_URL": queues["CampaignsQueue"],
        "WATCHES_QUEUE_URL": queues["WatchesQueue"],
        "DELIVERIES_QUEUE_URL": queues["DeliveriesQueue"],
        "PUBLIC_BASE_URL": BASE,
        "MEDIA_PUBLIC_URL": "wss://media.example.com",
        "DIAL_STATE_MACHINE_ARN": _machine("dial"),
        "CAMPAIGN_STATE_MACHINE_ARN": _machine("campaign"),
        "GLOBAL_CAP": "20",
        "ALLOW_LOOPBACK_WEBHOOKS": "false",
        "POWERTOOLS_TRACE_DISABLED": "false",
    }
    return World(environment, new.account_id, new.api_key)


def _of_lambda(function: Lambda, endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": function.logical_id,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "LAMBDA_TASK_ROOT": "/var/task",
        "_X_AMZN_TRACE_ID": "Root=1-6920a0b1-2f6c8d1e4a7b9c0d1e2f3a4b;Parent=53995c3f42cd8ad8;Sampled=1",
    }


def _callback(account_id: str, call_id: str) -> dict[str, Any]:
    path = f"/twilio/{account_id}/calls/{call_id}/status"
    form = {"AccountSid": SID, "CallSid": "CA" + "1" * 32, "CallStatus": "ringing", "SequenceNumber": "1"}
    signature = RequestValidator(TOKEN).compute_signature(BASE + path, form)
    return {
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"x-twilio-signature": signature},
        "body": base64.b64encode(urlencode(form).encode()).decode(),
        "isBase64Encoded": True,
    }


def _machine(name: str) -> str:
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    states, role = aws.client("stepfunctions", REGION), "arn:aws:iam::000000000000:role/states"
    return str(states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"])


@contextmanager
def _emulator() -> Iterator[str]:
    gateway, api = free_ports(2)
    process = start_emulator(gateway, api)
    endpoint = f"http://127.0.0.1:{gateway}"

    def healthy() -> bool:
        try:
            with urlopen(f"{endpoint}/_ministack/health", timeout=2) as answer:  # noqa: S310  our own address
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        eventually(healthy, 30)
        yield endpoint
    finally:
        stop_emulator(process)


@contextmanager
def _carrier() -> Iterator[str]:
    """Take every call."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            data = json.dumps({"sid": "CA" + "1" * 32, "status": "queued", "account_sid": SID}).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


FUNCTION = {function.folder: function for function in LAMBDAS}
