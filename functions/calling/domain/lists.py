"""Lists of recipients as people upload them, CSV or JSON Lines, read row by row in bounded memory. Pure."""

import csv
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from calling.domain.rows import Row

_PHONE = ("phone_number", "phone")
_PROMPT = ("prompt_override", "prompt")
_VARIABLES = ("dynamic_vars", "variables")
_KNOWN = {*_PHONE, *_PROMPT, *_VARIABLES, "metadata", "timezone", "not_after"}
LONGEST_LINE = 256 * 1024  # bytes; a longer one is no row
_TOO_LONG = "\0\n"  # stands for a line that was not kept
_TOO_LONG_WORDS = f"This line is longer than {LONGEST_LINE} bytes."
_NO_HEADER = "The list's first line must name its columns, and one of them must be phone."


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that could not be read as a row at all."""

    phone: str = field(repr=False)
    reason: str


class SeenNumbers:
    """A set of E.164 numbers in 16 to 32 bytes each: a million of them must fit a small function's memory.

    Open addressing over one array of 64-bit words (Knuth, TAOCP 6.4 L); a number of at most 15 digits fits a word.
    """

    def __init__(self) -> None:
        self._words = array("Q", bytes(8 * 1024))
        self._count = 0

    def add(self, e164: str) -> bool:
        """Add a number; False where it was there already."""
        if 2 * self._count >= len(self._words):
            self._grow()
        if not self._put(int(e164[1:])):
            return False
        self._count += 1
        return True

    def __len__(self) -> int:
        return self._count

    def _put(self, word: int) -> bool:
        mask = len(self._words) - 1
        place = (word * 0x9E3779B97F4A7C15 >> 20) & mask
        while self._words[place]:
            if self._words[place] == word:
                return False
            place = (place + 1) & mask
        self._words[place] = word
        return True

    def _grow(self) -> None:
        old, self._words = self._words, array("Q", (0,)) * (2 * len(self._words))
        for word in old:
            if word:
                self._put(word)


def read_rows(chunks: Iterable[bytes]) -> Iterator[Row | BadRow]:
    """Read a list of either form, told apart by its first character; never more than a line is held."""
    lines = _lines(chunks)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        return
    rest = chain((first,), lines)
    yield from _json_lines(rest) if first.lstrip().startswith("{") else _csv(rest)


def row_of(found: Mapping[str, Any]) -> Row | BadRow:
    """Read a row of named fields, each by its name or its alias."""
    phone = _first(found, _PHONE)
    text = phone if isinstance(phone, str) else ""
    unknown = sorted(set(found) - _KNOWN)
    variables = _first(found, _VARIABLES) or {}
    problem = None
    if unknown:
        problem = f"{unknown[0]} is not a field of a recipient."
    elif not isinstance(phone, str) or not phone.strip():
        problem = "phone_number is required."
    elif not isinstance(variables, dict) or not all(isinstance(v, str | int | float) for v in variables.values()):
        problem = "dynamic_vars must be a map of texts."
    elif not isinstance(found.get("metadata") or {}, dict):
        problem = "metadata must be an object."
    elif not all(isinstance(found.get(name), str | None) for name in (*_PROMPT, "timezone", "not_after")):
        problem = "prompt_override, timezone and not_after must be texts."
    if problem is not None:
        return BadRow(text[:32], problem)
    return Row(
        phone=text.strip(),
        prompt=_first(found, _PROMPT),
        dynamic_vars={str(name): str(value) for name, value in variables.items()},
        metadata=found.get("metadata") or None,
        timezone=found.get("timezone") or None,
        not_after=found.get("not_after") or None,
    )


def as_line(row: Row) -> str:
    """Write a row as `read_rows` reads it."""
    when = row.not_after
    fields = {
        "phone_number": row.phone,
        "prompt_override": row.prompt,
        "dynamic_vars": dict(row.dynamic_vars),
        "metadata": row.metadata,
        "timezone": row.timezone,
        "not_after": when if when is None or isinstance(when, str) else when.isoformat(),
    }
    return json.dumps({name: value for name, value in fields.items() if value}, separators=(",", ":"))


def _json_lines(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    for line in lines:
        if not line.strip():
            continue
        if line == _TOO_LONG:
            yield BadRow("", _TOO_LONG_WORDS)
            continue
        try:
            found = json.loads(line, parse_constant=_no_number)
            if "\\u" in line:  # half a character cannot be stored or said
                json.dumps(found, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            found = None
        yield row_of(found) if isinstance(found, dict) else BadRow("", "This line is not a JSON object.")


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not JSON.")


def _csv(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    """Header first: `phone` is required, `prompt_override` and `timezone` are known, the others are variables."""
    # Strict: a quote that is never closed must be told, or the rest of the list would become one person's variable.
    reader = csv.reader(lines, strict=True)
    header, phone = list[str](), None
    try:
        header = [name.strip() for name in next(reader, [])]
        phone = next((name for name in _PHONE if name in header), None)
        if phone is None:
            yield BadRow("".join(header[:1])[:32], _NO_HEADER)
    except csv.Error as error:
        yield BadRow("", f"The first line is not CSV: {error}.")
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield BadRow("", f"This line is not CSV: {error}.")
            continue
        if cells is None:
            return
        if cells == [_TOO_LONG.strip()]:
            yield BadRow("", _TOO_LONG_WORDS)
        elif phone is not None and any("\0" in cell for cell in cells):
            yield BadRow(cells[0][:32], f"This row holds a NUL, or a line longer than {LONGEST_LINE} bytes.")
        elif any(cell.strip() for cell in cells):
            yield _cells(header, phone, cells)


def _cells(header: list[str], phone: str | None, cells: list[str]) -> Row | BadRow:
    if phone is None:
        return BadRow(cells[0][:32], _NO_HEADER)
    if any(cell.strip() for cell in cells[len(header) :]):  # blank ones are what spreadsheets leave behind
        return BadRow(cells[0][:32], f"This line has {len(cells)} columns, the first one names {len(header)}.")
    named = dict(zip(header, (cell.strip() for cell in cells), strict=False))
    number = named.pop(phone, "")
    if not number:
        return BadRow("", "phone is empty.")
    prompt, zone = named.pop("prompt_override", None), named.pop("timezone", None)
    variables = {name: value for name, value in named.items() if name and value}
    return Row(phone=number, prompt=prompt or None, dynamic_vars=variables, timezone=zone or None)


def _first(found: Mapping[str, Any], names: Iterable[str]) -> Any:  # noqa: ANN401  JSON
    return next((found[name] for name in names if found.get(name) is not None), None)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Split bytes into lines with their ends, so that CSV may have line breaks in quotes; one too long is _TOO_LONG.

    The mark some programs put before a text (BOM) is left out where the list begins, and nowhere else. A line is
    decoded as a whole, so a character may lie in two chunks.
    """
    first = True
    for line in _whole_lines(chunks):
        if line is None:
            yield _TOO_LONG
        else:
            yield line.decode("utf-8-sig" if first else "utf-8", "replace")
        first = False


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes | None]:
    """Cut at line breaks and keep the breaks. Of a line that is too long no more than a chunk is held; it is None."""
    rest: bytes | None = b""  # None while the end of a line that is too long is looked for
    for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for piece in whole:
            yield _kept(rest, piece + b"\n")
            rest = b""
        rest = _kept(rest, last)
    if rest != b"":
        yield rest


def _kept(rest: bytes | None, piece: bytes) -> bytes | None:
    return None if rest is None or len(rest) + len(piece) > LONGEST_LINE else rest + piece
