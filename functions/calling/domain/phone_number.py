"""A phone number in E.164 or an error. It masks itself wherever it is printed."""

import re
from dataclasses import dataclass, field

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType, shortnumberinfo
from phonenumbers.phonenumberutil import NumberParseException

from calling.domain.errors import InvalidRequest

_E164 = re.compile(r"^\+[1-9][0-9]{6,14}$")
_REFUSED_TYPES = {PhoneNumberType.PREMIUM_RATE: "premium-rate", PhoneNumberType.SHARED_COST: "shared-cost"}
_LONGEST_EMERGENCY = 6  # digits, over all countries of `phonenumbers`


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """An E.164 number such as +447700900123."""

    e164: str

    def __repr__(self) -> str:
        return f"PhoneNumber({mask(self.e164)})"

    def __str__(self) -> str:
        return mask(self.e164)


@dataclass(frozen=True, slots=True)
class Read:
    """A number that may be dialled, with what reading it has shown: its type (PhoneNumberType) and country."""

    number: PhoneNumber
    parsed: phonenumbers.PhoneNumber = field(repr=False)
    kind: int
    country: str | None


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
    """Read an E.164 number.

    Possible, not only assigned, numbers pass: fictional and brand-new ranges are real to a carrier
    (`is_possible_number`; Twilio answers 21211 for the rest).

    Raises:
        InvalidRequest: `invalid_phone_format`.
    """
    return _parse(text, field)[0]


def _parse(text: object, field: str) -> tuple[PhoneNumber, phonenumbers.PhoneNumber]:
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
    # One person must not have two numbers: +44 (0)7700… is +447700… to the carrier, to suppression and to doubles.
    return PhoneNumber(phonenumbers.format_number(parsed, PhoneNumberFormat.E164)), parsed


def parse_caller(text: str) -> PhoneNumber:
    """Read who calls; ANONYMOUS where that is withheld, or no number at all ("anonymous", a SIP address, nothing)."""
    try:
        number = parse(text, field="From")
    except InvalidRequest:
        return ANONYMOUS
    return ANONYMOUS if number in PLACEHOLDERS else number


def parse_callable(text: object, *, field: str) -> PhoneNumber:
    """Read a number that may be dialled: not an emergency, short or premium-rate one.

    Raises:
        InvalidRequest: `invalid_phone_format`.
    """
    return read_callable(text, field=field).number


def read_callable(text: object, *, field: str) -> Read:
    """Do the same, and keep what was found out: reading a number is most of the work of a row.

    Raises:
        InvalidRequest: `invalid_phone_format`.
    """
    number, parsed = _parse(text, field)
    kind, country = phonenumbers.number_type(parsed), _region(parsed)
    refused = _REFUSED_TYPES.get(kind)
    national = str(parsed.national_number)
    if len(national) <= _LONGEST_EMERGENCY and shortnumberinfo.is_emergency_number(national, country or "US"):
        refused = "emergency"
    if number in PLACEHOLDERS:
        refused = "what stands for a withheld number"
    if refused:
        raise InvalidRequest(
            f"{field} is a number this service does not dial ({refused}).",
            code="invalid_phone_format",
            field=field,
        )
    return Read(number, parsed, kind, country)


def region(number: PhoneNumber) -> str | None:
    """Give the ISO 3166 country of a number, None where it has none (+800…)."""
    return _region(phonenumbers.parse(number.e164, None))


def _region(parsed: phonenumbers.PhoneNumber) -> str | None:
    code = phonenumbers.region_code_for_number(parsed)
    return code if code and code != "001" else None
