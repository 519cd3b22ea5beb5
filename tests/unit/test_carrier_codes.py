"""The carrier's codes: each has words, and a consequence that agrees with what Twilio says is to be done."""

import pytest

from calling.domain.carrier_codes import NO_SUCH_NUMBER, SIP, TWILIO, Fault, fault, words

# Twilio's codes of a refused dial, and whose fault each is by its action: never retry; pause the country; stop the
# campaign; back off; our own bug.
ACTIONS = {
    21211: Fault.NUMBER,
    21217: Fault.NUMBER,
    13224: Fault.NUMBER,
    21214: Fault.NUMBER,
    21216: Fault.BLOCKED,
    21203: Fault.COUNTRY,
    13225: Fault.NUMBER,
    32203: Fault.NUMBER,
    32224: Fault.NUMBER,
    10001: Fault.ACCOUNT,
    10002: Fault.ACCOUNT,
    10005: Fault.ACCOUNT,
    20005: Fault.ACCOUNT,
    20006: Fault.ACCOUNT,
    20008: Fault.ACCOUNT,
    20404: Fault.ACCOUNT,
    21202: Fault.NUMBER,
    21610: Fault.NUMBER,
    21215: Fault.COUNTRY,
    13227: Fault.COUNTRY,
    32205: Fault.COUNTRY,
    21210: Fault.ACCOUNT,
    21212: Fault.ACCOUNT,
    21219: Fault.ACCOUNT,
    20003: Fault.ACCOUNT,
    20429: Fault.PACE,
    10004: Fault.PACE,
    22005: Fault.PACE,
    31910: Fault.OTHER,
    31920: Fault.OTHER,
    31921: Fault.OTHER,
    31924: Fault.OTHER,
    31931: Fault.OTHER,
    31951: Fault.OTHER,
}


@pytest.mark.parametrize(("code", "whose"), ACTIONS.items())
def test_a_code_has_words_and_its_consequence(code: int, whose: Fault) -> None:
    assert code in TWILIO
    assert fault(code) is whose
    assert words(code, None) == f"{TWILIO[code].words} (Twilio {code})"


@pytest.mark.parametrize("code", [486, 480, 408, 404, 603, 607, 608])
def test_a_sip_response_has_words(code: int) -> None:
    assert words(None, code) == f"{SIP[code]} (SIP {code})"


@pytest.mark.parametrize("code", [0, None])
def test_no_code_says_nothing(code: int | None) -> None:
    assert words(code, None) is None
    assert fault(code) is Fault.OTHER


def test_what_nobody_knows_is_still_told() -> None:
    assert words(12345, 404) == "the carrier refused the call (Twilio 12345)"
    assert fault(12345) is Fault.OTHER
    assert words(None, 599) == "the call could not be set up (SIP 599)"


@pytest.mark.parametrize("code", [100, 180, 200, 202, 299])
def test_a_call_that_went_well_needs_no_words(code: int) -> None:
    assert words(None, code) is None


def test_every_meaning_is_a_clause_for_people() -> None:
    said = [m.words for m in TWILIO.values()] + list(SIP.values())
    assert all(text and text[0].islower() and not text.endswith(".") for text in said)
    assert set(SIP) >= NO_SUCH_NUMBER
