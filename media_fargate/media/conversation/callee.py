"""What is known of the other side: is there voice, since when, and which words belong to which of its turns.

Two turns can be open: the one being spoken, and the one the agent is answering already, whose last words may still
come from the recogniser.
"""

from dataclasses import dataclass, field

from media.conversation.inputs import Heard

# How long the recogniser may add words to a turn that is being answered.
_LATE_WORDS = 2.0


@dataclass(slots=True)
class CalleeTurn:
    """One turn of the callee in the making."""

    segments: dict[str, str] = field(default_factory=dict)
    finals: set[str] = field(default_factory=set)
    began: float | None = None
    ended: float | None = None
    voiced: bool = False

    @property
    def text(self) -> str:
        """All words of the turn."""
        return " ".join(filter(None, self.segments.values()))

    @property
    def is_final(self) -> bool:
        """Whether the recogniser has said its last word on all of it."""
        return bool(self.segments) and self.finals.issuperset(self.segments)

    def touch(self, now: float) -> None:
        """Stretch the turn to `now`."""
        self.began = now if self.began is None else self.began
        self.ended = now if self.ended is None else max(now, self.ended)


class Callee:
    """Voice and words of the other side, kept apart by turn."""

    __slots__ = ("_used", "answered", "answered_at", "last_text", "last_voice", "noise", "turn", "voice_since")

    def __init__(self) -> None:
        self.turn = CalleeTurn()
        self.answered: CalleeTurn | None = None
        self.answered_at = 0.0
        self.voice_since: float | None = None
        self.last_voice: float | None = None
        self.last_text: float | None = None
        # The voice that is on has gone on too long without a word to be one.
        self.noise = False
        # Words of each recogniser segment that earlier turns own already.
        self._used: dict[str, int] = {}

    def voice_started(self, now: float) -> None:
        """Note that voice began at `now`, not before the last voice ended."""
        if self.voice_since is None:
            now = now if self.last_voice is None else max(now, self.last_voice)
            self.voice_since = now
            self.turn.voiced = True
            self.turn.touch(now)

    def voice_stopped(self, now: float) -> None:
        """Note that voice ended at `now`, not before it began."""
        if self.voice_since is not None:
            now = max(now, self.voice_since)
            self.voice_since, self.noise = None, False
            self.last_voice = now
            self.turn.touch(now)

    def mistrust_voice(self) -> None:
        """Take the voice that is on now for noise: the agent speaks in spite of it."""
        self.noise = self.voice_since is not None

    def heard(self, heard: Heard, now: float) -> None:
        """Take words; late ones go to the turn they belong to."""
        late = self.answered is not None and not self.turn.voiced and not self.turn.segments
        home = self.answered if late and self.answered is not None else self.turn
        owned = self._used.get(heard.segment, 0)
        if not late and self.answered is not None:
            owned += len(self.answered.segments.get(heard.segment, "").split())
        text = " ".join(heard.text.split()[owned:])
        if not text and heard.segment not in home.segments:
            return
        if text:
            self.last_text = now
            if home.began is None:
                home.touch(now)
        home.segments[heard.segment] = text
        if heard.final:
            home.finals.add(heard.segment)

    def pressed(self, digit: str, now: float) -> None:
        """Take a key press as a word of the current turn."""
        before = self.turn.segments.get("dtmf", "(pressed)")
        self.turn.segments["dtmf"] = f"{before[:-1]} {digit})"
        self.turn.finals.add("dtmf")
        self.turn.touch(now)
        self.last_text = now

    def hand_over(self, now: float) -> None:
        """The agent is audible: what was said so far is the turn it answers."""
        self.answered, self.answered_at = self.turn, now
        self._renew()

    def _renew(self) -> None:
        self.turn = CalleeTurn()
        if self.voice_since is not None:
            self.turn.voiced, self.turn.began, self.turn.ended = True, self.voice_since, self.voice_since

    @property
    def seal_due(self) -> float | None:
        """When the turn being answered is final: all words in, time is up, or the callee has begun another."""
        if self.answered is None:
            return None
        if self.turn.voiced or self.turn.segments or self.answered.is_final:
            return 0.0
        return self.answered_at + _LATE_WORDS

    def seal(self) -> CalleeTurn | None:
        """Close the turn being answered and return it if anything was said."""
        closed, self.answered = self.answered, None
        return self._close(closed)

    def close(self) -> CalleeTurn | None:
        """Close the turn being spoken and return it if anything was said."""
        closed = self.turn
        self._renew()
        return self._close(closed)

    def _close(self, turn: CalleeTurn | None) -> CalleeTurn | None:
        if turn is None:
            return None
        for segment, text in turn.segments.items():
            self._used[segment] = self._used.get(segment, 0) + len(text.split())
        self._used.pop("dtmf", None)
        return turn if turn.text else None
