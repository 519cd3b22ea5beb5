"""No line is ever lost: each that is not blank belongs to exactly one row or to one error."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain.list_records import FIELD_CHARACTERS, FIELD_LINES, Lines, Record, record_at
from calling.domain.lists import read_rows

DELIMITERS = (",", ";", "\t")


def records(lines: list[str], delimiter: str = ",") -> list[Record]:
    found, ahead = list[Record](), Lines(iter(lines))
    while ahead.peek() is not None:
        found.append(record_at(ahead, delimiter))
        ahead.take(found[-1].lines)
    return found


pieces = st.sampled_from(['"', '""', ",", ";", "\t", " ", "x", "+447386172392", '",', ',"', '"\t', "é"])
line = st.lists(pieces, max_size=9).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(line, max_size=60), st.sampled_from(DELIMITERS))
def test_every_line_is_part_of_one_record_or_one_error(lines: list[str], delimiter: str) -> None:
    found = records(lines, delimiter)
    assert sum(record.lines for record in found) == len(lines)
    assert all(record.lines >= 1 and record.cells for record in found)
    start = 0
    for record in found:
        taken, start = lines[start : start + record.lines], start + record.lines
        if record.problem is None:  # what it says is what stood there, quotes aside
            said = "".join(record.cells)
            written = "\n".join(taken).replace('"', "").replace(delimiter, "")
            assert said.replace('"', "").replace(delimiter, "").replace(" ", "") == written.replace(" ", "")
        else:
            assert '"' in taken[-1]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 99_999), line.filter(lambda text: "+" not in text)), min_size=1, max_size=40),
    st.sampled_from(DELIMITERS),
    st.sampled_from(("\n", "\r\n", "\r")),
)
def test_nobody_vanishes_whatever_quotes_stand_in_their_lines(
    people: list[tuple[int, str]], delimiter: str, end: str
) -> None:
    lines = [f"+4473861{n:05}{delimiter}{notes}" for n, notes in people]
    text = end.join([f"phone{delimiter}notes", *lines])
    header, *expected = records([f"phone{delimiter}notes", *lines], delimiter)
    assert header.cells == ["phone", "notes"]
    chunks = [text.encode()]
    rows = list(read_rows(lambda: chunks))
    assert len(rows) == len(expected)
    assert [row.phone for row in rows] == [record.cells[0].strip() for record in expected]
    assert sum(record.lines for record in expected) == len(people)


cells = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=6), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(st.lists(cells, max_size=8), st.sampled_from(DELIMITERS))
def test_quoted_cells_are_read_as_they_were_written(rows: list[list[str]], delimiter: str) -> None:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    assert [r.cells for r in records([delimiter.join(map(quoted, row)) for row in rows], delimiter)] == rows


@pytest.mark.parametrize("lines", [1, 2, FIELD_LINES - 1, FIELD_LINES, FIELD_LINES + 1])
def test_a_field_may_run_over_so_many_lines(lines: int) -> None:
    written = 'a,"' + "\n".join(string.ascii_letters[n] for n in range(lines)) + '"'
    found = records(written.split("\n"))
    if lines <= FIELD_LINES:
        assert [record.problem for record in found] == [None]
    else:
        assert [record.lines for record in found] == [1] * lines
        assert found[0].problem is not None


@pytest.mark.parametrize("more", [0, 1])
def test_a_field_of_several_lines_may_have_so_many_characters(more: int) -> None:
    found = records(['a,"x', "y" * (FIELD_CHARACTERS - 2 + more) + '"'])
    assert [record.problem is None for record in found] == ([True] if not more else [False, True])


def test_a_list_of_open_quotes_is_read_in_bounded_time() -> None:
    lines = [f'+4473861{n:05},"{"x" * 300}' for n in range(5_000)]
    found = records(lines)
    assert [record.lines for record in found] == [1] * len(lines)
    assert all(record.problem for record in found)
