"""What a language model accepts of a request, and what is therefore sent to it. Pure.

Models differ in four things: whether they can be told not to think before they answer, whether they take a temperature,
whether a tool can be forced on them, and how many tokens a text is. The vendor's models endpoint says the first; the
others go with a model's generation. What is known may be wrong for one model or one platform, so a request that is
refused teaches (`healed`) and is made again without what was refused.

Sources: platform.claude.com/docs, "Troubleshooting thinking" (a table of models), "What's new" of Sonnet 5.5, Opus 5.5
and Haiku 5.5, "API versions"; anthropic SDK 2.12, `types/thinking_types.py`.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from math import ceil
from typing import Any

DEFAULT_MODEL = "claude-haiku-5-5"
_THINKING_TOKENS = 1_000  # room for what a model thinks though it was asked for little: thinking counts as output
_NEW_TOKENIZER = 1.3  # since generation 4.7 a text is about 30 % more tokens
_FIRST_OF_NEW = (4, 7)  # the generation that lost the temperature and has the new tokenizer
_FIRST_PAUSE, _SHORTEST_PAUSE = 0.25, 0.1  # s


class Restraint(StrEnum):
    """What keeps a model from thinking before it speaks, the surest first."""

    DISABLED = "disabled"
    BETWEEN_TOOLS = "between_tools"  # it may note something between two tools, nothing before its first word
    LOW_EFFORT = "low_effort"  # it always thinks: as little as it can
    NONE = "none"  # it takes none of these

    @property
    def weaker(self) -> tuple["Restraint", ...]:
        """Those left to try where this one is refused."""
        return tuple(Restraint)[list(Restraint).index(self) + 1 :]


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What one model accepts."""

    restraint: Restraint = Restraint.DISABLED
    temperature: bool = False
    forced_tools: bool = True


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What its service says of a model there is. `traits` None: it could not be asked.

    `retires` is a day in words, on which the model will be gone; None: none is set.
    """

    traits: ModelTraits | None = None
    retires: str | None = None


NOBODY_SAID = ModelFacts()


class LlmAccess(StrEnum):
    """How the model is reached, and who is billed: Anthropic by key, its platform on AWS, or Amazon Bedrock by IAM."""

    ANTHROPIC = "anthropic"
    AWS = "aws"
    BEDROCK = "bedrock"


def assumed(model: str) -> ModelTraits:
    """Say what a model accepts as far as its name tells, for one that nobody could ask about."""
    found = re.search(r"claude-([a-z]+)-(\d+)(?:-(\d{1,2}))?(?!\d)", model)
    if found is None:
        return ModelTraits()
    line, version = found[1], (int(found[2]), int(found[3] or 0))
    if line in ("fable", "mythos") or (line == "opus" and version >= (5, 5)):
        return ModelTraits(Restraint.LOW_EFFORT, forced_tools=False)
    if line == "sonnet" and version >= (5, 5):
        return ModelTraits(Restraint.BETWEEN_TOOLS, forced_tools=False)
    return ModelTraits(temperature=version < _FIRST_OF_NEW)


def described(model: str, capabilities: Mapping[str, Any] | None) -> ModelTraits:
    """Say what a model accepts from the `capabilities` of the vendor's models endpoint; None: it gave none.

    Two things it does not say, but they go with what it says: a model that can think by a budget (`enabled`), or not at
    all, is of the generations that take a temperature; one that always thinks can have no tool forced on it.
    """
    if not capabilities:
        return assumed(model)
    thinking = capabilities.get("thinking", {})
    types = thinking.get("types", {})
    if _supported(types, "disabled"):
        restraint = Restraint.DISABLED
    elif _supported(types, "between_tools"):
        restraint = Restraint.BETWEEN_TOOLS
    else:
        restraint = Restraint.LOW_EFFORT if _supported(capabilities.get("effort", {}), "low") else Restraint.NONE
    older = _supported(types, "enabled") or not thinking.get("supported", True)
    return ModelTraits(restraint, temperature=older, forced_tools=restraint is Restraint.DISABLED)


def as_answer(facts: ModelFacts | None) -> dict[str, Any]:
    """Write what was said of a model as JSON; None: there is no such model, or no more."""
    traits = facts.traits if facts is not None else None
    return {
        "exists": facts is not None,
        "retires": facts.retires if facts is not None else None,
        "traits": None if traits is None else asdict(traits),
    }


def facts_from(answer: Mapping[str, Any]) -> ModelFacts | None:
    """Read what `as_answer` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    if not answer["exists"]:
        return None
    traits = answer["traits"]
    if traits is None:
        return ModelFacts(retires=answer["retires"])
    return ModelFacts(ModelTraits(**traits | {"restraint": Restraint(traits["restraint"])}), answer["retires"])


def _supported(capabilities: Mapping[str, Any], name: str) -> bool:
    return bool((capabilities.get(name) or {}).get("supported"))


def asked_of(traits: ModelTraits, *, max_tokens: int, temperature: float, force: str | None = None) -> dict[str, Any]:
    """Give the fields of a Messages request that depend on the model.

    `max_tokens` is meant for what is to be heard, in tokens of the old tokenizer; `force` names a tool that must be
    called, which a model that cannot be forced is to be told in words (`told_to_call`).
    """
    spoken = max_tokens if traits.temperature else ceil(max_tokens * _NEW_TOKENIZER)
    thinks = traits.restraint in (Restraint.LOW_EFFORT, Restraint.NONE)
    fields: dict[str, Any] = {"max_tokens": spoken + (_THINKING_TOKENS if thinks else 0)}
    if traits.restraint in (Restraint.DISABLED, Restraint.BETWEEN_TOOLS):
        fields["thinking"] = {"type": traits.restraint.value}
    elif traits.restraint is Restraint.LOW_EFFORT:
        fields["output_config"] = {"effort": "low"}
    if traits.temperature:
        fields["temperature"] = temperature
    if force is not None and traits.forced_tools:
        fields["tool_choice"] = {"type": "tool", "name": force}
    return fields


def told_to_call(tool: str) -> str:
    """Ask in words for a tool that cannot be forced."""
    return f"Answer by calling the tool {tool}, once. Write nothing beside it."


def healed(traits: ModelTraits, sent: Collection[str], complaint: str) -> ModelTraits | None:
    """Learn from a request that was refused (400): what it complains of, and was sent, is not sent again.

    None where it complains of something else. Every lesson takes something away, so they come to an end.
    """
    if "tool_choice" in sent and "tool_choice" in complaint:
        return replace(traits, forced_tools=False)
    if "temperature" in sent and "temperature" in complaint:
        return replace(traits, temperature=False)
    restrained = {"thinking", "output_config"} & set(sent)
    if not restrained or not ("thinking" in complaint or "effort" in complaint):
        return None
    named = {Restraint.BETWEEN_TOOLS: "between_tools", Restraint.LOW_EFFORT: "effort"}
    left = traits.restraint.weaker
    chosen = next((one for one in left if "thinking" in sent and named.get(one, "\n") in complaint), left[0])
    return replace(traits, restraint=chosen)


def pause_after(failures: int, *, waited: float, patience: float, asked: float | None, jitter: float) -> float | None:
    """Say how many seconds to wait after so many failures in a row; None: not worth waiting any longer.

    `waited` seconds are spent already of `patience`; `asked` is the service's own wish (retry-after), the least that is
    waited. `jitter` between 0 and 1 keeps calls that failed together from asking together.
    """
    left = patience - waited
    if left < max(asked or 0.0, _SHORTEST_PAUSE):
        return None
    pause = _FIRST_PAUSE * 2.0 ** (failures - 1) * (0.75 + jitter / 2)
    return min(max(asked or 0.0, pause), left)
