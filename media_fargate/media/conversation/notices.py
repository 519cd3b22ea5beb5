"""What must be heard before anything else is, and what of it was. Knows the sentences, not what they are for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence to be heard first, and whether other words say the same."""

    sentence: str
    holds: Callable[[str], bool]


@dataclass(slots=True)
class Notices:
    """The notices of a call. One is heard once the mark of words that hold it has come back."""

    wanted: tuple[Notice, ...]
    heard: set[str] = field(default_factory=set)

    def owed(self, text: str, under_way: Iterable[str]) -> str:
        """Give what must be said before `text`, unheard so far and in none of the texts on their way; "" if nothing."""
        texts = (text, *under_way)
        unheard = (notice for notice in self.wanted if notice.sentence not in self.heard)
        return " ".join(notice.sentence for notice in unheard if not any(map(notice.holds, texts)))

    def proved(self, text: str) -> None:
        """Note that all of a text was heard."""
        self.heard.update(notice.sentence for notice in self.wanted if notice.holds(text))

    def begin_anew(self) -> None:
        """Take everything for unheard: somebody else listens from now on."""
        self.heard.clear()
