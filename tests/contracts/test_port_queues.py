"""Queues, state machine, bus, blobs and vault: what the fakes remember is what the emulated AWS received."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError

from calling.adapters import aws, eventbridge
from calling.adapters.eventbridge import EventBridgeBus
from calling.adapters.kms import KmsVault
from calling.adapters.lambda_opener import LambdaOpenerTask
from calling.adapters.s3 import S3BlobStore
from calling.adapters.sqs import SqsDeliveryQueue, SqsDialQueue, SqsRecipientQueue, ticket_of
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow, StepFunctionsDialWorkflow
from calling.domain.campaign import Ticket
from calling.domain.delivery import Delivery
from calling.domain.events import Event, EventName
from calling.ports import (
    BlobStore,
    CampaignWorkflow,
    DialWorkflow,
    EventBus,
    ExecutionState,
    RecipientQueue,
    Vault,
)
from tests.fakes.campaigns import MemoryCampaignWorkflow, MemoryRecipientQueue
from tests.fakes.outside import MemoryBlobs, MemoryVault
from tests.fakes.queues import MemoryBus, MemoryWorkflow

T0 = 1_795_260_000_000
_WAITS = {
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}},
}
_ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.fixture
def sqs(cloud: str) -> Any:
    return aws.client("sqs")


@pytest.fixture
def queue_url(sqs: Any) -> Iterator[str]:
    url: str = sqs.create_queue(QueueName=f"q-{uuid4().hex[:8]}")["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def received(sqs: Any, url: str) -> list[Any]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def test_a_queued_call_is_handed_out_by_its_ids(sqs: Any, queue_url: str) -> None:
    SqsDialQueue(sqs, queue_url).send("acct_1", "call_1")
    assert received(sqs, queue_url) == [{"account_id": "acct_1", "call_id": "call_1"}]


def test_a_delay_is_kept_within_what_sqs_takes(sqs: Any, queue_url: str) -> None:
    """SQS refuses a longer or a negative delay with an error."""
    queue = SqsDialQueue(sqs, queue_url)
    queue.send("acct_1", "call_1", delay_seconds=100_000)
    queue.send("acct_1", "call_2", delay_seconds=-3)
    assert received(sqs, queue_url) == [{"account_id": "acct_1", "call_id": "call_2"}]
    waiting = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert waiting["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


def test_a_delivery_is_queued_by_its_ids(sqs: Any, queue_url: str) -> None:
    delivery = Delivery("acct_1", "del_1", "call_1", "call_1#terminal", "call.completed", "https://x.example", T0)
    SqsDeliveryQueue(sqs, queue_url).send(delivery, delay_seconds=0)
    assert received(sqs, queue_url) == [{"account_id": "acct_1", "call_id": "call_1", "delivery_id": "del_1"}]


TICKET = Ticket("acct_1", "camp_1", index=7, number=2, token="a-token", planned_at=T0, since=T0 + 123)


@pytest.fixture(params=["memory", "sqs"])
def recipients(request: pytest.FixtureRequest) -> RecipientQueue:
    if request.param == "memory":
        return MemoryRecipientQueue()
    return SqsRecipientQueue(request.getfixturevalue("sqs"), request.getfixturevalue("queue_url"))


def test_a_ticket_is_handed_out_as_it_was_sent(recipients: RecipientQueue, request: pytest.FixtureRequest) -> None:
    recipients.send(TICKET)
    recipients.send(TICKET, delay_seconds=3)
    if isinstance(recipients, MemoryRecipientQueue):
        assert recipients.sent == [(TICKET, 0), (TICKET, 3)]
        return
    (message,) = received(request.getfixturevalue("sqs"), request.getfixturevalue("queue_url"))
    assert ticket_of(message) == TICKET
    assert message.keys() == {"account_id", "campaign_id", "index", "number", "token", "planned_at", "since"}


@pytest.mark.parametrize("since", [T0 + 123, "2026-11-21T11:20:00.123Z", "2026-11-21T11:20:00.123+00:00"])
def test_a_ticket_of_the_state_machine_is_read(since: int | str) -> None:
    ids = {"account_id": "acct_1", "campaign_id": "camp_1", "index": 7, "number": 2, "token": "a-token"}
    ids["planned_at"] = T0
    assert ticket_of({**ids, "since": since}) == TICKET


@pytest.fixture(params=["memory", "stepfunctions"])
def campaign_workflow(request: pytest.FixtureRequest) -> CampaignWorkflow:
    if request.param == "memory":
        return MemoryCampaignWorkflow()
    request.getfixturevalue("cloud")
    client = aws.client("stepfunctions")
    machine = client.create_state_machine(name=f"m-{uuid4().hex[:8]}", definition=json.dumps(_WAITS), roleArn=_ROLE)
    return StepFunctionsCampaignWorkflow(client, machine["stateMachineArn"])


def test_a_generation_of_a_campaign_is_started_once(campaign_workflow: CampaignWorkflow) -> None:
    for generation in (0, 0, 1):
        campaign_workflow.start("acct_1", "camp_1", generation)
    assert campaign_workflow.state("camp_1", 1) is ExecutionState.RUNNING
    assert campaign_workflow.state("camp_1", 2) is ExecutionState.ABSENT
    campaign_workflow.answer("a-token-nobody-waits-for", {"result": "woken"})
    if isinstance(campaign_workflow, MemoryCampaignWorkflow):
        assert campaign_workflow.started == [("acct_1", "camp_1", 0), ("acct_1", "camp_1", 1)]
        return
    assert isinstance(campaign_workflow, StepFunctionsCampaignWorkflow)
    client, arn = aws.client("stepfunctions"), campaign_workflow._arn
    executions = {e["name"]: e["executionArn"] for e in client.list_executions(stateMachineArn=arn)["executions"]}
    assert executions.keys() == {"camp_1-0", "camp_1-1"}
    given = client.describe_execution(executionArn=executions["camp_1-1"])["input"]
    assert given == '{"account_id":"acct_1","campaign_id":"camp_1","generation":1}'
    client.stop_execution(executionArn=executions["camp_1-0"])
    campaign_workflow.start("acct_1", "camp_1", 0)  # ExecutionAlreadyExists
    assert campaign_workflow.state("camp_1", 0) is ExecutionState.OVER


@pytest.fixture(params=["memory", "stepfunctions"])
def workflow(request: pytest.FixtureRequest) -> DialWorkflow:
    if request.param == "memory":
        return MemoryWorkflow()
    request.getfixturevalue("cloud")
    client = aws.client("stepfunctions")
    machine = client.create_state_machine(name=f"m-{uuid4().hex[:8]}", definition=json.dumps(_WAITS), roleArn=_ROLE)
    return StepFunctionsDialWorkflow(client, machine["stateMachineArn"])


def test_a_call_is_started_once(workflow: DialWorkflow) -> None:
    workflow.start("acct_1", "call_1")
    workflow.start("acct_1", "call_1")
    if isinstance(workflow, MemoryWorkflow):
        assert workflow.started == [("acct_1", "call_1")]
        return
    assert isinstance(workflow, StepFunctionsDialWorkflow)
    client, arn = aws.client("stepfunctions"), workflow._arn
    (execution,) = client.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == "call_1"
    given = client.describe_execution(executionArn=execution["executionArn"])["input"]
    assert given == '{"account_id":"acct_1","call_id":"call_1"}'
    client.stop_execution(executionArn=execution["executionArn"])
    workflow.start("acct_1", "call_1")  # ExecutionAlreadyExists
    assert len(client.list_executions(stateMachineArn=arn)["executions"]) == 1


def test_where_an_execution_stands(workflow: DialWorkflow) -> None:
    assert workflow.state("call_1") is ExecutionState.ABSENT
    workflow.start("acct_1", "call_1")
    assert workflow.state("call_1") is ExecutionState.RUNNING
    if isinstance(workflow, StepFunctionsDialWorkflow):
        client = aws.client("stepfunctions")
        (execution,) = client.list_executions(stateMachineArn=workflow._arn)["executions"]
        client.stop_execution(executionArn=execution["executionArn"])
        assert workflow.state("call_1") is ExecutionState.OVER


def test_a_dead_token_is_success(workflow: DialWorkflow) -> None:
    workflow.answer("a-token-nobody-waits-for", {"result": "ended"})
    workflow.heartbeat("a-token-nobody-waits-for")


@pytest.fixture(params=["memory", "eventbridge"])
def bus(request: pytest.FixtureRequest) -> EventBus:
    if request.param == "memory":
        return MemoryBus()
    request.getfixturevalue("cloud")
    client = aws.client("events")
    name = f"bus-{uuid4().hex[:8]}"
    client.create_event_bus(Name=name)
    return EventBridgeBus(client, name)


def an_event(n: int) -> Event:
    return Event("acct_1", f"call_{n}#terminal", EventName.CALL_COMPLETED, 2, f"call_{n}", T0 + n)


def test_more_events_than_a_batch_are_published(bus: EventBus) -> None:
    assert list(bus.publish([an_event(n) for n in range(23)])) == []
    assert list(bus.publish([])) == []


def test_an_event_reaches_a_queue_whole(sqs: Any, queue_url: str) -> None:
    events, name = aws.client("events"), f"bus-{uuid4().hex[:8]}"
    events.create_event_bus(Name=name)
    pattern = json.dumps({"source": ["redial"], "detail-type": ["call.completed"]})
    events.put_rule(Name="r", EventBusName=name, EventPattern=pattern)
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_targets(Rule="r", EventBusName=name, Targets=[{"Id": "1", "Arn": arn}])
    EventBridgeBus(events, name).publish([an_event(1)])
    (message,) = received(sqs, queue_url)
    assert eventbridge.event_of(message) == an_event(1)


class PartlyFailing:
    """EventBridge answers per entry; the emulator never refuses one."""

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  botocore's name
        details = [json.loads(entry["Detail"]) for entry in Entries]
        failing = [
            {"ErrorCode": "ThrottlingException"} if d["call_id"] == "call_1" else {"EventId": "e"} for d in details
        ]
        return {"FailedEntryCount": 1, "Entries": failing}


def test_events_that_were_not_accepted_are_named() -> None:
    memory = MemoryBus()
    memory.refused.add("call_1#terminal")
    for bus in (memory, EventBridgeBus(PartlyFailing(), "bus")):  # type: ignore[arg-type]  # only what is used of it
        assert list(bus.publish([an_event(n) for n in range(3)])) == ["call_1#terminal"]


@pytest.fixture(params=["memory", "s3"])
def blobs(request: pytest.FixtureRequest) -> BlobStore:
    if request.param == "memory":
        return MemoryBlobs()
    request.getfixturevalue("cloud")
    client, bucket = aws.client("s3"), f"b-{uuid4().hex[:8]}"
    client.create_bucket(Bucket=bucket)
    return S3BlobStore(client, bucket)


def test_a_blob_is_read_as_it_was_put(blobs: BlobStore) -> None:
    assert blobs.get("openers/call_1.ulaw") is None
    blobs.put("openers/call_1.ulaw", b"\xff\x00", content_type="audio/basic")
    blobs.put("openers/call_1.ulaw", b"\x7e\x80", content_type="audio/basic")
    assert blobs.get("openers/call_1.ulaw") == b"\x7e\x80"


def test_deleted_blobs_are_gone_and_others_stay(blobs: BlobStore) -> None:
    for key in ("recordings/a", "recordings/b"):
        blobs.put(key, b"sound", content_type="audio/wav")
    blobs.delete(["recordings/a", "recordings/never"])
    assert blobs.get("recordings/a") is None
    assert blobs.get("recordings/b") == b"sound"


def test_a_signed_url_names_its_blob(blobs: BlobStore) -> None:
    blobs.put("recordings/call_1.wav", b"RIFF", content_type="audio/wav")
    url = blobs.signed_url("recordings/call_1.wav", seconds=60)
    assert "recordings/call_1.wav" in url
    if isinstance(blobs, S3BlobStore):
        assert "X-Amz-Signature" in url


def test_a_blob_has_a_size_and_is_copied(blobs: BlobStore) -> None:
    assert blobs.size("lists/a") is None
    blobs.put("lists/a", b"phone\n+44", content_type="text/csv")
    blobs.put("lists/b", b"old", content_type="text/csv")
    assert blobs.size("lists/a") == 9
    blobs.copy("lists/a", "lists/b")
    assert blobs.get("lists/b") == blobs.get("lists/a") == b"phone\n+44"
    blobs.put("lists/empty", b"", content_type="text/csv")
    assert blobs.size("lists/empty") == 0


def test_a_blob_is_read_in_pieces_of_bounded_size(blobs: BlobStore) -> None:
    data = bytes(range(256)) * 600
    blobs.put("lists/long", data, content_type="text/csv")
    pieces = list(blobs.chunks("lists/long"))
    assert b"".join(pieces) == data
    assert len(pieces) > 1
    assert max(map(len, pieces)) <= 64 * 1024
    blobs.put("lists/empty", b"", content_type="text/csv")
    assert b"".join(blobs.chunks("lists/empty")) == b""
    with pytest.raises(FileNotFoundError):
        list(blobs.chunks("lists/never"))


def test_an_upload_url_takes_a_put(blobs: BlobStore) -> None:
    url = blobs.upload_url("uploads/acct_1/up_1", seconds=60)
    assert "uploads/acct_1/up_1" in url
    if isinstance(blobs, S3BlobStore):
        assert httpx.put(url, content=b"phone\n", headers={"content-type": "text/csv"}).is_success
        assert blobs.get("uploads/acct_1/up_1") == b"phone\n"


@pytest.fixture(params=["memory", "kms"])
def vault(request: pytest.FixtureRequest) -> Vault:
    if request.param == "memory":
        return MemoryVault()
    request.getfixturevalue("cloud")
    client = aws.client("kms")
    return KmsVault(client, client.create_key()["KeyMetadata"]["KeyId"])


def test_what_is_encrypted_is_read_again_by_its_account_alone(vault: Vault) -> None:
    ciphertext = vault.encrypt("acct_1", "whsec_é")
    assert "whsec" not in ciphertext
    assert vault.decrypt("acct_1", ciphertext) == "whsec_é"
    with pytest.raises((ValueError, ClientError)):
        vault.decrypt("acct_2", ciphertext)


def test_an_opener_that_cannot_be_asked_for_stops_no_call(cloud: str, caplog: pytest.LogCaptureFixture) -> None:
    LambdaOpenerTask(aws.client("lambda"), "no-such-function").start("acct_1", "call_1")
    assert "no opener" in caplog.text
