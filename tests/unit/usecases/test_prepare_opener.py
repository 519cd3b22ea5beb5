"""The opener that is made while the phone rings holds what must be heard first."""

from typing import Any

import pytest

from calling.domain.agent import Agent
from calling.domain.disclosure import AI_NOTICE, AiDisclosure
from calling.ports import Completion
from calling.usecases.prepare_opener import opener_keys, prepare_opener
from tests.fakes.outside import FakeModel, FakeSpeech, MemoryBlobs
from tests.fakes.world import ACCOUNT, World

OPENER = "Hi, this is Maya from Bright Dental."
HONEST = "Hi, this is Maya, the AI assistant of Bright Dental."
NOTICE = "{{company}} records this call."
RECORDED = "Acme records this call."


@pytest.mark.parametrize(
    ("fields", "written", "said"),
    [
        ({}, OPENER, f"{AI_NOTICE} {OPENER}"),
        ({}, HONEST, HONEST),
        ({"ai_disclosure": AiDisclosure.WHEN_ASKED}, OPENER, OPENER),
        ({"recording_notice": NOTICE}, HONEST, f"{RECORDED} {HONEST}"),
        ({"recording_notice": NOTICE}, OPENER, f"{AI_NOTICE} {RECORDED} {OPENER}"),
        ({"recording_notice": NOTICE, "ai_disclosure": AiDisclosure.WHEN_ASKED}, OPENER, f"{RECORDED} {OPENER}"),
    ],
)
def test_what_the_model_left_out_is_put_before_its_words(fields: dict[str, Any], written: str, said: str) -> None:
    world, model, speech, blobs = World(), FakeModel(Completion(written)), FakeSpeech(), MemoryBlobs()
    world.agents.agent_items[ACCOUNT, "agent_1"] = Agent(ACCOUNT, "agent_1", 0, name="Maya", **fields)
    world.accept("call_1", dynamic_vars={"company": "Acme"})
    assert prepare_opener(
        ACCOUNT,
        "call_1",
        calls=world.calls,
        agents=world.agents,
        people=world.people,
        model=model,
        speech=speech,
        blobs=blobs,
        clock=world.clock,
    )
    words, audio = opener_keys(ACCOUNT, "call_1")
    assert blobs.get(words) == said.encode()
    assert [text for text, _ in speech.spoken] == [said]
    assert blobs.get(audio)
    asked = fields.get("ai_disclosure", AiDisclosure.OPENING) is AiDisclosure.OPENING
    assert ("that you are an AI assistant" in model.asked[0]["message"]) is asked
