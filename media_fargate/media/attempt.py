"""The media process's door to what blocks and may fail: stores, blobs, the carrier's REST API."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")
BOUND = 10.0  # s one try may take
_RETRY_PAUSE = 0.3  # s, the second time twice that


async def attempt(job: Callable[[], T], *, tries: int = 1, bound: float = BOUND) -> T | None:
    """Run a blocking job in a thread, bounded; None where it failed each time. Failures are logged by their kind."""
    for number in range(tries):
        try:
            return await asyncio.wait_for(asyncio.to_thread(job), bound)
        except Exception as e:  # noqa: BLE001  # whatever a store raises, it must not end a conversation
            logger.warning("attempt failed: %s", type(e).__name__)
        if number + 1 < tries:
            await asyncio.sleep(_RETRY_PAUSE * (number + 1))
    return None
