"""What both ways to Amazon Transcribe have in common: whose request it is, and what an exception of the service means.

The two are media.stt.transcribe_websocket, the default, and media.stt.transcribe_sdk.
"""

import asyncio

import botocore.session
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError

from media.audio import mulaw
from media.stt.recognition import RequestRejected, StreamLost, StreamRefused

SAMPLE_RATE = mulaw.RATE
ENCODING = "pcm"
STABILITY = "high"  # of partial results; turns are decided from the stable ones

_QUOTA_MET = {"LimitExceededException", "ThrottlingException", "TooManyRequestsException"}
_IDLE = "no new audio"  # in the message of the one BadRequestException that is the line's fault and not the request's


class Identity:
    """AWS's default chain of credentials, by the library every other AWS client here uses."""

    def __init__(self) -> None:
        self._session = botocore.session.Session()

    async def frozen(self) -> ReadOnlyCredentials:
        """Resolve the credentials of one stream, which hold to its end whatever is renewed meanwhile.

        Raises:
            StreamLost: there are none, or whoever gives them did not answer: the next stream asks again.
        """
        try:
            found = await asyncio.to_thread(self._resolve)
        except BotoCoreError as e:
            raise StreamLost(f"no credentials: {type(e).__name__}") from e
        if found is None:
            raise StreamLost("no credentials")
        return found

    def _resolve(self) -> ReadOnlyCredentials | None:
        found = self._session.get_credentials()
        return None if found is None else found.get_frozen_credentials()


def failure(name: str, message: str) -> StreamLost | RequestRejected:
    """Tell what an exception of the service means for the call. Messages hold no words of a callee."""
    if name in _QUOTA_MET:
        return StreamRefused(name)
    if name == "BadRequestException" and _IDLE not in message:
        return RequestRejected(f"{name}: {message}")
    return StreamLost(name)
