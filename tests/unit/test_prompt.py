"""What the model is told of the past, and when it may speak of it."""

from dataclasses import replace
from typing import Any

import pytest

from calling.domain.agent import Agent, HistoryDisclosure, Number
from calling.domain.call import Call, Direction
from calling.domain.history import CallSummary
from calling.domain.phone_number import PhoneNumber
from calling.domain.prompt import SUMMARY_TOOL, Brief, summary_tool, system_prompt

OURS, THEIRS = PhoneNumber("+447700900123"), PhoneNumber("+447386172392")
AGENT = Agent("acct_1", "agent_1", 0, name="Maya")
PAST = CallSummary("acct_1", THEIRS, "call_0", "agent_1", 9, "completed", "Sarah moved it to Thursday.")
UNTIL = "until they have confirmed"


def brief(direction: Direction, **changes: Any) -> Brief:
    ours_first = direction is Direction.OUTBOUND
    call = Call("acct_1", "call_1", "agent_1", direction, *((OURS, THEIRS) if ours_first else (THEIRS, OURS)), 0)
    number = Number("acct_1", "agent_1", OURS, 0)
    return replace(Brief(AGENT, number, call, 0, (PAST,), {"name": "Sarah"}), **changes)


@pytest.mark.parametrize(
    ("direction", "own", "waits"),
    [
        (Direction.OUTBOUND, None, False),
        (Direction.INBOUND, None, True),
        (Direction.OUTBOUND, HistoryDisclosure.AFTER_CONFIRMATION, True),
        (Direction.INBOUND, HistoryDisclosure.ON_ANSWER, False),
    ],
)
def test_when_the_past_may_be_spoken_of(direction: Direction, own: HistoryDisclosure | None, waits: bool) -> None:
    prompt = system_prompt(brief(direction, agent=replace(AGENT, history_disclosure=own)), with_history=True)
    assert "Sarah moved it to Thursday." in prompt
    assert (UNTIL in prompt) is waits


def test_what_was_told_of_a_person_waits_too() -> None:
    assert UNTIL in system_prompt(brief(Direction.INBOUND, past_calls=()), with_history=True)
    assert UNTIL not in system_prompt(brief(Direction.INBOUND, past_calls=(), person_facts={}), with_history=True)


def test_who_calls_in_is_no_machine() -> None:
    assert "voicemail_detected" in system_prompt(brief(Direction.OUTBOUND), with_history=True)
    assert "voicemail_detected" not in system_prompt(brief(Direction.INBOUND), with_history=True)


def test_a_summary_is_asked_for_what_the_agents_schema_names() -> None:
    assert summary_tool(AGENT) == SUMMARY_TOOL
    schema = {"type": "object", "properties": {"day": {"type": "string"}}}
    asked = summary_tool(replace(AGENT, extraction_schema=schema))["input_schema"]
    assert asked["properties"]["extracted"]["properties"] == schema["properties"]
    assert "extracted" in asked["required"]
    assert SUMMARY_TOOL["input_schema"]["properties"]["extracted"] == {"type": "object"}
