"""One answered line, in frames of 20 ms: the agent's sound to the person, the person's to the agent.

The only clock of the sound is here; it does not drift, late ticks are caught up.
"""

from __future__ import annotations

import asyncio

from infra.local.carrier.audio import FRAME, TICK, is_loud
from infra.local.carrier.listener import Listener
from infra.local.carrier.person import Behaviour
from infra.local.carrier.playout import Playout
from infra.local.carrier.resources import CallRecord
from infra.local.carrier.stream import Stream


class Line:
    """Joins a person, a play-out buffer and, while there is one, a media stream."""

    def __init__(self, record: CallRecord, behaviour: Behaviour, listener: Listener) -> None:
        self.playout = Playout()
        self.listener = listener
        self.stream: Stream | None = None
        self.message_over = asyncio.Event()
        self._record = record
        self._behaviour = behaviour
        self._drained = asyncio.Event()
        record.said = behaviour.said
        record.heard = listener.heard

    async def run(self) -> None:
        """Carry sound until the person hangs up."""
        loop = asyncio.get_running_loop()
        answered = due = loop.time()
        while not self._tick(due - answered):
            due += TICK
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def play(self, mulaw: bytes) -> None:
        """Play to the person and wait until it has been heard."""
        self.playout.append(mulaw)
        self._drained.clear()
        await self._drained.wait()

    def cut(self) -> None:
        """The call is over."""
        self._behaviour.cut()

    def _tick(self, now: float) -> bool:
        frame, marks = self.playout.tick()
        if self.stream is not None:
            for mark in marks:
                self.stream.echo(mark)
        if not frame and self.playout.empty:
            self._drained.set()
        loud = is_loud(frame)
        self.listener.hear(now, frame.ljust(FRAME, b"\xff"), loud)
        act = self._behaviour.tick(now, loud)
        self._count(loud, act.frame)
        if self._behaviour.message_over:
            self.message_over.set()
        if self.stream is not None:
            self.stream.send_frame(act.frame)
        return act.hang_up

    def _count(self, agent_loud: bool, spoken: bytes) -> None:
        if agent_loud:
            self._record.seconds_from_agent += TICK
        if self.stream is not None and self.stream.open and is_loud(spoken):
            self._record.seconds_to_agent += TICK
