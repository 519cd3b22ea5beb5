"""What one session stores of its call, in threads, beside the sound: facts in order, never lost to one failure.

Whatever fails is logged, tried again within bounds, and never ends a call.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from calling.domain.call import Call, Direction, EndedReason
from calling.domain.model_usage import ModelUsage, added
from calling.domain.transcript import Turn
from calling.usecases.hang_up import end_at_carrier
from calling.usecases.record_media import media_alive, media_closed, media_ending, store_turn, voicemail_found
from media.attempt import BOUND, attempt
from media.conversation.inputs import CarrierVerdict, HangUpRequested, Input
from media.house import House

_TRIES = 3
_GLANCE, _ALIVE = 0.5, 10.0  # s between looks at the record while a verdict is awaited, and signs of life
_VERDICT_LATE = 5.0  # s within which the carrier's verdict is here once its machine detection has given up


class Record:
    """One call's record, as its session writes and watches it."""

    def __init__(self, house: House, call: Call) -> None:
        self._house = house
        self._call = call
        self._todo: asyncio.Queue[Callable[[], object]] = asyncio.Queue()
        self.voice_to_voice_ms: list[int] = []
        self.voicemail_left = False
        self.first_audio_ms: int | None = None
        self._usage: tuple[ModelUsage, ...] = ()

    def spent(self, usage: ModelUsage) -> None:
        """Count what the language model has read and written."""
        self._usage = added(self._usage, (usage,))

    def turn(self, turn: Turn) -> None:
        """Store a turn soon."""
        if turn.latency_ms is not None:
            self.voice_to_voice_ms.append(turn.latency_ms)
        ids, house = (self._call.account_id, self._call.call_id), self._house
        self._todo.put_nowait(
            lambda: store_turn(*ids, turn, calls=house.calls, contacts=house.contacts, clock=house.clock)
        )

    def voicemail(self, method: str) -> None:
        """Store a machine verdict soon."""
        ids, house = (self._call.account_id, self._call.call_id), self._house
        self._todo.put_nowait(lambda: voicemail_found(*ids, method, calls=house.calls, clock=house.clock))

    async def write(self) -> None:
        """Store what is asked for, in order, until cancelled."""
        while True:
            job = await self._todo.get()
            await attempt(job, tries=_TRIES)
            self._todo.task_done()

    async def written(self) -> None:
        """Wait, within bounds, until everything asked for is stored."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._todo.join(), BOUND)

    async def finish_writing(self) -> None:
        """Store what is still asked for after `write` has ended."""
        while not self._todo.empty():
            await attempt(self._todo.get_nowait(), tries=_TRIES)

    async def watch(self, tell: Callable[[Input], None]) -> None:
        """Show signs of life and pass on what others wrote: the carrier's verdict, a wish to hang up."""
        loop = asyncio.get_running_loop()
        began, alive_at = loop.time(), float("-inf")
        awaiting = self._call.amd_enabled and self._call.direction is Direction.OUTBOUND
        canceled = False
        while True:
            if loop.time() - alive_at >= _ALIVE:
                alive_at = loop.time()
                call = await attempt(self._alive)
            else:
                call = await attempt(lambda: self._house.calls.get(self._call.account_id, self._call.call_id))
            if call is not None and awaiting and call.amd_result is not None:
                awaiting = False
                tell(CarrierVerdict(call.amd_result))
            if call is not None and call.cancel_requested_at is not None and not canceled:
                canceled = True
                tell(HangUpRequested("canceled"))
            awaiting = awaiting and loop.time() - began < self._call.detection_seconds + _VERDICT_LATE
            await asyncio.sleep(_GLANCE if awaiting else _ALIVE)

    def _alive(self) -> Call:
        house = self._house
        return media_alive(
            self._call.account_id,
            self._call.call_id,
            calls=house.calls,
            leases=house.leases,
            workflow=house.workflow,
            clock=house.clock,
        )

    async def hang_up(self, reason: EndedReason | None) -> None:
        """End the call at the carrier; where that fails twice, the record says why the stream's end ends it."""
        house = self._house
        asked = await attempt(
            lambda: end_at_carrier(
                self._call, agents=house.agents, credentials=house.credentials, carrier=house.carrier
            ),
            tries=2,
        )
        if not asked and reason is not None:
            ids = (self._call.account_id, self._call.call_id)
            await attempt(lambda: media_ending(*ids, reason, calls=house.calls), tries=_TRIES)

    async def keep(self, recording: bytes) -> str | None:
        """Store the recording and return its key; None where that failed."""
        key = f"recordings/{self._call.account_id}/{self._call.call_id}.wav"

        def put() -> bool:
            self._house.blobs.put(key, recording, content_type="audio/wav")
            return True

        return key if await attempt(put, tries=2) else None

    async def close(self, reason: EndedReason | None, recording_key: str | None) -> None:
        """Store how the session ended; the last write of it."""
        house = self._house
        await attempt(
            lambda: media_closed(
                self._call.account_id,
                self._call.call_id,
                reason=reason,
                voicemail_left=self.voicemail_left,
                recording_key=recording_key,
                first_audio_ms=self.first_audio_ms,
                voice_to_voice_ms=tuple(self.voice_to_voice_ms),
                model_usage=self._usage,
                calls=house.calls,
                workflow=house.workflow,
                clock=house.clock,
            ),
            tries=_TRIES,
        )
