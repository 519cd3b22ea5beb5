"""`python -m media` as the container runs it: wired to the emulated AWS, healthy, and gone when told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from calling.adapters import aws
from tests.contracts.conftest import TABLE
from tests.contracts.speech_process import ROOT, _free_port
from tests.flows.conftest import REGION


@pytest.fixture(scope="module")
def environment(cloud: str, dynamodb: Any) -> dict[str, str]:
    """What template.yaml gives the container, made in the emulator."""
    secrets = aws.client("secretsmanager", REGION)
    arns = {
        name: secrets.create_secret(Name=f"media-{name}", SecretString=json.dumps(value))["ARN"]
        for name, value in {
            "carrier": {"account_sid": "AC" + "1" * 32, "auth_token": "t"},
            "stream": {"secret": "s"},
            "anthropic": {"api_key": "k"},
        }.items()
    }
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("functions", "media_fargate")),
        "AWS_ENDPOINT_URL": cloud,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "TABLE_NAME": TABLE,
        "BUCKET_NAME": "bucket",
        "KMS_KEY_ID": "alias/key",
        "CARRIER_SECRET_ARN": arns["carrier"],
        "STREAM_TOKEN_SECRET_ARN": arns["stream"],
        "ANTHROPIC_SECRET_ARN": arns["anthropic"],
        "MEDIA_PUBLIC_URL": "ws://127.0.0.1",
    }


@contextmanager
def program(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "media"],
        cwd=ROOT,
        env=environment | {"MEDIA_PORT": str(port)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, port
    finally:
        process.kill()
        process.communicate()


def await_health(process: subprocess.Popen[Any], port: int) -> Any:
    deadline = time.monotonic() + 40
    while True:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends_when_told(environment: dict[str, str], number: signal.Signals) -> None:
    with program(environment) as (process, port):
        assert await_health(process, port) == {"status": "ok", "live_calls": 0}
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")


def test_it_says_what_its_environment_lacks(environment: dict[str, str]) -> None:
    with program({k: v for k, v in environment.items() if k != "MEDIA_PUBLIC_URL"}) as (process, _):
        _, errors = process.communicate(timeout=40)
        assert process.returncode == 1
        assert "MEDIA_PUBLIC_URL" in errors
    with program({k: v for k, v in environment.items() if k != "TABLE_NAME"}) as (process, _):
        _, errors = process.communicate(timeout=40)
        assert process.returncode == 1
        assert "TABLE_NAME" in errors
