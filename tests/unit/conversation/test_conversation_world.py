"""Conversations in a small world that answers as carrier, voice and model do, in virtual time.

The world knows which words were really played; the transcript must say the same.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from media.conversation.config import ConversationConfig
from media.conversation.conversation import Conversation
from tests.fakes.call_world import OPENER, World, speak

REPLIES = [
    "Great. Is Tuesday at ten fine for you? We open at nine.",
    "Sure.",
    "I see, let me look at that for you. One moment.",
    "",
]
SAID = ["Hello?", "Yes that is fine", "uh-huh", "No wait a moment please", "bye", "", "I would like to"]
turns = st.tuples(
    st.sampled_from([0.1, 0.4, 1.0, 2.5, 6.0, 20.0]),  # quiet before
    st.sampled_from(SAID),
)
worlds = st.builds(
    World,
    conversation=st.builds(
        Conversation,
        st.builds(
            ConversationConfig,
            opener_text=st.sampled_from([OPENER, None]),
            opener_has_audio=st.booleans(),
            interruption_sensitivity=st.sampled_from([0, 50, 100]),
            max_duration=st.sampled_from([40.0, 600.0]),
        ),
    ),
    replies=st.lists(st.tuples(st.sampled_from(REPLIES), st.sampled_from([False, False, True])), max_size=6),
    voice_delay=st.sampled_from([0.0, 0.1, 0.4]),
    line_delay=st.sampled_from([0.0, 0.05, 0.2]),
)


@settings(max_examples=200, deadline=None)
@given(world=worlds, callee=st.lists(turns, max_size=8), late=st.sampled_from([0.15, 0.3, 0.6]))
def test_the_transcript_is_what_was_played(world: World, callee: list[tuple[float, str]], late: float) -> None:
    speak(world, callee, late)
    world.run()
    assert len(world.hung_up) == 1
    stored = " ".join(turn.text for turn in world.stored if turn.role == "agent").split()
    assert stored == world.played
    said = " ".join(turn.text for turn in world.stored if turn.role == "caller").split()
    uttered = iter(" ".join(text for _, text in callee).split())
    assert all(word in uttered for word in said), "what the callee said, in its order, no word twice"
    if world.hung_up == ["completed"]:
        assert world.nothing_cleared or "Goodbye then." in world.stored[-1].text + world.stored[-2].text


@settings(max_examples=60, deadline=None)
@given(
    text=st.sampled_from(REPLIES[:3]), late=st.sampled_from([0.1, 0.3, 0.6]), voice_delay=st.sampled_from([0.05, 0.4])
)
def test_every_question_is_answered_with_its_latency(text: str, late: float, voice_delay: float) -> None:
    world = World(Conversation(ConversationConfig(opener_text=OPENER)), [(text, False)], voice_delay, 0.05)
    speak(world, [(0.5, "Hello?"), (6.0, "Yes that is fine")], late)
    world.run()
    roles = [turn.role for turn in world.stored[:4]]
    assert roles == ["caller", "agent", "caller", "agent"]
    answer = world.stored[3]
    assert answer.text == text
    assert answer.latency is not None
    assert answer.latency <= max(0.2, late) + 0.3 + 0.02 * len(text.split()) + voice_delay + 0.01
