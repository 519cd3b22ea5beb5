"""Amazon Polly through one shared boto3 client and a pool of threads.

Polly makes mu-law at 8 kHz itself, so nothing is resampled. The answer is read in small pieces and the first is handed
on at once. Throttled requests (8 a second by default) are tried once more.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from calling.domain.agent import VOICES
from media.tts import TextToSpeechFailed, TtsSettings

logger = logging.getLogger(__name__)

_FIRST, _NEXT = 800, 3200  # bytes read at a time: 100 ms, then 400 ms
_RETRY_AFTER = 0.3  # s
_THROTTLED = frozenset({"ThrottlingException", "TooManyRequestsException", "ServiceUnavailableException"})
_MAX_TEXT = 2_900  # characters Polly bills and takes at once are 3,000


HandOver = Callable[[bytes | BaseException | None], None]  # sound, a failure, or None: that was all


class PollySpeech:
    """The shared client."""

    def __init__(self, settings: TtsSettings) -> None:
        self._client: Any = boto3.client(
            "polly",
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            config=Config(
                connect_timeout=3,
                read_timeout=5,
                retries={"total_max_attempts": 1},  # the one retry is made here, where it can be given up
                max_pool_connections=settings.concurrency,
                tcp_keepalive=True,
            ),
        )
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="polly")

    async def speak(self, text: str, *, voice_id: str) -> AsyncIterator[bytes]:
        """Yield mu-law as Polly makes it."""
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        stop = threading.Event()

        def hand_over(item: bytes | BaseException | None) -> None:
            # A loop that is closing takes nothing more, and nobody is listening either.
            if not loop.is_closed():
                loop.call_soon_threadsafe(chunks.put_nowait, item)

        self._threads.submit(self._read, text[:_MAX_TEXT], voice_id, hand_over, stop)
        try:
            while (chunk := await chunks.get()) is not None:
                if isinstance(chunk, BaseException):
                    raise TextToSpeechFailed(type(chunk).__name__) from chunk
                yield chunk
        finally:
            stop.set()

    async def close(self) -> None:
        """Let go of connections and threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _read(self, text: str, voice_id: str, hand_over: HandOver, stop: threading.Event) -> None:
        """Run in a thread: read the answer and hand it over piece by piece."""
        if stop.is_set():
            return
        try:
            body = self._request(text, voice_id, stop)["AudioStream"]
            try:
                size = _FIRST
                while not stop.is_set() and (chunk := body.read(size)):
                    hand_over(chunk)
                    size = _NEXT
            finally:
                # A body that was not read to its end would make its connection unusable for the next request.
                body.close()
            hand_over(None)
        except (BotoCoreError, ClientError, HTTPClientError, OSError) as e:
            logger.warning("speech failed: %s", _code(e))
            hand_over(e)

    def _request(self, text: str, voice_id: str, stop: threading.Event) -> dict[str, Any]:
        known = VOICES.get(voice_id)
        order = {
            "Text": text,
            "VoiceId": voice_id,
            "Engine": known.engine if known else "neural",
            "OutputFormat": "mulaw",
            "SampleRate": "8000",
            "TextType": "text",
        }
        if known:
            order["LanguageCode"] = known.language
        try:
            answer: dict[str, Any] = self._client.synthesize_speech(**order)
        except (BotoCoreError, ClientError) as e:
            if _code(e) not in _THROTTLED and not isinstance(e, HTTPClientError):
                raise
            if stop.wait(_RETRY_AFTER):
                raise
            answer = self._client.synthesize_speech(**order)
        return answer


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__
