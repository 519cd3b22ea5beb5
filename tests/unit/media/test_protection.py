"""Scale-in protection, against a small HTTP server that answers as ECS's agent does."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from media.protection import MINUTES, TaskProtection

WITHIN = 5.0


class Agent:
    """What was asked of it, in order; `fails` requests are refused first."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.paths: set[tuple[str, str]] = set()
        self.fails = 0
        self.heard = threading.Event()


@pytest.fixture
def agent() -> Iterator[tuple[Agent, str]]:
    state = Agent()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append(body)
            state.paths.add((self.path, self.headers["Content-Type"]))
            if state.fails:
                state.fails -= 1
                said: dict[str, Any] = {"failure": {"Arn": "arn", "Reason": "TASK_NOT_VALID"}}
            else:
                said = {"protection": {"ProtectionEnabled": body["ProtectionEnabled"], "TaskArn": "arn"}}
            data = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            state.heard.set()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state, f"http://127.0.0.1:{server.server_port}/api/v2"
    server.shutdown()
    server.server_close()
    thread.join()


@asynccontextmanager
async def running(protection: TaskProtection) -> AsyncIterator[None]:
    task = asyncio.create_task(protection.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def heard(agent: Agent) -> None:
    assert await asyncio.to_thread(agent.heard.wait, WITHIN)
    agent.heard.clear()


async def test_the_task_is_protected_from_its_first_call_to_its_last(agent: tuple[Agent, str]) -> None:
    state, uri = agent
    calls: list[str] = []
    protection = TaskProtection(uri, lambda: len(calls))
    async with running(protection):
        for live, told in ((1, True), (2, False), (1, False), (0, True)):
            calls[:] = ["a call"] * live
            protection.changed()
            if told:
                await heard(state)
    assert state.asked == [{"ProtectionEnabled": True, "ExpiresInMinutes": MINUTES}, {"ProtectionEnabled": False}]
    assert state.paths == {("/api/v2/task-protection/v1/state", "application/json")}


async def test_a_refusal_is_asked_again_and_harms_nothing(agent: tuple[Agent, str]) -> None:
    state, uri = agent
    state.fails = 2
    protection = TaskProtection(uri, lambda: 1, retry_seconds=0.01)
    async with running(protection):
        for _ in range(3):
            await heard(state)
    assert [asked["ProtectionEnabled"] for asked in state.asked] == [True] * 3


async def test_an_idle_task_asks_for_nothing(agent: tuple[Agent, str]) -> None:
    state, uri = agent
    protection = TaskProtection(uri, lambda: 0)
    async with running(protection):
        protection.changed()
        await asyncio.sleep(0)
    assert state.asked == []


async def test_where_there_is_no_agent_nothing_is_told() -> None:
    async with asyncio.timeout(WITHIN):
        await TaskProtection("", lambda: 1).run()
