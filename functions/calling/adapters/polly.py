"""Speech by Amazon Polly, in the carrier's own format: no transcoding."""

from contextlib import closing
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from calling.domain.agent import VOICES
from calling.domain.errors import SpeechError

if TYPE_CHECKING:
    from mypy_boto3_polly import PollyClient

_DEFAULT_ENGINE = "neural"


class PollySpeech:
    """Fulfils Speech. Share one: a client of its own for each sentence is what makes peers slow."""

    def __init__(self, client: "PollyClient") -> None:
        self._client = client

    def synthesize(self, text: str, *, voice_id: str) -> bytes:
        """Speak up to 3,000 characters; see the port."""
        voice = VOICES.get(voice_id)
        try:
            answer = self._client.synthesize_speech(
                Text=text,
                TextType="text",
                VoiceId=voice_id,  # type: ignore[arg-type]  # the stubs list the voices one by one
                Engine=voice.engine if voice else _DEFAULT_ENGINE,  # type: ignore[arg-type]  # likewise
                OutputFormat="mulaw",
                SampleRate="8000",
            )
            with closing(answer["AudioStream"]) as audio:
                return audio.read()
        except (ClientError, BotoCoreError) as error:
            raise SpeechError(f"Polly did not speak: {type(error).__name__}") from error
