"""A phone number in E.164 or an error. It masks itself wherever it is printed.

What people write for a number is read in `written_number`; this room knows E.164 alone.
"""

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat
from phonenumbers.phonenumberutil import NumberParseException

from calling.domain.errors import InvalidRequest

_E164 = re.compile(r"^\+[1-9][0-9]{6,14}$")


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """An E.164 number such as +447700900123."""

    e164: str

    def __repr__(self) -> str:
        return f"PhoneNumber({mask(self.e164)})"

    def __str__(self) -> str:
        return mask(self.e164)


# What Twilio sends as From where it has no caller's number: words on a keypad. They are nobody's, though some pass for
# possible numbers. https://support.twilio.com/hc/en-us/articles/223179988
ANONYMOUS = PhoneNumber("+266696687")
PLACEHOLDERS = frozenset(
    {
        ANONYMOUS,
        PhoneNumber("+7378742833"),  # RESTRICTED
        PhoneNumber("+2562533"),  # BLOCKED
        PhoneNumber("+8656696"),  # UNKNOWN
        PhoneNumber("+86282452253"),  # UNAVAILABLE
    }
)


def mask(e164: str) -> str:
    """Hide all but the first three characters and the last two digits: +44*******23."""
    return f"{e164[:3]}{'*' * max(0, len(e164) - 5)}{e164[-2:]}" if len(e164) > 5 else "*" * len(e164)


def parse(text: object, *, field: str) -> PhoneNumber:
    """Read an E.164 number that the carrier vouches for: one of ours, or one that called us.

    Possible, not only assigned, numbers pass: fictional and brand-new ranges are real to a carrier
    (`is_possible_number`; Twilio answers 21211 for the rest).

    Raises:
        InvalidRequest: `invalid_phone_format`.
    """
    value = text.strip() if isinstance(text, str) else ""
    try:
        parsed = phonenumbers.parse(value, None) if _E164.match(value) else None
    except NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise InvalidRequest(
            f"{field} must be a phone number in E.164 form, like +447700900123.",
            code="invalid_phone_format",
            field=field,
        )
    return e164_of(parsed)


def e164_of(parsed: phonenumbers.PhoneNumber) -> PhoneNumber:
    """Write a number that was read. One person has one: +44 (0)7386… is +447386… to carrier and do-not-call list."""
    return PhoneNumber(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))


def parse_caller(text: str) -> PhoneNumber:
    """Read who calls; ANONYMOUS where that is withheld, or no number at all ("anonymous", a SIP address, nothing)."""
    try:
        number = parse(text, field="From")
    except InvalidRequest:
        return ANONYMOUS
    return ANONYMOUS if number in PLACEHOLDERS else number


def region(number: PhoneNumber) -> str | None:
    """Give the ISO 3166 country of a number, None where it has none (+800…)."""
    return region_of(phonenumbers.parse(number.e164, None))


def region_of(parsed: phonenumbers.PhoneNumber) -> str | None:
    """Do the same of a number that was read."""
    return _country(phonenumbers.region_code_for_number(parsed))


def main_region(number: PhoneNumber) -> str | None:
    """Give the country of a number of ours; where its range names none, the main one of its calling code."""
    parsed = phonenumbers.parse(number.e164, None)
    return region_of(parsed) or _country(phonenumbers.region_code_for_country_code(parsed.country_code or 0))


def _country(code: str | None) -> str | None:
    return code if code and code not in ("001", "ZZ") else None
