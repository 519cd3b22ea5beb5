"""Amazon Polly's two operations that a call needs, over plain HTTP as its SDK speaks it.

`POST /v1/speech` and `GET /v1/voices`. Sound comes from a Speaker: piper, or scripted speech. It knows nothing of
recognition or of calls, and logs no text.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from infra.local.speech import mulaw, scripted
from infra.local.speech.faults import Faults
from infra.local.speech.voices import VOICES, Voice

_LONGEST_TEXT: Final = 3000  # characters, as the service counts them: without the markup
_CHUNK: Final = 3200  # bytes: what a reader gets at once of what is ready
# Whitespace after a full stop (and a closing quote), but not the stop of a title or of "4 p.m.".
_SENTENCE_END: Final = re.compile(
    r"(?:(?<=[.!?…])|(?<=[.!?…][\"')\]]))(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\.m\.)\s+"
)
_RATES: Final = {"mulaw": ("8000",), "pcm": ("8000", "16000")}


class Speaker(Protocol):
    """Where the sound comes from."""

    async def say(self, sentence: str, voice: Voice, rate: int) -> NDArray[np.int16]:
        """Speak one sentence: 16-bit samples."""


class ScriptedSpeaker:
    """Speaks waveforms that carry their words."""

    async def say(self, sentence: str, voice: Voice, rate: int) -> NDArray[np.int16]:  # noqa: ARG002
        """Speak at four words a second in one voice; at 16 kHz every sample stands twice."""
        return mulaw.decode(scripted.encode(sentence)).repeat(rate // scripted.SAMPLE_RATE)


class _Speech(BaseModel):
    """SynthesizeSpeech, as far as it is understood here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    text: Annotated[str, Field(alias="Text", min_length=1)]
    voice: Annotated[str, Field(alias="VoiceId")]
    output: Annotated[Literal["mulaw", "pcm"], Field(alias="OutputFormat")]
    rate: Annotated[str | None, Field(alias="SampleRate")] = None
    engine: Annotated[Literal["standard", "neural", "long-form", "generative"], Field(alias="Engine")] = "standard"
    language: Annotated[str | None, Field(alias="LanguageCode")] = None
    text_type: Annotated[Literal["text", "ssml"], Field(alias="TextType")] = "text"


class _Refusal(Exception):
    """An error of the service: its code and its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def routes(speaker: Speaker, faults: Faults) -> list[Route]:
    """Make the service's routes, speaking through speaker."""

    async def speech(request: Request) -> Response:
        try:
            _throttle(request, faults)
            wanted, plain = _understand(await request.body())
        except _Refusal as refusal:
            return _error(refusal)
        return StreamingResponse(
            _sound(speaker, plain, wanted),
            media_type=f"audio/{wanted.output}",
            headers={"x-amzn-RequestId": str(uuid.uuid4()), "x-amzn-RequestCharacters": str(len(plain))},
        )

    return [Route("/v1/speech", speech, methods=["POST"]), Route("/v1/voices", _voices, methods=["GET"])]


def _throttle(request: Request, faults: Faults) -> None:
    # People's voices are asked for without a signature: their speech is no service that could fail.
    if "authorization" in request.headers and faults.draw(faults.plan.tts_fail):
        raise _Refusal("ThrottlingException", "Rate exceeded")


def _understand(body: bytes) -> tuple[_Speech, str]:
    """The request and its text without markup. A refusal for all that the service would refuse."""
    try:
        wanted = _Speech.model_validate_json(body)
    except ValidationError as error:
        what = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in what["loc"])
        raise _Refusal("ValidationException", f"1 validation error detected at '{field}': {what['msg']}") from None
    plain = _without_markup(wanted.text) if wanted.text_type == "ssml" else wanted.text
    voice = VOICES.get(wanted.voice)
    if voice is None:
        raise _Refusal("ValidationException", "1 validation error detected: Value at 'voiceId' failed to satisfy enum")
    if wanted.rate is not None and wanted.rate not in _RATES[wanted.output]:
        raise _Refusal("InvalidSampleRateException", f"Unsupported sample rate for {wanted.output}: {wanted.rate}")
    if wanted.engine not in voice.engines:
        raise _Refusal("EngineNotSupportedException", "This voice does not support the selected engine")
    if len(plain) > _LONGEST_TEXT:
        raise _Refusal("TextLengthExceededException", "Maximum text length has been exceeded")
    return wanted, plain


def _without_markup(ssml: str) -> str:
    if not re.fullmatch(r"\s*<speak[\s>].*</speak>\s*", ssml, re.DOTALL):
        raise _Refusal("InvalidSsmlException", "Invalid SSML request")
    bare = re.sub(r"<[^>]*>", " ", ssml)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        bare = bare.replace(entity, char)
    return " ".join(bare.split())


def sentences(text: str) -> list[str]:
    """Cut a text where a sentence ends, so that the first can be heard while the next is made."""
    return [part for part in _SENTENCE_END.split(text.strip()) if part]


async def _sound(speaker: Speaker, text: str, wanted: _Speech) -> AsyncIterator[bytes]:
    rate = int(wanted.rate or _RATES[wanted.output][-1])
    for sentence in sentences(text):
        samples = await speaker.say(sentence, VOICES[wanted.voice], rate)
        sound = mulaw.encode(samples) if wanted.output == "mulaw" else samples.astype("<i2").tobytes()
        for at in range(0, len(sound), _CHUNK):
            yield sound[at : at + _CHUNK]


async def _voices(request: Request) -> Response:
    engine, language = request.query_params.get("Engine"), request.query_params.get("LanguageCode")
    chosen = [
        voice
        for voice in VOICES.values()
        if (engine is None or engine in voice.engines) and (language is None or language == voice.language)
    ]
    return _json({"Voices": [_described(voice) for voice in chosen]})


def _described(voice: Voice) -> dict[str, Any]:
    return {
        "Id": voice.name,
        "Name": voice.name,
        "Gender": voice.gender,
        "LanguageCode": voice.language,
        "LanguageName": voice.language_name,
        "SupportedEngines": list(voice.engines),
    }


def _error(refusal: _Refusal) -> Response:
    return _json({"message": str(refusal)}, 400, {"x-amzn-ErrorType": refusal.code})


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        json.dumps(body),
        status,
        headers={"x-amzn-RequestId": str(uuid.uuid4()), **(headers or {})},
        media_type="application/json",
    )
