"""Placeholders: any header of a list is filled, what has no value is left out of speech and named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.domain.placeholders import fill, lacking, with_defaults

LIST = {"First Name": "Zoë", "Company name": "Harbour & Sons", "Phone #": "44", "City, State": "Leeds", "blank": " "}


@pytest.mark.parametrize(
    ("template", "text", "missing"),
    [
        ("Hi {First Name}!", "Hi Zoë!", ()),
        ("Hi {first name}!", "Hi Zoë!", ()),
        ("Hi {{ FIRST_NAME }}!", "Hi Zoë!", ()),
        ("Hi {firstname}!", "Hi Zoë!", ()),
        ("Hi {{{first_name}}}!", "Hi Zoë!", ()),
        ("Hi {first\u00a0 name}!", "Hi Zoë!", ()),
        ("From {{Company Name}}.", "From Harbour & Sons.", ()),
        ("It is {phone #}, {city, state}.", "It is 44, Leeds.", ()),
        ("Hi {last name}, it is us.", "Hi, it is us.", ("last name",)),
        ("{last name}, it is us.", "it is us.", ("last name",)),
        ("Hi {Last Name} and {{last_name}}!", "Hi and!", ("Last Name",)),
        ('Hi {{name | default: "there"}}.', "Hi.", ('name | default: "there"',)),
        ("Hi {name | default: 'there'}.", "Hi.", ("name | default: 'there'",)),
        ("Hi {blank}.", "Hi.", ("blank",)),
        ("Hi { }.", "Hi.", ()),
        ("{{a}} {{b}}", "", ("a", "b")),
        ("Line one {a}\n  {b} line two", "Line one\nline two", ("a", "b")),
        ("Nothing to fill  here.", "Nothing to fill  here.", ()),
        ("Left { open and } closed", "Left closed", ("open and",)),
    ],
)
def test_what_is_spoken(template: str, text: str, missing: tuple[str, ...]) -> None:
    filled = fill(template, LIST)
    assert (filled.text, filled.missing) == (text, missing)


@pytest.mark.parametrize("code", ['{"day": "Tuesday"}', "{}", "{ }", "{\n  a\n}", "{a: 1}", "{x = y;}"])
def test_an_instruction_may_hold_code(code: str) -> None:
    template = f"Answer like {code}, {{first name}} {{{{x: y}}}}"
    assert fill(template, LIST, code=True).text == f"Answer like {code}, Zoë"
    assert "{" not in fill(template.replace("{}", ""), LIST).text


def test_the_name_as_it_is_written_comes_before_one_that_is_like_it() -> None:
    assert fill("{name} {Name} {NAME}", {"name": "a", "Name": "b"}).text == "a b a"


def test_a_value_is_spoken_on_one_line_and_is_never_filled_itself() -> None:
    assert fill("Hi {a}.", {"a": " - Ann\r\n {b}\u2028\u202eLee\0 ", "b": "x"}).text == "Hi Ann {b} Lee."


def test_a_recipients_variables_come_before_the_campaigns() -> None:
    given = with_defaults({"First Name": "Zoë", "City": ""}, {"first_name": "there", "city": "Leeds", "x": "y"})
    assert fill("{first_name} {city} {x}", given).text == "Zoë Leeds y"
    assert lacking(("first name", "City", "z"), {"FIRST_NAME": "Zoë", "city": " "}, {"z": "-"}) == ("City", "z")
    assert lacking((), {"a": "b"}) == ()


plain = st.text(st.characters(exclude_characters="{}"), max_size=12)
braces = st.tuples(st.integers(1, 3), plain).map(lambda drawn: "{" * drawn[0] + drawn[1] + "}" * drawn[0])


@given(st.lists(plain | braces.filter(lambda text: text.strip("{}")), max_size=8), st.dictionaries(plain, plain))
def test_no_brace_is_ever_spoken(parts: list[str], variables: dict[str, str]) -> None:
    filled = fill("".join(parts), variables)
    assert not set("{}\0") & set(filled.text)
    assert lacking(filled.missing, variables) == filled.missing


def test_long_texts_are_filled_at_once() -> None:
    """None of these may be looked at again from every place in it."""
    for text in ("{" * 16_000, "{" + " " * 15_999, "{a" * 5_000, " " * 15_997 + "{a}", "{a} " * 4_000, "- " * 8_000):
        assert len(fill(text, {"a": ""}).text) <= 16_000
        assert len(fill("{a}", {"a": text}).text) <= 16_000


def test_a_header_is_found_in_json() -> None:
    """What a list's reader keeps is found again after the way through JSON, that of the queue."""
    variables = json.loads(json.dumps({"Straße & Nr.": "Hauptstraße 5"}))
    assert fill("{STRASSE & NR.}", variables).text == "Hauptstraße 5"
