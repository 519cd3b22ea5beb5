"""Tokens a language model has read and written, as its service counted them, and what they cost. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Tokens of one model. Those written to and read from its prompt cache are not in `input_tokens`."""

    model: str
    input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0


def added(*usages: Iterable[ModelUsage]) -> tuple[ModelUsage, ...]:
    """Add up, one entry a model, in the order the models first came."""
    sums: dict[str, ModelUsage] = {}
    for one in (u for several in usages for u in several):
        so_far = sums.get(one.model, ModelUsage(one.model))
        sums[one.model] = replace(
            so_far,
            input_tokens=so_far.input_tokens + one.input_tokens,
            cache_write_tokens=so_far.cache_write_tokens + one.cache_write_tokens,
            cache_read_tokens=so_far.cache_read_tokens + one.cache_read_tokens,
            output_tokens=so_far.output_tokens + one.output_tokens,
        )
    return tuple(sums.values())


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """US dollars for a million tokens; cache writes are those kept for five minutes."""

    input: float
    output: float
    cache_write: float
    cache_read: float


_OPUS = ModelPrice(5, 25, 6.25, 0.5)
_SONNET_4 = ModelPrice(3, 15, 3.75, 0.3)
# platform.claude.com/docs/en/about-claude/pricing, 2026-11-28. Haiku 5.5 is five times as much where a prompt is over
# 100,000 tokens; a call's are a few thousand. What is not listed has no price.
MODEL_PRICES: dict[str, ModelPrice] = {
    "claude-haiku-5-5": ModelPrice(0.10, 0.50, 0.125, 0.01),
    "claude-haiku-4-5": ModelPrice(1, 5, 1.25, 0.1),
    "claude-sonnet-5-5": ModelPrice(2, 10, 2.5, 0.1),
    "claude-sonnet-5": ModelPrice(2, 10, 2.5, 0.2),
    "claude-sonnet-4-6": _SONNET_4,
    "claude-sonnet-4-5": _SONNET_4,
    "claude-opus-5-5": ModelPrice(4, 20, 5, 0.2),
    "claude-opus-5": _OPUS,
    "claude-opus-4-8": _OPUS,
    "claude-opus-4-7": _OPUS,
    "claude-opus-4-6": _OPUS,
    "claude-opus-4-5": _OPUS,
    "claude-fable-5-1": ModelPrice(10, 50, 12.5, 0.25),
    "claude-fable-5": ModelPrice(10, 50, 12.5, 1),
}


def price_of(model: str) -> ModelPrice | None:
    """Find a model's price by its name, dated or as Bedrock writes it; None: it is not known."""
    return MODEL_PRICES.get(re.sub(r"-\d{8}$", "", model.removeprefix("anthropic.")))
