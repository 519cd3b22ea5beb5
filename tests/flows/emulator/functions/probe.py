"""Handlers that show what the emulator hands to a function and does with its answer."""

import json
import os
import time
from typing import Any

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["SEEN_TABLE"])
STATES = boto3.client("stepfunctions")


class CarrierBusyError(Exception):
    """An error whose name a state machine catches."""


def note(tag: str, value: Any) -> None:
    """Write down that we were here, once more."""
    TABLE.put_item(Item={"pk": tag, "sk": f"{time.time_ns():020d}-{os.getpid()}", "value": json.dumps(value)})


def seen(tag: str) -> int:
    """How often a tag was noted."""
    found = TABLE.query(
        KeyConditionExpression="pk = :tag", ExpressionAttributeValues={":tag": tag}, ConsistentRead=True
    )
    return int(found["Count"])


def echo(event: Any, _context: Any) -> Any:
    """Answer the event."""
    if event.get("rawPath", "").endswith("/binary"):
        return {"statusCode": 200, "isBase64Encoded": True, "body": "AP8B", "headers": {"content-type": "audio/basic"}}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}


def environment(_event: Any, _context: Any) -> Any:
    """Answer the process's id and environment."""
    return {"pid": os.getpid(), "environment": dict(os.environ)}


def record(event: Any, _context: Any) -> Any:
    """Note the event under its own tag."""
    note(event.get("tag") or event.get("detail-type") or "event", event)
    return {"seen": seen(event["tag"])} if "tag" in event else {}


def failing(event: Any, _context: Any) -> Any:
    """Raise until it has been called `times`."""
    note(event["tag"], os.getpid())
    if seen(event["tag"]) <= event.get("times", 1_000):
        raise CarrierBusyError("the line is busy")
    return {"tries": seen(event["tag"])}


def together(event: Any, _context: Any) -> Any:
    """Answer only once two of us run at the same time."""
    note(event["tag"], event)
    deadline = time.monotonic() + 10
    while seen(event["tag"]) < 2:
        if time.monotonic() > deadline:
            raise TimeoutError("alone")
        time.sleep(0.02)
    return {"pid": os.getpid()}


def callback(event: Any, _context: Any) -> Any:
    """Do with the task token what the event says."""
    note(event["tag"], event["token"])
    if event["do"] == "raise":
        raise CarrierBusyError("refused")
    if event["do"] == "answer":
        STATES.send_task_success(taskToken=event["token"], output='{"sid": "CA1"}')
    if event["do"] == "beat":
        STATES.send_task_heartbeat(taskToken=event["token"])
    return {}


def queue(event: Any, _context: Any) -> Any:
    """Fail the messages that say so, alone."""
    failed = []
    for message in event["Records"]:
        body = json.loads(message["body"])
        note(f"queue-{body['id']}", message["attributes"]["ApproximateReceiveCount"])
        if body.get("bad"):
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def stream(event: Any, _context: Any) -> Any:
    """Note the keys that came; say that poison failed."""
    failed = []
    for item in event["Records"]:
        key = item["dynamodb"]["Keys"]["sk"]["S"]
        note(f"stream-{key}", item["eventName"])
        if "poison" in key:
            failed.append({"itemIdentifier": item["dynamodb"]["SequenceNumber"]})
            break
    return {"batchItemFailures": failed}


def raising_stream(event: Any, _context: Any) -> Any:
    """Raise for the whole batch if poison is in it."""
    keys = [item["dynamodb"]["Keys"]["sk"]["S"] for item in event["Records"]]
    note("batches", keys)
    if any("poison" in key for key in keys):
        raise CarrierBusyError("poison")
    return {}


def keys(_event: Any, _context: Any) -> Any:
    """Encrypt and decrypt with the template's key; show the template's secret."""
    client = boto3.client("kms")
    sealed = client.encrypt(KeyId=os.environ["KEY_ID"], Plaintext=b"token", EncryptionContext={"account": "a"})
    opened = client.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"account": "a"})
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["SECRET_ARN"])["SecretString"]
    return {"opened": opened["Plaintext"].decode(), "secret": secret}
