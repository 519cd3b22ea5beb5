"""What stands round a carrier in its contract tests: the real Twilio client, a callback receiver, a media server.

All in one event loop on free ports of the loopback; the speech service speaks scripted speech, quickly.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from websockets.asyncio.server import ServerConnection, serve

from infra.local.carrier.exchange import Exchange, Settings, tls
from infra.local.carrier.serving import serve as serve_carrier
from infra.local.speech import scripted

ACCOUNT = "AC" + "1" * 32
TOKEN = "t" * 32
OURS, OURS_TOO, THEIRS = "+15005550006", "+15005550007", "+447700900123"
TEXTS_ONLY, CALLER_ID = "+15005550008", "+447700900321"  # owned without voice; somebody's own, verified
PATIENCE = 8.0


class LocalTwilio(TwilioHttpClient):  # type: ignore[misc]  # twilio ships no types
    """Twilio's own HTTP client, told to ask another host."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=10)
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Ask the carrier what would have been asked of api.twilio.com."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return super().request(method, self._base_url + path, *args, **kwargs)


@dataclass
class Request:
    """A request as a receiver saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


Answer = Callable[[Request], Awaitable[tuple[int, str, bytes]]]


@asynccontextmanager
async def http_server(answer: Answer) -> AsyncIterator[str]:
    """The least HTTP server; yields its base URL."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            status, kind, content = await answer(Request(method, path, headers, body))
            writer.write(
                f"HTTP/1.1 {status} .\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + content
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@dataclass
class Receiver:
    """Receives webhooks; `pages` are documents it serves."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    status: int = 204

    async def answer(self, request: Request) -> tuple[int, str, bytes]:
        self.requests.append(request)
        path = urlsplit(request.path).path
        if path in self.pages:
            return 200, "text/xml", self.pages[path].encode()
        return self.status, "text/plain", b""

    def forms(self, path: str) -> list[dict[str, str]]:
        return [request.form for request in self.requests if urlsplit(request.path).path == path]


class AgentSide:
    """The server's end of one media stream."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        assert socket.request is not None
        self.headers = {name.lower(): value for name, value in socket.request.headers.raw_items()}
        self.path = socket.request.path
        self.messages: list[dict[str, Any]] = []
        self.sound = b""
        self.words: list[str] = []
        self.closed = asyncio.Event()
        self._decoder = scripted.Decoder()

    @property
    def start(self) -> dict[str, Any]:
        start: dict[str, Any] = self.named("start")[0]["start"]
        return start

    @property
    def sid(self) -> str:
        return str(self.start["streamSid"])

    def named(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]

    def marks(self) -> list[str]:
        return [message["mark"]["name"] for message in self.named("mark")]

    async def listen(self) -> None:
        try:
            async for raw in self.socket:
                message = json.loads(raw)
                self.messages.append(message)
                if message["event"] == "media":
                    frame = base64.b64decode(message["media"]["payload"])
                    self.sound += frame
                    self.words += self._decoder.feed(frame)
        finally:
            self.closed.set()

    async def send(self, event: str, **body: Any) -> None:
        await self.socket.send(json.dumps({"event": event, "streamSid": self.sid, **body}))

    async def play(self, mulaw: bytes) -> None:
        await self.send("media", media={"payload": base64.b64encode(mulaw).decode()})

    async def say(self, text: str, mark: str = "") -> None:
        await self.play(scripted.encode(text, 10))
        if mark:
            await self.send("mark", mark={"name": mark})


@dataclass
class World:
    """A carrier and all round it."""

    carrier_url: str
    exchange: Exchange
    client: Client
    sim: httpx.AsyncClient
    receiver: Receiver
    media_url: str
    streams: list[AgentSide]
    speech: Receiver

    async def ask(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Use the Twilio client, which blocks."""
        return await asyncio.to_thread(function, *args, **kwargs)

    async def create(self, **kwargs: Any) -> Any:
        defaults = {"to": THEIRS, "from_": OURS}
        if "url" not in kwargs:
            defaults["twiml"] = self.twiml()
        return await self.ask(self.client.calls.create, **(defaults | kwargs))

    def twiml(self, after: str = "", **parameters: str) -> str:
        inside = "".join(f'<Parameter name="{name}" value="{value}"/>' for name, value in parameters.items())
        stream = f'<Stream url="{self.media_url}/calls/acct_1/call_1" statusCallback="{self.receiver.url}/stream">'
        return f"<Response><Connect>{stream}{inside}</Stream></Connect>{after}</Response>"

    async def person(self, number: str = THEIRS, **fields: Any) -> None:
        response = await self.sim.put(
            f"/_sim/people/{number.replace('+', '%2B')}", json={"ring_seconds": 0.05} | fields
        )
        assert response.status_code == 200, response.text

    async def call(self, sid: str) -> dict[str, Any]:
        calls: list[dict[str, Any]] = (await self.sim.get("/_sim/calls")).json()
        return next(call for call in calls if call["sid"] == sid)

    async def reaches(self, sid: str, *statuses: str) -> dict[str, Any]:
        record: dict[str, Any] = await self.until(lambda: self._in(sid, statuses))
        return record

    async def _in(self, sid: str, statuses: tuple[str, ...]) -> dict[str, Any] | None:
        call = await self.call(sid)
        return call if call["status"] in statuses else None

    async def stream(self, index: int = 0) -> AgentSide:
        """The stream with this number, once it has started."""

        async def started() -> AgentSide | None:
            return self.streams[index] if len(self.streams) > index and self.streams[index].named("start") else None

        stream: AgentSide = await self.until(started)
        return stream

    async def until(self, question: Callable[[], Any]) -> Any:
        """The first true answer to a question; fails when there is none in time."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = question()
                if asyncio.iscoroutine(answer):
                    answer = await answer
                if answer:
                    return answer
                await asyncio.sleep(0.01)


async def _speak(request: Request, log: Receiver) -> tuple[int, str, bytes]:
    log.requests.append(request)
    if log.status >= 400:
        return log.status, "text/plain", b"no"
    if request.path == "/_sim/faults":
        return 204, "text/plain", b""
    return 200, "audio/mulaw", scripted.encode(json.loads(request.body)["Text"], 10)


@asynccontextmanager
async def carrier_world(**settings: Any) -> AsyncIterator[World]:
    """Stand it all up."""
    receiver, speech = Receiver(), Receiver()
    streams: list[AgentSide] = []

    async def media(socket: ServerConnection) -> None:
        stream = AgentSide(socket)
        streams.append(stream)
        await stream.listen()

    async with AsyncExitStack() as stack:
        receiver.url = await stack.enter_async_context(http_server(receiver.answer))
        speech.url = await stack.enter_async_context(http_server(lambda request: _speak(request, speech)))
        media_server = await stack.enter_async_context(serve(media, "127.0.0.1", 0, compression=None))
        port = next(iter(media_server.sockets)).getsockname()[1]
        chosen: dict[str, Any] = {"numbers": (OURS, OURS_TOO), "speech_url": speech.url, "scripted": True} | settings
        carrier = serve_carrier(Settings(account_sid=ACCOUNT, auth_token=TOKEN, **chosen))
        url, exchange = await stack.enter_async_context(carrier)
        http = LocalTwilio(url)
        stack.callback(http.session.close)
        sim = await stack.enter_async_context(httpx.AsyncClient(base_url=url, verify=tls(), trust_env=False))
        client = Client(ACCOUNT, TOKEN, http_client=http)
        yield World(url, exchange, client, sim, receiver, f"ws://127.0.0.1:{port}", streams, speech)
