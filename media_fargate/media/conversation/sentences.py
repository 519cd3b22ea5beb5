"""Cuts a streamed reply into sentences, so that the first can be spoken while the rest is being written."""

import re

_END = re.compile(r"[.!?\u2026]+[\"')\]\u201d\u2019]*\s+|\n+")
# A dot after one of these does not end a sentence.
_ABBREVIATIONS = frozenset(
    ("mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "approx", "dept", "e.g", "i.e", "a.m", "p.m")
)


class SentenceCutter:
    """Feed it pieces of text; it hands back each sentence as soon as it is known to be complete."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = ""

    def feed(self, piece: str) -> list[str]:
        """Take a piece and return the sentences it completed, trimmed, never empty."""
        self._buffer += piece
        done: list[str] = []
        start = 0
        for end in _END.finditer(self._buffer):
            if "\n" not in end.group() and self._is_abbreviation(self._buffer[start : end.start()], end.group()):
                continue
            sentence = self._buffer[start : end.end()].strip()
            start = end.end()
            if sentence:
                done.append(sentence)
        self._buffer = self._buffer[start:]
        return done

    def rest(self) -> str:
        """Return what is left, trimmed, and forget it."""
        left, self._buffer = self._buffer.strip(), ""
        return left

    @staticmethod
    def _is_abbreviation(before: str, end: str) -> bool:
        if not end.startswith(".") or end.startswith(".."):
            return False
        last = before.rsplit(None, 1)[-1] if before.split() else ""
        last = last.lower().lstrip("\"'(")
        return last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha() and last != "i")


def join_due(waiting: list[str], *, spoken: bool, ended: bool, audible_until: float | None) -> float | None:
    """When the sentences waiting should go to the voice, joined into one request; None: not yet.

    The first goes at once, since somebody waits for it; the others are joined until the reply has ended, enough has
    come, or what is being played runs out in a second and a half (`audible_until` None: nothing is audible yet).
    """
    if not waiting:
        return None
    if not spoken or ended or sum(len(sentence) for sentence in waiting) >= 160:
        return 0.0
    return None if audible_until is None else audible_until - 1.5
