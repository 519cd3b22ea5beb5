"""What answering machine detection will say of a person, and when: `expect` is pure, `judge` waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from infra.local.carrier.params import Detection
from infra.local.carrier.people import Person

_SPEECH_END: Final = 1.2  # seconds of silence that end a greeting without a beep


@dataclass(frozen=True, slots=True)
class Expected:
    """A verdict `after` seconds; counted from the end of the greeting if so told, else from the answer."""

    answered_by: str
    after: float
    from_message_end: bool = False


def expect(person: Person, detection: Detection) -> Expected:
    """The verdict on whoever answers."""
    verdict, after = person.amd_verdict, person.amd_after_ms / 1000
    machine = verdict.startswith("machine")
    if detection.mode == "DetectMessageEnd" and machine:
        if person.answers != "voicemail":
            return Expected("machine_end_silence" if verdict == "machine_start" else verdict, after)
        if person.beep:
            return Expected("machine_end_beep" if verdict == "machine_start" else verdict, 0.0, from_message_end=True)
        return Expected("machine_end_silence", _SPEECH_END, from_message_end=True)
    if after > detection.timeout:
        return Expected("unknown", detection.timeout)
    return Expected("machine_start" if machine else verdict, after)


async def judge(person: Person, detection: Detection, message_over: asyncio.Event) -> str:
    """The verdict when its time has come; `unknown` when that takes longer than the request allows."""
    expected = expect(person, detection)
    try:
        async with asyncio.timeout(detection.timeout):
            if expected.from_message_end:
                await message_over.wait()
            await asyncio.sleep(expected.after)
    except TimeoutError:
        return "unknown"
    return expected.answered_by
