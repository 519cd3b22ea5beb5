"""What a session is told before it speaks: in which accent it listens."""

from dataclasses import replace
from typing import Any

import pytest

from media.briefing import brief
from tests.contracts.media_world import ACCOUNT, World

NOBODY: Any = None  # no provider is asked by a briefing


@pytest.mark.parametrize(
    ("language", "voice_id", "heard"),
    [
        ("en", "Joanna", "en-US"),
        ("en", "Niamh", "en-IE"),
        ("en-AB", "Amy", "en-AB"),
        ("fr", "Amy", "en-GB"),  # stored before languages were checked: the call is not deaf
    ],
)
async def test_a_call_is_listened_to_in_the_accent_it_is_held_in(language: str, voice_id: str, heard: str) -> None:
    world = World()
    call = world.dialled("call_1", voice_id=voice_id)
    found = world.agents.get_agent(ACCOUNT, "agent_1")
    assert found
    world.agents.put_agent(replace(found[0], language=language))
    briefing = await brief(call, world.house(NOBODY, NOBODY, NOBODY))
    assert (briefing.language, briefing.voice_id) == (heard, voice_id)
