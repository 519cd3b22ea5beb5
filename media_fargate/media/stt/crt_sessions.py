"""How amazon-transcribe's HTTP/2 connection is kept from spinning, from waiting, and from breaking when cancelled.

The SDK's body stream answers an empty read at once, and awscrt asks again at once: one open stream keeps a core busy
(awslabs/amazon-transcribe-streaming-sdk, threads 25, 84, 109, 121). Waiting inside every empty read mends that for one
stream and adds up over many, because all streams of a connection are read by one thread. Here one stream of all, the
leader, waits once a round, until any stream has sound, or the connection's socket is readable, or a moment has passed.
"""

# ruff: noqa: ANN401  what the SDK and awscrt hand about has no types

import asyncio
import contextlib
import os
import select
import socket
import stat
import threading
import time
from collections.abc import Collection, Iterator
from io import BufferedIOBase
from typing import Any
from urllib.parse import ParseResult, urlparse

from amazon_transcribe.httpsession import AwsCrtHttpResponse, AwsCrtHttpSessionManager
from awscrt import http

_WAIT_MS = 10  # a new stream on a quiet connection waits this long at most
_MANY = 4  # streams above which rounds are kept apart
_ROUND = 0.002  # s between two rounds of many streams: reading all of them for each one's 20 ms would fill a core
_LEADER_LOST = 0.5  # s without a read after which another stream leads


class Gate:
    """Where the connection's thread waits. One a client, shared by all its streams."""

    def __init__(self) -> None:
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._poll = select.poll()
        self._poll.register(self._wake_read, select.POLLIN)
        self._sockets: dict[int, socket.socket] = {}
        self._lock = threading.Lock()
        self._bodies: list[object] = []
        self._woken = False
        self._led_at = 0.0

    def __del__(self) -> None:
        for fd in (self._wake_read, self._wake_write):
            os.close(fd)

    def wake(self) -> None:
        """Say that there is something to send."""
        if not self._woken:
            self._woken = True
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_write, b"\0")

    def join(self, body: object) -> None:
        """Count a stream in."""
        with self._lock:
            self._bodies.append(body)

    def leave(self, body: object) -> None:
        """Count a stream out."""
        with self._lock, contextlib.suppress(ValueError):
            self._bodies.remove(body)

    def watch(self, connection: socket.socket) -> None:
        """Wait for this socket too; the gate owns it from now on."""
        with self._lock:
            self._sockets[connection.fileno()] = connection
            self._poll.register(connection, select.POLLIN)

    def unwatch(self, connection: socket.socket) -> None:
        """Forget a socket and close this process's second handle on it."""
        with self._lock:
            if self._sockets.pop(connection.fileno(), None) is not None:
                self._poll.unregister(connection)
                connection.close()

    def empty(self, body: object) -> None:
        """Called by the connection's thread when a stream has nothing to send: wait, if it is the leader."""
        now = time.monotonic()
        with self._lock:
            bodies = self._bodies
            if not bodies or bodies[0] is not body:
                if bodies and now - self._led_at > _LEADER_LOST:
                    bodies.append(bodies.pop(0))
                    self._led_at = now
                return
            crowded = len(bodies) > _MANY
        if crowded and (early := _ROUND - (now - self._led_at)) > 0:
            time.sleep(early)
        readable = self._poll.poll(_WAIT_MS)
        self._woken = False  # before the pipe is emptied: a wake in between is seen by the round that follows
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 64)
        for fd, _ in readable:
            self._drop_if_ended(fd)
        self._led_at = time.monotonic()

    def _drop_if_ended(self, fd: int) -> None:
        """Forget a socket whose far end is gone: it would be readable for ever, and no round would wait again."""
        with self._lock:
            connection = self._sockets.get(fd)
        if connection is not None and _ended(connection):
            self.unwatch(connection)


class _GatedBody(BufferedIOBase):
    """A request body as awscrt reads it: the SDK's own, with the gate at its empty reads."""

    def __init__(self, body: Any, gate: Gate) -> None:
        self._body = body
        self._gate = gate
        gate.join(self)

    def readinto(self, buffer: Any) -> int:
        """Read what there is; BlockingIOError, after the gate, where there is nothing."""
        try:
            return int(self._body.readinto(buffer))
        except BlockingIOError:
            self._gate.empty(self)
            return int(self._body.readinto(buffer))

    readinto1 = readinto


class _Response(AwsCrtHttpResponse):
    """A response whose reader may be cancelled: the thread that delivers never meets a cancelled future."""

    def _on_body(self, chunk: bytes, **kwargs: Any) -> None:
        self._drop_cancelled()
        super()._on_body(chunk, **kwargs)

    def _on_complete(self, completion_future: Any) -> None:
        self._drop_cancelled()
        super()._on_complete(completion_future)  # type: ignore[no-untyped-call]  # the SDK's

    def _drop_cancelled(self) -> None:
        with self._chunk_lock:
            waiting = self._chunk_futures
            # A future marked as running cannot be cancelled any more between here and its result.
            while waiting and not waiting[0].set_running_or_notify_cancel():
                waiting.pop(0)


class GatedSessions(AwsCrtHttpSessionManager):
    """The SDK's session manager with gated bodies, without Nagle, and with bounded connecting."""

    def __init__(self, bootstrap: Any, gate: Gate) -> None:
        super().__init__(bootstrap)  # type: ignore[no-untyped-call]  # the SDK's
        self._socket_options.connect_timeout_ms = 3000
        self._gate = gate

    async def _create_connection(self, parsed_url: ParseResult) -> Any:
        far_ends = await _addresses(parsed_url)
        before = set(_sockets_to(far_ends))
        connection = await super()._create_connection(parsed_url)
        far_ends |= await _addresses(parsed_url)  # a name with many addresses: awscrt may have been told another one
        for fd in set(_sockets_to(far_ends)) - before:
            with contextlib.suppress(OSError):  # closed since it was seen
                handle = socket.socket(fileno=os.dup(fd))
                # A 20 ms chunk would wait for the last one's acknowledgement otherwise.
                handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._gate.watch(handle)
                connection.shutdown_future.add_done_callback(lambda _, handle=handle: self._gate.unwatch(handle))
        return connection

    async def make_request(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> _Response:
        """Send a request with a gated body."""
        parsed = urlparse(url)
        gated = _GatedBody(body, self._gate)
        request = http.HttpRequest(
            method=method, path=self._get_path(parsed), headers=http.HttpHeaders(headers), body_stream=gated
        )
        try:
            connection = await self._get_connection(parsed)
            response = _Response()  # type: ignore[no-untyped-call]  # the SDK's
            stream = connection.request(request, response._on_headers, response._on_body)  # noqa: SLF001
            stream.completion_future.add_done_callback(lambda _: self._gate.leave(gated))
            response._set_stream(stream)  # noqa: SLF001
        except BaseException:
            self._gate.leave(gated)
            raise
        return response


def _ended(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


async def _addresses(url: ParseResult) -> set[tuple[str, int]]:
    """Resolve where a URL leads; nothing for a name that is not known: what connects will say so."""
    port = url.port or (80 if url.scheme == "http" else 443)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {(str(address[0]), port) for *_, address in found}


def _sockets_to(far_ends: Collection[tuple[str, int]]) -> Iterator[int]:
    """Find this process's TCP sockets connected to one of these (address, port): awscrt does not tell its own."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208  names are all that is wanted
        with contextlib.suppress(OSError, ValueError):
            fd = int(name)
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                with socket.socket(fileno=os.dup(fd)) as probe:
                    address = probe.getpeername()
                    known = isinstance(address, tuple) and address[:2] in far_ends
                    if known and probe.type == socket.SOCK_STREAM:
                        yield fd
