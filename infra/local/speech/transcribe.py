"""Amazon Transcribe streaming, behind both of its doors: what it takes, what it refuses, how a stream goes and ends.

The doors are infra.local.speech.transcribe_http2 and infra.local.speech.transcribe_websocket; what was said is a
Listener's business. Sources of the rules: the developer guide's "Setting up streaming transcriptions" and "WebSocket
streaming", the API reference (StartStreamTranscription, AudioEvent) and its quotas. It logs no words.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Final

import numpy as np

from infra.local.speech.faults import Faults
from infra.local.speech.listening import Listener, Tell
from infra.local.speech.results import Hypothesis, Late, exception_event, transcript_event

SECRETS: Final = {"local": "local", "AKIDLOCAL": "secretlocal"}  # by access key: the house's and the tests'
_STREAMS: Final = 25  # at once, a quota for each door
_RAMP: Final = 25  # streams that may begin within a second
_PATIENCE: Final = 15.0  # seconds without audio
_LANGUAGES: Final = {"en-US", "en-GB", "en-AU", "en-IN", "en-IE", "en-NZ", "en-ZA", "en-AB", "en-WL"}
_TAKEN: Final = {  # the parameters that are understood here, and their values
    "language-code": _LANGUAGES,
    "media-encoding": {"pcm"},
    "sample-rate": {"8000", "16000"},
    "enable-partial-results-stabilization": {"true", "false", "True", "False"},  # the Python SDK writes it so
    "partial-results-stability": {"low", "medium", "high"},
    "session-id": None,
}
_NEEDED: Final = ("language-code", "media-encoding", "sample-rate")


class Refusal(Exception):
    """An exception of the service: its name and its message."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Gone(Exception):
    """The client has left without ending its stream."""


class Transcribe:
    """What the service's doors share. Silence on the wire is borne for `patience` seconds."""

    def __init__(self, listener: Callable[[Tell], Listener], faults: Faults, *, patience: float = _PATIENCE) -> None:
        self._listener = listener
        self.faults = faults
        self.patience = patience
        self._streams: dict[str, set[asyncio.Task[None]]] = {}
        self._begun: deque[float] = deque()
        self._closing = False

    def close(self) -> None:
        """End all streams as the service does when it is unavailable."""
        self._closing = True
        for task in set().union(*self._streams.values()):
            task.cancel()

    def admit(self, door: str, asked: Mapping[str, str]) -> int:
        """The sample rate of an acceptable request. Raises Refusal."""
        for name, value in asked.items():
            if name not in _TAKEN:
                raise Refusal("BadRequestException", f"The parameter {name} is not understood here.")
            allowed = _TAKEN[name]
            if allowed is not None and value not in allowed:
                raise Refusal("BadRequestException", f"{name} must be one of {', '.join(sorted(allowed))}.")
        if missing := [name for name in _NEEDED if name not in asked]:
            raise Refusal("BadRequestException", f"{missing[0]} is missing.")
        self._keep_quotas(len(self._streams.get(door, ())))
        return int(asked["sample-rate"])

    def _keep_quotas(self, live: int) -> None:
        plan, now = self.faults.plan, asyncio.get_running_loop().time()
        while self._begun and self._begun[0] <= now - 1:
            self._begun.popleft()
        if live >= (_STREAMS if plan.streams is None else plan.streams):
            raise Refusal("LimitExceededException", "You have reached your limit of concurrent streams.")
        too_soon = len(self._begun) >= (_RAMP if plan.ramp is None else plan.ramp)
        if too_soon or self.faults.draw(plan.refuse):
            raise Refusal("LimitExceededException", "Your streams begin too quickly. Back off exponentially.")
        self._begun.append(now)

    async def transcribe(
        self, door: str, rate: int, audio: AsyncGenerator[bytes, None], send: Callable[[bytes], Awaitable[None]]
    ) -> bytes:
        """Hear a stream to its end; return the frame that ends the answer, empty for a good end. Raises Gone."""
        task: asyncio.Task[None] | None = asyncio.current_task()
        assert task is not None  # noqa: S101  # a request is always served in a task
        streams = self._streams.setdefault(door, set())
        streams.add(task)

        async def tell(said: Hypothesis) -> None:
            await send(transcript_event(said))

        plan = self.faults.plan
        late = Late(tell, plan.partial_ms, plan.final_ms)
        listener = self._listener(late.tell)
        try:
            async with aclosing(audio):
                async for pcm in audio:
                    late.heard(len(pcm) / 2 / rate)
                    await listener.feed(pcm if rate == 8000 else _halved(pcm))
            await listener.close()
            await late.flush()
        except Refusal as refusal:
            return exception_event(refusal.name, str(refusal))
        except asyncio.CancelledError:
            if not self._closing:
                raise
            return exception_event("ServiceUnavailableException", "The service is shutting down.")
        finally:
            listener.abandon()
            late.abandon()
            streams.discard(task)
        return b""


async def in_time(receiving: Awaitable[bytes], patience: float) -> bytes:
    """The next message. Raises Refusal when nothing comes."""
    try:
        async with asyncio.timeout(patience):  # not wait_for, which on 3.11 can swallow a cancellation
            return await receiving
    except TimeoutError:
        reason = "Your request timed out because no new audio was received for 15 seconds."
        raise Refusal("BadRequestException", reason) from None


def checked(pcm: bytes, rate: int) -> bytes:
    """Whole samples, a second of them at most. Raises Refusal."""
    if len(pcm) % 2:
        raise Refusal("BadRequestException", "An audio chunk must be whole 16-bit samples.")
    if len(pcm) > 2 * rate:
        raise Refusal(
            "BadRequestException", "Your stream is too big. Reduce the frame size and try your request again."
        )
    return pcm


def _halved(pcm: bytes) -> bytes:
    """16 kHz to 8 kHz by every second sample: exact for scripted speech, good enough for a voice."""
    return np.frombuffer(pcm, np.int16)[::2].tobytes()
