"""How long a session looks for the carrier's verdict on who has answered."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import TypeVar

import pytest

from calling.domain.agent import VoicemailAction
from media import record as record_module
from media.conversation.inputs import CarrierVerdict, Input
from media.record import Record
from tests.contracts.media_world import ACCOUNT, World

T = TypeVar("T")


class Over(Exception):
    """The time that was looked at is over."""


@pytest.mark.parametrize(
    ("action", "at"),
    [
        (VoicemailAction.LEAVE_MESSAGE, 59),  # a long greeting, told of at the last moment
        (VoicemailAction.LEAVE_MESSAGE, 62),  # and its callback takes a while
        (VoicemailAction.HANGUP, 32),
    ],
)
async def test_a_verdict_is_heard_as_soon_as_the_carrier_gives_it(
    monkeypatch: pytest.MonkeyPatch, action: VoicemailAction, at: int
) -> None:
    """To leave a message the carrier listens to the end of the greeting: 59 s at most."""
    world, now = World(), 0.0
    call = world.dialled("call_1", voicemail_action=action)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        stored = world.calls.calls[ACCOUNT, "call_1"]
        if now >= at and stored.amd_result is None:
            world.calls.change(stored, {"amd_result": "machine_end_beep"})
        if now > 120:
            raise Over

    async def straight(job: Callable[[], T], **_: object) -> T:
        return job()

    clock = SimpleNamespace(time=lambda: now)
    loop = SimpleNamespace(sleep=sleep, get_running_loop=lambda: clock, Queue=asyncio.Queue)
    monkeypatch.setattr(record_module, "asyncio", loop)
    monkeypatch.setattr(record_module, "attempt", straight)
    told: list[tuple[float, Input]] = []
    house = world.house(stt=None, tts=None, llm=None)  # type: ignore[arg-type]  # nobody hears or speaks
    with pytest.raises(Over):
        await Record(house, call).watch(lambda what: told.append((now, what)))
    ((when, what),) = told
    assert what == CarrierVerdict("machine_end_beep")
    assert at <= when <= at + 0.5
