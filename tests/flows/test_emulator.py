"""What the product relies on from the emulator: each mend of `infra/local/emulator/patches`, on the real process."""

import base64
import json
import os
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from botocore.exceptions import ClientError
from ministack.services import eventbridge

from infra.local.deploy import DeployFailedError
from infra.local.emulator.__main__ import check_ports_free
from infra.local.emulator.patches import schedules
from infra.local.emulator.server import check_version
from tests.flows.conftest import Emulator, await_health, eventually, free_ports, start_emulator, stop_emulator

HERE = Path(__file__).parent / "emulator"
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"


@dataclass(frozen=True, slots=True)
class House:
    """The deployed probe stack and short ways to use it."""

    emulator: Emulator
    ids: dict[str, str]

    def invoke(self, function: str, event: Any) -> tuple[Any, str | None]:
        answer = self.emulator.client("lambda").invoke(FunctionName=self.ids[function], Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def seen(self, tag: str) -> list[Any]:
        found = self.emulator.client("dynamodb").query(
            TableName=self.ids["Data/Seen"],
            KeyConditionExpression="pk = :tag",
            ExpressionAttributeValues={":tag": {"S": tag}},
        )
        return [json.loads(item["value"]["S"]) for item in found["Items"]]

    def write(self, pk: str, *keys: str) -> None:
        for sk in keys:
            item = {"pk": {"S": pk}, "sk": {"S": sk}}
            self.emulator.client("dynamodb").put_item(TableName=self.ids["Data/Outbox"], Item=item)

    def machine(self, states: dict[str, Any], **top: Any) -> str:
        definition = {"StartAt": next(iter(states)), "States": states, **top}
        made = self.emulator.client("stepfunctions").create_state_machine(
            name=uuid.uuid4().hex, definition=json.dumps(definition), roleArn=self.ids["RoleArn"]
        )
        return str(made["stateMachineArn"])

    def run(self, machine: str, given: Any) -> dict[str, Any]:
        client = self.emulator.client("stepfunctions")
        arn = client.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        return eventually(
            lambda: next((d for d in [client.describe_execution(executionArn=arn)] if d["status"] != "RUNNING"), {})
        )

    def call(self, path: str, data: bytes | None = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.emulator.endpoint_url}/_aws/execute-api/{self.ids['HttpApiId']}/$default{path}"
        return httpx.request("POST" if data else "GET", url, content=data, headers=named, timeout=20)


@pytest.fixture(scope="module")
def house(emulator: Emulator) -> House:
    return House(emulator, emulator.deploy(HERE / "template.yaml", {"TwilioApiUrl": "http://carrier"}, "probe"))


def callback_task(house: House, do: str, **fields: Any) -> dict[str, Any]:
    payload = {"token.$": "$$.Task.Token", "tag.$": "$.tag", "do": do}
    parameters = {"FunctionName": house.ids["CallbackArn"], "Payload": payload}
    return {"Type": "Task", "Resource": CALLBACK, "Parameters": parameters, "End": True, **fields}


# The process


def test_another_version_is_refused_with_a_reason() -> None:
    with pytest.raises(SystemExit, match=r"1\.5\.33"):
        check_version("1.5.34")


@pytest.mark.parametrize("fork", ["1", "0"])
def test_it_caps_its_workers_and_ends_with_them_and_leaves_no_folder(tmp_path: Path, fork: str) -> None:
    gateway, api = free_ports(2)
    process = start_emulator(gateway, api, TMPDIR=str(tmp_path), EMULATOR_MAX_WORKERS="1", EMULATOR_FORK=fork)
    own = Emulator(f"http://127.0.0.1:{gateway}", f"http://127.0.0.1:{api}", process.pid)
    await_health(f"{own.endpoint_url}/_ministack/health", process)
    assert httpx.get(own.api_url + "/v1/calls").status_code == 503  # nothing is deployed yet
    house = House(own, own.deploy(HERE / "template.yaml", {}, "short"))
    assert httpx.get(own.api_url + "/v1/calls?limit=2", timeout=20).json()["rawPath"] == "/v1/calls"
    with ThreadPoolExecutor(6) as pool:
        pids = {answer["pid"] for answer, _ in pool.map(lambda _: house.invoke("EnvironmentFunction", {}), range(12))}
    assert 1 <= len(pids) <= 2  # one of its own and the one extra
    assert all(alive(pid) for pid in pids)
    assert stop_emulator(process) == 0
    eventually(lambda: not any(alive(pid) for pid in pids))
    assert not list(tmp_path.iterdir())


def test_it_ends_when_its_launcher_is_killed(tmp_path: Path) -> None:
    gateway, api = free_ports(2)
    process = start_emulator(gateway, api, TMPDIR=str(tmp_path), EMULATOR_FORK="0")
    await_health(f"http://127.0.0.1:{gateway}/_ministack/health", process)
    process.kill()
    process.wait()
    eventually(lambda: not list(tmp_path.iterdir()))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{gateway}/_ministack/health")


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port}"):
            check_ports_free({"GATEWAY_PORT": str(port)})


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or ") Z " not in Path(f"/proc/{pid}/stat").read_text()


def test_a_function_sees_its_own_environment_and_nothing_of_the_shell(
    house: House,
) -> None:
    environment = house.invoke("EnvironmentFunction", {})[0]["environment"]
    assert environment["TWILIO_API_URL"] == "http://carrier"
    assert (environment["CAP"], environment["CALLBACKS"]) == ("5", "true")
    assert environment["AWS_ENDPOINT_URL"] == house.emulator.endpoint_url
    assert environment["AWS_REGION"] == "us-east-1"
    assert not [name for name in environment if name.startswith(("PYTEST", "VIRTUAL_ENV", "PYTHONPATH", "MINISTACK"))]


def test_a_failed_deployment_names_the_resource_and_the_reason(emulator: Emulator, tmp_path: Path) -> None:
    template = {"Resources": {"Broken": {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "no-prefix"}}}}
    (tmp_path / "template.yaml").write_text(json.dumps(template))
    with pytest.raises(DeployFailedError, match=r"Broken: .*alias/"):
        emulator.deploy(tmp_path / "template.yaml", {}, "broken")


# Lambda


def test_a_raised_exception_is_named_and_keeps_the_worker(house: House) -> None:
    first, kind = house.invoke("FailingFunction", {"tag": "named"})
    assert (first["errorType"], first["errorMessage"], kind) == ("CarrierBusyError", "the line is busy", "Unhandled")
    house.invoke("FailingFunction", {"tag": "named"})
    first_pid, second_pid = house.seen("named")
    assert first_pid == second_pid


def test_one_function_runs_twice_at_a_time(house: House) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda n: house.invoke("TogetherFunction", {"tag": "together", "n": n}), range(2)))
    assert [error for _, error in answers] == [None, None]
    assert len({answer["pid"] for answer, _ in answers}) == 2


def test_an_event_invocation_returns_at_once_and_is_tried_again_when_it_fails(house: House) -> None:
    answer = house.emulator.client("lambda").invoke(
        FunctionName=house.ids["FailingFunction"],
        InvocationType="Event",
        Payload=json.dumps({"tag": "async", "times": 1}),
    )
    assert answer["StatusCode"] == 202
    eventually(lambda: len(house.seen("async")) == 2)


# HTTP API


def test_both_proxies_reach_their_functions(house: House) -> None:
    answer = house.call("/v1/calls/call_1?limit=2&status=ended", X_Api_Key="k")
    event = answer.json()
    assert answer.status_code == 200
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == (
        "2.0",
        "/v1/calls/call_1",
        "limit=2&status=ended",
    )
    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["requestContext"]["http"]["path"] == "/v1/calls/call_1"
    assert event["requestContext"]["stage"] == "$default"
    assert event["headers"]["x-api-key"] == "k"
    assert event["headers"]["x-forwarded-proto"] == "http"
    assert event["isBase64Encoded"] is False
    assert "body" not in event
    assert house.call("/twilio/acct/inbound").json()["routeKey"] == "ANY /twilio/{proxy+}"
    assert house.call("/elsewhere").status_code == 404


def test_a_form_is_base64_and_json_is_not(house: House) -> None:
    form = b"CallSid=CA1&From=%2B15551230000"
    event = house.call("/twilio/status", form, content_type="application/x-www-form-urlencoded").json()
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == form
    event = house.call("/v1/calls", b'{"to": "+1"}', content_type="application/json").json()
    assert (event["isBase64Encoded"], event["body"]) == (False, '{"to": "+1"}')


def test_a_binary_answer_is_decoded(house: House) -> None:
    assert house.call("/v1/binary").content == b"\x00\xff\x01"


# CloudFormation


def test_a_yaml_state_machine_runs_with_its_substitution(house: House) -> None:
    ended = house.run(house.ids["GreetStateMachine"], {"tag": "greet"})
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"seen": 1})
    described = house.emulator.client("stepfunctions").describe_state_machine(
        stateMachineArn=house.ids["GreetStateMachine"]
    )
    assert json.loads(described["definition"])["States"]["Greet"]["TimeoutSeconds"] == 20


def test_a_table_of_a_template_has_its_ttl(house: House) -> None:
    described = house.emulator.client("dynamodb").describe_time_to_live(TableName=house.ids["Data/Seen"])
    assert described["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_a_condition_leaves_a_resource_out(house: House) -> None:
    assert "Data/Vpc" not in house.ids


def test_a_generated_secret_keeps_its_exclusions_and_the_key_seals(house: House) -> None:
    answer, error = house.invoke("KeysFunction", {})
    assert (error, answer["opened"], len(answer["secret"])) == (None, "token", 64)
    assert answer["secret"].isalnum()
    assert answer["secret"] == answer["secret"].lower()


# Step Functions


def test_an_error_under_a_task_token_fails_the_task_at_once(house: House) -> None:
    caught = [{"ErrorEquals": ["CarrierBusyError"], "Next": "Resolve", "ResultPath": "$.error"}]
    dial = callback_task(house, "raise", TimeoutSeconds=600, Catch=caught)
    ended = house.run(house.machine({"Dial": dial, "Resolve": {"Type": "Pass", "End": True}}), {"tag": "cb-raise"})
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["error"]["Error"] == "CarrierBusyError"


def test_each_try_of_a_callback_task_has_its_own_token(house: House) -> None:
    retry = [{"ErrorEquals": ["CarrierBusyError"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 1}]
    ended = house.run(house.machine({"Dial": callback_task(house, "raise", Retry=retry)}), {"tag": "cb-retry"})
    assert (ended["status"], ended["error"]) == ("FAILED", "CarrierBusyError")
    assert len(set(house.seen("cb-retry"))) == 2


def test_retry_by_the_exceptions_name(house: House) -> None:
    retry = [{"ErrorEquals": ["CarrierBusyError"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}]
    task = {"Type": "Task", "Resource": house.ids["FailingArn"], "Retry": retry, "End": True}
    ended = house.run(house.machine({"Dial": task}), {"tag": "retry", "times": 1})
    assert json.loads(ended["output"]) == {"tries": 2}


def test_an_answer_given_before_the_function_returns_counts(house: House) -> None:
    ended = house.run(house.machine({"Dial": callback_task(house, "answer")}), {"tag": "cb-answer"})
    assert json.loads(ended["output"]) == {"sid": "CA1"}


def test_silence_ends_a_callback_task_however_the_patience_is_given(house: House) -> None:
    given: dict[str, dict[str, Any]] = {
        "heartbeat": {"HeartbeatSeconds": 1, "TimeoutSeconds": 600},
        "heartbeat by path": {"HeartbeatSecondsPath": "$.patience", "TimeoutSeconds": 600},
        "timeout": {"TimeoutSeconds": 1},
        "timeout by path": {"TimeoutSecondsPath": "$.patience"},
    }
    machines = {name: house.machine({"Dial": callback_task(house, "beat", **task)}) for name, task in given.items()}
    patience = "{% $states.input.patience %}"
    machines["heartbeat by expression"] = jsonata_machine(house, HeartbeatSeconds=patience, TimeoutSeconds=600)
    machines["timeout by expression"] = jsonata_machine(house, TimeoutSeconds=patience)
    with ThreadPoolExecutor(len(machines)) as pool:
        ended = pool.map(lambda machine: house.run(machine, {"tag": "quiet", "patience": 1}), machines.values())
    assert {name: one["error"] for name, one in zip(machines, ended, strict=True)} == {
        name: "States.HeartbeatTimeout" if "heartbeat" in name else "States.Timeout" for name in machines
    }


def jsonata_machine(house: House, **fields: Any) -> str:
    payload = {"token": "{% $states.context.Task.Token %}", "tag": "quiet", "do": "nothing"}
    arguments = {"FunctionName": house.ids["CallbackArn"], "Payload": payload}
    task = {"Type": "Task", "Resource": CALLBACK, "Arguments": arguments, "End": True, **fields}
    return house.machine({"Dial": task}, QueryLanguage="JSONata")


def test_heartbeats_keep_a_callback_task_alive(house: House) -> None:
    client = house.emulator.client("stepfunctions")
    machine = house.machine({"Dial": callback_task(house, "nothing", HeartbeatSeconds=1, TimeoutSeconds=600)})
    arn = client.start_execution(stateMachineArn=machine, input='{"tag": "beating"}')["executionArn"]
    token = eventually(lambda: house.seen("beating"))[0]
    until = datetime.now(ZoneInfo("UTC")) + timedelta(seconds=1.6)

    def beat_on() -> bool:
        client.send_task_heartbeat(taskToken=token)
        return datetime.now(ZoneInfo("UTC")) > until

    eventually(beat_on)
    client.send_task_success(taskToken=token, output="{}")
    eventually(lambda: client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")


def test_starting_the_same_execution_again_answers_the_same(house: House) -> None:
    client = house.emulator.client("stepfunctions")
    machine = house.machine({"Dial": callback_task(house, "nothing", TimeoutSeconds=600)})
    start = {"stateMachineArn": machine, "name": "call_1"}
    first = client.start_execution(**start, input='{"tag": "same"}')
    again = client.start_execution(**start, input='{"tag": "same"}')
    assert (first["executionArn"], first["startDate"]) == (again["executionArn"], again["startDate"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        client.start_execution(**start, input='{"tag": "other"}')
    token = eventually(lambda: house.seen("same"))[0]
    client.send_task_success(taskToken=token, output="{}")
    eventually(lambda: client.describe_execution(executionArn=first["executionArn"])["status"] == "SUCCEEDED")
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        client.start_execution(**start, input='{"tag": "same"}')
    assert len(house.seen("same")) == 1


def test_a_queue_can_carry_the_token(house: House) -> None:
    sqs = house.emulator.client("sqs")
    url = sqs.create_queue(QueueName="tokens")["QueueUrl"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 600,
        "End": True,
    }
    client = house.emulator.client("stepfunctions")
    arn = client.start_execution(stateMachineArn=house.machine({"Send": task}), input="{}")["executionArn"]
    message = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]
    token = json.loads(message["Body"])["token"]
    client.send_task_failure(taskToken=token, error="CarrierRefused", cause="21211")
    ended: dict[str, Any] = eventually(
        lambda: next((d for d in [client.describe_execution(executionArn=arn)] if d["status"] == "FAILED"), {})
    )
    assert (ended["error"], ended["cause"]) == ("CarrierRefused", "21211")


def test_a_distributed_map_runs_as_many_at_once_as_its_path_says(house: House) -> None:
    s3, sqs, client = (house.emulator.client(service) for service in ("s3", "sqs", "stepfunctions"))
    s3.create_bucket(Bucket="passes")
    s3.put_object(Bucket="passes", Key="1.jsonl", Body=b"".join(b'{"index": %d}\n' % n for n in range(5)))
    url = sqs.create_queue(QueueName="tickets")["QueueUrl"]
    ticket = {"index.$": "$.index", "token.$": "$$.Task.Token", "since.$": "$$.State.EnteredTime"}
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": ticket},
        "TimeoutSeconds": 600,
        "End": True,
    }
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    passes = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Parameters": {"Bucket": "passes", "Key.$": "$.plan.key"},
        },
        "MaxConcurrencyPath": "$.plan.concurrency",
        "ToleratedFailurePercentage": 100,
        "ItemProcessor": {**processor, "StartAt": "Send", "States": {"Send": send}},
        "ResultPath": None,
        "End": True,
    }
    given = {"plan": {"key": "1.jsonl", "concurrency": 2}}
    arn = client.start_execution(stateMachineArn=house.machine({"Pass": passes}), input=json.dumps(given))
    waiting = list[dict[str, Any]]()

    def received(at_least: int) -> bool:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        waiting.extend(json.loads(message["Body"]) for message in found)
        return len(waiting) >= at_least

    for answered in range(5):
        eventually(lambda answered=answered: received(min(answered + 2, 5)))  # type: ignore[misc]  # bound at once
        assert len(waiting) <= answered + 2, "never more than two wait"
        assert datetime.fromisoformat(waiting[answered]["since"]).tzinfo is not None
        if answered % 2:
            client.send_task_failure(taskToken=waiting[answered]["token"], error="Late", cause="one may fail")
        else:
            client.send_task_success(taskToken=waiting[answered]["token"], output="{}")
    ended: dict[str, Any] = eventually(
        lambda: next(
            (d for d in [client.describe_execution(executionArn=arn["executionArn"])] if d["status"] != "RUNNING"), {}
        )
    )
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", given)
    assert sorted(ticket["index"] for ticket in waiting) == [0, 1, 2, 3, 4]


# Queues, streams, events, schedules


def test_a_message_that_fails_alone_is_tried_again_and_then_dies(house: House) -> None:
    sqs = house.emulator.client("sqs")
    entries = [
        {"Id": str(n), "MessageBody": json.dumps({"id": name, "bad": name == "bad"})}
        for n, name in enumerate(["good", "bad", "fine"])
    ]
    sqs.send_message_batch(QueueUrl=house.ids["DialQueue"], Entries=entries)
    dead = eventually(
        lambda: sqs.receive_message(QueueUrl=house.ids["DeadQueue"]).get("Messages"),
    )
    assert json.loads(dead[0]["Body"])["id"] == "bad"
    assert house.seen("queue-bad") == ["1", "2"]
    assert house.seen("queue-good") == ["1"]
    assert house.seen("queue-fine") == ["1"]


def test_a_stream_filters_and_tries_again_from_the_record_that_failed(house: House) -> None:
    house.write("other", "unwanted")
    house.write("outbox#1", "a", "poison", "z")
    eventually(lambda: house.seen("stream-z"))
    assert house.seen("stream-a") == ["INSERT"]
    assert len(house.seen("stream-poison")) == 3
    assert not house.seen("stream-unwanted")


def test_a_stream_bisects_a_batch_that_raises(house: House) -> None:
    house.write("bisect", "b1", "b2", "poison-b", "b4")
    eventually(lambda: any("b4" in batch and "poison-b" not in batch for batch in house.seen("batches")))
    done = [key for batch in house.seen("batches") if not any("poison" in key for key in batch) for key in batch]
    assert sorted(done) == ["b1", "b2", "b4"]


def test_a_rule_sends_what_matches_to_a_queue_and_to_a_function(house: House) -> None:
    def event(kind: str, detail: dict[str, Any]) -> dict[str, str]:
        bus = house.ids["Bus"]
        return {"Source": "redial", "DetailType": kind, "Detail": json.dumps(detail), "EventBusName": bus}

    house.emulator.client("events").put_events(
        Entries=[event("call.completed", {"n": 1}), event("call.completed", {"webhook": "w", "n": 2}), event("x", {})]
    )
    sqs = house.emulator.client("sqs")
    messages = eventually(lambda: sqs.receive_message(QueueUrl=house.ids["Deliveries"]).get("Messages"))
    assert [json.loads(message["Body"])["detail"]["n"] for message in messages] == [2]
    eventually(lambda: len(house.seen("call.completed")) == 2)
    assert sorted(one["detail"]["n"] for one in house.seen("call.completed")) == [1, 2]


def test_a_schedule_fires_at_its_own_zones_time(house: House) -> None:
    now = datetime.now(ZoneInfo("Pacific/Auckland"))
    house.emulator.client("scheduler").create_schedule(
        Name="auckland",
        ScheduleExpression=f"at({now + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="Pacific/Auckland",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": house.ids["RecordArn"], "RoleArn": house.ids["RoleArn"], "Input": '{"tag": "auckland"}'},
    )
    eventually(lambda: house.seen("auckland"))
    with pytest.raises(ClientError, match="ResourceNotFound"):
        house.emulator.client("scheduler").get_schedule(Name="auckland")


def test_cron_is_read_in_its_zone_over_the_change_of_clocks() -> None:
    schedules.apply()
    stored = {"ScheduleExpression": "cron(0 9 * * ? *)", "ScheduleExpressionTimezone": "Europe/London"}
    fields = eventbridge._parse_cron_fields(schedules.zoned(stored)["ScheduleExpression"])
    winter = eventbridge._cron_next_fire(fields, datetime(2026, 3, 27, 12, tzinfo=ZoneInfo("UTC")))
    summer = eventbridge._cron_next_fire(fields, winter)
    assert (winter.isoformat(), summer.isoformat()) == ("2026-03-28T09:00:00+00:00", "2026-03-29T08:00:00+00:00")


def test_a_schedule_says_for_when_it_was(house: House) -> None:
    at = (datetime.now(ZoneInfo("Europe/London")) + timedelta(seconds=1)).replace(microsecond=0)
    occasion = f"{at.astimezone(ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%SZ}"
    house.emulator.client("scheduler").create_schedule(
        Name="occasion",
        ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="Europe/London",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": house.ids["RecordArn"],
            "RoleArn": house.ids["RoleArn"],
            "Input": '{"tag": "<aws.scheduler.scheduled-time>"}',
        },
    )
    eventually(lambda: house.seen(occasion))


def test_a_firing_of_cron_was_for_its_minute() -> None:
    target = {"Arn": "arn", "Input": '{"occasion": "<aws.scheduler.scheduled-time>"}'}
    fired = datetime(2026, 3, 28, 9, 0, 1, tzinfo=ZoneInfo("UTC")).timestamp() + 0.25
    told = [
        schedules.with_time(target, {"ScheduleExpression": expression}, fired)["Input"]
        for expression in ("cron(0 9 * * ? *)", "rate(5 minutes)")
    ]
    assert told == ['{"occasion": "2026-03-28T09:00:00Z"}', '{"occasion": "2026-03-28T09:00:01Z"}']
    assert schedules.with_time({"Arn": "arn"}, {"ScheduleExpression": "rate(5 minutes)"}, fired) == {"Arn": "arn"}


@pytest.mark.parametrize("expression", ["cron(0 9 * * * *)", "rate(0 minutes)", "every day", "at(tomorrow)"])
def test_an_expression_that_cannot_be_read_is_refused(emulator: Emulator, expression: str) -> None:
    with pytest.raises(ClientError, match="Invalid Schedule Expression"):
        emulator.client("scheduler").create_schedule(
            Name="unreadable",
            ScheduleExpression=expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
                "RoleArn": "arn:aws:iam::000000000000:role/r",
            },
        )


def test_a_template_may_schedule_a_function(house: House) -> None:
    rules = house.emulator.client("events").list_rules()["Rules"]
    assert [rule["ScheduleExpression"] for rule in rules if "Minutely" in rule["Name"]] == ["rate(1 minute)"]
