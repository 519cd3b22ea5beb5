"""The API's Lambda as API Gateway calls it: real events (payload format 2.0) in, its response format out."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mangum import Mangum

from api import handler
from api.handler import build_services, serve
from api.services import Services
from calling.adapters import aws
from calling.adapters.clock import SystemIds
from calling.adapters.dynamodb.accounts import DynamoAccountStore
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.domain.agent import Agent, Number
from calling.domain.phone_number import PhoneNumber
from calling.usecases.create_account import create_account
from tests.contracts.conftest import TABLE
from tests.flows.conftest import REGION
from tests.unit.api.conftest import FROM, PEOPLE, TO, World, make_world

EVENTS = Path(__file__).parent.parent / "events"
AGENT = "agent_125207e452f8714a"


class Context:
    """What Mangum hands on of Lambda's context."""

    aws_request_id = "2f6c8d1e-4a7b-9c0d-1e2f-3a4b5c6d7e8f"


@pytest.fixture
def world() -> World:
    """An account that owns the agent and the number of the seed's request."""
    world = make_world()
    account, now = world.owner.account_id, world.clock.now()
    world.agents.add_agent(Agent(account, AGENT, now))
    world.agents.add_number(Number(account, AGENT, PhoneNumber(FROM), now))
    return world


@pytest.fixture(autouse=True)
def own_loop() -> Iterator[None]:
    """Mangum takes the thread's event loop, and makes one where there is none: give it one and close it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def api(world: World) -> Mangum:
    return serve(world.services)


def event(name: str, world: World) -> dict[str, Any]:
    """Read an event and put the account's key into it."""
    text = (EVENTS / f"{name}.json").read_text().replace("KEY_ID:KEY_SECRET", world.owner.api_key)
    found: dict[str, Any] = json.loads(text)
    return found


def ask(api: Mangum, event: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    answer = api(event, Context())  # type: ignore[arg-type]  # as much of a context as is read
    assert answer["isBase64Encoded"] is False
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


def test_the_seeds_request(api: Mangum, world: World) -> None:
    status, body, headers = ask(api, event("http_api_place_call", world))
    assert status == 201, body
    assert (body["status"], body["to"], body["from"]) == ("queued", TO, FROM)
    assert world.dial_queue.sent == [(world.owner.account_id, body["call_id"], 0)]
    assert headers["content-type"] == "application/json"
    assert headers["x-ratelimit-remaining"] == "119"


def test_the_request_id_is_the_gateways(api: Mangum, world: World) -> None:
    _, _, headers = ask(api, event("http_api_place_call", world))
    assert headers["x-request-id"] == "UQ3xZjC7oAMEVqQ="


def test_one_lambda_answers_request_after_request(api: Mangum, world: World) -> None:
    ids = {ask(api, event("http_api_place_call", world))[1]["call_id"] for _ in range(3)}
    assert len(ids) == len(world.calls.calls) == 3


def test_a_body_in_base64_with_curls_own_content_type_is_told_to_be_json(api: Mangum, world: World) -> None:
    status, body, _ = ask(api, event("http_api_place_call_base64", world))
    assert (status, body["error"]["code"]) == (400, "invalid_json")
    asked = event("http_api_place_call_base64", world)
    asked["headers"]["content-type"] = "application/json"
    assert ask(api, asked)[0] == 201


def test_a_query_string(api: Mangum, world: World) -> None:
    placed = [ask(api, event("http_api_place_call", world))[1]["call_id"] for _ in range(3)]
    status, body, headers = ask(api, event("http_api_list_calls", world))
    assert status == 200
    assert len(body) == 2
    assert {c["call_id"] for c in body} < set(placed)
    assert headers["x-next-cursor"]


@pytest.mark.parametrize("name", ["http_api_number_in_path", "http_api_number_in_path_decoded"])
def test_a_number_in_the_path(api: Mangum, world: World, name: str) -> None:
    status, body, _ = ask(api, event(name, world))
    assert (status, body["phone_number"]["voice_id"]) == (200, "Amy")


def test_errors_keep_the_envelope(api: Mangum, world: World) -> None:
    asked = event("http_api_place_call", world)
    asked["headers"]["authorization"] = "Bearer nobody:nothing"
    status, body, headers = ask(api, asked)
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")
    assert headers["x-request-id"]
    asked = event("http_api_place_call", world)
    asked["body"] = asked["body"].replace("+447386172392", "07386")
    assert ask(api, asked)[1]["error"]["details"] == {"field": "to_number"}


def test_health(api: Mangum, world: World) -> None:
    assert ask(api, event("http_api_health", world))[:2] == (200, {"status": "ok"})


def test_a_call_takes_three_round_trips_to_dynamodb(dynamodb: Any) -> None:
    """With the real stores. The first request of a key in a minute takes a fourth: it opens the minute's counters."""
    made = make_world()
    stores: dict[str, Any] = {
        "accounts": DynamoAccountStore(dynamodb, TABLE),
        "agents": DynamoAgentStore(dynamodb, TABLE),
        "calls": DynamoCallStore(dynamodb, TABLE),
        "campaigns": DynamoCampaignStore(dynamodb, TABLE),
        "ids": SystemIds(),
    }
    services = replace(made.services, **stores)
    owner = create_account(accounts=services.accounts, vault=services.vault, clock=services.clock, ids=services.ids)
    world = replace(made, owner=owner)
    services.agents.add_agent(Agent(owner.account_id, AGENT, made.clock.now()))
    number = Number(owner.account_id, AGENT, PhoneNumber(FROM), made.clock.now())
    services.agents.add_number(number)
    api = serve(services)
    assert ask(api, event("http_api_place_call", world))[0] == 201
    trips: list[str] = []

    def count(model: Any, **_: Any) -> None:
        trips.append(model.name)

    dynamodb.meta.events.register("before-call.dynamodb", count)
    try:
        status, body, _ = ask(api, event("http_api_place_call", world))
    finally:
        dynamodb.meta.events.unregister("before-call.dynamodb", count)
    assert (status, trips) == (201, ["UpdateItem", "Query", "PutItem"])
    stored = services.calls.get(owner.account_id, body["call_id"])
    assert stored is not None
    assert stored.to_number == PhoneNumber(TO)
    del trips[:]
    dynamodb.meta.events.register("before-call.dynamodb", count)
    try:
        status, body, _ = ask(api, batch(world))
    finally:
        dynamodb.meta.events.unregister("before-call.dynamodb", count)
    assert (status, trips) == (201, ["UpdateItem", "Query", "PutItem"]), "and a campaign no more"
    services.agents.delete_number(number)  # the next test's account has it


def test_the_handler_builds_itself_from_the_environment(
    cloud: str, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real ports of a whole request, KMS and SQS among them, in the emulator."""
    queue = aws.client("sqs", REGION).create_queue(QueueName="calls-of-api")["QueueUrl"]
    machine = _machine()
    aws.client("s3", REGION).create_bucket(Bucket="bucket-of-api")
    secret = json.dumps({"account_sid": "AC" + "0" * 32, "auth_token": "token"})
    aws.client("secretsmanager", REGION).create_secret(Name="carrier-of-api", SecretString=secret)
    signing = json.dumps({"secret": "s"})
    aws.client("secretsmanager", REGION).create_secret(Name="signing-of-api", SecretString=signing)
    aws.client("scheduler", REGION).create_schedule_group(Name="campaigns-of-api")
    key_id = aws.client("kms", REGION).create_key()["KeyMetadata"]["KeyId"]
    environment = {
        "AWS_REGION": REGION,
        "TABLE_NAME": TABLE,
        "BUCKET_NAME": "bucket-of-api",
        "KMS_KEY_ID": key_id,
        "CALLS_QUEUE_URL": queue,
        "DELIVERIES_QUEUE_URL": queue,
        "CAMPAIGN_STATE_MACHINE_ARN": machine,
        "SCHEDULE_GROUP": "campaigns-of-api",
        "DESCRIBE_MODEL_FUNCTION": "describe_model",
        "START_CAMPAIGN_FUNCTION_ARN": f"arn:aws:lambda:{REGION}:000000000000:function:start",
        "SCHEDULER_ROLE_ARN": "arn:aws:iam::000000000000:role/scheduler",
        "SCHEDULE_DEAD_LETTERS_ARN": f"arn:aws:sqs:{REGION}:000000000000:dead",
        "CARRIER_SECRET_ARN": "carrier-of-api",
        "STREAM_TOKEN_SECRET_ARN": "signing-of-api",
        "PUBLIC_BASE_URL": "https://api.example.com/",
        "MEDIA_PUBLIC_URL": "wss://media.example.com",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    services = build_services()
    owner = create_account(accounts=services.accounts, vault=services.vault, clock=services.clock, ids=services.ids)
    account = services.accounts.get_account(owner.account_id)
    assert account is not None
    assert services.vault.decrypt(owner.account_id, account.webhook_secret) == owner.webhook_secret
    services.agents.add_agent(Agent(owner.account_id, AGENT, services.clock.now()))
    services.agents.add_number(Number(owner.account_id, AGENT, PhoneNumber(FROM), services.clock.now()))
    world = replace(make_world(), owner=owner)
    asked = event("http_api_place_call", world)
    asked["headers"]["idempotency-key"] = "once"
    answers = [handler.handler(asked, Context()) for _ in range(2)]
    assert [a["statusCode"] for a in answers] == [201, 201], answers
    assert answers[0]["body"] == answers[1]["body"]
    sent = aws.client("sqs", REGION).receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    call_id = json.loads(answers[0]["body"])["call_id"]
    assert [json.loads(m["Body"]) for m in sent] == [{"account_id": owner.account_id, "call_id": call_id}]
    _campaigns(services, world, machine)


def _machine() -> str:
    """Make a state machine of one state."""
    definition = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    made = aws.client("stepfunctions", REGION).create_state_machine(
        name="campaign-of-api", definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/states"
    )
    return str(made["stateMachineArn"])


def _campaigns(services: Services, world: World, machine: str) -> None:
    """The seed's campaign, now and by the clock, through every real port; and what is shown of it."""
    account_id = world.owner.account_id
    made = [json.loads(handler.handler(batch(world, more), Context())["body"]) for more in ({}, LATER)]
    assert [answer["status"] for answer in made] == ["running", "scheduled"], made
    ids = [answer["campaign_id"] for answer in made]
    started = aws.client("stepfunctions", REGION).list_executions(stateMachineArn=machine)["executions"]
    assert {execution["name"] for execution in started} == {f"{campaign_id}-0" for campaign_id in ids}
    group = aws.client("scheduler", REGION).list_schedules(GroupName="campaigns-of-api")["Schedules"]
    assert [schedule["Name"] for schedule in group] == [ids[1]]
    asked = event("http_api_health", world)
    asked["headers"]["authorization"] = f"Bearer {world.owner.api_key}"
    answers = []
    for path in ("", f"/{ids[0]}", f"/{ids[0]}/recipients", f"/{ids[0]}/report.csv"):
        asked["rawPath"] = asked["requestContext"]["http"]["path"] = f"/v1/calls/batch{path}"
        answers.append(handler.handler(asked, Context()))
    assert [answer["statusCode"] for answer in answers] == [200] * 4, answers
    assert {campaign["campaign_id"] for campaign in json.loads(answers[0]["body"])} == set(ids)
    assert json.loads(answers[1]["body"])["pace"]["slowed_until"] is None
    assert json.loads(answers[2]["body"]) == []
    assert (answers[3]["isBase64Encoded"], answers[3]["body"][:6]) == (False, "index,")
    stored = services.campaigns.get(account_id, ids[0])
    assert stored is not None
    assert b"".join(services.blobs.chunks(stored.source_key)).count(b"\n") == len(PEOPLE)


LATER = {"schedule_type": "schedule", "scheduled_at": "2099-06-01T09:00:00Z"}


def batch(world: World, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """Make the event of the seed's campaign, with changes."""
    asked = event("http_api_place_call", world)
    asked["rawPath"] = asked["requestContext"]["http"]["path"] = "/v1/calls/batch"
    people = [{"phone_number": number} for number in PEOPLE]
    asked["body"] = json.dumps(
        {"agent_id": AGENT, "name": "Tuesday reminders", "recipients": people, "schedule_type": "now"} | (more or {})
    )
    return asked


def test_a_campaign_of_ten_thousand_takes_seconds(api: Mangum, world: World) -> None:
    """The largest list a request may bring: about two seconds here, and it must stay far from the gateway's 29."""
    rows = [{"phone_number": f"+44711{n:07}", "dynamic_vars": {"name": f"Sam {n}"}} for n in range(10_000)]
    began = time.process_time()
    status, body, _ = ask(api, batch(world, {"recipients": rows}))
    assert time.process_time() - began < 10
    assert (status, body["valid_count"]) == (201, 10_000)
    status, body, _ = ask(api, batch(world, {"recipients": [{"phone_number": str(n)} for n in range(10_000)]}))
    assert (status, len(body["error"]["details"]["invalid"])) == (400, 10_000)


def test_importing_the_handler_imports_no_heavy_sdk() -> None:
    heavy = ("anthropic", "amazon_transcribe", "twilio.rest", "boto3", "aws_xray_sdk", "httpx")
    code = f"import sys, api.handler; print([m for m in {heavy!r} if m in sys.modules])"
    roots = [str(Path(__file__).parents[2] / "functions")]
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(roots)}, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
