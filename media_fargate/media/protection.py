"""Scale-in protection: ECS stops no task on which calls live, neither to scale in nor to deploy.

ECS gives each container an agent to tell (`ECS_AGENT_URI`); elsewhere there is none, and nothing is told. It knows how
many calls live, not what a call is.

A task that is never idle must be replaced some day: one protection lasts 45 minutes and is not renewed before the task
was idle. What lives then is safe for another reason: a task that ECS takes out of the load balancer gets no new
streams, keeps those it has for the deregistration delay (infra/media.yaml, longer than the longest call), and only then
gets its SIGTERM.
"""

import asyncio
import json
import logging
import urllib.request
from collections.abc import Callable

logger = logging.getLogger(__name__)

MINUTES = 45  # longer than any call, far less than CloudFormation waits for a deployment (3 h)
RETRY_SECONDS = 5.0
_TIMEOUT = 4.0  # s for the agent's answer
_PATH = "/task-protection/v1/state"


class TaskProtection:
    """Keeps the task protected while `live()` says that calls do."""

    def __init__(self, agent_uri: str, live: Callable[[], int], *, retry_seconds: float = RETRY_SECONDS) -> None:
        self._url = f"{agent_uri.rstrip('/')}{_PATH}" if agent_uri else ""
        self._live = live
        self._retry_seconds = retry_seconds
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Say that a call began or ended."""
        self._changed.set()

    async def run(self) -> None:
        """Tell the agent whenever the task becomes busy or idle, until cancelled; without an agent return at once."""
        protected = False
        while self._url:
            self._changed.clear()
            wanted = self._live() > 0
            if wanted != protected and await self._told(wanted=wanted):
                protected = wanted
                continue  # it may have changed meanwhile
            try:
                async with asyncio.timeout(None if wanted == protected else self._retry_seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _told(self, *, wanted: bool) -> bool:
        try:
            await asyncio.to_thread(self._put, wanted)
        except (OSError, ValueError) as error:
            logger.warning("scale-in protection not %s: %s", "set" if wanted else "lifted", type(error).__name__)
            return False
        return True

    def _put(self, wanted: bool) -> None:
        """Blocks. Raises OSError for an agent that refuses or is not there, ValueError for an answer it never gives."""
        body = {"ProtectionEnabled": wanted} | ({"ExpiresInMinutes": MINUTES} if wanted else {})
        request = urllib.request.Request(  # noqa: S310  the agent's address is given by ECS
            self._url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="PUT"
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310  as above
            said = json.load(answer)
        if said.get("protection", {}).get("ProtectionEnabled") is not wanted:
            raise ValueError("the agent did not do it")
