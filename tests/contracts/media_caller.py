"""A carrier's side of a media stream for tests: signs, starts, speaks and plays in 20 ms frames, as Twilio does."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field

from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from infra.local.carrier.playout import Playout
from infra.local.speech.scripted import Decoder, encode
from tests.contracts.media_world import ACCOUNT, CARRIER, URL, sid_of, token

FRAME, TICK, QUIET = 160, 0.02, b"\xff" * 160


def signature(url: str, auth_token: str = CARRIER.auth_token) -> str:
    return str(RequestValidator(auth_token).compute_signature(url, {}))


@dataclass
class Caller:
    """One callee. `say` queues words; what was heard of the agent is in `words`."""

    port: int
    call_id: str
    words: list[str] = field(default_factory=list)
    clears: int = 0
    quiet_frames: int = 0  # since the agent was last heard
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    socket: ClientConnection | None = None
    _speech: bytearray = field(default_factory=bytearray)
    _playout: Playout = field(default_factory=Playout)
    _decoder: Decoder = field(default_factory=Decoder)

    @property
    def path(self) -> str:
        return f"/calls/{ACCOUNT}/{self.call_id}"

    async def open(self, *, sign: str | None = None, path: str | None = None) -> ClientConnection:
        path = path or self.path
        given = signature(URL + path) if sign is None else sign
        self.socket = await connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers={"X-Twilio-Signature": given} if given else {},
            compression=None,
            proxy=None,
            ping_interval=None,
        )
        return self.socket

    async def start(self, **changes: object) -> None:
        assert self.socket
        parameters = {"token": token(self.call_id), "call_id": self.call_id}
        start = {
            "streamSid": "MZ1",
            "accountSid": CARRIER.sid,
            "callSid": sid_of(self.call_id),
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        } | changes
        await self.socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        await self.socket.send(json.dumps({"event": "start", "sequenceNumber": "1", "start": start}))

    def say(self, text: str) -> None:
        self._speech += encode(text)

    async def run(self) -> None:
        """Speak and play in real time until the server closes."""
        reading = asyncio.create_task(self._read())
        try:
            await self._tick_on()
        finally:
            await reading

    async def heard(self, text: str) -> None:
        """Wait until the agent's last words are these and some quiet has followed."""
        while not (" ".join(self.words).endswith(text) and self.quiet_frames > 10):
            if self.closed.is_set():
                raise AssertionError(f"closed after {self.words}")
            await asyncio.sleep(TICK)

    async def hears(self, count: int) -> None:
        """Wait until this many words of the agent were heard."""
        while len(self.words) < count and not self.closed.is_set():  # noqa: ASYNC110  played frame by frame
            await asyncio.sleep(TICK)

    async def _tick_on(self) -> None:
        assert self.socket
        loop, frames = asyncio.get_running_loop(), 0
        began = loop.time()
        while not self.closed.is_set():
            frame = bytes(self._speech[:FRAME]).ljust(FRAME, b"\xff")
            del self._speech[:FRAME]
            body = {"track": "inbound", "timestamp": str(frames * 20), "payload": base64.b64encode(frame).decode()}
            played, marks = self._playout.tick()
            self.quiet_frames = 0 if played else self.quiet_frames + 1
            self.words += self._decoder.feed(played or QUIET)
            try:
                await self.socket.send(json.dumps({"event": "media", "media": body}))
                for name in marks:
                    await self.socket.send(json.dumps({"event": "mark", "mark": {"name": name}}))
            except ConnectionClosed:
                return
            frames += 1
            await asyncio.sleep(max(0.0, began + frames * TICK - loop.time()))

    async def _read(self) -> None:
        assert self.socket
        async for message in self.socket:
            body = json.loads(message)
            if body["event"] == "media":
                self._playout.append(base64.b64decode(body["media"]["payload"]))
            elif body["event"] == "mark":
                self._playout.mark(body["mark"]["name"])
            elif body["event"] == "clear":
                self.clears += 1
                for name in self._playout.clear():
                    await self.socket.send(json.dumps({"event": "mark", "mark": {"name": name}}))
        self.closed.set()
