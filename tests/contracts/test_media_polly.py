"""The conversation's Polly client over real HTTP: sound as it is made, one retry, and silence when told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from media.tts import TextToSpeechFailed, TtsSettings, polly
from media.tts.polly import PollySpeech

SOUND = bytes(range(256)) * 40
THROTTLED = (400, b'{"message":"Rate exceeded"}', "ThrottlingException")
REFUSED = (400, b'{"message":"no"}', "TextLengthExceededException")


class Service(ThreadingHTTPServer):
    """Answers in turn; an answer of None sends half of the sound and then waits for `go`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.go = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = self.server.answers.pop(0) if self.server.answers else (200, SOUND, "")
        status, body, error = answer or (200, SOUND, "")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "audio/basic" if status == 200 else "application/json")
        if error:
            self.send_header("x-amzn-ErrorType", error)
        self.end_headers()
        half = len(body) // 2 if answer is None else len(body)
        self.wfile.write(body[:half])
        self.wfile.flush()
        if answer is None:
            self.server.go.wait(20)
            self.wfile.write(body[half:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    service.go.set()
    service.shutdown()
    thread.join()
    service.server_close()


@pytest.fixture
async def speech(service: Service, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDLOCAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secretlocal")
    monkeypatch.setattr(polly, "_RETRY_AFTER", 0.0)
    speech = PollySpeech(TtsSettings("us-east-1", f"http://127.0.0.1:{service.server_port}"))
    yield speech
    await speech.close()


async def said(speech: PollySpeech, text: str = "Hello.") -> list[bytes]:
    return [chunk async for chunk in speech.speak(text, voice_id="Amy")]


async def test_the_sound_comes_whole_and_in_pieces(service: Service, speech: PollySpeech) -> None:
    chunks = await said(speech)
    assert b"".join(chunks) == SOUND
    assert len(chunks) > 2
    (order,) = service.asked
    assert order == {
        "Engine": "neural",
        "LanguageCode": "en-GB",
        "OutputFormat": "mulaw",
        "SampleRate": "8000",
        "Text": "Hello.",
        "TextType": "text",
        "VoiceId": "Amy",
    }


async def test_the_first_sound_does_not_wait_for_the_last(service: Service, speech: PollySpeech) -> None:
    service.answers = [None]
    words = speech.speak("Hello.", voice_id="Amy")
    first = await anext(aiter(words))
    assert not service.go.is_set()
    service.go.set()
    assert first + b"".join([chunk async for chunk in words]) == SOUND


async def test_what_is_no_longer_wanted_is_not_waited_for(service: Service, speech: PollySpeech) -> None:
    service.answers = [None]
    words = speech.speak("Hello.", voice_id="Amy")
    await anext(aiter(words))
    await words.aclose()  # type: ignore[attr-defined]  # an async generator
    assert not service.go.is_set()
    assert b"".join(await said(speech)) == SOUND  # and the next one is none the worse


async def test_throttled_speech_is_asked_for_once_more(service: Service, speech: PollySpeech) -> None:
    service.answers = [THROTTLED]
    assert b"".join(await said(speech)) == SOUND
    service.answers = [THROTTLED, THROTTLED]
    with pytest.raises(TextToSpeechFailed):
        await said(speech)
    assert len(service.asked) == 4


async def test_a_refusal_is_final(service: Service, speech: PollySpeech) -> None:
    service.answers = [REFUSED]
    with pytest.raises(TextToSpeechFailed):
        await said(speech)
    assert len(service.asked) == 1


async def test_a_lost_service_is_a_failure(speech: PollySpeech, service: Service) -> None:
    nowhere = PollySpeech(TtsSettings("us-east-1", "http://127.0.0.1:9"))
    with pytest.raises(TextToSpeechFailed):
        await said(nowhere)
    await nowhere.close()
