"""Languages: what a call can be held in, and in which accent it is heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.domain.agent import DEFAULT_VOICE, VOICES, check_spoken, heard_accent
from calling.domain.errors import InvalidRequest
from calling.domain.language import ACCENTS, LANGUAGES, PHRASES, accent, base, spoken


def test_recogniser_voice_and_phrases_exist_for_every_language_that_is_offered() -> None:
    spoken_by_voices = {base(voice.language) for voice in VOICES.values()}
    for code in LANGUAGES:
        assert base(code) in PHRASES & spoken_by_voices & {base(heard) for heard in ACCENTS}, code


def test_every_voice_can_be_held_a_call_in() -> None:
    for voice_id, voice in VOICES.items():
        check_spoken("en", voice_id)
        assert heard_accent("en", voice_id) == voice.language
        assert heard_accent("en-WL", voice_id) == "en-WL"


@pytest.mark.parametrize("code", ["fr", "fr-FR", "en-SG", "english", "e", "", "en-", "en-US-x", "xx-YY"])
def test_what_has_no_recogniser_or_no_phrases_is_refused(code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        spoken(code)
    assert (refused.value.code, refused.value.details["field"]) == ("language_not_supported", "language")


@given(st.sampled_from(LANGUAGES).flatmap(lambda c: st.sampled_from([c, c.lower(), c.upper(), c.swapcase()])))
def test_case_does_not_matter(code: str) -> None:
    assert spoken(code) in LANGUAGES
    assert spoken(code).lower() == code.lower()


@given(st.text(max_size=16), st.sampled_from([*VOICES, "Nobody", ""]))
def test_whatever_is_stored_is_heard(stored: str, voice_id: str) -> None:
    assert heard_accent(stored, voice_id) in ACCENTS


def test_a_voice_without_an_accent_of_the_recognisers_is_heard_in_the_usual_one() -> None:
    assert accent("en", "en-SG") == "en-US"
    assert heard_accent("fr", DEFAULT_VOICE) == "en-US"
    assert heard_accent("fr", "Amy") == "en-GB"
