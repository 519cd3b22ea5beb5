"""A small HTTP server in a thread that answers as it is told, for what happens when the other side misbehaves."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as it arrived; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    fate: str = "answer"  # answer | reset (the connection is torn down) | hang (until the server is closed)


@dataclass
class Answering:
    """`answers` are given in turn, then the last one for ever."""

    url: str
    port: int
    asked: list[Asked]
    answers: list[Answer]

    def will(self, *answers: Answer) -> None:
        self.answers[:] = answers


@contextmanager
def answering(tls: ssl.SSLContext | None = None) -> Iterator[Answering]:
    """Serve on a free port of the loopback."""
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            world.asked.append(Asked(self.command, self.path, headers, body))
            answer = world.answers.pop(0) if len(world.answers) > 1 else world.answers[0]
            if answer.fate == "hang":
                closing.wait(30)
                return
            if answer.fate == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = _serve  # noqa: N815  the names http.server calls

        def log_message(self, *args: object) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError, ValueError):  # torn down on purpose
                super().finish()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # misbehaviour is what it is for
    world = Answering(
        f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}", server.server_port, [], [Answer()]
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield world
    finally:
        closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def refused_port() -> int:
    """A port nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
