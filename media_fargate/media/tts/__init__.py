"""Text to speech as the session sees it: words in, mu-law out as it is made.

A provider is one file here and one line in PROVIDERS. Knows nothing of the carrier, the model or the recogniser.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

PROVIDERS = {"polly": "media.tts.polly:PollySpeech"}


class TextToSpeechFailed(Exception):
    """A text could not be turned (wholly) into audio."""


@dataclass(frozen=True, slots=True)
class TtsSettings:
    """Where a provider is, and how many texts it may be turning into speech at a time."""

    region: str
    endpoint_url: str | None = None
    concurrency: int = 32


class TextToSpeech(Protocol):
    """A voice, shared by all calls."""

    def speak(self, text: str, *, voice_id: str) -> AsyncIterator[bytes]:
        """Yield mu-law at 8 kHz, the first bytes as soon as they are made. Raises TextToSpeechFailed.

        Closing the iterator stops the making.
        """

    async def close(self) -> None:
        """Let go of connections and threads."""


def provider(name: str, settings: TtsSettings) -> TextToSpeech:
    """Load a provider by its name in PROVIDERS."""
    module, _, factory = PROVIDERS[name].partition(":")
    return cast("TextToSpeech", getattr(import_module(module), factory)(settings))
