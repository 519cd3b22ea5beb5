"""The agent's side of the line: the reply being written, the utterances being spoken, and what of them was heard.

Keeps facts and makes the orders that belong to them; whose turn it is, is decided in `conversation`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from media.conversation.effects import CancelReply, Clear, Effect, PlayOpener, Speak, StartReply
from media.conversation.inputs import AudioQueued
from media.conversation.playout import Fate, Playout, Utterance
from media.conversation.sentences import SentenceCutter, join_due

Kind = Literal["opener", "reply", "prompt", "resumed", "last_words", "message"]


@dataclass(slots=True)
class Reply:
    """A reply of the language model: what it was asked with, and how far it has come."""

    name: str
    asked: str
    text: str = ""
    alive: bool = True
    # Nothing it writes from now on is spoken: it has asked for the call's end.
    closed: bool = False
    # Since when the model is known to be busy; None: it is not, or was.
    waits_since: float | None = None
    cutter: SentenceCutter = field(default_factory=SentenceCutter)


@dataclass(slots=True)
class AgentTurn:
    """The agent's turn in progress; `answers` is when the callee had stopped talking, if this is an answer."""

    kind: Kind
    touched: float
    opening: bool = False
    reply: Reply | None = None
    answers: float | None = None
    waiting: list[str] = field(default_factory=list)
    # The utterance that only asked for patience; what the turn has to say comes behind it.
    filler: str | None = None
    # The model declined to answer, and the turn says that the agent cannot help.
    declines: bool = False
    first_audio: float | None = None
    latency: float | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """What became of a turn: words heard, words that were not, whether it was cut short."""

    turn: AgentTurn
    heard: str
    left: str
    interrupted: bool


class Agent:
    """One turn at a time: written by the model or fixed, spoken utterance by utterance."""

    __slots__ = ("_openers", "_replies", "_utterances", "failures", "opener_failed", "playout", "turn")

    def __init__(self) -> None:
        self.turn: AgentTurn | None = None
        self.playout = Playout()
        # Utterances in a row that never became audio.
        self.failures = 0
        # The audio made before the call could not be played: the opener is spoken instead.
        self.opener_failed = False
        self._openers = 0
        self._replies = 0
        self._utterances = 0

    @property
    def audible(self) -> bool:
        """Whether anything of the turn in progress has reached the line."""
        return self.turn is not None and self.turn.first_audio is not None

    @property
    def reply(self) -> Reply | None:
        """The reply behind the turn in progress, while it is being written."""
        return self.turn.reply if self.turn is not None and self.turn.reply and self.turn.reply.alive else None

    def ask(
        self, messages: tuple[dict[str, Any], ...], asked: str, answers: float | None, now: float, *, opening: bool
    ) -> StartReply:
        """Begin a turn that the model writes."""
        self._replies += 1
        reply = Reply(f"reply-{self._replies}", asked)
        self.turn = AgentTurn("reply", now, opening, reply, answers)
        return StartReply(reply.name, messages)

    def begin(self, kind: Kind, now: float) -> None:
        """Begin a turn of fixed words."""
        self.turn = AgentTurn(kind, now, opening=kind == "opener")

    def speak(self, text: str, now: float) -> Speak:
        """Give words to the voice."""
        self._utterances += 1
        name = f"utterance-{self._utterances}"
        self._expect(name, text, now)
        return Speak(name, text)

    def play_opener(self, text: str, now: float) -> PlayOpener:
        """Begin with the audio made before the call."""
        self.begin("opener", now)
        # A name of its own each time: a mark of an opener cut off before must not prove this one.
        self._openers += 1
        name = "opener" if self._openers == 1 else f"opener-{self._openers}"
        self._expect(name, text, now)
        return PlayOpener(name)

    def _expect(self, name: str, text: str, now: float) -> None:
        self.playout.add(name, text)
        if self.turn is not None:
            self.turn.touched = now

    def written(self, reply: Reply, text: str, now: float) -> None:
        """Take a piece of the reply."""
        if self.turn is not None and not reply.closed:
            reply.text += text
            self.turn.touched = now
            self.turn.waiting.extend(reply.cutter.feed(text))

    def waits(self, reply: Reply, now: float) -> None:
        """Note that the model is busy: a sign of life, though not of an answer."""
        if self.turn is not None:
            self.turn.touched = now
        if reply.waits_since is None:
            reply.waits_since = now

    @property
    def waits_since(self) -> float | None:
        """Since when somebody waits for a busy model, with nothing written and nothing said; else None."""
        reply, turn = self.reply, self.turn
        if reply is None or reply.closed or reply.text or turn is None or turn.filler is not None:
            return None
        return reply.waits_since

    def fill(self, text: str, now: float) -> Speak:
        """Ask for patience, once a turn."""
        said = self.speak(text, now)
        if self.turn is not None:
            self.turn.filler = said.utterance
        return said

    def decline(self, text: str, now: float) -> Speak:
        """Say that the agent cannot help with what it was asked."""
        if self.turn is not None:
            self.turn.declines = True
        return self.speak(text, now)

    @property
    def only_filled(self) -> bool:
        """Whether all that was given to the voice is the excuse, and the answer is still to come."""
        turn = self.turn
        if turn is None or turn.filler is None or not self.writing:
            return False
        return all(u.name == turn.filler for u in self.playout.utterances)

    def forget_unspoken(self, now: float) -> None:
        """Drop what was written and not yet given to the voice."""
        self.writing_ended(now, keep_rest=False)
        if self.turn is not None:
            self.turn.waiting.clear()

    def writing_ended(self, now: float, *, keep_rest: bool) -> None:
        """Note that no more will be written; the last words are kept though no sentence ends there, or dropped."""
        if self.turn is not None and self.turn.reply is not None:
            self.turn.reply.alive = False
            self.turn.touched = now
            rest = self.turn.reply.cutter.rest()
            self.turn.waiting.extend([rest] if rest and keep_rest else [])

    @property
    def has_words(self) -> bool:
        """Whether the turn has anything to say that is being, or will be, spoken; an excuse for waiting is nothing."""
        turn = self.turn
        filler = None if turn is None else turn.filler
        return any(u.name != filler for u in self.playout.utterances) or (turn is not None and bool(turn.waiting))

    @property
    def writing(self) -> bool:
        """Whether words may still come."""
        return self.reply is not None and not self.reply.closed

    @property
    def flush_due(self) -> float | None:
        """When the sentences waiting should be given to the voice."""
        if self.turn is None:
            return None
        until = self.playout.end if self.audible else None
        spoken = bool(self.playout.utterances)
        return join_due(self.turn.waiting, spoken=spoken, ended=not self.writing, audible_until=until)

    def flush(self, now: float) -> Iterator[Effect]:
        """Speak what waits: the first sentence alone, later ones joined."""
        if self.turn is not None and self.turn.waiting:
            count = 1 if not self.playout.utterances and self.writing else len(self.turn.waiting)
            text = " ".join(self.turn.waiting[:count])
            del self.turn.waiting[:count]
            yield self.speak(text, now)

    def flush_all(self, reply: Reply, now: float) -> Iterator[Effect]:
        """Speak all that was written, though the reply has not ended."""
        if self.turn is not None and (rest := reply.cutter.rest()):
            self.turn.waiting.append(rest)
        reply.closed = True
        yield from self.flush(now)

    def audio(self, queued: AudioQueued, now: float) -> bool:
        """Note audio on the line; True if it is the first of its turn."""
        utterance = self.playout.pending(queued.utterance)
        if self.turn is None or utterance is None:
            return False
        if queued.seconds <= 0:
            utterance.complete = utterance.complete or queued.last
            return False
        self.failures = 0
        self.turn.touched = now
        self.playout.queued(utterance, queued.seconds, now, last=queued.last)
        if self.turn.first_audio is not None:
            return False
        self.turn.first_audio = now
        if self.turn.answers is not None:
            self.turn.latency = max(now - self.turn.answers, 0.0)
        return True

    def marked(self, utterance: Utterance, now: float) -> None:
        """Note an echoed mark."""
        self.playout.heard(utterance, now)
        if self.turn is not None:
            self.turn.touched = now

    def broken(self, utterance: Utterance, now: float) -> Speak | None:
        """Note a failure of the voice; try again, once, what has nothing behind it and made no sound."""
        self.playout.broken(utterance, now)
        self.failures += 1
        self.opener_failed = self.opener_failed or utterance.name.startswith("opener")
        last = self.playout.utterances[-1] is utterance
        return self.speak(utterance.text, now) if last and not utterance.chunks and self.failures < 2 else None

    @property
    def done_at(self) -> float | None:
        """When all of the turn was written, spoken and accounted for; None: not yet."""
        if self.turn is None or self.writing or self.turn.waiting:
            return None
        settled = self.playout.settled_at
        return None if settled is None else max(settled, self.turn.touched)

    @property
    def all_begun(self) -> bool:
        """Whether there is audio of every utterance, so that only playing it is left."""
        return bool(self.playout.utterances) and all(u.chunks for u in self.playout.utterances)

    def overdue_at(self, margin: float) -> float | None:
        """When `margin` seconds will have passed without any progress, and with nothing left to play."""
        return None if self.turn is None else max(self.turn.touched, self.playout.end) + margin

    def silenced(self, now: float, *, clear: bool) -> Iterator[Effect]:
        """Give the orders that end the turn in progress at once; only what is still running is stopped."""
        running = any(u.fate is Fate.PENDING or (u.settled or now) > now for u in self.playout.utterances)
        if clear and running:
            yield Clear()
        if (reply := self.reply) is not None:
            reply.alive = False
            yield CancelReply(reply.name)

    def end_turn(self, now: float) -> Spoken | None:
        """Close the turn in progress and reckon what was heard of it."""
        turn, playout = self.turn, self.playout
        if turn is None:
            return None
        rest = turn.reply.cutter.rest() if turn.reply is not None and not turn.reply.closed else ""
        left = " ".join(filter(None, (playout.words_left(now), *turn.waiting, rest)))
        cut = any(u.fate is Fate.PENDING and u.words_heard(now) != " ".join(u.text.split()) for u in playout.utterances)
        heard = playout.words_heard(now)
        playout.clear(now)
        self.turn = None
        return Spoken(turn, heard, left, interrupted=cut or bool(turn.waiting or rest))
