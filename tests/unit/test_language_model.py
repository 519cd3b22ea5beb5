"""What is known of a model, and what is therefore sent to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.domain.language_model import (
    DEFAULT_MODEL,
    ModelTraits,
    Restraint,
    asked_of,
    assumed,
    described,
    healed,
    pause_after,
)
from infra.local.claude.models import MODELS, Refusal

any_traits = st.builds(ModelTraits, st.sampled_from(Restraint), st.booleans(), st.booleans())
EVERYTHING = {"thinking", "output_config", "temperature", "tool_choice"}


def sent_to(model: str, traits: ModelTraits) -> dict[str, object]:
    return {"model": model, **asked_of(traits, max_tokens=250, temperature=0.3, force="record_summary")}


def version_of(traits: ModelTraits) -> str:
    return "2023-06-01" if traits.temperature else "2026-10-21"


@pytest.mark.parametrize("name", MODELS)
def test_each_model_takes_what_is_sent_to_it_and_thinks_as_little_as_it_can(name: str) -> None:
    model = MODELS[name]
    for traits in (assumed(name), described(name, model.info()["capabilities"])):
        request = sent_to(name, traits)
        model.check(request, version_of(traits))
        least = 0 if {"disabled", "between_tools"} & set(model.types) else 60
        assert model.thinking_tokens(request) == least
        assert request["max_tokens"] == (250 if traits.temperature else 325) + (1_000 if least else 0)


@pytest.mark.parametrize("name", MODELS)
def test_name_and_capabilities_say_the_same(name: str) -> None:
    assert described(name, MODELS[name].info()["capabilities"]) == assumed(name)


@pytest.mark.parametrize(
    ("name", "temperature"),
    [
        ("claude-haiku-4-5-20251001", True),
        ("claude-opus-4-20250514", True),
        ("anthropic.claude-haiku-5-5", False),
        ("claude-opus-4-7", False),
        ("somebody-elses-model", False),
    ],
)
def test_a_name_is_read_with_its_date_and_prefix(name: str, temperature: bool) -> None:
    assert assumed(name).temperature is temperature


def test_the_default_model_does_not_think_and_uses_the_current_api() -> None:
    traits = assumed(DEFAULT_MODEL)
    assert (traits.restraint, version_of(traits)) == (Restraint.DISABLED, "2026-10-21")


@pytest.mark.parametrize("name", MODELS)
@given(wrong=any_traits)
def test_whatever_was_believed_of_a_model_its_refusals_teach_what_it_takes(name: str, wrong: ModelTraits) -> None:
    traits = wrong
    for _ in range(len(Restraint) + 2):
        request = sent_to(name, traits)
        try:
            MODELS[name].check(request, version_of(traits))
        except Refusal as refusal:
            learnt = healed(traits, request.keys(), str(refusal))
            # The one thing that cannot be mended by leaving out: thinking that was never asked about.
            assert learnt is not None or traits.restraint is Restraint.NONE
            if learnt is None:
                return
            traits = learnt
        else:
            return
    pytest.fail("it never came to an end")


@given(traits=any_traits, complaint=st.sampled_from([*EVERYTHING, "effort", "between_tools", "messages: too long"]))
def test_every_lesson_takes_something_away(traits: ModelTraits, complaint: str) -> None:
    def size(one: ModelTraits) -> int:
        return len(one.restraint.weaker) + one.temperature + one.forced_tools

    sent = asked_of(traits, max_tokens=1, temperature=0.5, force="t").keys()
    learnt = healed(traits, sent, complaint)
    assert learnt is None or size(learnt) < size(traits)
    assert healed(traits, sent, "messages: too long") is None
    assert healed(traits, frozenset(), complaint) is None, "what was not sent was not refused"


@given(jitter=st.floats(0, 1), patience=st.floats(0, 20), asked=st.none() | st.floats(0, 20))
def test_waiting_comes_to_an_end_within_its_patience(jitter: float, patience: float, asked: float | None) -> None:
    waited, failures = 0.0, 1
    while (pause := pause_after(failures, waited=waited, patience=patience, asked=asked, jitter=jitter)) is not None:
        assert pause > 0
        assert pause >= (asked or 0)
        waited, failures = waited + pause, failures + 1
    assert waited <= patience + 1e-9
    assert failures < 12


def test_the_services_own_wish_is_followed_or_not_waited_for() -> None:
    wish = {"waited": 1.0, "patience": 5.0, "jitter": 0.5}
    assert pause_after(1, asked=3.5, **wish) == 3.5
    assert pause_after(1, asked=4.5, **wish) is None
