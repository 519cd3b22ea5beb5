"""How Claude is reached: by key, through its platform on AWS, or through Amazon Bedrock, each by the SDK's own client.

One factory for the conversation's client and for the one of single questions; and what both do with a request.
"""

from collections.abc import Callable
from typing import Any

import anthropic
from anthropic.lib.bedrock import AnthropicBedrockMantle, AsyncAnthropicBedrockMantle
from botocore.exceptions import BotoCoreError

from calling.domain.language_model import LlmAccess, ModelTraits, asked_of
from calling.ports import ModelAccess

Client = anthropic.Anthropic | AnthropicBedrockMantle
AsyncClient = anthropic.AsyncAnthropic | AsyncAnthropicBedrockMantle

# Before 2026-10-21, the SDK's default, a temperature was taken from models that have one; since then from none
# (https://platform.claude.com/docs/en/api/versioning).
_TAKES_TEMPERATURE = {"anthropic-version": "2023-06-01"}
_BEDROCK_PREFIX = "anthropic."
# Refused for good: asking again changes nothing. 402 is a bill that was not paid.
FINAL = frozenset({400, 401, 402, 403, 404, 413, 422})
# Where access is by IAM and there are no credentials, or new ones cannot be had: the SDK signs before it begins to turn
# failures into its own, and has a bare RuntimeError of its own for none at all (lib/aws/_auth.py).
UNSIGNED = (BotoCoreError, RuntimeError)


def access(kind: str, read_key: Callable[[], str], *, base_url: str, region: str, workspace_id: str) -> ModelAccess:
    """Put settings together; the key is read only where access is by key. Raises ValueError for an unknown kind."""
    way = LlmAccess(kind)
    return ModelAccess(way, read_key() if way is LlmAccess.ANTHROPIC else "", base_url, region, workspace_id)


def client(access: ModelAccess, **options: Any) -> Client:  # noqa: ANN401  the SDK's own options
    """Make a client. It repeats nothing by itself: its own waits are as long as a server asks for."""
    match access.kind:
        case LlmAccess.ANTHROPIC:
            return anthropic.Anthropic(**_by_key(access), **options)
        case LlmAccess.AWS:
            return anthropic.AnthropicAWS(**_by_iam(access), workspace_id=access.workspace_id, **options)
        case LlmAccess.BEDROCK:
            return AnthropicBedrockMantle(**_by_iam(access), **options)


def async_client(access: ModelAccess, **options: Any) -> AsyncClient:  # noqa: ANN401  the SDK's own options
    """Make a client for the event loop; see `client`."""
    match access.kind:
        case LlmAccess.ANTHROPIC:
            return anthropic.AsyncAnthropic(**_by_key(access), **options)
        case LlmAccess.AWS:
            return anthropic.AsyncAnthropicAWS(**_by_iam(access), workspace_id=access.workspace_id, **options)
        case LlmAccess.BEDROCK:
            return AsyncAnthropicBedrockMantle(**_by_iam(access), **options)


def _by_key(access: ModelAccess) -> dict[str, Any]:
    return {"api_key": access.api_key, "base_url": access.base_url or None, "max_retries": 0}


def _by_iam(access: ModelAccess) -> dict[str, Any]:
    return {"aws_region": access.region, "base_url": access.base_url or None, "max_retries": 0}


def request(
    access: ModelAccess,
    model: str,
    traits: ModelTraits,
    *,
    max_tokens: int,
    temperature: float,
    force: str | None = None,
) -> dict[str, Any]:
    """Give the arguments of `messages.create` that depend on the model and on the way to it."""
    fields = asked_of(traits, max_tokens=max_tokens, temperature=temperature, force=force)
    if "temperature" in fields:  # the SDK's own signature has dropped it
        fields |= {"extra_body": {"temperature": fields.pop("temperature")}, "extra_headers": _TAKES_TEMPERATURE}
    prefixed = access.kind is LlmAccess.BEDROCK and not model.startswith(_BEDROCK_PREFIX)
    return {"model": f"{_BEDROCK_PREFIX}{model}" if prefixed else model, **fields}


def sent(arguments: dict[str, Any]) -> frozenset[str]:
    """Name the fields of a request as the service saw them."""
    return frozenset(arguments) | frozenset(arguments.get("extra_body", ()))


def retry_after(failure: BaseException) -> float | None:
    """Read how many seconds the service asks to wait, where it says so."""
    if not isinstance(failure, anthropic.APIStatusError):
        return None
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, float(failure.response.headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    return None
