"""Files as programs and people make them, each with exactly what is read of it: numbers, variables, refused lines."""

import codecs
import gzip
from datetime import UTC, datetime

import pytest

from calling.domain.campaign import Campaign
from calling.domain.errors import UnreadableList
from calling.domain.lists import read_rows
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import Recipient
from calling.domain.rows import BadRow, Row, read_row

NOW = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp() * 1000)
CAMPAIGN = Campaign("acct_1", "camp_1", "agent_1", PhoneNumber("+447700900123"), NOW)
A, B, C = "+447386172392", "+447386172393", "+447386172394"
Read = dict[str, dict[str, str]]


def read(content: str | bytes, phone_column: str | None = None) -> tuple[Read, list[str]]:
    """The people of a list with their variables, and why the other rows are none."""
    chunks = [content.encode() if isinstance(content, str) else content]
    people, refused = dict[str, dict[str, str]](), list[str]()
    for index, row in enumerate(read_rows(lambda: chunks, phone_column)):
        found = read_row(CAMPAIGN, index, row, NOW)
        if isinstance(found, Recipient):
            people[found.phone_number.e164] = dict(found.dynamic_vars)
        else:
            refused.append(found.reason)
    return people, refused


ZOE = {A: {"name": "Zoë"}, B: {"name": "García"}}
SHEET = f"phone,name\r\n{A},Zoë\r\n{B},García\r\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("cp1252", b""),
    ],
)
def test_a_sheet_is_read_however_it_was_saved(delimiter: str, end: str, encoding: str, mark: bytes) -> None:
    text = SHEET.replace(",", delimiter).replace("\r\n", end)
    assert read(mark + text.encode(encoding)) == (ZOE, [])
    told = f"sep={delimiter}{end}{text}"
    assert read(mark + told.encode(encoding)) == (ZOE, [])


@pytest.mark.parametrize("above", ["\n\n", "  \r\n", ",,,\r\n", ";;\n\n", "\t\t\n", '"",""\n', "\N{NO-BREAK SPACE}\n"])
def test_blank_lines_may_stand_above_the_header_and_anywhere(above: str) -> None:
    assert read(above + SHEET + "\r\n,,\r\n \r\n") == (ZOE, [])
    assert read(SHEET.replace("\r\n", "\r\n\r\n")) == (ZOE, [])


@pytest.mark.parametrize(
    "header",
    [
        "Phone", "PHONE", "phone_number", "Phone Number", " phone  number ", "Phone-Number", "PhoneNumber", "Phone #",
        "Phone No.", "number", "Number", "contact_number", "Contact Number", "to_number", "Telephone", "Tel.", "Mobile",
        "Mobile Number", "Cell Phone", "msisdn", "E.164", "Telefon", "Handynummer", "Téléphone", "Teléfono", "Móvil",
        "\N{NO-BREAK SPACE}Phone", "Phone 1 - Value", '"Phone"', '"phone\nnumber"',
    ],
)  # fmt: skip
def test_a_phones_column_is_known_by_its_usual_names(header: str) -> None:
    assert read(f"Name,{header}\r\nZoe,{A}\r\n") == ({A: {"Name": "Zoe"}}, [])


def test_number_is_a_variable_where_a_column_is_surely_the_phones() -> None:
    assert read(f"phone,number,to\n{A},12b,Zoe\n") == ({A: {"number": "12b", "to": "Zoe"}}, [])


def test_a_column_that_is_named_is_the_phones() -> None:
    text = f"Home Phone;Mobile;Name\n{A};{B};Zoe\n"
    assert read(text, "Mobile") == ({B: {"Home Phone": A, "Name": "Zoe"}}, [])
    assert read(text, " home_phone ") == ({A: {"Mobile": B, "Name": "Zoe"}}, [])
    assert read(f"Kunde,Nr.\nZoe,{A}\n", "Nr.") == ({A: {"Kunde": "Zoe"}}, [])


def test_columns_that_are_fields_of_a_row_are_those_fields() -> None:
    text = (
        "Phone,Prompt,Not After,Time Zone,METADATA,name\r\n"
        f'{A},Ask him,2030-01-01T09:00,America/New_York,"{{""id"": 7, ""tags"": [""a""]}}",Zoe\r\n'
    )
    assert list(read_rows(lambda: [text.encode()])) == [
        Row(A, "Ask him", {"name": "Zoe"}, {"id": 7, "tags": ["a"]}, "America/New_York", "2030-01-01T09:00")
    ]
    late = f"phone,not_after\n{A},2020-01-01\n{B},soon\n{C},2030-01-01 09:00\n"
    assert read(late) == ({C: {}}, ["not_after is in the past.", "not_after is not a usable time."])
    assert read(f"phone,prompt_override\n{A},x\n") == ({A: {}}, [])
    bad = f"phone,metadata\n{A},no JSON\n{B},[1]\n{C},\n+447386172395,{{}}\n"
    assert read(bad) == ({C: {}, "+447386172395": {}}, ["metadata must be a JSON object."] * 2)


@pytest.mark.parametrize(
    "written",
    [
        "447386172392.0", "447386172392,0", "4.47386172392E+11", '="+447386172392"', "'+447386172392", "07386 172392",
        "7386172392", "447386172392", "00447386172392", "+44 (0)7386/172-392", "tel:+447386172392",
        "\N{FULLWIDTH PLUS SIGN}447386172392",
        "\N{LEFT-TO-RIGHT EMBEDDING}+44 7386 172392\N{POP DIRECTIONAL FORMATTING}",
    ],
)  # fmt: skip
def test_a_number_is_read_as_a_spreadsheet_writes_it(written: str) -> None:
    assert read(f"phone;name\n{written};Zoe\n") == ({A: {"name": "Zoe"}}, [])
    quoted = written.replace('"', '""')
    assert read(f'phone;name\n"{quoted}";Zoe\n') == ({A: {"name": "Zoe"}}, [])


@pytest.mark.parametrize("written", ["4.47386E+11", "4,47E+11", "4.4E11"])
def test_a_number_whose_digits_are_lost_is_refused_with_the_reason(written: str) -> None:
    people, refused = read(f"phone;name\n{written};Zoe\n{A};Al\n")
    assert people == {A: {"name": "Al"}}
    assert len(refused) == 1
    assert "digits of it are lost" in refused[0]
    assert written in refused[0]


def test_a_text_that_was_kept_from_being_a_formula_is_that_text() -> None:
    assert read(f'phone,code,said\n{A},="007","=""say """"hi"""""""\n') == (
        {A: {"code": "007", "said": 'say "hi"'}},
        [],
    )


@pytest.mark.parametrize(
    ("text", "people", "lines"),
    [  # the lines that are refused, by their numbers in the file
        (f'phone,notes\r\n{A},"never closed\r\n{B},x\r\n', {B: "x"}, [2]),
        (f'phone,address\r\n{A},"1 High St\nLondon"\r\n{B},x\r\n', {A: "1 High St\nLondon", B: "x"}, []),
        (f'phone,a\n{A},"one" two\n{B},"three"\n', {B: "three"}, [2]),
        (f'phone,a\n{A},"open\n{B},"shut"\n{C},x\n', {B: "shut", C: "x"}, [2]),
        (f'phone,a\n{A},5" pipe\n{B},say "hi"\n', {A: '5" pipe', B: 'say "hi"'}, []),
        (f'phone,a\n{A}, "High St, 1"\n{B}, "open\n', {A: "High St, 1", B: '"open'}, []),
        (f'phone,a\n{A},"x{chr(10) * 19}y"\n', {A: "x" + "\n" * 19 + "y"}, []),
        (f'phone,a\n{A},"x{chr(10) * 20}y"\n{B},z\n', {B: "z"}, [2]),
        (f'phone,a\n{A},"x\n{"y" * 8189}z"\n', {A: "x\n" + "y" * 8189 + "z"}, []),
        (f'phone,a\n{A},"x\n{"y" * 8190}z"\n{B},z\n', {B: "z"}, [2]),
        (f'phone,a\n{A},"{"y" * 16_000}"\n', {A: "y" * 16_000}, []),
        (f'phone,a,b\n{A},"1\n2","open\n{B},y,z\n', {B: "y"}, [3]),  # the first line of the field that is open
        (f'phone,a\n"{A},x\n{B},y\n', {B: "y"}, [2]),
        (f"phone,a\n{A},x,y\n{B},z,,\n{C}\n", {B: "z", C: None}, [2]),
        (f"phone,a\n,x\n{A},y\n", {A: "y"}, [2]),
        (f"phone,a\n{A},x\0y\n{B},z\n", {B: "z"}, [2]),
    ],
)
def test_a_spoilt_row_is_told_by_its_line_and_nobody_else_is_lost(
    text: str, people: dict[str, str | None], lines: list[int]
) -> None:
    found, refused = read(text)
    assert {number: next(iter(variables.values()), None) for number, variables in found.items()} == people
    told = [int(reason.split()[1].rstrip(":")) for reason in refused if reason.startswith("Line ")]
    assert told == lines
    assert all("phone_number" in reason for reason in refused if not reason.startswith("Line "))  # read as rows of it


def test_one_open_quote_costs_one_person_of_twenty_thousand() -> None:
    numbers = [f"+4473861{n:05}" for n in range(20_000)]
    lines = [f'{number},"5 foot' if n == 5 else f"{number},x" for n, number in enumerate(numbers)]
    chunks = [b"phone,notes\n", "\n".join(lines).encode()]
    rows = list(read_rows(lambda: chunks))
    assert [row.phone for row in rows] == numbers
    assert [n for n, row in enumerate(rows) if isinstance(row, BadRow)] == [5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook"),
        (gzip.compress(SHEET.encode()), "compressed"),
        (b"<html><table><tr><td>phone", "web page"),
        (f'[{{"phone":"{A}"}}]'.encode(), "JSON array"),
        (f'\ufeff\n [\n{{"phone":"{A}"}}\n]'.encode(), "JSON array"),
        (f'{{\n"phone":"{A}"\n}}'.encode(), "one JSON document"),
        (f"{A},Zoe\n{B},Al\n".encode(), "holds a number, not the columns' names"),
        (f"{A}\n".encode(), "holds a number, not the columns' names"),
        (b"07386 172392;Zoe\n", "holds a number, not the columns' names"),
        (f"name,city\nZoe,{A}\n".encode(), "No column of the list is known as a phone's: its first line names 'name'"),
        (f"Phone,Mobile\n{A},{B}\n".encode(), "'Phone' and 'Mobile': name one in phone_column"),
        (f"phone,phone\n{A},{B}\n".encode(), "'phone' and 'phone'"),
        (f"phone,phone_number\n{A},{B}\n".encode(), "'phone' and 'phone_number'"),
        (f"phone,name,name\n{A},Zoe,Ann\n".encode(), "Two columns are called 'name'"),
        (f"phone,prompt,prompt_override\n{A},x,y\n".encode(), "Two columns are called 'prompt'"),
        (f'"phone,name\n{A},Zoe\n'.encode(), "not named: Line 1: a quote is opened and not closed"),
        (SHEET.encode() + b"+447386172395,J\xf6rg\r\n", "UTF-8 in part only, line 4"),
        (b"phone,name\n+447386172395,\x81x\n", "Line 2 is neither UTF-8 nor Windows-1252"),
        (codecs.BOM_UTF8 + b"phone\nJ\xf6rg\n", "begins as UTF-8"),
        (SHEET.encode("utf-16")[:-1], "begins as UTF-16"),
        (b"phone,name\n" + bytes(range(128, 256)) * 1000, "not a text file"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_named_as_what_it_is(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableList) as caught:
        read(content)
    assert words in str(caught.value)


def test_a_column_that_is_named_must_be_there() -> None:
    with pytest.raises(UnreadableList, match="No column of the list is called 'Handy': its first line names 'phone'"):
        read(f"phone,name\n{A},Zoe\n", "Handy")
    with pytest.raises(UnreadableList, match="phone_column is for CSV lists"):
        read(f'{{"phone":"{A}"}}\n', "phone")


@pytest.mark.parametrize(
    "last", ["Zoë", "SOCIÉTÉ", "«ANDRÉ»", "l\N{RIGHT SINGLE QUOTATION MARK}été", "5 \N{EURO SIGN}"]
)
def test_the_last_name_of_a_long_list_settles_its_encoding(last: str) -> None:
    lines = [f"+4473861{n:05},x\r\n".encode() for n in range(30_000)]
    for encoding in ("utf-8", "cp1252"):
        people, refused = read(b"phone,name\r\n" + b"".join(lines) + f"{A},{last}\r\n".encode(encoding))
        assert (people[A], refused) == ({"name": last}, [])


def test_a_character_that_was_lost_before_is_not_said() -> None:
    lost = "\N{REPLACEMENT CHARACTER}"
    people, refused = read(f"phone,name\n{A},Zo{lost}\n{B},Al\n")
    assert people == {B: {"name": "Al"}}
    assert refused == ["A character of this row was lost before it came here (U+FFFD): write it again."]
