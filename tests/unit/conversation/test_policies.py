"""The small pure decisions, each by its table."""

import pytest

from media.conversation.barge_in import (
    calls_off_goodbye,
    interruption_due,
    resume_due,
    takes_floor,
    voice_needed,
    yield_due,
)
from media.conversation.endpointing import endpoint_due, patience
from media.conversation.opener import opener_due
from media.conversation.playout import Playout
from media.conversation.sentences import SentenceCutter, join_due
from media.conversation.silence import silence_due
from media.conversation.tools import TOOLS, EndCall, MachineAnswered
from media.conversation.voicemail import NO_EVIDENCE, Evidence, is_machine, message_due, takes_messages, weigh
from media.conversation.words import already_said, beyond_goodbye, is_backchannel, says_goodbye

MACHINES = [
    "Please leave a message after the tone",
    "Hi this is Dave, I can't come to the phone right now, leave your name and number and I'll get back to you",
    "You've reached the voicemail box of 5 5 5 0 1 2 3",
    "The person you are trying to reach is not available",
    "the number you have dialed is not in service",
    "Your call has been forwarded to an automated voice messaging system",
    "The mailbox is full and cannot accept any messages at this time. Goodbye.",
    "Hi, you\u2019ve reached Sarah, sorry I missed your call",
    "at the tone please record your message when you have finished recording you may hang up or press 1",
    "The subscriber you have called is unavailable. If you would like to leave a message, press 1.",
    "You have reached the mailbox of John Smith. Can you leave a message? Record your message after the beep.",
]
PEOPLE = [
    "Hello?",
    "Hello, who is this?",
    "He's not available, can I take a message?",
    "he's not available can i take a message",
    "She isn't available right now. Would you like to leave a message?",
    "Sorry, I can't take your call right now, can you call me back later?",
    "I'm not available on Tuesday",
    "You've reached Smith and Sons, how can I help you?",
    "Thanks for calling Bright Dental, who's calling?",
    "Do you want to leave a message for her?",
    "Can I call you back?",
    "Who is calling please, and what is it about?",
    "",
]


@pytest.mark.parametrize("text", MACHINES)
def test_machines_are_found(text: str) -> None:
    assert is_machine(weigh(text), answered=False)


@pytest.mark.parametrize("text", PEOPLE)
def test_people_are_not_machines(text: str) -> None:
    assert not is_machine(weigh(text), answered=False)
    assert not is_machine(weigh(text), answered=True)


def test_after_a_turn_of_a_person_one_phrase_is_not_enough() -> None:
    assert not is_machine(weigh("I'll leave a message for my husband"), answered=True)
    assert is_machine(weigh("please leave a message after the tone"), answered=True)


def test_a_beep_counts_with_a_phrase_only() -> None:
    assert not is_machine(weigh("", beep=True), answered=False)
    assert is_machine(weigh("sorry I missed your call", beep=True), answered=False)


def test_where_messages_can_be_left_and_when() -> None:
    assert takes_messages(weigh("leave a message after the tone"))
    assert not takes_messages(weigh("the mailbox is full"))
    assert message_due(since=5.0, beep=None, voice_since=4.0, last_voice=2.0) is None
    assert message_due(since=5.0, beep=None, voice_since=None, last_voice=6.0) == 8.0
    assert message_due(since=5.0, beep=None, voice_since=None, last_voice=None) == 7.0
    assert message_due(since=5.0, beep=6.5, voice_since=None, last_voice=6.6) == 6.7
    assert message_due(since=5.0, beep=1.0, voice_since=None, last_voice=6.0) == 8.0


@pytest.mark.parametrize("text", ["uh-huh", "Yeah.", "ok", "mm", "Mm-hmm, I see.", "right, okay", "Got it"])
def test_nods_never_interrupt(text: str) -> None:
    assert is_backchannel(text)
    for sensitivity in (0, 1, 50, 100):
        assert interruption_due(sensitivity=sensitivity, text=text, voice_since=0.0, noise=False) is None


def test_interruptions() -> None:
    assert not is_backchannel("")
    assert takes_floor("no", 50)
    assert takes_floor("what about Tuesday", 50)
    assert not takes_floor("Tuesday", 50)
    assert takes_floor("Tuesday", 90)
    assert not takes_floor("stop", 0)
    assert voice_needed(50) == pytest.approx(0.3)
    assert voice_needed(100) < voice_needed(50) < voice_needed(1)
    assert interruption_due(sensitivity=50, text="", voice_since=1.0, noise=False) == pytest.approx(1.3)
    assert interruption_due(sensitivity=50, text="", voice_since=1.0, noise=True) is None
    assert interruption_due(sensitivity=50, text="", voice_since=None, noise=False) is None


def test_yielding_and_resuming() -> None:
    assert yield_due(text="a b", asked="a", restarts=True, voice_since=None, noise=False) == 0.0
    assert yield_due(text="A.", asked="a", restarts=True, voice_since=None, noise=False) is None
    assert yield_due(text="a b", asked="", restarts=False, voice_since=2.0, noise=False) == pytest.approx(2.2)
    assert resume_due(text="uh-huh", voice_since=None, last_voice=2.0) == 3.0
    assert resume_due(text="", voice_since=2.0, last_voice=1.0) == 6.0
    assert resume_due(text="not now please", voice_since=None, last_voice=2.0) is None


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("bye", False),
        ("Okay, thank you, bye bye", False),
        ("you too, have a good day", False),
        ("wait", True),
        ("and what about my wife", True),
        ("", False),
    ],
)
def test_a_goodbye_is_called_off_by_more_than_a_goodbye(text: str, more: bool) -> None:
    assert calls_off_goodbye(text, 50) is more
    assert not calls_off_goodbye(text, 0)
    assert bool(beyond_goodbye(text)) is more


def test_farewells_are_not_said_twice() -> None:
    assert already_said("Lovely. See you Tuesday, goodbye!", "See you Tuesday. Goodbye.")
    assert already_said("Have a good day, bye!", "Goodbye!")
    assert not already_said("See you Tuesday.", "Goodbye!")
    assert says_goodbye("Take care!")


def endpoint(text: str, **changes: object) -> float | None:
    facts: dict[str, object] = {
        "text": text,
        "text_is_final": False,
        "last_text": 1.0,
        "voice_since": None,
        "last_voice": 2.0,
        "voiced": True,
        "silence": 0.2,
    }
    return endpoint_due(**(facts | changes))  # type: ignore[arg-type]  # a table of keyword values


def test_endpointing() -> None:
    assert endpoint("yes") == pytest.approx(2.2)
    assert endpoint("") is None
    assert endpoint("yes", voice_since=1.5) is None
    assert endpoint("yes", voice_since=0.5, text_is_final=True) == pytest.approx(2.5)
    assert endpoint("yes", voiced=False, text_is_final=True) == pytest.approx(1.2)
    assert endpoint("yes", voiced=False) == pytest.approx(1.7)
    assert patience("I would like to", 0.2) > patience("I would like two", 0.2)
    assert patience("what is it for?", 0.2) == 0.2


def opening(**changes: object) -> float | None:
    facts: dict[str, object] = {
        "started": 0.0,
        "delay": 1.2,
        "silence": 0.2,
        "text": "",
        "evidence": NO_EVIDENCE,
        "voice_began": 0.5,
        "voice_since": None,
        "last_voice": 1.0,
        "needs_text": False,
    }
    return opener_due(**(facts | changes))  # type: ignore[arg-type]  # a table of keyword values


def test_opener() -> None:
    assert opening() == pytest.approx(1.2)
    assert opening(last_voice=None, voice_began=None) == 1.2
    assert opening(last_voice=None, voice_began=None, delay=None) is None
    assert opening(last_voice=None, voice_began=None, text="hello") == 0.0
    assert opening(voice_since=1.1) == pytest.approx(6.1)
    assert opening(voice_since=1.1, text="hello I am") == pytest.approx(21.1)
    assert opening(last_voice=4.0) == pytest.approx(5.5)
    assert opening(evidence=Evidence(frozenset({"you_reached"}))) == pytest.approx(2.5)
    assert opening(needs_text=True) == pytest.approx(2.0)
    assert opening(needs_text=True, text="Hello?") == pytest.approx(1.2)


def test_silence() -> None:
    assert silence_due(quiet_since=1.0, limit=10.0, voice_since=None, last_voice=None) == 11.0
    assert silence_due(quiet_since=1.0, limit=10.0, voice_since=None, last_voice=10.5) == 12.0
    assert silence_due(quiet_since=1.0, limit=10.0, voice_since=9.0, last_voice=None) == 19.0


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_sentences_do_not_depend_on_how_they_arrive(size: int) -> None:
    text = 'Hi! Dr. Lee is in at 3.5 p.m. tomorrow... "Is that fine?" Say yes\nor no. And then'
    cutter = SentenceCutter()
    done = [s for at in range(0, len(text), size) for s in cutter.feed(text[at : at + size])]
    assert done == ["Hi!", "Dr. Lee is in at 3.5 p.m. tomorrow...", '"Is that fine?"', "Say yes", "or no."]
    assert cutter.rest() == "And then"
    assert cutter.rest() == ""


def test_later_sentences_are_joined() -> None:
    assert join_due([], spoken=False, ended=True, audible_until=None) is None
    assert join_due(["Hi."], spoken=False, ended=False, audible_until=None) == 0.0
    assert join_due(["Hi."], spoken=True, ended=False, audible_until=None) is None
    assert join_due(["Hi."], spoken=True, ended=False, audible_until=5.0) == 3.5
    assert join_due(["Hi."], spoken=True, ended=True, audible_until=5.0) == 0.0
    assert join_due(["x" * 200], spoken=True, ended=False, audible_until=None) == 0.0


def test_playout_reckons_the_words_heard() -> None:
    playout = Playout()
    playout.add("a", "one two three four")
    playout.add("b", "five six")
    first, second = playout.utterances
    playout.queued(first, 1.0, 10.0, last=False)
    playout.queued(first, 1.0, 10.1, last=True)
    playout.queued(second, 1.0, 10.2, last=True)
    assert playout.end == 13.0
    assert playout.words_heard(10.0) == ""
    assert playout.words_heard(11.4) == "one two"
    assert playout.words_left(11.4) == "three four five six"
    assert playout.words_heard(12.6) == "one two three four five"
    playout.heard(first, 12.0)
    assert playout.words_heard(12.0) == "one two three four"
    assert playout.settled_at is None
    playout.broken(second, 12.1)
    assert playout.settled_at == 13.0


def test_audio_that_may_still_grow_does_not_prove_all_its_words() -> None:
    playout = Playout()
    playout.add("a", "one two three four five six seven eight nine ten")
    playout.queued(playout.utterances[0], 0.2, 0.0, last=False)
    assert playout.words_heard(5.0) == ""
    playout.queued(playout.utterances[0], 0.9, 5.0, last=False)
    assert playout.words_heard(9.0) == "one two three four five"


def test_tools_read_what_they_are_given() -> None:
    assert TOOLS["end_call"]({"farewell": " Bye. ", "reason": "done"}) == EndCall("Bye.")
    assert TOOLS["end_call"]({"farewell": None}) == EndCall("")
    assert TOOLS["voicemail_detected"]({}) == MachineAnswered()
