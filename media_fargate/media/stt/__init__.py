"""Speech to text as the session sees it: a stream of sound in, transcripts out.

A provider is one line in PROVIDERS and one file here, which says how a stream is opened at the vendor; what all calls
have in common is media.stt.recognition. Knows nothing of the carrier, the model or the voice.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from media.conversation.inputs import Heard

PROVIDERS = {
    "transcribe": "media.stt.transcribe_websocket:TranscribeWebSocket",
    "transcribe-sdk": "media.stt.transcribe_sdk:TranscribeSdk",
}


class SpeechToTextFailed(Exception):
    """The recogniser gave up for good on a stream, after its bounded reopenings."""


@dataclass(frozen=True, slots=True)
class SttSettings:
    """Where a provider is: the region, and an endpoint of its own (empty: the vendor's)."""

    region: str
    endpoint_url: str = ""


class SttStream(Protocol):
    """One call's recognition. Iterate it in one task; send from any other."""

    def send(self, pcm: bytes) -> None:
        """Queue 16-bit PCM at 8 kHz and return at once."""

    def __aiter__(self) -> AsyncIterator[Heard]:
        """Yield transcripts until closed. Raises SpeechToTextFailed."""

    async def close(self) -> None:
        """End the input, wait a bounded while for what is still coming, and let go."""


class SpeechToText(Protocol):
    """A recogniser, shared by all calls."""

    def open(self, *, language: str) -> SttStream:
        """Begin a call's recognition; connecting happens while sound is being queued."""


def provider(name: str, settings: SttSettings, *, refused: Callable[[], None]) -> SpeechToText:
    """Load a provider by its name in PROVIDERS.

    It calls `refused` on the event loop, once for each stream that the service refuses or ends because the account's
    quota is met (LimitExceededException).
    """
    module, _, factory = PROVIDERS[name].partition(":")
    return cast("SpeechToText", getattr(import_module(module), factory)(settings, refused))
