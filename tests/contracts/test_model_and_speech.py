"""ClaudeModel, PollySpeech and secrets: what they ask on the wire, and what they make of the answers."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from calling.adapters import aws, claude
from calling.adapters.claude import ClaudeModel
from calling.adapters.polly import PollySpeech
from calling.adapters.secrets import SecretsCredentials, llm_key
from calling.domain import prompt
from calling.domain.agent import Number
from calling.domain.errors import ModelError, SpeechError
from calling.domain.model_usage import ModelUsage
from calling.domain.phone_number import PhoneNumber
from calling.ports import CarrierAccount, Completion, Credentials, ModelAccess
from infra.local.claude.models import MODELS
from infra.local.speech.scripted import Decoder
from tests.contracts.answering import Answer, Answering, answering, refused_port
from tests.contracts.speech_process import speech_process
from tests.fakes.clock import ManualClock
from tests.fakes.outside import MemoryCredentials, MemoryVault

TOOL = {"name": "record_summary", "description": "Record.", "input_schema": {"type": "object"}}


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


def a_message(*content: dict[str, Any], stop_reason: str = "end_turn") -> Answer:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def a_refusal(status: int, message: str = "no", **headers: str) -> Answer:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


def ask(server: Answering, **changes: Any) -> Completion:
    question: dict[str, Any] = {
        "system": "You are Anna.",
        "message": "Write the opening line",
        "max_tokens": 80,
        "temperature": 0.3,
    }
    model = ClaudeModel(
        ModelAccess(api_key="sk-test", base_url=server.url),
        model="claude-haiku-4-5",
        fallback=changes.pop("fallback", ""),
        sleep=changes.pop("sleep", lambda _: None),
    )
    return model.complete(**(question | changes))


def test_a_question_is_asked_and_its_text_joined(server: Answering) -> None:
    server.will(a_message({"type": "text", "text": " Hello, "}, {"type": "text", "text": "this is Anna. "}))
    assert ask(server) == Completion("Hello, this is Anna.", usage=ModelUsage("claude-haiku-4-5", 1, 0, 0, 1))
    (asked,) = server.asked
    assert asked.path == "/v1/messages"
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert asked.json() == {
        "model": "claude-haiku-4-5",
        "system": "You are Anna.",
        "messages": [{"role": "user", "content": "Write the opening line"}],
        "max_tokens": 80,
        "temperature": 0.3,
        "thinking": {"type": "disabled"},
    }


def test_a_tool_is_forced_and_its_arguments_given(server: Answering) -> None:
    server.will(a_message({"type": "tool_use", "id": "t", "name": "record_summary", "input": {"summary": "x"}}))
    assert ask(server, tool=TOOL, model="claude-sonnet-5").arguments == {"summary": "x"}
    asked = server.asked[0].json()
    assert (asked["tools"], asked["tool_choice"]) == ([TOOL], {"type": "tool", "name": "record_summary"})
    assert asked["model"] == "claude-sonnet-5"


def test_a_model_that_cannot_be_forced_is_told_which_tool_to_call(server: Answering) -> None:
    use = a_message({"type": "tool_use", "id": "t", "name": "record_summary", "input": {"summary": "x"}})
    server.will(use)
    assert ask(server, tool=TOOL, model="claude-opus-5-5").arguments == {"summary": "x"}
    asked = server.asked[0].json()
    assert "tool_choice" not in asked
    assert "record_summary" in asked["system"]
    # One nobody knows: it says so itself, and is asked once more.
    server.will(a_refusal(400, "tool_choice: forced tool use is not supported for this model."), use)
    assert ask(server, tool=TOOL, model="claude-next-6").arguments == {"summary": "x"}
    assert ["tool_choice" in asked.json() for asked in server.asked[1:]] == [True, False]
    assert "record_summary" in server.asked[2].json()["system"]


def test_an_answer_cut_by_the_limit_and_a_refusal_are_told_apart_from_a_whole_one(server: Answering) -> None:
    server.will(a_message({"type": "text", "text": "Hello, this is"}, stop_reason="max_tokens"))
    assert ask(server).cut
    server.will(a_message({"type": "text", "text": "Hello, I can"}, stop_reason="refusal"))
    with pytest.raises(ModelError, match="refused"):
        ask(server)


def test_a_busy_model_is_waited_for_and_then_the_second_one_asked(server: Answering) -> None:
    pauses: list[float] = []
    server.will(a_refusal(429, **{"retry-after": "3"}), a_message({"type": "text", "text": "Hi."}))
    assert ask(server, sleep=pauses.append).text == "Hi."
    assert pauses == [3.0]
    server.asked.clear()
    server.will(a_refusal(429, **{"retry-after": "60"}), a_message({"type": "text", "text": "Hi."}))
    answer = ask(server, fallback="claude-sonnet-5", sleep=pauses.append)
    assert [asked.json()["model"] for asked in server.asked] == ["claude-haiku-4-5", "claude-sonnet-5"]
    assert answer.usage == ModelUsage("claude-sonnet-5", 1, 0, 0, 1)
    assert pauses == [3.0], "nobody waits for a minute"


def test_a_model_without_a_temperature_is_asked_without(server: Answering) -> None:
    server.will(
        a_refusal(400, "temperature: Extra inputs are not permitted"), a_message({"type": "text", "text": "Hi."})
    )
    assert ask(server).text == "Hi."
    assert ["temperature" in asked.json() for asked in server.asked] == [True, False]


def test_a_passing_trouble_is_asked_again(server: Answering) -> None:
    server.will(a_refusal(529, **{"retry-after-ms": "1"}), a_message({"type": "text", "text": "Hi."}))
    assert ask(server).text == "Hi."


def test_what_is_no_answer_is_a_model_error(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claude, "_PATIENCE", 0)
    monkeypatch.setattr(claude, "_READ_SECONDS", 0.3)
    text = {"type": "text", "text": "I cannot."}
    for answer, tool in (
        (a_refusal(401), None),
        (a_refusal(402), None),
        (a_refusal(400, "prompt of a customer"), None),
        (a_refusal(500), None),
        (Answer(200, b"<html>", {"Content-Type": "text/html"}), None),
        (Answer(200, b'{"content":', {"Content-Type": "application/json"}), None),
        (Answer(200, b"{}", {"Content-Type": "application/json"}), None),
        (Answer(fate="reset"), None),
        (Answer(fate="hang"), None),
        (a_message(), None),
        (a_message(text), TOOL),
    ):
        server.will(answer)
        with pytest.raises(ModelError) as raised:
            ask(server, tool=tool)
        assert "prompt of a customer" not in str(raised.value)


@pytest.fixture
def polly(server: Answering, monkeypatch: pytest.MonkeyPatch) -> PollySpeech:
    monkeypatch.setenv("AWS_ENDPOINT_URL_POLLY", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return PollySpeech(aws.client("polly", "us-east-1", read_seconds=1, attempts=1))


def test_speech_is_asked_for_in_the_carriers_format(server: Answering, polly: PollySpeech) -> None:
    server.will(Answer(200, b"\xff\x00" * 400, {"Content-Type": "audio/mulaw"}))
    assert polly.synthesize("Hello there.", voice_id="Amy") == b"\xff\x00" * 400
    asked = server.asked[0]
    assert asked.path == "/v1/speech"
    assert asked.json() == {
        "Text": "Hello there.",
        "TextType": "text",
        "VoiceId": "Amy",
        "Engine": "neural",
        "OutputFormat": "mulaw",
        "SampleRate": "8000",
    }


def test_no_speech_is_a_speech_error(server: Answering, polly: PollySpeech) -> None:
    for answer in (Answer(400, b'{"message":"bad"}'), Answer(500, b""), Answer(fate="reset")):
        server.will(answer)
        with pytest.raises(SpeechError):
            polly.synthesize("Hello.", voice_id="Amy")


def test_no_service_is_a_speech_error(monkeypatch: pytest.MonkeyPatch, polly: PollySpeech) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_POLLY", f"http://127.0.0.1:{refused_port()}")
    with pytest.raises(SpeechError):
        PollySpeech(aws.client("polly", "us-east-1", attempts=1)).synthesize("Hello.", voice_id="Amy")


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with speech_process("scripted", tmp_path_factory.mktemp("ca")) as running:
        yield f"http://127.0.0.1:{running.port}"


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", MODELS)
def test_the_laptops_services_answer_the_same_adapters(laptop: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What a fake gives use cases, the laptop gives too, of each model: an opener, its sound, a summary's arguments."""
    model = ClaudeModel(ModelAccess(api_key="local", base_url=laptop), model=name)
    identity = "<identity>\nYou are Maya, an AI agent speaking on the phone.\n</identity>\n\n"
    purpose = "<purpose>\nRemind the caller about their appointment tomorrow at 2pm.\n</purpose>"
    opener = model.complete(
        system=identity + purpose, message="Write the opening line of this call.", max_tokens=120, temperature=0.3
    )
    assert "Maya" in opener.text
    assert not opener.cut
    told = f"{purpose}\n<date>Saturday, 21 November 2026</date>\n<transcript>\nCaller: Fine, see you.\n</transcript>"
    summary = model.complete(
        system=prompt.SUMMARY_SYSTEM, message=told, max_tokens=400, temperature=0.0, tool=prompt.SUMMARY_TOOL
    )
    assert summary.arguments is not None
    assert {"summary", "sentiment", "successful"} <= summary.arguments.keys()
    monkeypatch.setenv("AWS_ENDPOINT_URL_POLLY", laptop)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    sound = PollySpeech(aws.client("polly", "us-east-1")).synthesize(opener.text, voice_id="Joanna")
    assert " ".join(Decoder().feed(sound)).split() == opener.text.split()


NUMBER = Number("acct_1", "agent_1", PhoneNumber("+15550100001"), 1)


def test_secrets_are_read_once_in_five_minutes(cloud: str) -> None:
    manager, clock, names = aws.client("secretsmanager"), ManualClock(), [uuid4().hex for _ in range(3)]
    for name, value in zip(
        names, ({"account_sid": "AC1", "auth_token": "one"}, {"secret": "s"}, {"api_key": "k"}), strict=True
    ):
        manager.create_secret(Name=name, SecretString=json.dumps(value))
    carrier, stream, model = names
    credentials = SecretsCredentials(
        manager,
        vault=MemoryVault(),
        clock=clock,
        carrier_secret_arn=carrier,
        stream_secret_arn=stream,
        llm_secret_arn=model,
    )
    assert credentials.of_number(NUMBER) == CarrierAccount("AC1", "one")
    assert (credentials.stream_secret(), credentials.llm_key()) == (b"s", "k")
    assert llm_key(manager, model) == "k"
    manager.put_secret_value(SecretId=carrier, SecretString=json.dumps({"account_sid": "AC1", "auth_token": "two"}))
    clock.advance(299)
    assert credentials.of_number(NUMBER).auth_token == "one"
    clock.advance(1)
    assert credentials.of_number(NUMBER).auth_token == "two"


def test_a_secret_is_read_again_at_most_once_a_minute(cloud: str) -> None:
    """Whoever sends us wrong signatures, or dials with a token that was rotated, asks for it; forgers as well."""
    manager, clock, name = aws.client("secretsmanager"), ManualClock(), uuid4().hex
    manager.create_secret(Name=name, SecretString=json.dumps({"account_sid": "AC1", "auth_token": "one"}))
    credentials = SecretsCredentials(manager, vault=MemoryVault(), clock=clock, carrier_secret_arn=name)
    assert credentials.of_number(NUMBER).auth_token == "one"
    assert not credentials.renew(NUMBER)  # nothing has changed, but the minute's read is used
    manager.put_secret_value(SecretId=name, SecretString=json.dumps({"account_sid": "AC1", "auth_token": "two"}))
    clock.advance(59)
    assert not credentials.renew(NUMBER)
    assert credentials.of_number(NUMBER).auth_token == "one"
    clock.advance(1)
    assert credentials.renew(NUMBER)
    assert credentials.of_number(NUMBER).auth_token == "two"
    clock.advance(60)
    assert not credentials.renew(NUMBER)


@pytest.mark.parametrize("world", ["memory", "secrets"])
def test_a_number_with_credentials_of_its_own_has_no_secret_to_renew(world: str) -> None:
    """Its record is read for each request; the adapter here may not even read a carrier's secret."""
    own = replace(NUMBER, twilio_sid="AC2", twilio_token=MemoryVault().encrypt("acct_1", "own"))
    adapter = SecretsCredentials(aws.client("secretsmanager"), vault=MemoryVault(), clock=ManualClock())
    credentials: Credentials = MemoryCredentials() if world == "memory" else adapter
    assert not credentials.renew(own)


def test_a_numbers_own_carrier_account_comes_first(cloud: str) -> None:
    own = Number(
        "acct_1",
        "agent_1",
        NUMBER.phone_number,
        1,
        twilio_sid="AC2",
        twilio_token=MemoryVault().encrypt("acct_1", "own"),
    )
    credentials = SecretsCredentials(aws.client("secretsmanager"), vault=MemoryVault(), clock=ManualClock())
    assert credentials.of_number(own) == CarrierAccount("AC2", "own")
    with pytest.raises(LookupError):
        credentials.of_number(NUMBER)
    assert "own" not in repr(credentials.of_number(own))
