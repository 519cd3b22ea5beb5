"""Tokens added up, and what they cost."""

import pytest

from calling.domain.language_model import DEFAULT_MODEL
from calling.domain.model_usage import MODEL_PRICES, ModelUsage, added, price_of
from infra.local.claude.models import MODELS


def test_tokens_are_added_up_by_model() -> None:
    assert added((ModelUsage("a", 1, 2, 3, 4), ModelUsage("b", 9)), (ModelUsage("a", 10, 20, 30, 40),)) == (
        ModelUsage("a", 11, 22, 33, 44),
        ModelUsage("b", 9),
    )
    assert added() == ()


@pytest.mark.parametrize("name", [DEFAULT_MODEL, *MODELS])
def test_every_model_the_imitation_knows_has_a_price(name: str) -> None:
    price = price_of(name)
    assert price is not None
    assert price.cache_read < price.input < price.cache_write < price.output


def test_a_dated_and_a_prefixed_name_have_the_models_price_and_an_unknown_one_none() -> None:
    assert price_of("claude-haiku-4-5-20251001") is MODEL_PRICES["claude-haiku-4-5"]
    assert price_of("anthropic.claude-haiku-5-5") is MODEL_PRICES["claude-haiku-5-5"]
    assert price_of("claude-haiku-9") is None
