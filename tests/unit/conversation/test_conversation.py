"""Whole calls as scripts: at a time, an input; then exactly these effects."""

from collections.abc import Sequence
from typing import Any

import pytest

from media.conversation.config import ConversationConfig
from media.conversation.conversation import Conversation
from media.conversation.effects import (
    CancelReply,
    Clear,
    Effect,
    HangUp,
    PlayOpener,
    ReportVoicemail,
    Speak,
    StartReply,
    StoreTurn,
    VoicemailLeft,
)
from media.conversation.inputs import (
    AudioQueued,
    Beep,
    CarrierVerdict,
    Dtmf,
    HangUpRequested,
    Heard,
    HearingLost,
    Input,
    MarkEchoed,
    ReplyEnded,
    ReplyFailed,
    ReplyText,
    ReplyTool,
    ReplyWaiting,
    SpeechFailed,
    StreamEnded,
    StreamStarted,
    Tick,
    VoiceStarted,
    VoiceStopped,
)

OPENER = "Hi Sarah, this is Ava from Bright Dental."
BASE = ConversationConfig(opener_text=OPENER, opener_has_audio=True, endpoint_silence=0.2)
Line = tuple[float, Input, Sequence[Effect]]


def play(conversation: Conversation, script: Sequence[Line]) -> None:
    for at, fact, expected in script:
        assert conversation.receive(fact, at) == list(expected), f"at {at}: {fact}"


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def agent(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


# Up to the end of the opener: hello at 0.5, opener from 1.2 to 3.2.
HELLO: list[Line] = [
    (0.0, StreamStarted(), []),
    (0.5, VoiceStarted(), []),
    (0.9, Heard("s1", "Hello?"), []),
    (1.0, VoiceStopped(), []),
    (1.2, Tick(), [PlayOpener("opener")]),
    (1.21, AudioQueued("opener", 2.0, last=True), []),
    (1.4, Heard("s1", "Hello?", final=True), [StoreTurn(0, "caller", "Hello?", 0.5, 1.0)]),
    (3.25, MarkEchoed("opener"), [StoreTurn(1, "agent", OPENER, 1.21, 3.25)]),
]
HISTORY = (user("Hello?"), agent(OPENER))


def test_two_turns_and_a_goodbye() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (4.0, VoiceStarted(), []),
            (4.5, Heard("s2", "Hi, yes"), []),
            (5.0, VoiceStopped(), []),
            (5.2, Tick(), [StartReply("reply-1", (*HISTORY, user("Hi, yes")))]),
            (5.5, ReplyText("reply-1", "Great. Is Tuesday "), [Speak("utterance-1", "Great.")]),
            (5.6, ReplyText("reply-1", "at ten fine? "), []),
            (5.7, AudioQueued("utterance-1", 0.8, last=True), [Speak("utterance-2", "Is Tuesday at ten fine?")]),
            (5.75, Heard("s2", "Hi, yes.", final=True), [StoreTurn(2, "caller", "Hi, yes.", 4.0, 5.0)]),
            (5.8, ReplyEnded("reply-1"), []),
            (5.9, AudioQueued("utterance-2", 1.5, last=True), []),
            (6.5, MarkEchoed("utterance-1"), []),
            (
                8.0,
                MarkEchoed("utterance-2"),
                [StoreTurn(3, "agent", "Great. Is Tuesday at ten fine?", 5.7, 8.0, latency=5.7 - 5.0)],
            ),
            (8.5, VoiceStarted(), []),
            (9.0, Heard("s3", "Tuesday works.", final=True), []),
            (9.1, VoiceStopped(), []),
            (
                9.3,
                Tick(),
                [
                    StartReply(
                        "reply-2",
                        (
                            *HISTORY,
                            user("Hi, yes."),
                            agent("Great. Is Tuesday at ten fine?"),
                            user("Tuesday works."),
                        ),
                    )
                ],
            ),
            (9.6, ReplyText("reply-2", "Lovely."), []),
            (
                9.7,
                ReplyTool("reply-2", "t1", "end_call", {"reason": "booked", "farewell": "See you Tuesday, goodbye!"}),
                [Speak("utterance-3", "Lovely."), Speak("utterance-4", "See you Tuesday, goodbye!")],
            ),
            (9.8, ReplyEnded("reply-2"), []),
            (9.9, AudioQueued("utterance-3", 0.5, last=True), [StoreTurn(4, "caller", "Tuesday works.", 8.5, 9.1)]),
            (9.95, AudioQueued("utterance-4", 1.5, last=True), []),
            (10.4, MarkEchoed("utterance-3"), []),
            (10.8, VoiceStarted(), []),
            (11.1, Heard("s4", "Bye bye."), []),
            (11.2, VoiceStopped(), []),
            (
                12.0,
                MarkEchoed("utterance-4"),
                [
                    StoreTurn(5, "agent", "Lovely. See you Tuesday, goodbye!", 9.9, 12.0, latency=9.9 - 9.1),
                    StoreTurn(6, "caller", "Bye bye.", 10.8, 11.2),
                    HangUp("completed"),
                ],
            ),
        ],
    )
    assert call.over
    assert call.deadline is None
    assert call.receive(VoiceStarted(), 13.0) == []


def test_barge_in_stores_the_words_played_and_goes_on() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (4.0, VoiceStarted(), []),
            (4.5, Heard("s2", "What is it about?", final=True), []),
            (4.6, VoiceStopped(), []),
            (4.8, Tick(), [StartReply("reply-1", (*HISTORY, user("What is it about?")))]),
            (
                5.0,
                ReplyText("reply-1", "Your check-up is due in March already. Shall"),
                [Speak("utterance-1", "Your check-up is due in March already.")],
            ),
            (
                5.0,
                AudioQueued("utterance-1", 3.5, last=True),
                [StoreTurn(2, "caller", "What is it about?", 4.0, 4.6)],
            ),
            (6.9, VoiceStarted(), []),
            (7.0, Heard("s3", "uh-huh"), []),
            (7.25, Tick(), []),
            (
                7.3,
                Heard("s3", "uh-huh but wait"),
                [
                    Clear(),
                    CancelReply("reply-1"),
                    StoreTurn(3, "agent", "Your check-up is due", 5.0, 7.3, interrupted=True, latency=5.0 - 4.6),
                ],
            ),
            (7.31, MarkEchoed("utterance-1"), []),
            (7.35, ReplyText("reply-1", "we book?"), []),
            (8.0, Heard("s3", "uh-huh but wait, who is this?", final=True), []),
            (8.1, VoiceStopped(), []),
            (
                8.3,
                Tick(),
                [
                    StartReply(
                        "reply-2",
                        (
                            *HISTORY,
                            user("What is it about?"),
                            agent("Your check-up is due"),
                            user("uh-huh but wait, who is this?"),
                        ),
                    )
                ],
            ),
        ],
    )


def test_a_nod_does_not_interrupt_and_is_not_answered() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO[:-1],
            (1.7, VoiceStarted(), []),
            (1.9, Heard("s2", "uh-huh"), []),
            (2.05, VoiceStopped(), []),
            (2.2, Tick(), []),
            (3.25, MarkEchoed("opener"), [StoreTurn(1, "agent", OPENER, 1.21, 3.25)]),
            (4.0, Tick(), []),
        ],
    )


def test_voice_without_words_interrupts_and_the_agent_goes_on_with_the_rest() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO[:-1],
            (1.9, VoiceStarted(), []),
            (
                2.21,
                Tick(),
                [Clear(), StoreTurn(1, "agent", "Hi Sarah, this is", 1.21, 2.21, interrupted=True)],
            ),
            (2.3, VoiceStopped(), []),
            (3.3, Tick(), [Speak("utterance-1", "Ava from Bright Dental.")]),
        ],
    )


def test_sensitivity_zero_is_never_interrupted() -> None:
    call = Conversation(ConversationConfig(opener_text=OPENER, opener_has_audio=True, interruption_sensitivity=0))
    play(
        call,
        [
            *HELLO[:-1],
            (1.7, VoiceStarted(), []),
            (2.6, Heard("s2", "stop it please stop", final=True), []),
            (2.7, VoiceStopped(), []),
            (
                3.25,
                MarkEchoed("opener"),
                [
                    StoreTurn(1, "agent", OPENER, 1.21, 3.25),
                    StartReply("reply-1", (*HISTORY, user("stop it please stop"))),
                ],
            ),
        ],
    )


def test_more_words_before_any_audio_start_the_reply_again() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (4.0, VoiceStarted(), []),
            (4.4, Heard("s2", "I need"), []),
            (4.5, VoiceStopped(), []),
            (4.7, Tick(), [StartReply("reply-1", (*HISTORY, user("I need")))]),
            (
                4.8,
                Heard("s2", "I need a table", stable=True),
                [CancelReply("reply-1"), StartReply("reply-2", (*HISTORY, user("I need a table")))],
            ),
            (4.9, Heard("s2", "I need a table.", final=True), []),
            (5.0, ReplyText("reply-2", "Sure. "), [Speak("utterance-1", "Sure.")]),
            (5.05, VoiceStarted(), []),
            (5.25, Tick(), [Clear(), CancelReply("reply-2")]),
            (5.4, Heard("s3", "for two", final=True), []),
            (5.5, VoiceStopped(), []),
            (5.7, Tick(), [StartReply("reply-3", (*HISTORY, user("I need a table. for two")))]),
            (6.0, ReplyText("reply-3", "Sure. "), [Speak("utterance-2", "Sure.")]),
            (
                6.1,
                AudioQueued("utterance-2", 0.5, last=True),
                [StoreTurn(2, "caller", "I need a table. for two", 4.0, 5.5)],
            ),
        ],
    )


def test_opener_after_silence_and_words_that_come_late() -> None:
    call = Conversation(ConversationConfig(opener_text=OPENER))
    play(call, [(0.0, StreamStarted(), [])])
    assert call.deadline == 1.2
    play(
        call,
        [
            (1.2, Tick(), [Speak("utterance-1", OPENER)]),
            (1.4, AudioQueued("utterance-1", 2.0, last=True), []),
            (3.4, MarkEchoed("utterance-1"), [StoreTurn(0, "agent", OPENER, 1.4, 3.4)]),
            (3.5, VoiceStarted(), []),
            (4.0, VoiceStopped(), []),
            (4.6, Tick(), []),
            (
                4.7,
                Heard("s1", "Who is this?"),
                [
                    StartReply(
                        "reply-1",
                        (user("(The callee has answered and said nothing yet.)"), agent(OPENER), user("Who is this?")),
                    )
                ],
            ),
        ],
    )


def test_without_an_opener_the_model_is_asked() -> None:
    call = Conversation(ConversationConfig())
    play(
        call,
        [
            (0.0, StreamStarted(), []),
            (1.2, Tick(), [StartReply("reply-1", (user("(The callee has answered and said nothing yet.)"),))]),
        ],
    )
    call = Conversation(ConversationConfig(direction="inbound"))
    play(
        call,
        [
            (0.0, StreamStarted(), []),
            (0.8, Tick(), [StartReply("reply-1", (user("(The callee has answered and said nothing yet.)"),))]),
        ],
    )
    call = Conversation(ConversationConfig(opener_text=OPENER, ai_speaks_first=False))
    play(
        call,
        [
            (0.0, StreamStarted(), []),
            (5.0, VoiceStarted(), []),
            (5.4, Heard("s1", "Hello?", final=True), []),
            (5.5, VoiceStopped(), []),
            (5.7, Tick(), [StartReply("reply-1", (user("Hello?"),))]),
        ],
    )


GREETING: list[Line] = [
    (0.0, StreamStarted(), []),
    (0.3, VoiceStarted(), []),
    (1.0, Heard("g", "Hi, you've reached Sarah."), []),
    (1.2, VoiceStopped(), []),
    (1.5, VoiceStarted(), []),
]
FOUND = "Hi, you've reached Sarah. I can't take your call"


def test_voicemail_is_hung_up_on() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *GREETING,
            (2.4, Heard("g", FOUND), []),
            (2.6, VoiceStopped(), []),
            (
                3.6,
                Tick(),
                [
                    ReportVoicemail("speech"),
                    StoreTurn(0, "caller", FOUND, 0.3, 2.6),
                    HangUp("voicemail_detected"),
                ],
            ),
        ],
    )


def test_voicemail_found_under_the_opener_clears_it() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO[:-1],
            (
                2.21,
                CarrierVerdict("machine_start"),
                [
                    Clear(),
                    StoreTurn(1, "agent", "Hi Sarah, this is", 1.21, 2.21, interrupted=True),
                    ReportVoicemail("carrier"),
                    HangUp("voicemail_detected"),
                ],
            ),
        ],
    )


def test_the_carrier_alone_never_hangs_up_on_a_person() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (4.0, VoiceStarted(), []),
            (4.5, Heard("s2", "Yes, speaking"), []),
            (4.6, CarrierVerdict("machine_start"), []),
            (4.7, CarrierVerdict("human"), []),
        ],
    )


@pytest.mark.parametrize("beep", [True, False])
def test_a_message_is_left_after_the_beep_or_in_the_quiet(beep: bool) -> None:
    call = Conversation(
        ConversationConfig(opener_text=OPENER, voicemail_action="leave_message", voicemail_message="Please call us.")
    )
    start = 4.2 if beep else 5.0
    play(
        call,
        [
            *GREETING,
            (2.4, Heard("g", FOUND), []),
            (3.0, VoiceStopped(), []),
            (4.0, Beep() if beep else Tick(), [ReportVoicemail("speech")]),
            (start, Tick(), [Speak("utterance-1", "Please call us.")]),
            (start + 0.1, AudioQueued("utterance-1", 1.5, last=True), []),
            (
                start + 1.7,
                MarkEchoed("utterance-1"),
                [
                    StoreTurn(0, "caller", FOUND, 0.3, 3.0),
                    StoreTurn(1, "agent", "Please call us.", start + 0.1, start + 1.7),
                    VoicemailLeft(),
                    HangUp("voicemail_left"),
                ],
            ),
        ],
    )


def test_a_machine_may_be_ignored_and_a_full_mailbox_gets_no_message() -> None:
    call = Conversation(ConversationConfig(opener_text=OPENER, voicemail_action="ignore"))
    play(
        call,
        [
            *GREETING,
            (2.4, Heard("g", FOUND), []),
            (2.5, VoiceStopped(), []),
            (3.5, Tick(), [ReportVoicemail("speech")]),
            (3.6, Heard("g", FOUND + " now"), []),
        ],
    )
    call = Conversation(
        ConversationConfig(opener_text=OPENER, voicemail_action="leave_message", voicemail_message="Please call us.")
    )
    text = "The mailbox is full and cannot accept messages"
    play(
        call,
        [
            *GREETING[:2],
            (2.4, Heard("g", text), []),
            (2.5, VoiceStopped(), []),
            (
                3.5,
                Tick(),
                [ReportVoicemail("speech"), StoreTurn(0, "caller", text, 0.3, 2.5), HangUp("voicemail_detected")],
            ),
        ],
    )


def test_silence_is_asked_about_once_then_ends_the_call() -> None:
    call = Conversation(BASE)
    play(call, HELLO)
    assert call.deadline == 18.25
    play(
        call,
        [
            (18.25, Tick(), [Speak("utterance-1", "Are you still there?")]),
            (18.3, AudioQueued("utterance-1", 1.0, last=True), []),
            (19.3, MarkEchoed("utterance-1"), [StoreTurn(2, "agent", "Are you still there?", 18.3, 19.3)]),
        ],
    )
    assert call.deadline == 33.25
    play(call, [(33.25, Tick(), [HangUp("silence_timeout")])])


def test_the_longest_duration_ends_with_a_short_goodbye() -> None:
    call = Conversation(ConversationConfig(opener_text=OPENER, max_duration=10.0))
    play(
        call,
        [
            (0.0, StreamStarted(), []),
            (1.2, Tick(), [Speak("utterance-1", OPENER)]),
            (1.3, AudioQueued("utterance-1", 2.0, last=True), []),
            (3.3, MarkEchoed("utterance-1"), [StoreTurn(0, "agent", OPENER, 1.3, 3.3)]),
            (10.0, Tick(), [Speak("utterance-2", "I'm sorry, our time is up. Goodbye.")]),
            (11.0, AudioQueued("utterance-2", 3.5, last=True), []),
            (13.1, Tick(), []),
            (
                14.6,
                MarkEchoed("utterance-2"),
                [
                    StoreTurn(1, "agent", "I'm sorry, our time is up. Goodbye.", 11.0, 14.6),
                    HangUp("max_duration_reached"),
                ],
            ),
        ],
    )


def test_a_goodbye_at_the_longest_duration_that_is_never_proved_ends_too() -> None:
    call = Conversation(ConversationConfig(opener_text=OPENER, max_duration=10.0))
    play(
        call,
        [
            (0.0, StreamStarted(), []),
            (1.2, Tick(), [Speak("utterance-1", OPENER)]),
            (1.3, AudioQueued("utterance-1", 2.0, last=True), []),
            (3.3, MarkEchoed("utterance-1"), [StoreTurn(0, "agent", OPENER, 1.3, 3.3)]),
            (10.0, Tick(), [Speak("utterance-2", "I'm sorry, our time is up. Goodbye.")]),
            (11.0, AudioQueued("utterance-2", 3.5, last=True), []),
            (13.1, Tick(), []),
        ],
    )
    assert call.deadline == pytest.approx(16.5)
    assert HangUp("max_duration_reached") in call.receive(Tick(), 16.5)


def test_the_closing_sentences_promise_nothing_and_are_true() -> None:
    assert "call back" not in BASE.cannot_go_on + BASE.deaf
    assert "hear" not in BASE.cannot_go_on, "the agent heard well; it was the model that failed"


def closing() -> Conversation:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (4.0, VoiceStarted(), []),
            (4.4, Heard("s2", "No thanks", final=True), []),
            (4.5, VoiceStopped(), []),
            (4.7, Tick(), [StartReply("reply-1", (*HISTORY, user("No thanks")))]),
            (
                5.0,
                ReplyTool("reply-1", "t", "end_call", {"farewell": "Alright, goodbye."}),
                [Speak("utterance-1", "Alright, goodbye.")],
            ),
            (5.1, AudioQueued("utterance-1", 1.0, last=True), [StoreTurn(2, "caller", "No thanks", 4.0, 4.5)]),
        ],
    )
    return call


def test_real_words_call_the_goodbye_off() -> None:
    play(
        closing(),
        [
            (5.5, VoiceStarted(), []),
            (
                5.7,
                Heard("s3", "Oh one more question"),
                [
                    Clear(),
                    CancelReply("reply-1"),
                    StoreTurn(3, "agent", "Alright,", 5.1, 5.7, interrupted=True, latency=5.1 - 4.5),
                ],
            ),
            (6.0, VoiceStopped(), []),
            (
                6.2,
                Tick(),
                [
                    StartReply(
                        "reply-2",
                        (*HISTORY, user("No thanks"), agent("Alright,"), user("Oh one more question")),
                    )
                ],
            ),
        ],
    )


def test_the_timer_behind_the_goodbye_hangs_up_without_its_mark() -> None:
    call = closing()
    assert call.deadline == pytest.approx(8.1)
    play(
        call,
        [
            (
                8.1,
                Tick(),
                [
                    Clear(),
                    CancelReply("reply-1"),
                    StoreTurn(3, "agent", "Alright, goodbye.", 5.1, 8.1, latency=5.1 - 4.5),
                    HangUp("completed"),
                ],
            )
        ],
    )


def test_a_failed_reply_ends_with_an_apology() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (4.0, Heard("s2", "Tell me more.", final=True), []),
            (4.2, Tick(), [StartReply("reply-1", (*HISTORY, user("Tell me more.")))]),
            (5.0, ReplyFailed("reply-1"), [Speak("utterance-1", BASE.cannot_go_on)]),
            (5.1, AudioQueued("utterance-1", 3.0, last=True), [StoreTurn(2, "caller", "Tell me more.", 4.0, 4.0)]),
            (8.2, MarkEchoed("utterance-1"), [StoreTurn(3, "agent", BASE.cannot_go_on, 5.1, 8.2), HangUp("error")]),
        ],
    )


# The callee has asked something: the model is asked at 4.2.
ASKED: list[Line] = [
    *HELLO,
    (4.0, Heard("s2", "Tell me more.", final=True), []),
    (4.2, Tick(), [StartReply("reply-1", (*HISTORY, user("Tell me more.")))]),
]
STORED = StoreTurn(2, "caller", "Tell me more.", 4.0, 4.0)


def test_somebody_who_waits_for_a_busy_model_is_told_once_and_then_answered() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *ASKED,
            (4.3, ReplyWaiting("reply-1"), []),
            (4.7, ReplyWaiting("reply-1"), []),
            (4.9, Tick(), [Speak("utterance-1", BASE.one_moment)]),
            (5.0, AudioQueued("utterance-1", 1.0, last=True), [STORED]),
            (5.8, ReplyWaiting("reply-1"), []),
            (6.0, MarkEchoed("utterance-1"), []),
            (8.0, ReplyText("reply-1", "Of course. "), [Speak("utterance-2", "Of course.")]),
            (8.1, AudioQueued("utterance-2", 1.0, last=True), []),
            (8.2, ReplyEnded("reply-1"), []),
            (
                9.1,
                MarkEchoed("utterance-2"),
                [StoreTurn(3, "agent", "One moment, please. Of course.", 5.0, 9.1, latency=1.0)],
            ),
        ],
    )


def test_a_model_that_answers_soon_after_all_needs_no_excuse() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *ASKED,
            (4.3, ReplyWaiting("reply-1"), []),
            (4.6, ReplyText("reply-1", "Of course. "), [Speak("utterance-1", "Of course.")]),
            (4.9, Tick(), []),
        ],
    )


def test_a_cough_over_the_excuse_does_not_lose_the_answer_but_words_do() -> None:
    excuse: list[Line] = [
        *ASKED,
        (4.3, ReplyWaiting("reply-1"), []),
        (4.9, Tick(), [Speak("utterance-1", BASE.one_moment)]),
        (5.0, AudioQueued("utterance-1", 1.5, last=True), [STORED]),
        (5.2, VoiceStarted(), []),
    ]
    play(Conversation(BASE), [*excuse, (6.2, Tick(), []), (6.3, VoiceStopped(), [])])
    call = Conversation(BASE)
    play(call, excuse)
    assert CancelReply("reply-1") in call.receive(Heard("s3", "No wait, I have a question"), 5.6)


def test_a_model_that_cannot_be_had_ends_the_call_with_a_sentence_that_is_true() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *ASKED,
            (4.3, ReplyWaiting("reply-1"), []),
            (4.9, Tick(), [Speak("utterance-1", BASE.one_moment)]),
            (5.0, AudioQueued("utterance-1", 1.0, last=True), [STORED]),
            (6.0, MarkEchoed("utterance-1"), []),
            (
                9.3,
                ReplyFailed("reply-1"),
                [
                    StoreTurn(3, "agent", BASE.one_moment, 5.0, 9.3, latency=1.0),
                    Speak("utterance-2", BASE.cannot_go_on),
                ],
            ),
            (9.4, AudioQueued("utterance-2", 3.0, last=True), []),
            (12.5, MarkEchoed("utterance-2"), [StoreTurn(4, "agent", BASE.cannot_go_on, 9.4, 12.5), HangUp("error")]),
        ],
    )


def test_a_model_that_says_nothing_more_behind_the_excuse_ends_the_call_too() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *ASKED,
            (4.3, ReplyWaiting("reply-1"), []),
            (4.9, Tick(), [Speak("utterance-1", BASE.one_moment)]),
            (5.0, AudioQueued("utterance-1", 1.0, last=True), [STORED]),
            (6.0, MarkEchoed("utterance-1"), []),
            (15.9, Tick(), []),
            (
                16.0,
                Tick(),
                [
                    CancelReply("reply-1"),
                    StoreTurn(3, "agent", BASE.one_moment, 5.0, 16.0, latency=1.0),
                    Speak("utterance-2", BASE.cannot_go_on),
                ],
            ),
        ],
    )


def test_a_refused_answer_is_not_spoken_and_said_to_be_no_help_once() -> None:
    call = Conversation(BASE)
    withheld = "(The callee said something that you cannot help with.)"
    play(
        call,
        [
            *ASKED,
            (4.5, ReplyText("reply-1", "Sure, I can "), []),
            (4.6, ReplyEnded("reply-1", "refused"), [Speak("utterance-1", BASE.cannot_help)]),
            (4.7, AudioQueued("utterance-1", 1.0, last=True), [STORED]),
            (5.7, MarkEchoed("utterance-1"), [StoreTurn(3, "agent", BASE.cannot_help, 4.7, 5.7)]),
            (6.0, Heard("s3", "Why not?", final=True), []),
            (
                6.2,
                Tick(),
                [StartReply("reply-2", (*HISTORY, user(withheld), agent(BASE.cannot_help), user("Why not?")))],
            ),
            (6.5, ReplyEnded("reply-2", "refused"), [Speak("utterance-2", BASE.cannot_go_on)]),
        ],
    )


# The model declines, and the callee goes on before anybody has heard so.
DECLINED_UNHEARD: list[Line] = [
    *ASKED,
    (4.5, ReplyEnded("reply-1", "refused"), [Speak("utterance-1", BASE.cannot_help)]),
    (4.6, VoiceStarted(), []),
    (4.8, Tick(), [Clear()]),
    (5.5, Heard("s2", "Tell me more. When do you open?", final=True), []),
    (5.6, VoiceStopped(), []),
]


def test_a_refusal_nobody_heard_of_is_none() -> None:
    call = Conversation(BASE)
    play(call, DECLINED_UNHEARD)
    (asked,) = call.receive(Tick(), 6.0)
    assert isinstance(asked, StartReply)
    assert call.receive(ReplyEnded("reply-2", "refused"), 6.1) == [Speak("utterance-2", BASE.cannot_help)]


def test_what_was_answered_after_all_is_not_kept_from_the_model() -> None:
    call = Conversation(BASE)
    play(call, DECLINED_UNHEARD)
    call.receive(Tick(), 6.0)
    call.receive(ReplyText("reply-2", "We open at nine. "), 6.1)
    call.receive(ReplyEnded("reply-2"), 6.2)
    call.receive(AudioQueued("utterance-2", 1.0, last=True), 6.3)
    call.receive(MarkEchoed("utterance-2"), 7.3)
    call.receive(Heard("s3", "Thanks, and on Sundays?", final=True), 8.0)
    (asked,) = call.receive(Tick(), 8.3)
    assert isinstance(asked, StartReply)
    assert asked.messages[-3:] == (
        user("Tell me more. When do you open?"),
        agent("We open at nine."),
        user("Thanks, and on Sundays?"),
    )


def test_a_sentence_cut_by_the_limit_is_dropped_behind_a_whole_one_and_spoken_alone() -> None:
    play(
        Conversation(BASE),
        [
            *ASKED,
            (4.5, ReplyText("reply-1", "We open at nine. On Sundays we"), [Speak("utterance-1", "We open at nine.")]),
            (4.6, ReplyEnded("reply-1", "cut"), []),
            (4.7, AudioQueued("utterance-1", 1.0, last=True), [STORED]),
            (5.7, MarkEchoed("utterance-1"), [StoreTurn(3, "agent", "We open at nine.", 4.7, 5.7, latency=4.7 - 4.0)]),
        ],
    )
    play(
        Conversation(BASE),
        [
            *ASKED,
            (4.5, ReplyText("reply-1", "On Sundays we"), []),
            (4.6, ReplyEnded("reply-1", "cut"), [Speak("utterance-1", "On Sundays we")]),
        ],
    )


def test_a_conversation_too_long_for_the_model_is_ended_and_not_asked_again() -> None:
    play(
        Conversation(BASE),
        [*ASKED, (4.6, ReplyEnded("reply-1", "too_long"), [Speak("utterance-1", BASE.cannot_go_on)])],
    )


def test_an_end_call_cut_by_the_limit_is_still_one() -> None:
    play(
        Conversation(BASE),
        [
            *ASKED,
            (4.6, ReplyTool("reply-1", "t", "end_call", {}, cut=True), [Speak("utterance-1", BASE.default_farewell)]),
            (4.6, ReplyEnded("reply-1", "cut"), []),
            (4.7, AudioQueued("utterance-1", 0.5, last=True), [STORED]),
            (
                5.3,
                MarkEchoed("utterance-1"),
                [StoreTurn(3, "agent", "Goodbye.", 4.7, 5.3, latency=4.7 - 4.0), HangUp("completed")],
            ),
        ],
    )


def test_a_failed_opener_is_spoken_and_two_failures_end_the_call() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO[:5],
            (1.25, SpeechFailed("opener"), [Speak("utterance-1", OPENER)]),
            (1.3, SpeechFailed("utterance-1"), [StoreTurn(0, "caller", "Hello?", 0.5, 1.0), HangUp("error")]),
        ],
    )


def test_an_empty_reply_is_asked_for_again_once() -> None:
    call = Conversation(BASE)
    note = "(A tool that does not exist was asked for; it did nothing.) (The other side waits for an answer in words.)"
    play(
        call,
        [
            *HELLO,
            (4.0, Heard("s2", "Go on then.", final=True), []),
            (4.2, Tick(), [StartReply("reply-1", (*HISTORY, user("Go on then.")))]),
            (4.5, ReplyTool("reply-1", "t", "dance", {}), []),
            (4.6, ReplyEnded("reply-1"), [StartReply("reply-2", (*HISTORY, user(f"{note} Go on then.")))]),
            (4.7, ReplyEnded("reply-2"), [Speak("utterance-1", BASE.cannot_go_on)]),
        ],
    )


def test_a_request_to_hang_up_and_the_end_of_the_stream() -> None:
    call = Conversation(BASE)
    cut = StoreTurn(1, "agent", "Hi Sarah, this is", 1.21, 2.21, interrupted=True)
    play(call, [*HELLO[:-1], (2.21, HangUpRequested(), [Clear(), cut, HangUp("canceled")])])
    assert call.over
    call = Conversation(BASE)
    play(call, [*HELLO[:-1], (2.21, StreamEnded(), [cut])])
    assert call.over
    call = Conversation(BASE)
    play(call, [(0.0, VoiceStarted(), []), (0.0, HangUpRequested("error"), [HangUp("error")])])


def test_keys_are_heard_as_words() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (5.0, Dtmf("1"), []),
            (5.1, Dtmf("2"), []),
            (5.3, Tick(), [StartReply("reply-1", (*HISTORY, user("(pressed 1 2)")))]),
        ],
    )


def test_voice_told_late_counts_from_when_it_was() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (4.0, VoiceStarted(), []),
            (4.65, Heard("s2", "Yes please", final=True), []),
            (4.4, VoiceStopped(), [StartReply("reply-1", (*HISTORY, user("Yes please")))]),
            (4.8, ReplyText("reply-1", "Good. "), [Speak("utterance-1", "Good.")]),
            (5.0, AudioQueued("utterance-1", 0.5), [StoreTurn(2, "caller", "Yes please", 4.0, 4.4)]),
            (5.0, AudioQueued("utterance-1", 0.0, last=True), []),
            (5.1, ReplyEnded("reply-1"), []),
            (5.6, MarkEchoed("utterance-1"), [StoreTurn(3, "agent", "Good.", 5.0, 5.6, latency=5.0 - 4.4)]),
        ],
    )


def test_a_stuck_reply_is_given_up() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (4.0, Heard("s2", "Tell me more.", final=True), []),
            (4.2, Tick(), [StartReply("reply-1", (*HISTORY, user("Tell me more.")))]),
            (14.2, Tick(), [CancelReply("reply-1"), Speak("utterance-1", BASE.cannot_go_on)]),
        ],
    )


def test_a_verdict_before_the_stream_counts_when_it_begins() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            (0.0, CarrierVerdict("machine_start"), []),
            (0.1, StreamStarted(), []),
            (1.1, Tick(), [ReportVoicemail("carrier"), HangUp("voicemail_detected")]),
        ],
    )


def test_an_agent_gone_deaf_apologises() -> None:
    call = Conversation(BASE)
    play(
        call,
        [
            *HELLO,
            (4.0, HearingLost(), [Speak("utterance-1", BASE.deaf)]),
            (4.1, AudioQueued("utterance-1", 3.0, last=True), []),
            (7.2, MarkEchoed("utterance-1"), [StoreTurn(2, "agent", BASE.deaf, 4.1, 7.2), HangUp("error")]),
        ],
    )


def test_a_goodbye_is_said_to_its_end_by_a_deaf_agent_too() -> None:
    call = closing()
    assert call.receive(HearingLost(), 5.3) == []
    assert HangUp("completed") in call.receive(MarkEchoed("utterance-1"), 6.1)
