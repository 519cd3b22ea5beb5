"""ModelCatalogue: the fake, Claude's own, and the one that asks describe_model, over the local Claude."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from calling.adapters import aws
from calling.adapters.claude_catalogue import ClaudeCatalogue
from calling.adapters.lambda_catalogue import LambdaCatalogue
from calling.domain.language_model import (
    NOBODY_SAID,
    LlmAccess,
    ModelFacts,
    ModelTraits,
    Restraint,
    as_answer,
    facts_from,
)
from calling.ports import ModelAccess, ModelCatalogue
from calling.usecases.describe_model import describe_model
from infra.local.claude.models import MODELS
from tests.contracts.answering import Answer, answering, refused_port
from tests.contracts.test_claude_messages import served
from tests.fakes.clock import ManualClock
from tests.fakes.outside import MemoryCatalogue

SONNET = ModelFacts(ModelTraits(Restraint.BETWEEN_TOOLS, forced_tools=False))
RETIRING = ModelFacts(ModelTraits(temperature=True), retires="30 November 2026")
KNOWN = {"claude-sonnet-5-5": SONNET, "claude-sonnet-4-5": RETIRING}


def by_key(url: str) -> ModelAccess:
    return ModelAccess(api_key="local", base_url=url)


@contextmanager
def function(name: str, catalogue: ModelCatalogue) -> Iterator[str]:
    """Lambda's API with one function in it: the use case over a catalogue."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path.endswith(f"/functions/{name}/invocations")
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(describe_model(event["model"], catalogue=catalogue)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def through_lambda(url: str, monkeypatch: pytest.MonkeyPatch, seconds: float = 3) -> LambdaCatalogue:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return LambdaCatalogue(aws.client("lambda", "us-east-1", read_seconds=seconds, attempts=1), "describe_model")


@pytest.fixture(params=["memory", "claude", "lambda"])
def catalogue(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelCatalogue]:
    if request.param == "memory":
        yield MemoryCatalogue(KNOWN)
        return
    with served() as url:
        own = ClaudeCatalogue(by_key(url), ManualClock())
        if request.param == "claude":
            yield own
            return
        with function("describe_model", own) as lambda_url:
            yield through_lambda(lambda_url, monkeypatch)


def test_what_a_model_accepts_and_until_when(catalogue: ModelCatalogue) -> None:
    assert {name: catalogue.find(name) for name in KNOWN} == KNOWN


def test_a_model_there_is_not(catalogue: ModelCatalogue) -> None:
    assert catalogue.find("gpt-9") is None


def test_every_model_is_asked_about_once_in_ten_minutes() -> None:
    clock = ManualClock()
    described = {"type": "model", "display_name": "x", "created_at": "2026-01-01T00:00:00Z", "lifecycle": "active"}
    with answering() as server:
        info = described | {"id": "claude-haiku-5-5", "capabilities": MODELS["claude-haiku-5-5"].info()["capabilities"]}
        server.will(Answer(200, json.dumps(info).encode(), {"Content-Type": "application/json"}))
        catalogue = ClaudeCatalogue(by_key(server.url), clock)
        for seconds, asked in ((0, 1), (599, 1), (1, 2)):
            clock.advance(seconds)
            assert catalogue.find("claude-haiku-5-5") == ModelFacts(ModelTraits())
            assert len(server.asked) == asked
        assert server.asked[0].path == "/v1/models/claude-haiku-5-5"


def test_a_retired_model_is_none() -> None:
    retired = MODELS["claude-haiku-4-5"].info() | {"lifecycle": "retired"}
    with answering() as server:
        server.will(Answer(200, json.dumps(retired).encode(), {"Content-Type": "application/json"}))
        assert ClaudeCatalogue(by_key(server.url), ManualClock()).find("claude-haiku-4-5") is None


REFUSED = Answer(401, b'{"type":"error","error":{"type":"authentication_error","message":"no"}}')


@pytest.mark.parametrize("answer", [REFUSED, Answer(500), Answer(200, b"<html>"), Answer(fate="reset")])
def test_a_service_that_does_not_say_leaves_it_open(answer: Answer) -> None:
    with answering() as server:
        server.will(answer)
        catalogue = ClaudeCatalogue(by_key(server.url), ManualClock())
        assert catalogue.find("claude-next-6") == NOBODY_SAID
        # What its SDK knows of models that go is said all the same.
        assert catalogue.find("claude-sonnet-4-5") == ModelFacts(retires="November 30th, 2026")


def test_bedrock_has_nobody_to_ask() -> None:
    way = ModelAccess(LlmAccess.BEDROCK, region="eu-west-2")
    assert ClaudeCatalogue(way, ManualClock()).find("claude-haiku-5-5") == NOBODY_SAID


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(200, b"{}"),
        Answer(200, b'{"errorType": "Sandbox.Timedout"}', {"X-Amz-Function-Error": "Unhandled"}),
        Answer(fate="hang"),
        Answer(fate="reset"),
    ],
)
def test_a_function_that_does_not_answer_in_time_leaves_it_open(answer: Answer, monkeypatch: Any) -> None:
    with answering() as server:
        server.will(answer)
        assert through_lambda(server.url, monkeypatch, seconds=0.3).find("claude-haiku-5-5") == NOBODY_SAID
        assert len(server.asked) == 1, "who saves an agent does not wait twice"
    gone = through_lambda(f"http://127.0.0.1:{refused_port()}", monkeypatch)
    assert gone.find("claude-haiku-5-5") == NOBODY_SAID


@pytest.mark.parametrize("facts", [None, NOBODY_SAID, SONNET, RETIRING])
def test_an_answer_comes_back_as_it_was(facts: ModelFacts | None) -> None:
    assert facts_from(json.loads(json.dumps(as_answer(facts)))) == facts
