"""The one rule for numbers as people write them: whom we dial, suppress and remember."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from calling.domain.errors import InvalidRequest
from calling.domain.phone_number import PLACEHOLDERS, PhoneNumber, main_region
from calling.domain.written_number import Numbering, numbering_for, read_callable, read_country, read_person

NOWHERE = Numbering()
UK, US, DE = (Numbering(said=code) for code in ("GB", "US", "DE"))
FROM_UK, FROM_US, FROM_DE = (Numbering(guessed=(code,)) for code in ("GB", "US", "DE"))
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def e164(parsed: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def dialled(text: object, numbering: Numbering = NOWHERE) -> str:
    return read_callable(text, numbering, field="to_number").number.e164


def refusal(text: object, numbering: Numbering = NOWHERE) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read_callable(text, numbering, field="to_number")
    assert caught.value.details["field"] == "to_number"
    return caught.value


@pytest.mark.parametrize(
    ("text", "numbering", "number"),
    [
        ("07386 172392", UK, "+447386172392"),
        ("07386 172392", FROM_UK, "+447386172392"),
        ("7386172392", UK, "+447386172392"),
        ("447386172392", UK, "+447386172392"),
        ("447386172392", FROM_UK, "+447386172392"),
        ("447386172392", US, "+447386172392"),  # not valid there
        ("00447386172392", NOWHERE, "+447386172392"),
        ("00447386172392", US, "+447386172392"),
        ("0044 7386 172392", FROM_DE, "+447386172392"),
        ("011 44 7386 172392", US, "+447386172392"),
        ("(415) 555-2671", US, "+14155552671"),
        ("1-415-555-2671", FROM_US, "+14155552671"),
        ("+1 (415) 555-2671", DE, "+14155552671"),
        ("0151 23456789", DE, "+4915123456789"),
        ("030/901820", DE, "+4930901820"),
        ("06 12 34 56 78", Numbering(said="FR"), "+33612345678"),
        ("06 698 12345", Numbering(said="IT"), "+390669812345"),  # Italy keeps its zero
        ("٠٧٣٨٦١٧٢٣٩٢", UK, "+447386172392"),
    ],
)
def test_what_a_person_writes_is_one_number(text: str, numbering: Numbering, number: str) -> None:
    assert dialled(text, numbering) == number
    assert read_person(text, numbering, field="phone_number") == PhoneNumber(number)


def both_ways(country: str, kind: int, *, count: int = 40) -> list[tuple[str, str, str]]:
    """Numbers of a country that are somebody else's with a `+`: (as written, national, international)."""
    found = list[tuple[str, str, str]]()
    example = phonenumbers.example_number_for_type(country, kind)
    assert example is not None
    text = phonenumbers.national_significant_number(example)
    for n in range(0, 10**6, 37):
        written = str(int(text) + n * 997)[: len(text)]
        here, there = phonenumbers.parse(written, country), None
        try:
            there = phonenumbers.parse(f"+{written}", None)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(here) and phonenumbers.is_valid_number(there) and e164(here) != e164(there):
            found.append((written, e164(here), e164(there)))
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("country", ["US", "DE"])
def test_a_country_that_was_said_settles_what_is_valid_both_ways(country: str) -> None:
    found = both_ways(country, PhoneNumberType.MOBILE)
    assert len(found) == 40
    for written, here, there in found:
        assert dialled(written, Numbering(said=country)) == here
        assert dialled(f"+{written}", Numbering(said=country)) == there
        error = refusal(written, Numbering(guessed=(country,)))
        assert error.code == "ambiguous_phone"
        assert here in error.message
        assert there in error.message
        assert "default_country" in error.message
        with pytest.raises(InvalidRequest) as caught:
            read_person(written, Numbering(guessed=(country,)), field="phone_number")
        assert caught.value.code == "ambiguous_phone"
        assert read_person(written, Numbering(said=country), field="phone_number") == PhoneNumber(here)


def test_several_countries_may_be_guessed_as_long_as_one_reading_comes_of_them() -> None:
    both = Numbering(guessed=("GB", "US"))
    assert dialled("07386 172392", both) == "+447386172392"
    assert dialled("(415) 555-2671", both) == "+14155552671"
    assert refusal("020 7946 0018", Numbering(guessed=("GB", "IT"))).code == "ambiguous_phone"


@pytest.mark.parametrize("country", REGIONS)
def test_an_example_of_every_region_passes(country: str) -> None:
    example = phonenumbers.example_number(country)
    assert example is not None
    number = e164(example)
    national = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
    assert dialled(number) == number
    assert dialled(national, Numbering(said=country)) == number
    assert dialled(phonenumbers.format_number(example, PhoneNumberFormat.INTERNATIONAL)) == number
    for kind in (PhoneNumberType.TOLL_FREE, PhoneNumberType.UAN):
        free = phonenumbers.example_number_for_type(country, kind)
        if free is not None:
            assert dialled(e164(free)) == e164(free)


DEAR = {
    PhoneNumberType.PREMIUM_RATE: "premium-rate",
    PhoneNumberType.SHARED_COST: "shared-cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
}


@pytest.mark.parametrize("kind", DEAR)
def test_kinds_that_cost_more_than_a_call_are_not_dialled_unless_the_deployment_allows_their_prefix(kind: int) -> None:
    tried = 0
    for country in REGIONS:
        example = phonenumbers.example_number_for_type(country, kind)
        if example is None or phonenumbers.number_type(example) != kind:
            continue
        tried, number = tried + 1, e164(example)
        error = refusal(number)
        assert error.code == "destination_not_allowed"
        assert DEAR[kind] in error.message
        assert dialled(number, Numbering(allowed=("+999", number[:6]))) == number
        assert refusal(number, Numbering(allowed=("+999",))).code == "destination_not_allowed"
        assert read_person(number, NOWHERE, field="x").e164 == number
    assert tried > 10


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS))
def test_numbers_of_no_country_are_not_dialled_unless_the_deployment_allows_their_prefix(code: int) -> None:
    example = phonenumbers.example_number_for_non_geo_entity(code)
    assert example is not None
    assert refusal(e164(example)).code == "destination_not_allowed"
    assert dialled(e164(example), Numbering(allowed=(f"+{code}",))) == e164(example)


@pytest.mark.parametrize(
    ("text", "numbering", "words"),
    [
        ("+15550301", NOWHERE, "lacks its area code"),
        ("+4412345", NOWHERE, "lacks its area code"),
        ("+4420794609", NOWHERE, "lacks its area code"),
        ("555-0301", US, "lacks its area code"),
        ("+447700900123", NOWHERE, "assigned to nobody"),
        ("07700 900123", UK, "assigned to nobody"),
        ("07386172392", NOWHERE, "has no country"),
        ("447386172392", NOWHERE, "has no country"),
        ("4.47386E+11", UK, "4.47386E+11 by a spreadsheet"),
        ("4.47E+11", UK, "digits of it are lost"),
        ("+1 415 555 2671 x123", NOWHERE, "extension"),
        ("+1 415 555 2671;ext=5", NOWHERE, "extension"),
        ("+14155552671 ext. 12", NOWHERE, "extension"),
        ("1-800-FLOWERS", US, "must be a phone number"),
        ("", UK, "must be a phone number"),
        ("+", UK, "must be a phone number"),
        ("sip:zoe@example.com", UK, "must be a phone number"),
        ("07386172392, 07386172393", UK, "must be a phone number"),
        ("07386172392/07386172393", UK, "must be a phone number"),
        (None, UK, "must be a phone number"),
        (447386172392, UK, "must be a phone number"),
        ("999", UK, "must be a phone number"),
        ("911", US, "must be a phone number"),
    ],
)
def test_what_is_no_persons_number_says_why(text: object, numbering: Numbering, words: str) -> None:
    error = refusal(text, numbering)
    assert error.code == "invalid_phone_format"
    assert words in error.message


def test_who_is_suppressed_or_remembered_need_not_be_callable() -> None:
    """A range may be assigned tomorrow: whoever asked for it stays on the list; what is on record can be erased."""
    for number in ("+447700900123", "+19002345678", "+882344444444"):
        assert read_person(number, NOWHERE, field="x") == PhoneNumber(number)
    assert read_person("07700 900123", UK, field="x") == PhoneNumber("+447700900123")
    for local in ("+15550301", "+4412345"):
        with pytest.raises(InvalidRequest, match="area code"):
            read_person(local, NOWHERE, field="x")


def test_what_stands_for_a_withheld_number_is_nobody_to_dial() -> None:
    for number in PLACEHOLDERS:
        assert refusal(number.e164).code in ("destination_not_allowed", "invalid_phone_format")


@pytest.mark.parametrize(
    ("ours", "country"),
    [
        ("+447700900123", "GB"),  # its range names no country: the calling code's main region
        ("+447386172392", "GB"),
        ("+15550100000", "US"),
        ("+16045550100", "CA"),
        ("+18002530000", "US"),
        ("+80012345678", None),
    ],
)
def test_a_number_of_ours_tells_in_which_country_its_people_are_read(ours: str, country: str | None) -> None:
    number = PhoneNumber(ours)
    assert main_region(number) == country
    assert numbering_for(None, number) == Numbering(guessed=(country,) if country else ())
    assert numbering_for("DE", number).said == "DE"


@pytest.mark.parametrize(("code", "found"), [("GB", "GB"), ("gb", "GB"), (" us ", "US")])
def test_a_country_is_two_letters(code: str, found: str) -> None:
    assert read_country(code) == found


@pytest.mark.parametrize("code", ["", "UK", "GBR", "XX", "001", "44"])
def test_what_is_no_country_is_refused(code: str) -> None:
    with pytest.raises(InvalidRequest, match="default_country"):
        read_country(code)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(REGIONS), st.sampled_from((" ", "-", ".", "/", "\N{NO-BREAK SPACE}", ") ")), st.integers(1, 9))
def test_what_was_read_reads_the_same_again(country: str, between: str, every: int) -> None:
    example = phonenumbers.example_number(country)
    assert example is not None
    digits = phonenumbers.national_significant_number(example)
    written = between.join(digits[n : n + every] for n in range(0, len(digits), every))
    first = dialled(written, Numbering(said=country))
    assert dialled(first) == first
    assert dialled(first, Numbering(said=country)) == first
    assert read_person(first, NOWHERE, field="x").e164 == first


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=24), st.sampled_from((NOWHERE, UK, US, FROM_DE)))
def test_whatever_is_sent_is_a_number_or_an_error_of_ours(text: str, numbering: Numbering) -> None:
    codes = set[str]()
    for read in (read_callable, read_person):
        try:
            read(text, numbering, field="x")
        except InvalidRequest as error:
            codes.add(error.code)
    assert codes <= {"invalid_phone_format", "ambiguous_phone", "destination_not_allowed"}
