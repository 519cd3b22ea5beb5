"""One emulator a session, on ports of its own, for every test that needs AWS to really answer."""

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import httpx
import pytest
from botocore.config import Config

from infra.local.deploy import deploy
from tests.flows.house_story import Story, Telling
from tests.flows.house_world import Customer, HouseProcess, Running

PROJECT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
T = TypeVar("T")


def free_ports(count: int) -> list[int]:
    """Find ports nobody listens at; all are held at once, so that they differ."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def eventually(look: Callable[[], T], seconds: float = 20.0) -> T:
    """Look until it answers something true; fail with the last answer at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s; last seen: {seen!r}")
        time.sleep(0.05)


@functools.cache
def cached_client(endpoint_url: str, service: str) -> Any:
    """Make a boto3 client once: it costs more than most calls do, and threads may share it."""
    return boto3.client(  # type: ignore[call-overload]  # the name is only known at run time
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, max_pool_connections=32),
    )


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator: where it answers and how to talk to it."""

    endpoint_url: str
    api_url: str
    pid: int

    def client(self, service: str) -> Any:
        """Answer a boto3 client for it."""
        return cached_client(self.endpoint_url, service)

    def deploy(self, template: Path, parameters: Mapping[str, str], stack_name: str) -> dict[str, str]:
        """Deploy a template; outputs and physical ids."""
        return deploy(self.endpoint_url, template, parameters, stack_name=stack_name, region=REGION)


def start_emulator(gateway: int, api: int, **environment: str) -> "subprocess.Popen[bytes]":
    """Start the launcher as `make local` does."""
    given = {"GATEWAY_PORT": str(gateway), "API_PORT": str(api), "AWS_REGION": REGION, "EMULATOR_DIE_WITH_PARENT": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.emulator"], cwd=PROJECT, env={**os.environ, **given, **environment}
    )


def await_health(url: str, process: "subprocess.Popen[bytes]", seconds: float = 30.0) -> None:
    """Return once the address answers 200."""

    def healthy() -> bool:
        if process.poll() is not None:
            pytest.fail(f"the emulator ended with {process.returncode}")
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url, timeout=2).status_code == 200
        return False

    eventually(healthy, seconds)


def stop_emulator(process: "subprocess.Popen[bytes]") -> int:
    """Ask the launcher to end; kill it if it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(timeout=5)


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    gateway, api = free_ports(2)
    process = start_emulator(gateway, api)
    try:
        await_health(f"http://127.0.0.1:{gateway}/_ministack/health", process)
        yield Emulator(f"http://127.0.0.1:{gateway}", f"http://127.0.0.1:{api}", process.pid)
    finally:
        stop_emulator(process)


@pytest.fixture(scope="session")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Telling]]:
    """One house a session, in which the story begins at once."""
    own = HouseProcess.start(tmp_path_factory.mktemp("house"))
    customer = Customer()
    customer.start()
    try:
        running = Running(own, own.published(), customer)
        running.look_at_numbers()
        telling = Telling(running)
        try:
            yield running, telling
        finally:
            telling.close()
            running.http.close()
    finally:
        own.destroy()
        customer.stop()


@pytest.fixture(scope="session")
def running(telling: tuple[Running, Telling]) -> Running:
    """The house that stands."""
    return telling[0]


@pytest.fixture(scope="session")
def story(telling: tuple[Running, Telling]) -> Story:
    """The story, when all its calls have ended."""
    return telling[1].told()
