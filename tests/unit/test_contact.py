"""How often a person may be called: against a count of what lies in the window."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.domain.contact import DAY_MS, Contact, SuppressionSource, free_at, with_dial
from calling.domain.limits import FrequencyCap
from calling.domain.phone_number import PhoneNumber

NOW = 1_800_000_000_000
ONE = Contact("acct_1", PhoneNumber("+447386172392"))
caps = st.builds(FrequencyCap, calls=st.integers(1, 5), days=st.integers(1, 3))
edges = st.builds(lambda days, by: NOW - days * DAY_MS + by, st.integers(0, 4), st.integers(-2, 2))
dials = st.lists(st.one_of(edges, st.integers(NOW - 4 * DAY_MS, NOW)).filter(lambda at: at <= NOW), max_size=9)


def contact(times: list[int]) -> Contact:
    return replace(ONE, dials={f"call_{n}": at for n, at in enumerate(times)})


def allowed(times: list[int], cap: FrequencyCap, at: int) -> bool:
    return sum(1 for dial in times if at - cap.days * 24 * 3600 * 1000 < dial) < cap.calls


@given(dials, caps)
def test_it_is_free_at_the_first_moment_the_count_allows(times: list[int], cap: FrequencyCap) -> None:
    free = free_at(contact(times), cap, NOW)
    assert free >= NOW
    assert allowed(times, cap, free)
    assert (free == NOW) == allowed(times, cap, NOW)
    if free > NOW:
        assert not allowed(times, cap, free - 1)
    for at in (*times, *(t + cap.days * DAY_MS for t in times)):
        if NOW <= at < free:
            assert not allowed(times, cap, at)


@given(dials, caps, st.integers(0, 5 * DAY_MS))
def test_asked_later_it_never_says_an_earlier_moment(times: list[int], cap: FrequencyCap, later: int) -> None:
    free = free_at(contact(times), cap, NOW)
    assert free_at(contact(times), cap, NOW + later) == max(free, NOW + later)


@given(dials, caps)
def test_a_counted_dial_counts_once_and_what_is_over_is_forgotten(times: list[int], cap: FrequencyCap) -> None:
    known = contact(times)
    after = with_dial(known, "call_new", cap, NOW)
    assert after["call_new"] == NOW
    assert with_dial(replace(known, dials=after), "call_new", cap, NOW) == after
    assert {k for k in after if k != "call_new"} == {k for k, at in known.dials.items() if at + cap.days * DAY_MS > NOW}
    for at in range(NOW, NOW + 4 * DAY_MS, DAY_MS // 3):  # what was forgotten changes no answer
        assert allowed(list(after.values()), cap, at) == allowed([*times, NOW], cap, at)


@pytest.mark.parametrize(("known", "cap"), [(None, FrequencyCap()), (contact([NOW] * 9), None), (None, None)])
def test_without_a_cap_or_a_past_it_is_free(known: Contact | None, cap: FrequencyCap | None) -> None:
    assert free_at(known, cap, NOW) == NOW


def test_a_suppressed_person_is_suppressed_from_the_first_moment_on() -> None:
    assert not ONE.suppressed
    assert replace(ONE, suppressed_at=0, suppressed_by=SuppressionSource.CALL).suppressed
    assert "447386172392" not in repr(ONE)
