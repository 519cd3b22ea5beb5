"""Numbers as people write them: the one rule for whom we dial, suppress and remember. Pure.

A number with a `+` means itself. One without it is read in a country: where that was said (in the request, by the
agent) it settles the reading, the national one first, for a tenth of US numbers and half of German mobiles would be
somebody else's with a `+`; where it is only guessed from a number of ours, what has two readings is refused.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult, shortnumberinfo
from phonenumbers.phonenumberutil import NumberParseException

from calling.domain.errors import InvalidRequest
from calling.domain.phone_number import PLACEHOLDERS, PhoneNumber, e164_of, main_region, region_of

T = TypeVar("T")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PLAIN = re.compile(r"\+?[0-9]+")
# What people and spreadsheets put between the digits: blanks, brackets, dashes, slashes, marks of direction and order.
_BETWEEN = re.compile(r"[\s().\-/\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_FLOAT = re.compile(r"([1-9][0-9]{6,14})[.,]0+")
_SCIENTIFIC = re.compile(r"([1-9])(?:[.,]([0-9]+))?E\+?([0-9]{1,2})", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:;?e?xt?(?:ension|n)?[.:=]*|#)[0-9]{1,7}", re.IGNORECASE)
_REFUSED_KINDS = {
    PhoneNumberType.PREMIUM_RATE: "premium-rate",
    PhoneNumberType.SHARED_COST: "shared-cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
}
_NO_COUNTRY = "of no country: satellites and international networks"
_LONGEST_EMERGENCY = 6  # digits, over all countries of `phonenumbers`
_INTERNATIONAL = "00"  # what most countries dial before a country's code (ITU-T E.164)


@dataclass(frozen=True, slots=True)
class Numbering:
    """How numbers are read here. Countries are ISO 3166 codes.

    `said` settles the reading; `guessed` are tried where nothing was said. `allowed`: prefixes with a `+` of numbers
    that may be dialled although their kind may not.
    """

    said: str | None = None
    guessed: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    @property
    def knows_a_country(self) -> bool:
        """True where a number without a `+` can be read at all."""
        return bool(self.said or self.guessed)


@dataclass(frozen=True, slots=True)
class Read:
    """A number that may be dialled, with what reading it has shown: its type (PhoneNumberType) and country."""

    number: PhoneNumber
    parsed: phonenumbers.PhoneNumber = field(repr=False)
    kind: int
    country: str | None


@lru_cache(maxsize=256)
def numbering_for(said: str | None, ours: PhoneNumber, allowed: tuple[str, ...] = ()) -> Numbering:
    """Say how the numbers of people are read whom this number of ours calls."""
    guessed = main_region(ours)
    return Numbering(said, (guessed,) if guessed else (), allowed)


def read_callable(text: object, numbering: Numbering, *, field: str) -> Read:
    """Read a number that may be dialled: a person's or a firm's, toll-free ones included.

    Raises:
        InvalidRequest: `invalid_phone_format`; `ambiguous_phone` where it has two readings and no country was said;
            `destination_not_allowed`: emergency numbers, kinds that cost more than a call, and numbers of no country,
            unless the deployment allows their prefix.
    """
    value = _tidy(text, field)
    read = [(parsed, phonenumbers.number_type(parsed)) for parsed in _candidates(value, numbering)]
    valid = {e164_of(parsed): (parsed, kind) for parsed, kind in read if kind != PhoneNumberType.UNKNOWN}
    if not valid:
        raise _unreadable(value, numbering, field)
    number, (parsed, kind) = _chosen(valid, numbering, field)
    country = region_of(parsed)
    refused = _REFUSED_KINDS.get(kind) or (None if country else _NO_COUNTRY)
    if refused and any(number.e164.startswith(prefix) for prefix in numbering.allowed):
        refused = None
    if number in PLACEHOLDERS:
        refused = "what stands for a withheld number"
    national = str(parsed.national_number)
    if len(national) <= _LONGEST_EMERGENCY and shortnumberinfo.is_emergency_number(national, country or "US"):
        refused = "emergency"
    if refused:
        raise InvalidRequest(
            f"{field} is a number this service does not dial ({refused}).", code="destination_not_allowed", field=field
        )
    return Read(number, parsed, kind, country)


def read_person(text: object, numbering: Numbering, *, field: str) -> PhoneNumber:
    """Read the number of somebody to suppress or remember, by the same rule.

    What nobody would dial passes where it is complete: of a range that is not assigned yet, or too dear. Who was put
    on the do-not-call list before such a range opens stays on it, and what is on record can be erased.

    Raises:
        InvalidRequest: `invalid_phone_format`, `ambiguous_phone`.
    """
    value = _tidy(text, field)
    read = list(_candidates(value, numbering))
    for passes in (phonenumbers.is_valid_number, _is_possible):
        found = {e164_of(parsed): parsed for parsed in read if passes(parsed)}
        if found:
            return _chosen(found, numbering, field)[0]
    raise _unreadable(value, numbering, field)


def read_country(code: str) -> str:
    """Read a country code.

    Raises:
        InvalidRequest: there is no such country.
    """
    found = code.strip().upper()
    if found not in phonenumbers.SUPPORTED_REGIONS:
        hint = " The United Kingdom is GB." if found == "UK" else ""
        raise InvalidRequest(
            f"default_country must be a country's two letters (ISO 3166), like GB.{hint}", field="default_country"
        )
    return found


def _tidy(text: object, field: str) -> str:
    """Leave a `+` and digits: what spreadsheets make of numbers and what people put between digits goes.

    Raises:
        InvalidRequest: `invalid_phone_format`.
    """
    value = text.strip() if isinstance(text, str) else ""
    if _E164.fullmatch(value):
        return value
    if not value.isascii():  # full-width and other scripts' digits
        value = "".join(str(unicodedata.decimal(sign, sign)) for sign in unicodedata.normalize("NFKC", value)).strip()
    if value.startswith('="') and value.endswith('"'):
        value = value[2:-1].strip()
    value = value.removeprefix("'").strip()
    if value[:4].lower() == "tel:":
        value = value[4:]
    if (written := _SCIENTIFIC.fullmatch(value)) is not None:
        return _whole(value, written, field)
    if (written := _FLOAT.fullmatch(value)) is not None:
        return written[1]
    value = _BETWEEN.sub("", value)
    if _PLAIN.fullmatch(value):
        return value
    extension = re.search(r"[0-9]{6}(.+)", value)
    if extension is not None and _EXTENSION.fullmatch(extension[1].lstrip("0123456789")):
        raise _bad(f"{field} has an extension, which cannot be dialled: leave it out.", field)
    raise _not_a_number(field)


def _whole(value: str, written: re.Match[str], field: str) -> str:
    first, more, exponent = written[1], written[2] or "", int(written[3])
    if len(more) < exponent or more[exponent:].strip("0"):
        raise _bad(
            f"{field} was written {value[:24]} by a spreadsheet, and digits of it are lost: make its column text.",
            field,
        )
    return first + more[:exponent]


def _candidates(value: str, numbering: Numbering) -> Iterator[phonenumbers.PhoneNumber]:
    """Give the readings of a tidied number, the likeliest first."""
    if not value.startswith("+"):
        for country in (numbering.said,) if numbering.said else numbering.guessed:
            yield from _parsed(value, country)
        if not numbering.knows_a_country and not value.startswith(_INTERNATIONAL):
            return  # a number without a country may be anybody's
    yield from _parsed("+" + value.removeprefix("+").removeprefix(_INTERNATIONAL), None)


def _parsed(value: str, country: str | None) -> Iterator[phonenumbers.PhoneNumber]:
    try:
        yield phonenumbers.parse(value, country)
    except NumberParseException:
        return


def _is_possible(parsed: phonenumbers.PhoneNumber) -> bool:
    return phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE


def _chosen(found: dict[PhoneNumber, T], numbering: Numbering, field: str) -> tuple[PhoneNumber, T]:
    """Choose the reading: the first where a country was said; otherwise it must be the only one."""
    if len(found) > 1 and numbering.said is None:
        readings = " and ".join(number.e164 for number in found)
        raise InvalidRequest(
            f"{field} can be read as {readings}: write it with + and its country's code, or say default_country.",
            code="ambiguous_phone",
            field=field,
        )
    return next(iter(found.items()))


def _unreadable(value: str, numbering: Numbering, field: str) -> InvalidRequest:
    """Say what is wrong with a number that has no reading."""
    reasons = {phonenumbers.is_possible_number_with_reason(parsed) for parsed in _candidates(value, numbering)}
    if ValidationResult.IS_POSSIBLE_LOCAL_ONLY in reasons:
        return _bad(f"{field} lacks its area code.", field)
    if ValidationResult.IS_POSSIBLE in reasons:
        return _bad(f"{field} is of a range that is assigned to nobody.", field)
    if not value.startswith(("+", _INTERNATIONAL)) and not numbering.knows_a_country:
        return _bad(
            f"{field} has no country: write it in E.164 form, like +447700900123, or say default_country.", field
        )
    return _not_a_number(field)


def _not_a_number(field: str) -> InvalidRequest:
    return _bad(f"{field} must be a phone number, best in E.164 form, like +447700900123.", field)


def _bad(words: str, field: str) -> InvalidRequest:
    return InvalidRequest(words, code="invalid_phone_format", field=field)
