"""What Claude's own service says of its models: `GET /v1/models/{id}`. Bedrock's endpoint has no such page."""

from dataclasses import replace

import anthropic
from anthropic.resources.messages.messages import DEPRECATED_MODELS

from calling.adapters.claude_access import UNSIGNED, client
from calling.domain.language_model import ModelFacts, described
from calling.ports import Clock, ModelAccess

_SECONDS = 2.5  # of the three that whoever saves an agent is kept waiting
_KEEP_MS = 10 * 60 * 1000


class ClaudeCatalogue:
    """Fulfils ModelCatalogue. What was said of a model is kept for ten minutes."""

    def __init__(self, access: ModelAccess, clock: Clock) -> None:
        self._client = client(access, timeout=_SECONDS)
        self._clock = clock
        self._kept: dict[str, tuple[int, ModelFacts]] = {}

    def find(self, model: str) -> ModelFacts | None:
        """Ask about a model; see the port."""
        kept = self._kept.get(model)
        if kept is not None and self._clock.now() < kept[0] + _KEEP_MS:
            return kept[1]
        unasked = ModelFacts(retires=DEPRECATED_MODELS.get(model))
        if not isinstance(self._client, anthropic.Anthropic):
            return unasked
        try:
            info = self._client.models.retrieve(model)
            capabilities = info.capabilities.to_dict() if info.capabilities is not None else None
        except anthropic.NotFoundError:
            return None
        except (
            anthropic.AnthropicError,
            AttributeError,
            ValueError,
            *UNSIGNED,
        ):  # not to be had, or no description of a model
            return unasked
        if info.lifecycle == "retired":
            return None
        facts = replace(unasked, traits=described(model, capabilities))
        if info.lifecycle == "deprecated" and info.retires_at is not None:
            facts = replace(facts, retires=info.retires_at.strftime("%-d %B %Y"))
        self._kept[model] = (self._clock.now(), facts)
        return facts
