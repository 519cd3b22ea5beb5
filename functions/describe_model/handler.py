"""Lambda, invoked by the API when an agent is saved → describe_model."""

from functools import partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.claude_access import access
from calling.adapters.claude_catalogue import ClaudeCatalogue
from calling.adapters.clock import SystemClock
from calling.adapters.secrets import llm_key
from calling.settings import AwsSettings, ModelSettings, load
from calling.startup import at_start
from calling.telemetry import logger, traced
from calling.usecases.describe_model import describe_model

log = logger("describe_model")


@at_start
def _describe() -> Any:  # noqa: ANN401  the use case with its port filled in
    model = load(ModelSettings)
    way = access(
        model.llm_access,
        lambda: llm_key(client("secretsmanager"), model.anthropic_secret_arn),
        base_url=model.anthropic_base_url,
        region=load(AwsSettings).aws_region,
        workspace_id=model.llm_workspace_id,
    )
    return partial(describe_model, catalogue=ClaudeCatalogue(way, SystemClock()))


@traced
def handler(event: dict[str, str], _context: object) -> dict[str, Any]:
    """Describe."""
    answer: dict[str, Any] = _describe()(event["model"])
    log.info("model described", extra={"known": answer["exists"], "asked": answer["traits"] is not None})
    return answer
