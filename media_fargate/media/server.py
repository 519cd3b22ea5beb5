"""The media server: health, who may open a stream, and one session a stream.

The call's id stands in the path, so the right account's token is known before the upgrade: a handshake without the
carrier's signature never becomes a socket. What follows must prove itself again with the token in `<Parameter>` and
the carrier's own ids, within seconds, and only once a call.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from calling.adapters.twilio_signature import valid_handshake
from calling.domain import stream_token
from calling.domain.call import Call
from calling.domain.errors import RedialError
from calling.ports import CarrierAccount
from calling.usecases.record_media import media_opened
from media.briefing import brief
from media.house import House
from media.logs import current_call
from media.session import Session
from media.wire import twilio_stream as wire
from media.wire.handshake import call_of

logger = logging.getLogger(__name__)

_ADMIT_TIMEOUT = 5.0  # s to find out who is knocking
_START_TIMEOUT = 5.0  # s within which a stream must prove whose it is
_BACKLOG = 1024  # messages kept while a stream is being opened: 20 s of sound
_POLICY = 1008  # WebSocket's "policy violation"
_END_TIMEOUT = 25.0  # s sessions get to end when told to; with the drain before it less than the container's 120 s


@dataclass(frozen=True, slots=True)
class _Admission:
    """A handshake that carried the carrier's signature: its call, and the account that signed."""

    call: Call
    account: CarrierAccount


class _Refused(Exception):
    """A handshake or a start that is not let in. The text goes to nobody but the log."""

    def __init__(self, status: HTTPStatus, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class MediaServer:
    """Serves streams until drained."""

    def __init__(self, house: House, public_url: str) -> None:
        self._house = house
        self.changed: Callable[[], None] = lambda: None  # called whenever a call began or ended here
        self._public_url = public_url.rstrip("/")
        self._admitted: WeakKeyDictionary[ServerConnection, _Admission] = WeakKeyDictionary()
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
                given = request.headers.get("X-Twilio-Signature")
                self._admitted[connection] = await asyncio.to_thread(self._admit, request.path, given)
        except _Refused as refused:
            logger.warning("stream refused: %s", refused.code)
            return _answer(refused.status, {"error": {"type": "media_error", "code": refused.code}})
        except TimeoutError:
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": {"type": "media_error", "code": "unavailable"}})
        return None

    def _admit(self, path: str, signature: str | None) -> _Admission:
        """Find the call and check the signature with its account's token. Blocks. Raises _Refused."""
        if self._draining:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, "draining")
        ids = call_of(path)
        call = self._house.calls.get(*ids) if ids else None
        number = self._house.agents.get_number(call.account_id, call.our_number) if call else None
        if call is None or number is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "not_found")
        account = self._house.credentials.of_number(number)
        if not valid_handshake(account.auth_token, self._public_url + path, signature or ""):
            raise _Refused(HTTPStatus.FORBIDDEN, "invalid_signature")
        if call.media_opened_at is not None or call.status.is_terminal:
            raise _Refused(HTTPStatus.FORBIDDEN, "stream_refused")
        return _Admission(call, account)

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

    async def _hold(self, connection: ServerConnection, admission: _Admission) -> None:
        """Have the stream prove itself, then hold its conversation."""
        briefing = asyncio.create_task(brief(admission.call, self._house))
        # A stream that is refused takes no interest in how this ended.
        briefing.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                start = await _first(connection)
                answered = asyncio.get_running_loop().time()
                call = await asyncio.to_thread(self._open, admission, start)
        except (_Refused, RedialError, TimeoutError, ConnectionClosed, wire.ProtocolError) as e:
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

    def _open(self, admission: _Admission, start: wire.Started) -> Call:
        """Check what the start claims, then bind the stream to the call, once. Blocks. Raises _Refused, Conflict."""
        call, house = admission.call, self._house
        ids = (call.account_id, call.call_id)
        token = start.parameters.get("token", "")
        if not stream_token.valid(house.credentials.stream_secret(), token, *ids, house.clock.now() / 1000):
            raise _Refused(HTTPStatus.FORBIDDEN, "invalid_token")
        if start.account_sid != admission.account.sid:
            raise _Refused(HTTPStatus.FORBIDDEN, "foreign_account")
        return media_opened(
            *ids,
            stream_sid=start.stream_sid,
            call_sid=start.call_sid,
            calls=house.calls,
            workflow=house.workflow,
            clock=house.clock,
        )


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
