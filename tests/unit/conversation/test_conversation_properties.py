"""Whatever comes in, in whatever order: the promises a conversation keeps."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from media.conversation.config import ConversationConfig
from media.conversation.conversation import Conversation
from media.conversation.effects import CancelReply, Clear, Effect, HangUp, PlayOpener, Speak, StartReply, StoreTurn
from media.conversation.inputs import (
    AudioQueued,
    Beep,
    CarrierVerdict,
    Dtmf,
    HangUpRequested,
    Heard,
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

OPENER = "Hello Sarah, Ava here."
SAID = ["hello?", "uh-huh", "yes", "wait stop", "bye", "I can do Tuesday at ten", "leave a message after the tone", ""]
WRITTEN = ["Sure.", "Sure. When", " would suit you? ", "Fine", "\n", "It is Dr. Lee at 3.5 miles. ", "x" * 170 + ". "]
VERDICTS = ["human", "machine_start", "machine_end_beep", "unknown", "fax"]

configs = st.builds(
    ConversationConfig,
    direction=st.sampled_from(["outbound", "outbound", "inbound"]),
    opener_text=st.sampled_from([OPENER, None]),
    opener_has_audio=st.booleans(),
    ai_speaks_first=st.sampled_from([True, True, False]),
    interruption_sensitivity=st.integers(0, 100),
    silence_hangup=st.sampled_from([5.0, 30.0]),
    max_duration=st.sampled_from([20.0, 600.0]),
    voicemail_action=st.sampled_from(["hangup", "leave_message", "ignore", "ignore"]),
    voicemail_message=st.sampled_from(["Please call us back.", None]),
    detect_voicemail=st.booleans(),
)


class Line:
    """Drives a conversation and remembers what a session would know."""

    def __init__(self, config: ConversationConfig) -> None:
        self.conversation = Conversation(config)
        self.twin = Conversation(config)
        self.now = 0.0
        self.replies = ["nobody"]
        self.alive: set[str] = set()
        self.utterances = ["nothing"]
        self.spoken: dict[str, str] = {}
        self.audible: dict[str, float] = {}
        self.stored: list[StoreTurn] = []
        self.hung_up: list[str] = []
        self.ended = False
        # Utterances asked for that no mark, failure or Clear has settled yet, as of the last input.
        self.unproven: set[str] = set()
        self.progress = 0.0

    def feed(self, fact: Input, after: float) -> None:
        self.now += after
        if isinstance(fact, ReplyEnded | ReplyFailed):
            self.alive.discard(fact.reply)
        effects = self.conversation.receive(fact, self.now)
        assert effects == self.twin.receive(fact, self.now), "the same inputs, the same effects"
        assert not (self.ended and effects), "nothing after the end"
        if isinstance(fact, AudioQueued) and fact.utterance in self.unproven and fact.seconds > 0:
            self.audible.setdefault(fact.utterance, self.now)
            self.progress = self.now
        if isinstance(fact, MarkEchoed | SpeechFailed):
            self.unproven.discard(fact.name if isinstance(fact, MarkEchoed) else fact.utterance)
        for effect in effects:
            assert not self.hung_up, "nothing behind HangUp"
            self.check(effect, fact)
        if any(isinstance(effect, Clear) for effect in effects):
            self.unproven.clear()
        for effect in effects:
            if isinstance(effect, Speak | PlayOpener):
                self.unproven.add(effect.utterance)
                self.progress = self.now
        deadline = self.conversation.deadline
        assert deadline is None or deadline > self.now
        self.ended = self.conversation.over
        assert not self.ended or deadline is None

    def check(self, effect: Effect, fact: Input) -> None:
        if isinstance(effect, StartReply):
            assert not self.alive, "one reply at a time"
            assert effect.reply not in self.replies
            self.alive.add(effect.reply)
            self.replies.append(effect.reply)
            self.check_messages(effect.messages)
        elif isinstance(effect, CancelReply):
            assert effect.reply in self.alive, "only what runs is cancelled"
            self.alive.discard(effect.reply)
        elif isinstance(effect, Speak | PlayOpener):
            text = effect.text if isinstance(effect, Speak) else OPENER
            assert text.strip() == text != ""
            assert effect.utterance not in self.spoken, "a mark proves one thing only"
            self.spoken[effect.utterance] = text
            self.utterances.append(effect.utterance)
        elif isinstance(effect, StoreTurn):
            self.check_turn(effect)
        elif isinstance(effect, HangUp):
            self.hung_up.append(effect.reason)
            if effect.reason == "completed" and self.unproven:
                assert self.now - self.progress >= 2.0, "a mark, or the timer behind it"

    def check_turn(self, turn: StoreTurn) -> None:
        assert turn.index == len(self.stored)
        assert turn.text.strip()
        assert turn.started <= turn.ended <= self.now
        assert turn.latency is None or turn.latency >= 0
        if turn.role == "agent":
            said = " ".join(self.spoken[name] for name in self.audible).split()
            rest = iter(said)
            assert all(word in rest for word in turn.text.split()), "only what was spoken, in its order"
        self.stored.append(turn)

    def check_messages(self, messages: tuple[dict[str, Any], ...]) -> None:
        roles = [message["role"] for message in messages]
        assert roles[0] == roles[-1] == "user"
        assert all(one != other for one, other in pairwise(roles))
        assert all(isinstance(message["content"], str) and message["content"].strip() for message in messages)
        told = " ".join(message["content"] for message in messages if message["role"] == "assistant")
        assert told == " ".join(turn.text for turn in self.stored if turn.role == "agent")


# Names are drawn as how recent they are, and filled in when the input is fed.
recent = st.sampled_from(["0", "0", "0", "1"])
spoken = st.sampled_from(["0", "0", "1", "2"])
voices = st.sampled_from([VoiceStarted(), VoiceStopped()])
hearing = st.builds(Heard, st.sampled_from("abcd"), st.sampled_from(SAID), st.booleans(), st.booleans())
others = st.sampled_from([Tick(), Beep(), Dtmf("1"), StreamStarted()])
sounding = st.builds(AudioQueued, spoken, st.sampled_from([0.0, 0.1, 1.0, 3.0]), st.booleans())
marking = st.builds(MarkEchoed, spoken)
writing = st.builds(ReplyText, recent, st.sampled_from(WRITTEN))
ending = st.builds(ReplyEnded, recent, st.sampled_from(["done", "done", "done", "cut", "refused", "too_long"]))
waiting = st.builds(ReplyWaiting, recent)
tools = st.builds(
    ReplyTool,
    recent,
    st.just("t"),
    st.sampled_from(["end_call", "end_call", "dance", "voicemail_detected"]),
    st.sampled_from([{}, {"farewell": "Goodbye then."}, {"farewell": 3}]),
    st.sampled_from([False, False, True]),
)
mishaps = st.one_of(
    st.builds(ReplyFailed, recent),
    st.builds(SpeechFailed, spoken),
    st.builds(CarrierVerdict, st.sampled_from(VERDICTS)),
)
facts = st.one_of(
    voices, hearing, others, sounding, sounding, marking, marking, writing, writing, ending, waiting, tools, mishaps
)
gaps = st.sampled_from([0.0, 0.02, 0.1, 0.3, 1.0, 3.0])


def named(line: Line, fact: Input) -> Input:
    """Fill in the names of the replies and utterances there are."""
    if isinstance(fact, AudioQueued | SpeechFailed):
        return replace(fact, utterance=line.utterances[-1 - int(fact.utterance) :][0])
    if isinstance(fact, MarkEchoed):
        return replace(fact, name=line.utterances[-1 - int(fact.name) :][0])
    if isinstance(fact, ReplyText | ReplyEnded | ReplyTool | ReplyWaiting | ReplyFailed):
        return replace(fact, reply=line.replies[-1 - int(fact.reply) :][0])
    return fact


@settings(max_examples=200, deadline=None)
@given(config=configs, early=st.booleans(), script=st.lists(st.tuples(facts, gaps), max_size=60), last=st.booleans())
def test_promises(config: ConversationConfig, early: bool, script: list[tuple[Input, float]], last: bool) -> None:
    line = Line(config)
    if not early:
        line.feed(StreamStarted(), 0.0)
    for fact, gap in script:
        line.feed(named(line, fact), gap)
    line.feed(StreamEnded() if last else HangUpRequested(), 0.1)
    assert line.conversation.over
    assert len(line.hung_up) <= 1


@settings(max_examples=60, deadline=None)
@given(config=configs, script=st.lists(st.tuples(facts, gaps), max_size=30))
def test_with_timers_alone_every_call_ends(config: ConversationConfig, script: list[tuple[Input, float]]) -> None:
    """After any beginning, if the world falls silent, the deadlines lead to the end of the call in bounded time."""
    line = Line(config)
    line.feed(StreamStarted(), 0.0)
    for fact, gap in script:
        line.feed(named(line, fact), gap)
    silent_since = line.now
    while not line.conversation.over:
        deadline = line.conversation.deadline
        assert deadline is not None, "a call that nothing would ever end"
        line.feed(Tick(), max(deadline - line.now, 0.0) + 1e-6)
        assert line.now < silent_since + 2 * config.silence_hangup + 90
    assert len(line.hung_up) == 1


@settings(max_examples=60, deadline=None)
@given(
    farewell=st.sampled_from(["Goodbye then.", "", "See you."]),
    during=st.lists(
        st.sampled_from(["uh-huh", "bye", "thank you, bye", "okay have a good day", "tick", "voice", "quiet"]),
        max_size=8,
    ),
)
def test_a_goodbye_is_heard_before_the_line_is_cut(farewell: str, during: list[str]) -> None:
    line = Line(ConversationConfig(opener_text=OPENER))
    line.feed(StreamStarted(), 0.0)
    line.feed(Tick(), 1.2)
    line.feed(AudioQueued("utterance-1", 1.0, last=True), 0.0)
    line.feed(MarkEchoed("utterance-1"), 1.0)
    line.feed(Heard("a", "That is all.", final=True), 0.5)
    line.feed(Tick(), 1.0)
    line.feed(ReplyTool("reply-1", "t", "end_call", {"farewell": farewell}), 0.2)
    line.feed(ReplyEnded("reply-1"), 0.0)
    line.feed(AudioQueued("utterance-2", 2.0, last=True), 0.1)
    edges: dict[str, Input] = {"tick": Tick(), "voice": VoiceStarted(), "quiet": VoiceStopped()}
    for fact in during:
        line.feed(edges.get(fact, Heard("z", fact)), 0.1)
        assert not line.hung_up
    line.feed(MarkEchoed("utterance-2"), 1.0)
    if not line.hung_up:  # somebody was still making a sound
        line.feed(Tick(), 1.01)
    assert line.hung_up == ["completed"]
    assert not any(isinstance(effect, Clear) for effect in line.conversation.receive(Tick(), line.now + 1))
