"""A small world round one conversation that answers as carrier, voice and model do, in virtual time.

It knows which words were really played.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

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
)
from media.conversation.inputs import (
    AudioQueued,
    Heard,
    Input,
    MarkEchoed,
    ReplyEnded,
    ReplyText,
    ReplyTool,
    StreamStarted,
    Tick,
    VoiceStarted,
    VoiceStopped,
)

OPENER = "Hello Sarah, this is Ava from Bright Dental."
A_WORD = 0.25


@dataclass
class World:
    """Carrier, voice and model round one conversation."""

    conversation: Conversation
    replies: list[tuple[str, bool]]
    voice_delay: float
    line_delay: float
    now: float = 0.0
    events: list[tuple[float, int, Input]] = field(default_factory=list)
    count: int = 0
    buffer_ends: float = 0.0
    playing: dict[str, tuple[float, list[str]]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    played: list[str] = field(default_factory=list)
    stored: list[StoreTurn] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)
    hung_up: list[str] = field(default_factory=list)
    machines: list[str] = field(default_factory=list)
    nothing_cleared: bool = True

    def later(self, after: float, fact: Input) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + after, self.count, fact))

    def run(self) -> None:
        self.later(0.0, StreamStarted())
        while not self.conversation.over:
            at = self.events[0][0] if self.events else float("inf")
            deadline = self.conversation.deadline
            fact: Input = Tick()
            if deadline is not None and deadline < at:
                self.now = deadline
            else:
                assert self.events, "a call that nothing would ever end"
                self.now, _, fact = heapq.heappop(self.events)
            if self.is_gone(fact):
                continue
            self.take(fact)
            for effect in self.conversation.receive(fact, self.now):
                self.carry_out(effect)

    def is_gone(self, fact: Input) -> bool:
        if isinstance(fact, ReplyText | ReplyEnded | ReplyTool):
            return fact.reply in self.cancelled
        return isinstance(fact, AudioQueued) and fact.utterance in self.cancelled

    def take(self, fact: Input) -> None:
        if isinstance(fact, ReplyEnded):
            self.alive.discard(fact.reply)
        if isinstance(fact, AudioQueued):
            start = max(self.buffer_ends, self.now)
            self.buffer_ends = start + fact.seconds
            self.playing[fact.utterance] = (start, self.playing[fact.utterance][1])
            self.later(self.buffer_ends - self.now + self.line_delay, MarkEchoed(fact.utterance))

    def carry_out(self, effect: Effect) -> None:
        if isinstance(effect, StartReply):
            assert not self.alive
            self.alive.add(effect.reply)
            roles = [message["role"] for message in effect.messages]
            assert roles[0] == roles[-1] == "user"
            assert all(one != other for one, other in pairwise(roles))
            self.write(effect.reply)
        elif isinstance(effect, CancelReply):
            self.alive.discard(effect.reply)
            self.cancelled.add(effect.reply)
        elif isinstance(effect, Speak | PlayOpener):
            words = (effect.text if isinstance(effect, Speak) else OPENER).split()
            self.playing[effect.utterance] = (float("inf"), words)
            self.later(self.voice_delay, AudioQueued(effect.utterance, len(words) * A_WORD, last=True))
        elif isinstance(effect, Clear):
            self.clear()
        elif isinstance(effect, StoreTurn):
            assert effect.index == len(self.stored)
            self.stored.append(effect)
        elif isinstance(effect, ReportVoicemail):
            self.machines.append(effect.method)
        elif isinstance(effect, HangUp):
            self.hung_up.append(effect.reason)
            self.clear()

    def write(self, reply: str) -> None:
        text, ends = self.replies.pop(0) if self.replies else ("Thank you.", True)
        pieces = text.split(" ")
        for index, piece in enumerate(pieces):
            self.later(0.3 + 0.02 * index, ReplyText(reply, piece + " "))
        if ends:
            self.later(0.3 + 0.02 * len(pieces), ReplyTool(reply, "t", "end_call", {"farewell": "Goodbye then."}))
        self.later(0.31 + 0.02 * len(pieces), ReplyEnded(reply))

    def clear(self) -> None:
        """Drop what is not played, and echo its marks, as the carrier does."""
        for name, (start, words) in self.playing.items():
            heard = min(int(max(self.now - start, 0.0) / A_WORD + 1e-6), len(words))
            self.played.extend(words[:heard])
            self.nothing_cleared = self.nothing_cleared and heard == len(words)
            if name not in self.cancelled:
                self.cancelled.add(name)
                self.later(self.line_delay, MarkEchoed(name))
        self.playing = {}
        self.buffer_ends = self.now


def speak(world: World, callee: Sequence[tuple[float, str]], late: float) -> None:
    """Put all that the callee will say on the world's timeline: quiet before it, words; their text comes `late`."""
    at = 0.0
    for index, (quiet, text) in enumerate(callee):
        at += quiet
        words = text.split()
        seconds = max(len(words) * A_WORD, 0.2)
        world.later(at, VoiceStarted())
        for count in range(1, len(words)):
            world.later(at + count * A_WORD + late, Heard(f"s{index}", " ".join(words[:count])))
        if words:
            world.later(at + seconds + late, Heard(f"s{index}", text, final=True))
        world.later(at + seconds, VoiceStopped())
        at += seconds
