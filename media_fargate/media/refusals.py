"""Streams that the recogniser refuses for its quota, counted where they happen and stored beside the sound.

Whoever is on the line hears an apology (the conversation's business). What is done here is that nobody else is rung for
it: dials are held for the whole deployment, and one measurement a hold begun raises the alarm.
"""

import asyncio
from functools import partial
from typing import TextIO

from calling.usecases.hold_dials import hold_dials
from media.attempt import attempt
from media.gauge import measurement
from media.house import House

METRIC = "RecogniserFull"
_TRIES = 3
_PAUSE = 1.0  # s between two writes: refusals come in bursts, and the table need not hear of each


class Refusals:
    """Counts on the event loop. Made before the house, whose recogniser is given `count`."""

    def __init__(self) -> None:
        self._counted = 0
        self._some = asyncio.Event()

    def count(self) -> None:
        """Note one refused stream; returns at once."""
        self._counted += 1
        self._some.set()

    async def store(self, house: House, *, stage: str, out: TextIO, pause: float = _PAUSE) -> None:
        """Store what is counted, until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            refused, self._counted = self._counted, 0
            begun = await attempt(partial(hold_dials, refused, hold=house.hold, clock=house.clock), tries=_TRIES)
            if begun:
                out.write(measurement(METRIC, 1, stage=stage, at=house.clock.now()) + "\n")
                out.flush()
            await asyncio.sleep(pause)
