"""How a call comes by its TwiML: asked of a URL, then of its fallback."""

from __future__ import annotations

from collections.abc import Callable

from infra.local.carrier.callbacks import Webhooks
from infra.local.carrier.params import Target
from infra.local.carrier.twiml import TwimlError

UNREACHABLE = 11200


class Documents:
    """Fetches the documents of one call; `parameters` says what every request about it says."""

    def __init__(self, webhooks: Webhooks, fallback: Target | None, parameters: Callable[[], dict[str, str]]) -> None:
        self._webhooks = webhooks
        self._fallback = fallback
        self._parameters = parameters

    async def fetch(self, target: Target) -> str:
        """The document at a URL, or at the fallback's; TwimlError if neither gives one."""
        text = await self._ask(target, {})
        if text is None and self._fallback is not None:
            text = await self._ask(self._fallback, {"ErrorCode": str(UNREACHABLE), "ErrorUrl": target.url})
        if text is None:
            raise TwimlError(UNREACHABLE, "TwiML could not be fetched")
        return text

    async def _ask(self, target: Target, why: dict[str, str]) -> str | None:
        response = await self._webhooks.send(target, self._parameters() | why)
        return response.text if response is not None and response.is_success else None
