"""The media server: health, and one session for each stream that its door lets in.

The door is asked twice, each time within seconds: before the upgrade, so that a stranger's handshake never becomes a
socket, and when the stream has said whose it is.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from calling.adapters.twilio_signature import Signature
from calling.domain.errors import RedialError
from media.briefing import brief
from media.door import Admission, Door, Refused
from media.house import House
from media.logs import current_call
from media.session import Session
from media.wire import twilio_stream as wire

logger = logging.getLogger(__name__)

_ADMIT_TIMEOUT = 5.0  # s to find out who is knocking
_START_TIMEOUT = 5.0  # s within which a stream must prove whose it is
_BACKLOG = 1024  # messages kept while a stream is being opened: 20 s of sound
_POLICY = 1008  # WebSocket's "policy violation"
_END_TIMEOUT = 25.0  # s sessions get to end when told to; with the drain before it less than the container's 120 s


class MediaServer:
    """Serves streams until drained."""

    def __init__(self, house: House, door: Door) -> None:
        self._house = house
        self._door = door
        self.changed: Callable[[], None] = lambda: None  # called whenever a call began or ended here
        self._admitted: WeakKeyDictionary[ServerConnection, Admission] = WeakKeyDictionary()
        self._streams = 0  # let in and not over, whether or not they have proved whose they are
        self._live: set[Session] = set()
        self._ending = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._server: Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port."""
        self._server = await serve(
            self._serve,
            host,
            port,
            process_request=self._knock,
            compression=None,  # mu-law does not shrink, and deflate costs a call more than all else
            max_size=wire.MAX_MESSAGE,
            max_queue=_BACKLOG,
            open_timeout=10,
            ping_interval=None,  # the carrier's frames are sign enough of life
            server_header=None,
        )
        return int(next(iter(self._server.sockets)).getsockname()[1])

    def live_calls(self) -> int:
        """Count the calls that live here, from the moment their stream is let in."""
        return self._streams

    async def drain(self, seconds: float) -> None:
        """Let nobody in any more, wait for the calls that live, then end those that still do."""
        self._draining = True
        if self._streams and seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), seconds)
        if self._streams:
            logger.warning("ending %d calls", self._streams)
        self._ending = True
        for session in list(self._live):
            session.end()
        if self._server is not None:
            try:
                async with asyncio.timeout(_END_TIMEOUT):
                    await self._idle.wait()
                    self._server.close()
                    await self._server.wait_closed()
            except TimeoutError:
                self._server.close()

    # --- the handshake ---------------------------------------------------------------------------------------------

    async def _knock(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer health, refuse, or (None) let the upgrade happen."""
        if request.path == "/health":
            return self._health()
        try:
            async with asyncio.timeout(_ADMIT_TIMEOUT):
                signature = Signature.of(request.headers)
                self._admitted[connection] = await asyncio.to_thread(self._admit, request.path, signature)
        except Refused as refused:
            logger.warning("stream refused: %s", refused.code)
            return _answer(refused.status, {"error": {"type": "media_error", "code": refused.code}})
        except TimeoutError:
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": {"type": "media_error", "code": "unavailable"}})
        return None

    def _admit(self, path: str, signature: Signature) -> Admission:
        """Ask the door, while there is one. Blocks. Raises Refused."""
        if self._draining:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "draining")
        return self._door.admit(path, signature)

    def _health(self) -> Response:
        status = HTTPStatus.SERVICE_UNAVAILABLE if self._draining else HTTPStatus.OK
        state = "draining" if self._draining else "ok"
        return _answer(status, {"status": state, "live_calls": self._streams})

    # --- the stream ------------------------------------------------------------------------------------------------

    async def _serve(self, connection: ServerConnection) -> None:
        admission = self._admitted.pop(connection)
        current_call.set(admission.call.call_id)
        self._streams += 1
        self._idle.clear()
        self.changed()
        try:
            await self._hold(connection, admission)
        finally:
            self._streams -= 1
            if not self._streams:
                self._idle.set()
            self.changed()

    async def _hold(self, connection: ServerConnection, admission: Admission) -> None:
        """Have the stream prove itself, then hold its conversation."""
        briefing = asyncio.create_task(brief(admission.call, self._house))
        # A stream that is refused takes no interest in how this ended.
        briefing.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                start = await _first(connection)
                answered = asyncio.get_running_loop().time()
                call = await asyncio.to_thread(self._door.open, admission, start)
        except (Refused, RedialError, TimeoutError, ConnectionClosed, wire.ProtocolError) as e:
            logger.warning("stream refused: %s", getattr(e, "code", None) or type(e).__name__)
            briefing.cancel()
            await connection.close(_POLICY)
            return
        session = Session(connection, call, start, self._house, answered=answered)
        self._live.add(session)
        if self._ending:
            session.end()
        try:
            await session.run(briefing)
        finally:
            self._live.discard(session)


async def _first(connection: ServerConnection) -> wire.Started:
    """Read up to the start. Raises ProtocolError for sound before it."""
    while True:
        event = wire.parse(await connection.recv())
        if isinstance(event, wire.Started):
            return event
        if event is not None:
            raise wire.ProtocolError("no start")


def _answer(status: HTTPStatus, body: object) -> Response:
    data = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, data)
