"""The records of a CSV text: lines cut into cells, so that no line is ever lost. Pure.

A quoted field may run over line ends, but not for ever: after FIELD_LINES or FIELD_CHARACTERS, or where its closing
quote does not stand before a delimiter or a line end, the quote was never meant to open one. Then the field's first
line is the error, and reading goes on at the next. So each line belongs to exactly one record or to one error; the csv
module would read on to the next quote, and 5,507 people of 20,000 were gone.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

QUOTE = '"'
FIELD_LINES = 20  # that a quoted field may run over
FIELD_CHARACTERS = 8 * 1024  # in a quoted field of more than one line


class Lines:
    """Lines that can be looked at before they are taken; `number` is that of the next one, from 1."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._ahead = deque[str]()
        self.number = 1

    def peek(self, ahead: int = 0) -> str | None:
        """Look at a line; None after the last."""
        while len(self._ahead) <= ahead:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[ahead]

    def take(self, count: int = 1) -> None:
        """Go past lines that were looked at."""
        self.number += count
        for _ in range(count):
            self._ahead.popleft()


@dataclass(frozen=True, slots=True)
class Record:
    """The cells at the front, and how many lines they are; `problem`: it is none, and why."""

    cells: list[str]
    lines: int = 1
    problem: str | None = None


def record_at(lines: Lines, delimiter: str) -> Record:
    """Read the record that begins with the next line, which there must be; nothing is taken."""
    text, used, at, cells = lines.peek() or "", 1, 0, list[str]()
    if QUOTE not in text:
        return Record(text.split(delimiter))
    while True:
        opens = _quote_at(text, at, delimiter)
        if opens is None:
            end = text.find(delimiter, at)
            end = len(text) if end < 0 else end
            cells.append(text[at:end])
        else:
            text, end, more = _to_its_end(lines, used, text, opens + 1, delimiter)
            if end < 0:
                return Record(cells or [text[opens:].split(delimiter)[0]], used, _problem(lines.number + used - 1, end))
            used += more
            cells.append(text[opens + 1 : end].replace(QUOTE * 2, QUOTE))
            end += 1
        if end == len(text):
            return Record(cells, used)
        at = end + 1


_NOT_CLOSED, _MISPLACED = -1, -2


def _problem(number: int, why: int) -> str:
    if why == _MISPLACED:
        return f"Line {number}: after a closing quote there must be the next column or the line's end."
    return f"Line {number}: a quote is opened and not closed."


def _quote_at(text: str, at: int, delimiter: str) -> int | None:
    """Say where a field's opening quote stands; blanks may be before it if the field ends within its line."""
    if text.startswith(QUOTE, at):
        return at
    first = at
    while text.startswith(" ", first):
        first += 1
    if first > at and text.startswith(QUOTE, first) and _closing(text, first + 1, delimiter) >= 0:
        return first
    return None


def _to_its_end(lines: Lines, used: int, text: str, start: int, delimiter: str) -> tuple[str, int, int]:
    """Find a field's closing quote: the text with the lines it took, where the quote stands, how many lines more.

    Negative: there is none, and why.
    """
    joined, more, end = text, 0, _closing(text, start, delimiter)
    while end == _NOT_CLOSED and more + 1 < FIELD_LINES and len(joined) - start <= FIELD_CHARACTERS:
        line = lines.peek(used + more)
        if line is None:
            break
        at, joined = len(joined), f"{joined}\n{line}"
        more += 1
        end = _closing(joined, at, delimiter)
    if end >= 0 and more and end - start > FIELD_CHARACTERS:
        end = _NOT_CLOSED
    return (joined, end, more) if end >= 0 else (text, end, 0)


def _closing(text: str, at: int, delimiter: str) -> int:
    """Find the quote that closes a field, from `at` on: two in a row are one of its text."""
    while True:
        end = text.find(QUOTE, at)
        if end < 0:
            return _NOT_CLOSED
        if text.startswith(QUOTE, end + 1):
            at = end + 2
            continue
        return end if end + 1 == len(text) or text.startswith(delimiter, end + 1) else _MISPLACED
