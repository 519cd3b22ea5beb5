"""A customer's webhook receiver: keeps what arrives and whether its signature is right."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

_MAX_BODY = 1_000_000


@dataclass(slots=True)
class Receiver:
    """An HTTP server on a free loopback port. `secret` (whsec_…) may be set once it is known."""

    secret: str = field(default="", repr=False)
    received: list[tuple[dict[str, Any], bool]] = field(default_factory=list)  # body, verified
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where to send."""
        if self._server is None:
            raise RuntimeError("the receiver is not started")
        return f"http://127.0.0.1:{self._server.server_port}/hooks"

    def start(self) -> None:
        """Listen in a thread of its own."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(min(int(self.headers.get("content-length", "0")), _MAX_BODY))
                verified = receiver.verified(raw, {k.lower(): v for k, v in self.headers.items()})
                receiver.received.append((json.loads(raw), verified))
                self.send_response(204 if verified else 400)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Say nothing: the demo prints."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def verified(self, raw: bytes, headers: dict[str, str]) -> bool:
        """Check a signature as a customer would, with the standardwebhooks library."""
        try:
            Webhook(self.secret).verify(raw, headers)
        except WebhookVerificationError:
            return False
        return True

    def terminal(self, call_id: str) -> tuple[dict[str, Any], bool] | None:
        """Give the event that ended a call, None while it has not come."""
        return next((r for r in self.received if r[0]["call_id"] == call_id and r[0]["event"] != "call.started"), None)

    def stop(self) -> None:
        """Close."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
