"""Lists of recipients as people upload them, CSV or JSON Lines, read row by row in bounded memory. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from calling.domain.errors import UnreadableList
from calling.domain.list_header import Header, is_blank, read_header
from calling.domain.list_lines import LONGEST_LINE, TOO_LONG, settle_encoding, text_lines
from calling.domain.list_records import Lines, record_at
from calling.domain.rows import BadRow, Row

_PHONE = ("phone_number", "phone")
_PROMPT = ("prompt_override", "prompt")
_VARIABLES = ("dynamic_vars", "variables")
_KNOWN = {*_PHONE, *_PROMPT, *_VARIABLES, "metadata", "timezone", "not_after"}
_NO_METADATA = "metadata must be a JSON object."


def read_rows(source: Callable[[], Iterable[bytes]], phone_column: str | None = None) -> Iterator[Row | BadRow]:
    """Read a list of either form, told apart by its first character; never more than a few lines are held.

    The source is read twice, first to settle its encoding. `phone_column` names the numbers' column of a CSV list
    whose header leaves it open. Every line after the header that is not blank is part of exactly one row or bad row.

    Raises:
        UnreadableList: no row of it can be read; in words.
    """
    lines = Lines(text_lines(source(), settle_encoding(source())))
    while (first := lines.peek()) is not None and is_blank(first):
        lines.take()
    start = (first or "").lstrip()
    if start.startswith("["):
        raise UnreadableList("This is a JSON array: send JSON Lines, an object a line, or CSV.")
    if start.startswith("<"):
        raise UnreadableList("This is a web page or XML, whatever its file is called: save the list as CSV UTF-8.")
    if not start.startswith("{"):
        yield from _csv(lines, phone_column)
    elif start.rstrip() == "{":
        raise UnreadableList("This is one JSON document over several lines: send JSON Lines, an object a line, or CSV.")
    elif phone_column is not None:
        raise UnreadableList("phone_column is for CSV lists; JSON Lines name a number phone_number.")
    else:
        yield from _json_lines(lines)


def row_of(found: object) -> Row | BadRow:
    """Read a row of named fields, each by its name or its alias: the same in a request as in JSON Lines."""
    if not isinstance(found, dict):
        return BadRow("", "A recipient is a JSON object.")
    phone = _first(found, _PHONE)
    text = phone if isinstance(phone, str) else ""
    problem = _problem(found, phone)
    if problem is not None:
        where, words, code = problem
        return BadRow(text[:32], words, code, where, json.dumps(found))
    variables = _first(found, _VARIABLES) or {}
    return Row(
        phone=text.strip(),
        prompt=_first(found, _PROMPT),
        dynamic_vars={str(name): str(value) for name, value in variables.items()},
        metadata=found.get("metadata") or None,
        timezone=found.get("timezone") or None,
        not_after=found.get("not_after") or None,
    )


def _problem(found: Mapping[str, Any], phone: object) -> tuple[str, str, str] | None:
    """Say what is wrong with a row's form: in which field, in words, and the code."""
    for names in (_PHONE, _PROMPT, _VARIABLES):
        if all(found.get(name) is not None for name in names):
            return names[1], f"{names[1]} is another name of {names[0]}: send one of them.", "unknown_field"
    unknown = sorted(set(found) - _KNOWN)
    if unknown:
        return unknown[0], f"{unknown[0][:64]} is not a field of a recipient.", "unknown_field"
    if phone is None or not str(phone).strip():
        return _PHONE[0], "phone_number is required.", "missing_field"
    if not isinstance(phone, str):
        return _PHONE[0], 'phone_number must be a text, like "+447386172392".', "invalid_field"
    variables = _first(found, _VARIABLES) or {}
    if not isinstance(variables, dict) or not all(isinstance(v, str | int | float) for v in variables.values()):
        return _VARIABLES[0], "dynamic_vars must be a map of texts.", "invalid_field"
    if not isinstance(found.get("metadata") or {}, dict):
        return "metadata", "metadata must be an object.", "invalid_field"
    for name in (*_PROMPT, "timezone", "not_after"):
        if not isinstance(found.get(name), str | None):
            return name, f"{name} must be a text.", "invalid_field"
    return None


def as_line(row: Row | BadRow) -> str:
    """Write a row as `read_rows` reads it; of a request's bad rows too, so that they are listed with the others."""
    if isinstance(row, BadRow):
        return row.written
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


def _first(found: Mapping[str, Any], names: Iterable[str]) -> Any:  # noqa: ANN401  JSON
    return next((found[name] for name in names if found.get(name) is not None), None)


def _json_lines(lines: Lines) -> Iterator[Row | BadRow]:
    while (line := lines.peek()) is not None:
        number = lines.number
        lines.take()
        if not line.strip():
            continue
        try:
            found = _json(line)
        except (ValueError, RecursionError):
            found = None
        if TOO_LONG in line:
            yield _spoilt("", number)
        else:
            yield row_of(found) if isinstance(found, dict) else BadRow("", f"Line {number} is not a JSON object.")


def _json(text: str) -> Any:  # noqa: ANN401
    found = json.loads(text, parse_constant=_no_number)
    if "\\u" in text:  # half a character cannot be stored or said
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not JSON.")


def _spoilt(phone: str, number: int) -> BadRow:
    return BadRow(phone, f"Line {number} holds a NUL, or is longer than {LONGEST_LINE} characters.")


def _csv(lines: Lines, phone_column: str | None) -> Iterator[Row | BadRow]:
    header = read_header(lines, phone_column)
    while header is not None and (line := lines.peek()) is not None:
        if not line or line.isspace():
            lines.take()
            continue
        number, record = lines.number, record_at(lines, header.delimiter)
        lines.take(record.lines)
        if record.problem is not None:
            yield BadRow(record.cells[0][:32], record.problem)
        elif any(TOO_LONG in cell for cell in record.cells):
            yield _spoilt(record.cells[0][:32].rstrip(TOO_LONG), number)
        elif any(cell and not cell.isspace() for cell in record.cells):
            yield _row(header, [_value(cell) for cell in record.cells], number)


def _value(cell: str) -> str:
    """Leave out what spreadsheets write around a text they were to keep as it is: ="007"."""
    text = cell.strip()
    return text[2:-1].replace('""', '"').strip() if text.startswith('="') and text.endswith('"') else text


def _row(header: Header, cells: list[str], number: int) -> Row | BadRow:
    phone = cells[header.phone] if header.phone < len(cells) else ""
    if any(cells[header.columns :]):  # blank ones are what spreadsheets leave behind
        words = f"Line {number} has {len(cells)} columns, the first one names {header.columns}."
        return BadRow(phone[:32], words)
    if not phone:
        return BadRow("", f"Line {number} has no number.", "missing_field")
    there = range(len(cells))
    variables = {name: cells[n] for n, name in header.variables.items() if n in there and cells[n]}
    meant = {meaning: cells[n] for n, meaning in header.meanings.items() if n in there and cells[n]}
    metadata: Any = None
    if "metadata" in meant:
        try:
            metadata = _json(meant["metadata"])
        except (ValueError, RecursionError):
            return BadRow(phone[:32], _NO_METADATA)
        if not isinstance(metadata, dict):
            return BadRow(phone[:32], _NO_METADATA)
    return Row(
        phone=phone,
        prompt=meant.get("prompt"),
        dynamic_vars=variables,
        metadata=metadata or None,
        timezone=meant.get("timezone"),
        not_after=meant.get("not_after"),
    )
