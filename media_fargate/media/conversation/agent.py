"""The agent's side of the line: the reply being written, the utterances being spoken, and what of them was heard.

Keeps facts and makes the orders that belong to them; whose turn it is, is decided in `conversation`.
"""

from collections.abc import Iterator
from typing import Any

from media.conversation.agent_turn import AgentTurn, Kind, Reply, Spoken
from media.conversation.effects import CancelReply, Clear, Effect, PlayOpener, Speak, StartReply
from media.conversation.inputs import AudioQueued
from media.conversation.notices import Notice, Notices
from media.conversation.playout import Fate, Playout, Utterance
from media.conversation.sentences import join_due


class Agent:
    """One turn at a time: written by the model or fixed, spoken utterance by utterance."""

    __slots__ = (
        "_openers",
        "_replies",
        "_utterances",
        "failures",
        "notices",
        "opener_failed",
        "playout",
        "turn",
    )

    def __init__(self, notices: tuple[Notice, ...] = ()) -> None:
        self.notices = Notices(notices)
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

    def speak(self, text: str, now: float) -> Iterator[Speak]:
        """Give words to the voice, behind what must be heard first and is not in them."""
        yield from self._notice(text, now)
        yield self._speak(text, now)

    def _speak(self, text: str, now: float) -> Speak:
        self._utterances += 1
        name = f"utterance-{self._utterances}"
        self._expect(name, text, now)
        return Speak(name, text)

    def _notice(self, text: str, now: float) -> Iterator[Speak]:
        under_way = (u.text for u in self.playout.utterances if u.fate is not Fate.BROKEN)
        if owed := self.notices.owed(text, under_way):
            notice = self._speak(owed, now)
            if self.turn is not None:
                self.turn.notices.add(notice.utterance)
            yield notice

    def play_opener(self, text: str, now: float) -> Iterator[Speak | PlayOpener]:
        """Begin with the audio made before the call."""
        self.begin("opener", now)
        yield from self._notice(text, now)
        # A name of its own each time: a mark of an opener cut off before must not prove this one.
        self._openers += 1
        name = "opener" if self._openers == 1 else f"opener-{self._openers}"
        self._expect(name, text, now)
        yield PlayOpener(name)

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

    def fill(self, text: str, now: float) -> Iterator[Speak]:
        """Ask for patience, once a turn."""
        for said in self.speak(text, now):
            if self.turn is not None:
                self.turn.filler = said.utterance
            yield said

    def decline(self, text: str, now: float) -> Iterator[Speak]:
        """Say that the agent cannot help with what it was asked."""
        if self.turn is not None:
            self.turn.declines = True
        yield from self.speak(text, now)

    @property
    def only_filled(self) -> bool:
        """Whether all that was given to the voice is the excuse, and the answer is still to come."""
        turn = self.turn
        if turn is None or turn.filler is None or not self.writing:
            return False
        return not self._own

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
        return bool(self._own) or (self.turn is not None and bool(self.turn.waiting))

    @property
    def words(self) -> str:
        """All that the turn says of its own."""
        return " ".join((*(u.text for u in self._own), *(self.turn.waiting if self.turn is not None else ())))

    def words_began(self, now: float) -> float:
        """When the turn's own words began to be played; `now` if they have not."""
        return min((u.chunks[0][0] for u in self._own if u.chunks), default=now)

    @property
    def _own(self) -> list[Utterance]:
        """The utterances that are neither an excuse for waiting nor a notice."""
        turn = self.turn
        aside = set() if turn is None else {turn.filler, *turn.notices}
        return [u for u in self.playout.utterances if u.name not in aside]

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
            yield from self.speak(text, now)

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
        self.notices.proved(utterance.text)
        if self.turn is not None:
            self.turn.touched = now

    def broken(self, utterance: Utterance, now: float) -> Iterator[Speak]:
        """Note a failure of the voice; try again, once, what has nothing behind it and made no sound."""
        self.playout.broken(utterance, now)
        self.failures += 1
        self.opener_failed = self.opener_failed or utterance.name.startswith("opener")
        last = self.playout.utterances[-1] is utterance
        if last and not utterance.chunks and self.failures < 2:
            yield from self.speak(utterance.text, now)

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
        left = " ".join(filter(None, (playout.words_left(now, but=turn.notices), *turn.waiting, rest)))
        cut = any(u.fate is Fate.PENDING and u.words_heard(now) != " ".join(u.text.split()) for u in playout.utterances)
        heard = playout.words_heard(now)
        playout.clear(now)
        self.turn = None
        return Spoken(turn, heard, left, interrupted=cut or bool(turn.waiting or rest))
