"""The local Polly, asked by the real SDK."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests
from botocore.exceptions import ClientError

from infra.local.speech import mulaw
from infra.local.speech.polly import sentences
from infra.local.speech.scripted import Decoder, encode
from tests.contracts.speech_process import Speech, speech_process

if TYPE_CHECKING:
    from mypy_boto3_polly import PollyClient

TEXT = "Hello? This is Joanna. Could we move it to 4 p.m. on Thursday?"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speech]:
    with speech_process("scripted", tmp_path_factory.mktemp("ca")) as running:
        yield running


@pytest.fixture(scope="module")
def polly(speech: Speech) -> PollyClient:
    return speech.polly()


def ask(polly: PollyClient, **changes: Any) -> Any:
    wanted = {"Text": TEXT, "VoiceId": "Joanna", "Engine": "neural", "OutputFormat": "mulaw", "SampleRate": "8000"}
    asked = {name: value for name, value in (wanted | changes).items() if value is not None}
    return polly.synthesize_speech(**asked)


def test_mulaw_carries_the_words(polly: PollyClient) -> None:
    answer = ask(polly)
    sound = answer["AudioStream"].read()
    assert answer["ContentType"] == "audio/mulaw"
    assert answer["RequestCharacters"] == len(TEXT)
    assert answer["ResponseMetadata"]["RequestId"]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["transfer-encoding"] == "chunked"
    assert Decoder().feed(sound) == TEXT.split()


def test_a_share_of_the_products_requests_is_throttled_and_none_of_the_carriers(speech: Speech) -> None:
    speech.faults(tts_fail=1.0)
    try:
        with pytest.raises(ClientError, match="ThrottlingException"):
            ask(speech.polly())
        body = {"Text": "Hello.", "VoiceId": "Matthew", "Engine": "neural", "OutputFormat": "mulaw"}
        answer = requests.post(f"http://127.0.0.1:{speech.port}/v1/speech", json=body, timeout=5)
        assert Decoder().feed(answer.content) == ["Hello."]
    finally:
        speech.faults()


def test_pcm_is_the_same_sound(polly: PollyClient) -> None:
    low = ask(polly, OutputFormat="pcm")["AudioStream"].read()
    high = ask(polly, OutputFormat="pcm", SampleRate=None)["AudioStream"].read()
    assert mulaw.encode(np.frombuffer(low, "<i2")) == ask(polly)["AudioStream"].read()
    assert len(high) == 2 * len(low)
    assert np.frombuffer(high, "<i2")[::2].tobytes() == low


def test_markup_is_not_spoken(polly: PollyClient) -> None:
    answer = ask(polly, Text='<speak>Fish &amp; chips<break time="1s"/> at <b>four</b>.</speak>', TextType="ssml")
    assert Decoder().feed(answer["AudioStream"].read()) == ["Fish", "&", "chips", "at", "four", "."]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SampleRate": "22050"}, "InvalidSampleRateException"),
        ({"SampleRate": "16000"}, "InvalidSampleRateException"),
        ({"Text": "a" * 3001}, "TextLengthExceededException"),
        ({"VoiceId": "Nobody"}, "ValidationException"),
        ({"Text": ""}, "ValidationException"),
        ({"Text": "<speak>never closed", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"VoiceId": "Kevin", "Engine": None}, "EngineNotSupportedException"),
        ({"Engine": "telepathic"}, "ValidationException"),
    ],
)
def test_what_the_service_refuses_is_refused(polly: PollyClient, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        ask(polly, **changes)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_voices(polly: PollyClient) -> None:
    voices = {voice["Id"]: voice for voice in polly.describe_voices(Engine="neural")["Voices"]}
    assert {"Joanna", "Matthew", "Amy", "Brian", "Emma", "Ruth", "Stephen", "Danielle"} <= set(voices)
    assert voices["Joanna"]["Gender"] == "Female"
    british = polly.describe_voices(LanguageCode="en-GB")["Voices"]
    assert {voice["LanguageCode"] for voice in british} == {"en-GB"}


def test_claude_answers_on_the_same_port(speech: Speech) -> None:
    body = {"model": "claude-haiku-4-5", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello?"}]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{speech.port}/v1/messages",
        json.dumps(body).encode(),
        {"content-type": "application/json", "x-api-key": "local", "anthropic-version": "2023-06-01"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        assert json.load(answer)["role"] == "assistant"


def test_sentences_are_cut_where_they_end() -> None:
    assert sentences('He said "Go on." Dr. Lee can see you at 4 p.m. today! OK?  Bye.') == [
        'He said "Go on."',
        "Dr. Lee can see you at 4 p.m. today!",
        "OK?",
        "Bye.",
    ]


def test_its_files_are_private_to_the_owner(speech: Speech) -> None:
    assert (speech.folder / "server.key").stat().st_mode & 0o077 == 0
    assert (speech.folder / "ca.pem").read_bytes() in (speech.folder / "bundle.pem").read_bytes()


def test_a_port_of_its_own_is_all_it_needs(tmp_path: Path) -> None:
    with speech_process("scripted", tmp_path) as another:
        assert ask(another.polly(), Text="Hi.")["AudioStream"].read() == encode("Hi.")
