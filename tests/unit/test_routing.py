"""What is put back on a number's line: everything of its owner's, nothing of ours."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from calling.domain.routing import Routing, ours, without_us

BASE, ACCOUNT = "https://api.example.com", "acct_1"
OURS = ours(BASE, ACCOUNT)
METHODS = st.sampled_from(["GET", "POST"])
URLS = st.sampled_from(["", "https://customer.example/hotline", "https://api.example.com.evil/twilio/acct_1/inbound"])


@st.composite
def theirs(draw: st.DrawFn) -> Routing:
    """A routing that somebody else has set; a trunk excludes an application."""
    trunk = draw(st.booleans())
    sid = draw(st.sampled_from(["", "x1"]))
    return Routing(
        voice_url=draw(URLS),
        voice_method=draw(METHODS),
        voice_fallback_url=draw(URLS),
        voice_fallback_method=draw(METHODS),
        status_callback=draw(URLS),
        status_callback_method=draw(METHODS),
        voice_application_sid="" if trunk else sid,
        trunk_sid=sid if trunk else "",
    )


@given(theirs())
def test_what_stood_there_stands_there_again(before: Routing) -> None:
    remembered = without_us(before, None, BASE, ACCOUNT)
    assert remembered == before
    assert without_us(OURS, remembered, BASE, ACCOUNT) == before


@given(theirs(), theirs())
def test_what_somebody_else_has_set_since_stays(before: Routing, since: Routing) -> None:
    assert without_us(since, before, BASE, ACCOUNT) == since


@given(theirs(), theirs())
def test_taking_a_line_twice_forgets_nothing(before: Routing, since: Routing) -> None:
    """As when its credentials change, or the first request died on its way."""
    first = without_us(before, None, BASE, ACCOUNT)
    assert without_us(OURS, first, BASE, ACCOUNT) == first
    assert without_us(since, first, BASE, ACCOUNT) == since


@given(theirs())
def test_an_application_set_since_keeps_the_calls(before: Routing) -> None:
    """Its owner meant it; only our addresses behind it go."""
    since = replace(OURS, voice_application_sid="AP2")
    left = without_us(since, before, BASE, ACCOUNT)
    assert (left.voice_application_sid, left.trunk_sid) == ("AP2", "")
    assert (left.voice_url, left.status_callback) == (before.voice_url, before.status_callback)


def test_nothing_known_of_before_leaves_nothing_of_ours() -> None:
    """Numbers that were imported before this was remembered; another account's addresses are not ours."""
    assert without_us(OURS, None, BASE, ACCOUNT) == Routing()
    assert without_us(OURS, None, BASE, "acct_2") == OURS
