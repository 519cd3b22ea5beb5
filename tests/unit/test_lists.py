"""Lists as people upload them: both forms, every cut, every mark of a spreadsheet, and rows that are none.

Which files are read, and as what, is in test_list_files; that no line is lost in test_list_records.
"""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain.list_lines import LONGEST_LINE
from calling.domain.lists import as_line, read_rows, row_of
from calling.domain.rows import BadRow, Row
from calling.domain.seen_numbers import SeenNumbers

A, B, C = "+447386172392", "+447700900123", "+447446466847"


def rows(text: str | bytes) -> list[Row | BadRow]:
    return cut([text.encode() if isinstance(text, str) else text])


def cut(chunks: list[bytes]) -> list[Row | BadRow]:
    return list(read_rows(lambda: chunks))


def reasons(text: str | bytes) -> list[str | None]:
    return [row.reason if isinstance(row, BadRow) else None for row in rows(text)]


# CSV


def test_other_columns_are_variables() -> None:
    text = f"phone,name,prompt_override,timezone,\n{A}, Bob ,Ask him,Europe/London,x\n{B},,,\n"
    assert rows(text) == [
        Row(A, prompt="Ask him", dynamic_vars={"name": "Bob"}, timezone="Europe/London"),
        Row(B),
    ]


@pytest.mark.parametrize("column", ["phone", "phone_number", " phone ", '"phone"'])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_of_any_program(column: str, mark: bytes, end: str) -> None:
    text = end.join(["", f"{column},name", "", f"{A},Bob", " , ", f'"{B}","Al, the\n2nd"', f"{C}"])
    expected = [Row(A, dynamic_vars={"name": "Bob"}), Row(B, dynamic_vars={"name": "Al, the\n2nd"}), Row(C)]
    assert rows(mark + text.encode()) == expected
    assert rows(mark + text.encode() + end.encode() * 3) == expected


def test_too_many_columns_are_refused_and_blank_ones_are_not() -> None:
    found = rows(f"phone,name\n{A},Bob,,\n{B},Al,x\n{C}\n")
    assert found[0] == Row(A, dynamic_vars={"name": "Bob"})
    assert found[1] == BadRow(B, "Line 3 has 3 columns, the first one names 2.")
    assert found[2] == Row(C)


def test_an_empty_number_is_refused() -> None:
    assert rows("phone,name\n,Bob\n") == [BadRow("", "Line 2 has no number.", "missing_field")]


def test_a_mark_is_left_out_at_the_very_start_only() -> None:
    mark = "\ufeff"
    assert rows(f"{mark}phone,name\n{A},{mark}Bob\n{mark}{B},Al\n{mark}{mark}\n") == [
        Row(A, dynamic_vars={"name": f"{mark}Bob"}),
        Row(f"{mark}{B}", dynamic_vars={"name": "Al"}),  # rows.digits leaves it out of the number
        Row(f"{mark}{mark}"),
    ]
    found = rows(f'{mark}{{"phone":"{A}"}}\n{mark}{{"phone":"{B}"}}\n')
    assert found == [Row(A), BadRow("", "Line 2 is not a JSON object.")]


# JSON Lines


def test_json_lines_with_their_aliases() -> None:
    lines = [
        {"phone": A, "prompt": "Ask", "variables": {"n": 1, "x": 2.5, "t": "u"}},
        {"phone_number": f" {B} ", "prompt_override": "Say", "dynamic_vars": {"a": ""}, "metadata": {"k": [1, None]}},
        {"phone_number": C, "phone": None, "timezone": "Europe/London", "not_after": "2026-11-26T09:00"},
        {"phone_number": None, "phone": A, "prompt": None, "variables": None, "metadata": None, "timezone": None},
    ]
    assert rows("\n\r\n  \n".join(json.dumps(line) for line in lines)) == [
        Row(A, prompt="Ask", dynamic_vars={"n": "1", "x": "2.5", "t": "u"}),
        Row(B, prompt="Say", dynamic_vars={"a": ""}, metadata={"k": [1, None]}),
        Row(C, timezone="Europe/London", not_after="2026-11-26T09:00"),
        Row(A),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"phone": ', "not a JSON object"),
        ("[1]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("phone,name", "not a JSON object"),
        ('{"phone": "+1", "metadata": {"x": NaN}}', "not a JSON object"),
        ('{"phone": "+1", "variables": {"x": -Infinity}}', "not a JSON object"),
        ('{"phone": "+1", "prompt": "\\ud83d"}', "not a JSON object"),
        ('{"phone": "+1", "metadata": {"\\udc00": 1}}', "not a JSON object"),
        ('{"phone": "+1", "variables": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}", ""),
        ("{}", "phone_number is required"),
        ('{"phone": "+1", "phone_number": "+2"}', "phone is another name of phone_number"),
        ('{"phone": ""}', "phone_number is required"),
        ('{"phone": 447386172392}', "phone_number must be a text"),
        ('{"phone": "+1", "name": "Bob", "age": 3}', "age is not a field of a recipient"),
        ('{"phone": "+1", "variables": ["a"]}', "map of texts"),
        ('{"phone": "+1", "variables": {"a": null}}', "map of texts"),
        ('{"phone": "+1", "variables": {"a": ["b"]}}', "map of texts"),
        ('{"phone": "+1", "metadata": "x"}', "must be an object"),
        ('{"phone": "+1", "metadata": [1]}', "must be an object"),
        ('{"phone": "+1", "prompt": 7}', "must be a text"),
        ('{"phone": "+1", "prompt": 0}', "must be a text"),
        ('{"phone": "+1", "prompt": false}', "must be a text"),
        ('{"phone": "+1", "timezone": []}', "must be a text"),
        ('{"phone": "+1", "not_after": 1764072000}', "must be a text"),
    ],
)
def test_a_line_that_is_no_recipient_says_why_and_the_next_is_read(line: str, words: str) -> None:
    found = rows(f'{{"phone":"{B}"}}\n{line}\n{{"phone":"{A}"}}\n')
    assert len(found) == 3
    assert isinstance(found[1], BadRow)
    assert words in found[1].reason
    assert len(found[1].phone) <= 32
    assert (found[0], found[2]) == (Row(B), Row(A))


def test_a_whole_character_written_in_two_halves_is_kept() -> None:
    assert rows(f'{{"phone":"{A}","prompt":"\\ud83d\\ude00"}}') == [Row(A, prompt="\N{GRINNING FACE}")]


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", "\ufeff\r\n \n", "phone,name\n", "phone"])
def test_an_empty_list_has_no_rows(text: str) -> None:
    assert rows(text) == []


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("size", [1 << 12, 1 << 16, 1 << 22])
def test_a_line_that_is_too_long_is_one_bad_row_whatever_stands_in_it(form: str, size: int) -> None:
    long = f"x,{C},".encode() * (LONGEST_LINE // 4)
    first, other = as_line(Row(A)).encode(), as_line(Row(B)).encode()
    if form == "csv":
        first, other = b"phone,name\n" + A.encode(), B.encode()
    text = first + b"\n" + long + b"\n" + other
    found = cut([text[n : n + size] for n in range(0, len(text), size)])
    assert [row if isinstance(row, Row) else None for row in found] == [Row(A), None, Row(B)]
    assert isinstance(found[1], BadRow)
    assert "longer than" in found[1].reason


def test_a_long_line_within_quotes_spoils_its_row_only() -> None:
    text = f'phone,name\n{A},"a\n{"x" * LONGEST_LINE}\nb"\n{B},Al\n'
    found = rows(text)
    assert isinstance(found[0], BadRow)
    assert found[-1] == Row(B, dynamic_vars={"name": "Al"})


def test_no_more_than_a_line_is_held() -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"phone":"+1"}\n'
        for _ in range(400):
            yield b"x" * 65_536

    tracemalloc.start()
    try:
        assert len(list(read_rows(chunks))) == 2
        assert tracemalloc.get_traced_memory()[1] < 4 * LONGEST_LINE
    finally:
        tracemalloc.stop()


# Round trips and cuts

text = st.text(st.characters(codec="utf-8"), max_size=12)
solid = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
whole_rows = st.builds(
    Row,
    phone=solid.map(str.strip).filter(bool),
    prompt=st.none() | solid,
    dynamic_vars=st.dictionaries(text, text, max_size=3),
    metadata=st.none() | st.dictionaries(text, json_values, min_size=1, max_size=3),
    timezone=st.none() | solid,
    not_after=st.none() | solid,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(whole_rows, min_size=1, max_size=5))
def test_what_is_written_is_read_again(made: list[Row]) -> None:
    lines = [as_line(row) for row in made]
    assert all("\n" not in line for line in lines)
    assert rows("\n".join(lines)) == made
    assert [row_of(json.loads(line)) for line in lines] == made


def test_a_time_is_written_in_full() -> None:
    at = datetime(2026, 11, 26, 9, tzinfo=UTC)
    assert rows(as_line(Row(A, not_after=at))) == [Row(A, not_after="2026-11-26T09:00:00+00:00")]


cell = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(cell, cell), max_size=6), st.sampled_from(("\n", "\r\n")))
def test_csv_that_was_written_is_read_again(cells: list[tuple[str, str]], end: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end)
    writer.writerow(["phone", "a", "b"])
    writer.writerows((A, first, second) for first, second in cells)
    expected = [
        Row(A, dynamic_vars={name: value.strip() for name, value in zip("ab", pair, strict=True) if value.strip()})
        for pair in cells
    ]
    assert rows(out.getvalue()) == expected


SHEET = (
    f'\ufeffphone,name\r\n{A},Jörg \N{GRINNING FACE}\r\n\r\n{B},"a ""b""\r\n\N{LINE SEPARATOR}c"\r\n'
    f'\ufeff{C},é\n,x\n{A},1,2\n{B},"open'
)
OBJECTS = f'\ufeff{as_line(Row(A, prompt="Jörg"))}\n{{"phone":"{B}","prompt":"\N{GRINNING FACE}é"}}\n{{\n\ufeffx\n'
BROKEN = b"phone,name\n" + A.encode() + b",J\xf6rg \xf0\x9f\n" + B.encode() + b",\xe2\x82"
OLD = f'Telefon;Name\r{A};"Zoë\r""Z"""\r{B};García\r'.encode("cp1252")
WIDE = f"\ufeff{SHEET[1:]}".encode("utf-16")
LISTS = [SHEET.encode(), OBJECTS.encode(), BROKEN, OLD, WIDE]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(LISTS), st.lists(st.integers(0, 200), max_size=12))
def test_chunks_may_be_cut_anywhere(content: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    chunks = [content[a:b] for a, b in pairwise(places)]
    assert cut(chunks) == rows(content)


@pytest.mark.parametrize("content", LISTS)
def test_bytes_may_come_one_by_one(content: bytes) -> None:
    assert cut([bytes([byte]) for byte in content]) == rows(content)
    assert any(isinstance(row, Row) for row in rows(content))


# Numbers seen

numbers = st.one_of(st.integers(10**6, 10**6 + 40), st.integers(10**6, 10**15 - 1)).map(lambda n: f"+{n}")


@settings(max_examples=100, deadline=None)
@given(st.lists(numbers, max_size=200))
def test_numbers_seen_are_a_set(added: list[str]) -> None:
    seen, known = SeenNumbers(), set[str]()
    for number in added:
        assert seen.add(number) == (number not in known)
        known.add(number)
        assert len(seen) == len(known)
    assert not any(seen.add(number) for number in known)


@pytest.mark.parametrize("step", [1, 2, 1024, 4096, 1 << 20, 10**6])
def test_numbers_in_any_order_of_a_range_are_seen_through_every_growth(step: int) -> None:
    seen = SeenNumbers()
    made = [f"+{1_000_000 + n * step}" for n in range(3000)]
    assert all(seen.add(number) for number in made)
    assert not any(seen.add(number) for number in made)
    assert len(seen) == 3000


def test_many_numbers_need_few_bytes() -> None:
    seen = SeenNumbers()
    tracemalloc.start()  # just after it has grown: the worst case
    try:
        for n in range(34_000):
            seen.add(f"+4470{n:08}")
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(seen) == 34_000
    # Sixteen to 32 bytes a number, and while it grows the old words beside the new: 64 MB is far away for a million.
    assert now < 34_000 * 33
    assert peak < 34_000 * 50
