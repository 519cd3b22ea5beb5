"""The voice of the people: lines become mu-law through the speech service, once for each text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import httpx

VOICE: Final = "Matthew"
_TIMEOUT: Final = 60.0
_AT_ONCE: Final = 2
_REMEMBERED: Final = 512


class SpeechError(Exception):
    """The speech service did not speak."""


class Voice:
    """Says texts; remembers them, so that a hundred people with the same hello are one request."""

    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/v1/speech"
        self._sounds: dict[str, asyncio.Task[bytes]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    def prepare(self, texts: Iterable[str]) -> None:
        """Begin to say these, in order."""
        for text in texts:
            self._task(text)

    async def sound(self, text: str) -> bytes:
        """The mu-law of a text, waited for; SpeechError if there is none."""
        return await asyncio.shield(self._task(text))

    def ready(self, text: str) -> bytes | None:
        """The mu-law of a text if it is there already; SpeechError if it never will be."""
        task = self._task(text)
        return task.result() if task.done() else None

    async def close(self) -> None:
        """Stop all that is under way."""
        tasks = list(self._sounds.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, text: str) -> asyncio.Task[bytes]:
        task = self._sounds.get(text)
        if task is None:
            self._make_room()
            task = self._sounds[text] = asyncio.create_task(self._say(text))
            task.add_done_callback(lambda done: self._forget_failure(text, done))
        return task

    def _make_room(self) -> None:
        if len(self._sounds) >= _REMEMBERED:
            oldest = next((text for text, task in self._sounds.items() if task.done()), None)
            if oldest is not None:
                del self._sounds[oldest]

    def _forget_failure(self, text: str, task: asyncio.Task[bytes]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if failed and self._sounds.get(text) is task:
            # Whoever waits has the task; who asks later may have better luck.
            asyncio.get_running_loop().call_later(1.0, self._sounds.pop, text, None)

    async def _say(self, text: str) -> bytes:
        if not text.strip():
            return b""
        body = {
            "Text": text,
            "VoiceId": VOICE,
            "OutputFormat": "mulaw",
            "SampleRate": "8000",
            "Engine": "neural",
            "TextType": "text",
        }
        async with self._places:
            try:
                response = await self._http.post(self._url, json=body, timeout=_TIMEOUT)
                response.raise_for_status()
            except httpx.HTTPError as error:
                raise SpeechError(f"speech service: {type(error).__name__}") from error
        if not response.content:
            raise SpeechError("speech service: no sound")
        return response.content
