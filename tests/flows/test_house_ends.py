"""The last of the house's files, by name: Ctrl-C while a call is live, and what is left of the house after it."""

import subprocess
from pathlib import Path

import pytest

from tests.flows.house_story import PURPOSE, STRANGER, Story
from tests.flows.house_world import eventually

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")


def test_no_call_has_told_its_end_twice(story: Story) -> None:
    told = [hook.event["event_id"] for hook in story.running.customer.hooks]
    assert len(told) == len(set(told))


def test_ctrl_c_ends_everything_and_leaves_nothing(story: Story) -> None:
    running, own = story.running, story.running.own
    running.person(STRANGER, lines=["Hello?"])
    body = {"agent_id": story.agent_id, "to_number": STRANGER, "prompt": PURPOSE}
    call_id = running.place(body)
    eventually(lambda: "media_opened" in running.events(call_id), 30, every=0.2)
    assert len(own.living()) > 5
    own.interrupt()
    try:
        code = own.process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        pytest.fail(f"still there after 15 s: {own.living()}\n{own.said}")
    assert code == 0, own.said
    assert "Traceback" not in own.said
    assert own.living() == {}
    assert own.left_behind() == []
    assert not own.file.exists()
