"""What was given to the voice, how much of it reached the line, and which words were therefore heard.

The only proof of a whole utterance is its echoed mark. For one that was cut off, the words are reckoned from the
seconds of audio that had time to play.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

# Nobody speaks faster: while more audio of an utterance may still come, it is taken to last at least this long a word.
_SHORTEST_WORD = 0.22
_ROUNDING = 1e-6


class Fate(Enum):
    """What became of an utterance."""

    PENDING = "pending"
    HEARD = "heard"
    BROKEN = "broken"


@dataclass(slots=True)
class Utterance:
    """One request to the voice, and what of it was queued at the carrier."""

    name: str
    text: str
    fate: Fate = Fate.PENDING
    settled: float | None = None
    complete: bool = False
    chunks: list[tuple[float, float]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Seconds of audio queued so far."""
        return sum(seconds for _, seconds in self.chunks)

    @property
    def plays_until(self) -> float | None:
        """When the audio queued so far will have been played."""
        return self.chunks[-1][0] + self.chunks[-1][1] if self.chunks else None

    def words_heard(self, now: float) -> str:
        """Give the words played by `now`, cut at a word's end."""
        if self.fate is Fate.HEARD:
            return self.text
        played = sum(min(max(now - start, 0.0), seconds) for start, seconds in self.chunks)
        spoken = self.text.split()
        total = self.seconds if self.complete else max(self.seconds, len(spoken) * _SHORTEST_WORD)
        if total <= 0:
            return ""
        return " ".join(spoken[: int(len(spoken) * played / total + _ROUNDING)])


class Playout:
    """The carrier's play-out buffer as far as it can be known: one line of audio, utterance after utterance."""

    __slots__ = ("end", "utterances")

    def __init__(self) -> None:
        self.end = 0.0
        self.utterances: list[Utterance] = []

    def add(self, name: str, text: str) -> None:
        """Expect audio of a new utterance."""
        self.utterances.append(Utterance(name, text))

    def pending(self, name: str) -> Utterance | None:
        """Find an utterance whose fate is open."""
        return next((u for u in self.utterances if u.name == name and u.fate is Fate.PENDING), None)

    def queued(self, utterance: Utterance, seconds: float, now: float, *, last: bool) -> None:
        """Note audio handed to the carrier: it plays behind what is there already."""
        start = max(self.end, now)
        for earlier in self.utterances:
            if earlier is utterance:
                break
            earlier.complete = True
        utterance.chunks.append((start, seconds))
        utterance.complete = utterance.complete or last
        self.end = start + seconds

    def heard(self, utterance: Utterance, now: float) -> None:
        """Note an echoed mark: all of this utterance was played."""
        utterance.fate, utterance.settled = Fate.HEARD, now
        if all(other.fate is not Fate.PENDING or not other.chunks for other in self.utterances):
            self.end = min(self.end, now)

    def broken(self, utterance: Utterance, now: float) -> None:
        """Note that no more audio of this utterance will come; what was queued still plays."""
        utterance.fate, utterance.settled = Fate.BROKEN, max(now, utterance.plays_until or now)

    @property
    def settled_at(self) -> float | None:
        """When the fate of the last utterance was known; None while one is open, or if there are none."""
        times = [u.settled for u in self.utterances if u.settled is not None]
        return max(times) if times and len(times) == len(self.utterances) else None

    @property
    def text(self) -> str:
        """All that was given to the voice."""
        return " ".join(u.text for u in self.utterances)

    def words_heard(self, now: float) -> str:
        """Give the words played by `now`, over all utterances."""
        return " ".join(filter(None, (u.words_heard(now) for u in self.utterances)))

    def words_left(self, now: float, *, but: Collection[str] = ()) -> str:
        """Give the words not played by `now`, to go on from after a false interruption, without utterances named."""
        wanted = (u for u in self.utterances if u.name not in but)
        parts = (" ".join(u.text.split()[len(u.words_heard(now).split()) :]) for u in wanted)
        return " ".join(filter(None, parts))

    def clear(self, now: float) -> None:
        """Forget everything: marks of these utterances prove nothing any more."""
        self.end = min(self.end, now)
        self.utterances = []
