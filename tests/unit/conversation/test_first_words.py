"""Who answered, by the first words alone: the model never names a machine, the carrier says nothing unless stated.

`first_words.jsonl` holds openings of calls from the project's own reading notes: `text`, `label`, `lang`. The other
lines here are of the same kinds, and the matcher was not written from them.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.conversation.config import ConversationConfig
from media.conversation.conversation import Conversation
from media.conversation.effects import Clear, HangUp, PlayOpener, ReportVoicemail, StartReply, StoreTurn
from media.conversation.inputs import (
    AudioQueued,
    Beep,
    CarrierVerdict,
    Heard,
    Input,
    StreamStarted,
    Tick,
    VoiceStarted,
    VoiceStopped,
)
from media.conversation.voicemail import beep_counts, is_machine, verdict_due, weigh
from tests.fakes.call_world import OPENER, World, speak

CORPUS = [json.loads(line) for line in Path(__file__).with_name("first_words.jsonl").read_text().splitlines()]
# What is heard before: nothing, or a short hello, the opener, and then the words.
BEFORE = [(), ((0.3, "Hello?"),), ((0.3, "Hello."),)]

MORE_PEOPLE = """
He's unavailable, but he can call you back.
Elena's not available just now. I'll note it down and make sure she'll call you back. Which number is best for you?
Simon isn't available. I could connect you to his voicemail.
Good evening, you've reached the out-of-hours line. Dr. Brennock is unavailable at present, but I'm able to help you.
Hello, you've reached the answering service for the breakdown garage. What's your location?
Hello? The person you dialed is currently unavailable. May I take a message?
Hey! Oops, that was nearly my voicemail talking. No, it's really me, fire away.
Ah, my voicemail's full - lucky I picked up.
Thank you for calling Ridley Motors, Cal speaking
You've reached the offices of Marsh and Denby, who's calling?
Sorry I missed your call this morning, I was driving.
He can't come to the phone, he's in the bath.
The doctor is not available, I can book you for Tuesday.
Thanks for calling, you've reached sales, this is Kim.
I can't hear you, speak up.
I'm in a meeting, text me.
I'm busy, I'll call you back.
Did you leave me a voicemail?
You can leave a message with me.
Nobody's available at the moment, I'm afraid. Can you call after lunch?
Mr Cole is on another call. Would you like his voicemail?
You want to leave a message for him?
I'm out shopping, make it quick.
Ms. Ortiz is out of the office until Monday. I'll let her know you called.
Tell me what it's about and I'll see what I can do.
""".strip().splitlines()
MORE_MACHINES = """
You've reached Sam. Can't get to my phone. You know what to do.
Hi this is Mark, I'm either on the phone or away from my desk. Please leave a message and I'll return your call.
You have reached the law offices of Hart and Doyle. Our office is currently closed. Our hours are nine to five.
We're not able to get to the phone right now.
The subscriber is not taking messages.
The cellular customer you are calling is unavailable. Please try again later.
Yo it's Dre. Leave it at the beep.
Sorry, we missed you. Tell us what you need and we'll ring you back.
No one can take your call right now.
This is Dr. Lee's confidential voicemail. If this is an emergency, hang up and dial 911.
Thank you for calling. All of our agents are busy. Leave a message and someone will return your call.
You've reached Jo. Leave your name, number and a short message and I will get right back to you.
It's Liz. You know the routine.
Lay it on me and I'll holler back.
You've called 555 0134. We can't answer the phone.
Greetings. We can't come to the phone because we are having too much fun.
""".strip().splitlines()


def heard_alone(text: str, before: tuple[tuple[float, str], ...], late: float = 0.6) -> bool:
    """Whether these words of a callee who then waits are taken for a machine's."""
    world = World(Conversation(ConversationConfig(opener_text=OPENER)), [("I see.", False)] * 20, 0.15, 0.05)
    speak(world, (*before, (4.0 if before else 0.3, text)), late)
    world.run()
    return bool(world.machines)


def english(label: str) -> list[str]:
    return [line["text"] for line in CORPUS if line["lang"] == "en" and line["label"] == label]


@pytest.mark.parametrize("before", BEFORE, ids=["silence", "asked hello", "said hello"])
def test_no_english_person_is_taken_for_a_machine(before: tuple[tuple[float, str], ...]) -> None:
    assert [text for text in [*english("human"), *MORE_PEOPLE] if heard_alone(text, before)] == []


@pytest.mark.parametrize("before", BEFORE, ids=["silence", "asked hello", "said hello"])
def test_english_voicemail_is_found(before: tuple[tuple[float, str], ...]) -> None:
    lines = english("voicemail")
    missed = [text for text in lines if not heard_alone(text, before)]
    assert len(missed) <= len(lines) // 10, missed
    assert [text for text in MORE_MACHINES if not heard_alone(text, before)] == []


def test_no_telephone_that_asks_who_is_calling_is_taken_for_a_machine() -> None:
    assert [text for text in english("screening") if heard_alone(text, ())] == []


@given(text=st.sampled_from([line["text"] for line in CORPUS] + MORE_PEOPLE + MORE_MACHINES), data=st.data())
def test_punctuation_and_case_change_nothing(text: str, data: st.DataObject) -> None:
    marks = st.sampled_from([" ", ", ", ". ", "? ", "! ", " - ", "... "])
    cases = st.sampled_from((str.lower, str.upper, str.title))
    said = re.sub(r"(?<!\w)[^\w\s]|[^\w\s'\u2019-](?!\w)", "", text).split()
    again = "".join(data.draw(cases)(word) + data.draw(marks) for word in said)
    assert weigh(again) == weigh(text)


def test_a_question_at_the_end_is_waited_for() -> None:
    call = Conversation(ConversationConfig(opener_text=OPENER, opener_has_audio=True))
    effects = told(
        call,
        (0.0, StreamStarted()),
        (0.3, VoiceStarted()),
        (2.0, Heard("g", "Dana is out, please leave a message")),
        (3.5, Tick()),
        (4.0, VoiceStopped()),
        (4.6, Heard("g", "Dana is out, please leave a message with me, or shall I get him?", final=True)),
        (5.5, Tick()),
    )
    assert effects == [PlayOpener("opener")]


def test_a_verdict_waits_for_a_second_of_quiet_and_for_late_words() -> None:
    assert verdict_due(since=0.0, last_text=2.0, voice_since=None, last_voice=2.5) == 3.5
    assert verdict_due(since=0.0, last_text=3.4, voice_since=None, last_voice=2.5) == 3.9
    assert verdict_due(since=0.1, last_text=None, voice_since=None, last_voice=None) == 1.1
    assert verdict_due(since=0.0, last_text=4.0, voice_since=1.0, last_voice=0.9) == 6.5


def test_a_beep_counts_for_three_seconds() -> None:
    assert beep_counts(4.0, 1.5)
    assert beep_counts(1.0, 4.0)
    assert not beep_counts(1.0, 4.1)
    assert not beep_counts(None, 4.0)
    ringing = ((0.0, StreamStarted()), (0.2, Beep()), (1.5, VoiceStarted()), (2.4, Heard("g", "Sorry I missed you")))
    call = Conversation(ConversationConfig(opener_text=OPENER))
    assert ReportVoicemail("speech") not in told(call, *ringing, (2.5, VoiceStopped()), (3.6, Tick()))
    call = Conversation(ConversationConfig(opener_text=OPENER))
    heard = told(call, *ringing, (2.5, VoiceStopped()), (3.8, Beep()))
    assert heard[-1] == HangUp("voicemail_detected")


ASKED = "Good morning, Tallowmere Systems, Taylor speaking, how may I help?"


@pytest.mark.parametrize("verdict", ["machine_start", "machine_end_beep", "machine_end_other"])
@pytest.mark.parametrize("at", [2.4, 4.2, 6.5, 11.0])
@pytest.mark.parametrize("text", [ASKED, "Who's calling please", "He's out but I can take a message", "Jamie speaking"])
def test_the_carrier_never_ends_a_call_in_which_somebody_asked_or_offered(text: str, at: float, verdict: str) -> None:
    world = World(Conversation(ConversationConfig(opener_text=OPENER)), [], 0.15, 0.05)
    speak(world, ((0.3, text),), 0.6)
    world.later(at, CarrierVerdict(verdict))
    world.run()
    assert world.machines == []
    assert world.hung_up == ["silence_timeout"]


def test_the_carrier_is_believed_after_the_words_have_come_to_an_end() -> None:
    world = World(Conversation(ConversationConfig(opener_text=OPENER)), [], 0.15, 0.05)
    speak(world, ((0.3, "Hallo hier ist der Anschluss von Familie Brand"),), 0.6)
    world.later(1.4, CarrierVerdict("machine_start"))
    world.run()
    assert world.machines == ["carrier"]
    assert world.hung_up == ["voicemail_detected"]
    assert world.stored[0].text == "Hallo hier ist der Anschluss von Familie Brand"


def told(call: Conversation, *facts: tuple[float, Input]) -> list[Any]:
    return [effect for at, fact in facts for effect in call.receive(fact, at)]


# The opener is audible from 1.3 s; it would last four seconds.
BEGUN: tuple[tuple[float, Input], ...] = (
    (0.0, StreamStarted()),
    (1.2, Tick()),
    (1.3, AudioQueued("opener", 4.0, last=True)),
)
PREPARED = ConversationConfig(opener_text=OPENER, opener_has_audio=True)


@pytest.mark.parametrize("hello", ["Hello?", "hello", "Hello? Hello?", "Good morning.", "Hi, yes?"])
@pytest.mark.parametrize("after", [0.1, 1.0, 1.9])
def test_an_opener_cut_by_a_hello_in_its_first_two_seconds_is_said_again(hello: str, after: float) -> None:
    call = Conversation(PREPARED)
    told(call, *BEGUN)
    began = 1.3 + after
    cut = told(call, (began, VoiceStarted()), (began + 0.35, Tick()))
    assert cut[0] == Clear()
    again = told(
        call, (began + 0.5, VoiceStopped()), (began + 0.7, Heard("s", hello, final=True)), (began + 1.1, Tick())
    )
    assert [effect for effect in again if isinstance(effect, StoreTurn)][-1].text == hello
    assert again[-1] == PlayOpener("opener-2")


def test_what_is_more_than_a_hello_or_later_is_answered() -> None:
    for after, words in ((0.5, "Hello, who is this?"), (2.5, "Hello?")):
        call = Conversation(PREPARED)
        told(call, *BEGUN)
        began = 1.3 + after
        effects = told(
            call,
            (began, VoiceStarted()),
            (began + 0.35, Tick()),
            (began + 0.5, VoiceStopped()),
            (began + 0.7, Heard("s", words, final=True)),
            (began + 1.6, Tick()),
        )
        assert Clear() in effects
        assert not [effect for effect in effects if isinstance(effect, PlayOpener)], words
        assert isinstance(effects[-1], StartReply)


def test_an_opener_is_said_again_twice_at_most() -> None:
    call = Conversation(PREPARED)
    told(call, *BEGUN)
    at, openers = 1.3, 0
    for index in range(4):
        effects = told(
            call,
            (at + 0.2, VoiceStarted()),
            (at + 0.5, Tick()),
            (at + 0.6, VoiceStopped()),
            (at + 0.8, Heard(f"s{index}", "Hello?", final=True)),
            (at + 1.4, Tick()),
        )
        again = [effect for effect in effects if isinstance(effect, PlayOpener)]
        openers += len(again)
        at += 1.5
        told(call, *((at, AudioQueued(effect.utterance, 4.0, last=True)) for effect in again))
    assert openers == 2


def test_the_words_of_a_person_who_is_judged_alone() -> None:
    assert not is_machine(weigh(ASKED, beep=True), answered=False)
    assert weigh(ASKED).is_person
    assert not weigh("Hello?").is_person
