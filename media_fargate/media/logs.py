"""Log lines as JSON, each with the id of the call it belongs to; never a number, a word or a token."""

import json
import logging
import sys
from contextvars import ContextVar

current_call: ContextVar[str] = ContextVar("current_call", default="")

# websockets logs handshakes with their headers, the HTTP libraries every request.
_NOISY = ("websockets", "httpx2", "httpcore2", "anthropic", "botocore", "twilio")


class _Lines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; tasks and threads of a call inherit its id."""
        line = {"level": record.levelname, "logger": record.name, "message": record.getMessage()}
        if call_id := current_call.get():
            line["call_id"] = call_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up() -> None:
    """Log to standard error from INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
