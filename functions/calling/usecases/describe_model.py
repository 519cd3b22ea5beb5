"""Say what a language model accepts, for whoever saves an agent that names one."""

from typing import Any

from calling.domain.language_model import as_answer
from calling.ports import ModelCatalogue


def describe_model(model: str, *, catalogue: ModelCatalogue) -> dict[str, Any]:
    """Ask the model's service; give the answer as JSON, which `language_model.facts_from` reads."""
    return as_answer(catalogue.find(model))
