"""What must be heard before anything else: it leads whatever is said first, until its mark comes back."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain.disclosure import AI_NOTICE, holds
from media.conversation.config import ConversationConfig
from media.conversation.conversation import Conversation
from media.conversation.effects import PlayOpener, Speak, StoreTurn, VoicemailLeft
from media.conversation.inputs import (
    AudioQueued,
    CarrierVerdict,
    Heard,
    Input,
    MarkEchoed,
    ReplyEnded,
    ReplyText,
    ReplyWaiting,
    SpeechFailed,
    StreamStarted,
    Tick,
    VoiceStarted,
    VoiceStopped,
)
from media.conversation.notices import Notice
from tests.fakes.call_world import OPENER as WORLDS_OPENER
from tests.fakes.call_world import World, speak

RECORDED = "This call is recorded."
AI = Notice(AI_NOTICE, partial(holds, notice=AI_NOTICE))
BOTH = (AI, Notice(RECORDED, partial(holds, notice=RECORDED)))
OPENER = "Hi, this is Ava from Bright Dental."
HONEST = "Hi, this is Ava, an AI assistant at Bright Dental."


def started(**config: Any) -> Conversation:
    call = Conversation(ConversationConfig(**{"notices": BOTH} | config))
    call.receive(StreamStarted(), 0.0)
    return call


def told(call: Conversation, *facts: tuple[float, Input]) -> list[Any]:
    return [effect for at, fact in facts for effect in call.receive(fact, at)]


def spoken(effects: list[Any]) -> list[str]:
    return [e.text if isinstance(e, Speak) else e.utterance for e in effects if isinstance(e, Speak | PlayOpener)]


def test_what_an_opener_lacks_is_said_before_it() -> None:
    led = f"{AI_NOTICE} {RECORDED}"
    assert spoken(told(started(opener_text=OPENER), (1.2, Tick()))) == [led, OPENER]
    assert spoken(told(started(opener_text=OPENER, opener_has_audio=True), (1.2, Tick()))) == [led, "opener"]
    assert spoken(told(started(opener_text=HONEST, opener_has_audio=True), (1.2, Tick()))) == [RECORDED, "opener"]
    assert spoken(told(started(opener_text=f"{RECORDED} {HONEST}"), (1.2, Tick()))) == [f"{RECORDED} {HONEST}"]
    assert spoken(told(started(opener_text=OPENER, notices=()), (1.2, Tick()))) == [OPENER]


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_a_welcome_message_is_led_by_it_and_the_models_first_words(direction: str) -> None:
    assert spoken(told(started(direction=direction, opener_text="Welcome!"), (1.2, Tick())))[1:] == ["Welcome!"]
    call = started(direction=direction)
    said = told(
        call, (1.2, Tick()), (1.5, ReplyText("reply-1", "Hello there! How are you? ")), (1.6, ReplyEnded("reply-1"))
    )
    assert spoken(said) == [f"{AI_NOTICE} {RECORDED}", "Hello there!", "How are you?"]


def test_words_for_somebody_who_waits_or_is_quiet_are_led_by_it_too() -> None:
    call = started()
    said = told(call, (1.2, Tick()), (1.3, ReplyWaiting("reply-1")), (2.0, Tick()))
    assert spoken(said) == [f"{AI_NOTICE} {RECORDED}", "One moment, please."]
    assert spoken(told(call, (2.5, ReplyText("reply-1", "Hello.")), (2.6, ReplyEnded("reply-1")))) == ["Hello."]
    call = started(ai_speaks_first=False)
    assert spoken(told(call, (15.0, Tick()))) == [f"{AI_NOTICE} {RECORDED}", "Are you still there?"]


def test_only_its_mark_proves_it_and_else_it_leads_the_next_turn() -> None:
    call = started(opener_text=OPENER)
    told(
        call,
        (1.2, Tick()),
        (1.3, AudioQueued("utterance-1", 3.0, last=True)),
        (1.4, AudioQueued("utterance-2", 2.0, last=True)),
    )
    question: tuple[tuple[float, Input], ...] = (
        (2.4, VoiceStarted()),
        (2.8, Tick()),
        (3.0, Heard("s", "Wait, what is this about?", final=True)),
        (3.2, VoiceStopped()),
        (3.5, Tick()),
        (3.6, MarkEchoed("utterance-1")),  # of what was cleared: it proves nothing
        (3.9, ReplyText("reply-1", "Your appointment. It")),
    )
    said = told(call, *question)
    assert next(e.text for e in said if isinstance(e, StoreTurn)) == "This is an AI assistant"
    assert spoken(said) == [f"{AI_NOTICE} {RECORDED}", "Your appointment."]


def test_what_a_mark_has_proved_is_not_said_again() -> None:
    call = started(opener_text=OPENER)
    said = told(
        call,
        (1.2, Tick()),
        (1.3, AudioQueued("utterance-1", 3.0, last=True)),
        (1.4, AudioQueued("utterance-2", 4.0, last=True)),
        (4.4, MarkEchoed("utterance-1")),
        (7.4, VoiceStarted()),
        (7.8, Tick()),
        (8.0, Heard("s", "Wait, what is this about?", final=True)),
        (8.2, VoiceStopped()),
        (8.5, Tick()),
        (8.9, ReplyText("reply-1", "Your appointment. It")),
    )
    assert spoken(said)[2:] == ["Your appointment."]


def test_an_interrupted_notice_is_said_whole_before_the_rest() -> None:
    call = started(opener_text=OPENER)
    said = told(
        call,
        (1.2, Tick()),
        (1.3, AudioQueued("utterance-1", 3.0, last=True)),
        (1.4, AudioQueued("utterance-2", 2.0, last=True)),
        (2.4, VoiceStarted()),
        (2.8, Tick()),
        (2.9, VoiceStopped()),
        (4.0, Tick()),
    )
    assert spoken(said)[2:] == [f"{AI_NOTICE} {RECORDED}", OPENER]


def test_a_voicemail_script_is_led_by_it_though_it_was_said_into_the_greeting() -> None:
    call = started(opener_text=HONEST, voicemail_action="leave_message", voicemail_message="Please call us.")
    said = told(
        call,
        (1.2, Tick()),
        (1.3, AudioQueued("utterance-1", 0.5, last=True)),
        (1.4, AudioQueued("utterance-2", 0.5, last=True)),
        (1.8, MarkEchoed("utterance-1")),
        (2.4, MarkEchoed("utterance-2")),
        (3.0, CarrierVerdict("machine_end_beep")),
        (3.2, Tick()),
        (3.3, AudioQueued("utterance-3", 1.0, last=True)),
        (3.4, AudioQueued("utterance-4", 1.0, last=True)),
        (4.4, MarkEchoed("utterance-3")),
        (5.4, MarkEchoed("utterance-4")),
    )
    assert spoken(said)[2:] == [f"{AI_NOTICE} {RECORDED}", "Please call us."]
    assert VoicemailLeft() in said


def test_a_notice_that_could_not_be_spoken_leads_the_next_turn() -> None:
    call = started(opener_text=OPENER)
    said = told(
        call,
        (1.2, Tick()),
        (1.3, SpeechFailed("utterance-1")),
        (1.4, AudioQueued("utterance-2", 1.0, last=True)),
        (2.5, MarkEchoed("utterance-2")),
        (3.0, VoiceStarted()),
        (3.4, Heard("s", "What is this about?", final=True)),
        (3.5, VoiceStopped()),
        (3.8, Tick()),
        (4.0, ReplyText("reply-1", "Your appointment. It")),
    )
    assert spoken(said)[2:] == [f"{AI_NOTICE} {RECORDED}", "Your appointment."]


@settings(max_examples=150, deadline=None)
@given(
    opener=st.sampled_from([WORLDS_OPENER, None]),
    has_audio=st.booleans(),
    first=st.booleans(),
    replies=st.lists(st.tuples(st.sampled_from(["Great. Is ten fine?", "", "Sure."]), st.booleans()), max_size=4),
    callee=st.lists(
        st.tuples(
            st.sampled_from([0.1, 0.4, 1.0, 6.0]), st.sampled_from(["Hello?", "Wait, who is this", "uh-huh", ""])
        ),
        max_size=6,
    ),
)
def test_nothing_is_heard_before_it(
    opener: str | None, has_audio: bool, first: bool, replies: list[tuple[str, bool]], callee: list[tuple[float, str]]
) -> None:
    config = ConversationConfig(opener_text=opener, opener_has_audio=has_audio, ai_speaks_first=first, notices=(AI,))
    world = World(Conversation(config), replies, 0.1, 0.05)
    speak(world, callee, 0.3)
    world.run()
    notice, played = AI_NOTICE.split(), world.played
    while played:
        heard = next((n for n, pair in enumerate(zip(played, notice, strict=False)) if pair[0] != pair[1]), len(notice))
        if heard == len(notice):
            break
        assert heard, played
        played = played[heard:]
