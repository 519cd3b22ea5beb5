"""One bidirectional Media Stream: the websocket that Twilio opens to an agent's server.

It knows a URL, a play-out buffer and Twilio's messages. When it is over the call goes on with its next verb.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException
from websockets.frames import CloseCode

from infra.local.carrier.audio import TICK
from infra.local.carrier.faults import Faults
from infra.local.carrier.playout import Playout
from infra.local.carrier.twiml import Connect

log: Final = logging.getLogger(__name__)
USER_AGENT: Final = "Twilio.TmeWs/1.0"
HANDSHAKE, CLOSED, PROTOCOL, BAD_MESSAGE = 31920, 31921, 31924, 31951
_BACKLOG: Final = 500  # messages: ten seconds of a server that does not read
_MEDIA_FORMAT: Final = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}


class BadMessage(Exception):
    """The server sent something a stream does not take: it is warned of, and left out."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose stream it is."""

    account_sid: str
    call_sid: str
    stream_sid: str


class Stream:
    """A media stream from its handshake to its close; `error` is Twilio's code when it did not end well."""

    def __init__(
        self,
        verb: Connect,
        identity: Identity,
        playout: Playout,
        *,
        signature: Callable[[str], str],
        on_open: Callable[[], None],
        on_clear: Callable[[], None],
        on_warning: Callable[[int], None],
        faults: Faults,
    ) -> None:
        self.identity = identity
        self.open = False
        self.error: int | None = None
        self._verb = verb
        self._playout = playout
        self._signature = signature
        self._on_open = on_open
        self._on_clear = on_clear
        self._on_warning = on_warning
        self._faults = faults
        self._media = faults.plan.media
        self._outbox: asyncio.Queue[tuple[str, float] | None] = asyncio.Queue()  # messages, and when they leave
        self._bunch: list[str] = []
        self._stopping = asyncio.Event()
        self._sequence = 0
        self._chunk = 0

    # What the line does with it.

    def send_frame(self, frame: bytes) -> None:
        """Send 20 ms of what the person says."""
        if not self.open:
            return
        if self._outbox.qsize() > _BACKLOG:
            self._fail(CLOSED, "the server does not read")
            self._stopping.set()
            return
        self._sequence += 1
        self._chunk += 1
        timestamp = self._media.first_timestamp_ms + round((self._chunk - 1) * TICK * 1000)
        payload = base64.b64encode(frame).decode()
        # By hand: fifty times a second for every call.
        self._bunch.append(
            f'{{"event":"media","sequenceNumber":"{self._sequence}","media":{{"track":"inbound",'
            f'"chunk":"{self._chunk}","timestamp":"{timestamp}","payload":"{payload}"}},'
            f'"streamSid":"{self.identity.stream_sid}"}}'
        )
        if len(self._bunch) >= self._media.bunch:
            self._send_bunch(self._faults.of_frame())

    def echo(self, mark: str) -> None:
        """Tell that a mark was reached, or cleared."""
        self._post("mark", {"mark": {"name": mark}})

    def dtmf(self, digit: str) -> None:
        """Tell that the person pressed a key."""
        self._post("dtmf", {"dtmf": {"track": "inbound_track", "digit": digit}})

    def stop(self) -> None:
        """End the stream from the carrier's side: `stop`, then close."""
        self._stopping.set()

    # Its life.

    async def run(self) -> None:
        """Open, carry and close the stream; returns when it is over, whoever ended it."""
        socket = await self._connect()
        if socket is None:
            return
        self._put(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        self._post_start()
        self.open = True
        self._on_open()
        writer = asyncio.create_task(self._write(socket))
        others = [asyncio.create_task(self._read(socket)), asyncio.create_task(self._stopping.wait())]
        if self._media.drop_after_ms is not None:
            others.append(asyncio.create_task(self._drop(socket, self._media.drop_after_ms / 1000)))
        try:
            await asyncio.wait([writer, *others], return_when=asyncio.FIRST_COMPLETED)
            self.open = False
            if self._stopping.is_set():
                await self._say_goodbye(socket, writer)
        finally:
            self.open = False
            for task in (writer, *others):
                task.cancel()
            await asyncio.gather(writer, *others, return_exceptions=True)
            socket.transport.abort()

    async def _connect(self) -> ClientConnection | None:
        headers = {"X-Twilio-Signature": self._signature(self._verb.url)}
        try:
            return await connect(
                self._verb.url,
                additional_headers=headers,
                user_agent_header=USER_AGENT,
                compression=None,
                proxy=None,
                ping_interval=None,
                open_timeout=10,
                close_timeout=1,
            )
        except (OSError, TimeoutError, InvalidURI, WebSocketException) as error:
            self._fail(HANDSHAKE, type(error).__name__)
            return None

    async def _say_goodbye(self, socket: ClientConnection, writer: asyncio.Task[None]) -> None:
        identity = self.identity
        self._number({"event": "stop", "stop": {"accountSid": identity.account_sid, "callSid": identity.call_sid}})
        self._outbox.put_nowait(None)
        await asyncio.wait([writer], timeout=1)
        await socket.close()

    async def _drop(self, socket: ClientConnection, after: float) -> None:
        await asyncio.sleep(after)
        self._fail(CLOSED, "connection lost by a fault")
        socket.transport.abort()

    async def _write(self, socket: ClientConnection) -> None:
        try:
            while (waiting := await self._outbox.get()) is not None:
                message, leaves = waiting
                if leaves:  # a late frame makes those behind it late too, and they catch up
                    await asyncio.sleep(leaves - asyncio.get_running_loop().time())
                await socket.send(message)
        except ConnectionClosed:
            return

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for message in socket:
                try:
                    self._take(message)
                except BadMessage as bad:
                    log.warning("%d: stream of %s: %s", BAD_MESSAGE, self.identity.call_sid, bad)
                    self._on_warning(BAD_MESSAGE)
        except ConnectionClosed as closed:
            broke = closed.sent is not None and closed.sent.code == CloseCode.PROTOCOL_ERROR
            self._fail(PROTOCOL if broke else CLOSED, str(closed))

    def _take(self, raw: str | bytes) -> None:
        """One message of the server: media, mark or clear of this stream. Raises BadMessage for anything else."""
        try:
            message: dict[str, Any] = json.loads(raw)
            event, stream_sid = message["event"], message["streamSid"]
        except (ValueError, TypeError, KeyError) as error:
            raise BadMessage("not a message of this protocol") from error
        if stream_sid != self.identity.stream_sid:
            raise BadMessage("streamSid of another stream")
        try:
            match event:
                case "media":
                    self._playout.append(base64.b64decode(message["media"]["payload"], validate=True))
                case "mark":
                    self._playout.mark(str(message["mark"]["name"]))
                case "clear":
                    self._on_clear()
                    for name in self._playout.clear():
                        self.echo(name)
                case _:
                    raise BadMessage("event is none of media, mark, clear")
        except (KeyError, TypeError, binascii.Error, ValueError) as error:
            raise BadMessage(f"malformed {event}") from error

    def _post_start(self) -> None:
        identity = self.identity
        start = {
            "accountSid": identity.account_sid,
            "streamSid": identity.stream_sid,
            "callSid": identity.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": _MEDIA_FORMAT,
            "customParameters": self._verb.parameters,
        }
        self._number({"event": "start", "start": start})

    def _post(self, event: str, body: dict[str, object]) -> None:
        if self.open:
            self._number({"event": event, **body})

    def _number(self, message: dict[str, object]) -> None:
        self._send_bunch()
        self._sequence += 1
        numbered = {**message, "sequenceNumber": str(self._sequence), "streamSid": self.identity.stream_sid}
        self._put(json.dumps(numbered))

    def _send_bunch(self, late: float = 0.0) -> None:
        """Send the frames that wait for each other."""
        leaves = asyncio.get_running_loop().time() + late if late else 0.0
        for frame in self._bunch:
            self._outbox.put_nowait((frame, leaves))
        self._bunch.clear()

    def _put(self, message: str) -> None:
        self._outbox.put_nowait((message, 0.0))

    def _fail(self, code: int, why: str) -> None:
        if self.error is None:
            self.error = code
            log.warning("%d: stream of %s: %s", code, self.identity.call_sid, why)
