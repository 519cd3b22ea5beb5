"""The running house from outside: its process, what it published, a customer, and what stands in /proc about it.

The house is a process of its own, `python -m infra.local`, in a folder, a TMPDIR and on ports of its own; nothing of it
is imported here.
"""

import contextlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import pytest

PROJECT = Path(__file__).resolve().parents[2]
TERMINAL = {"completed", "busy", "no-answer", "failed", "canceled", "unknown"}
UP_SECONDS = 60
T = TypeVar("T")


def eventually(look: Callable[[], T | None], seconds: float, every: float = 0.05) -> T:
    """Look until there is something; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s; last seen: {seen!r}")
        time.sleep(every)


@dataclass(slots=True)
class HouseProcess:
    """`python -m infra.local` as a shell would start it: leader of its process group, everything of it in `folder`."""

    folder: Path
    ports: dict[str, str]
    process: "subprocess.Popen[bytes]"
    log: Path

    @staticmethod
    def start(folder: Path, ports: dict[str, str] | None = None, log: str = "house.log") -> "HouseProcess":
        local, temporary = folder / "local", folder / "tmp"
        for made in (local, temporary):
            made.mkdir(parents=True, exist_ok=True)
        given = ports or some_ports()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        roots = os.pathsep.join(str(PROJECT / part) for part in ("functions", "media_fargate", "."))
        environment = kept | given | {"PYTHONPATH": roots, "SPEECH": "scripted", "REDIAL_LOCAL_DIR": str(local)}
        output = folder / log
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.local"],
                cwd=PROJECT,
                env=environment | {"TMPDIR": str(temporary)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return HouseProcess(folder, given, process, output)

    @property
    def file(self) -> Path:
        return self.folder / "local" / "house.json"

    @property
    def said(self) -> str:
        return self.log.read_text()

    def published(self, seconds: float = UP_SECONDS) -> dict[str, Any]:
        """Wait for house.json. Whenever it is there it is whole, so the first read must succeed."""

        def look() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.said
            if not self.file.exists():
                return None
            found: dict[str, Any] = json.loads(self.file.read_text())
            return found

        return eventually(look, seconds)

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT to the whole process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    def living(self) -> dict[int, str]:
        """Processes of this house, whatever session or parent they have: they all carry its folder with them."""
        mark, found = str(self.folder).encode(), {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes():
                        found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def connected_to(self, port: int) -> set[int]:
        """Processes of this house that hold a connection to a port of it, as clients."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if int(row[2].rpartition(":")[2], 16) == port}
        found = set()
        for pid in self.living():
            with contextlib.suppress(OSError):
                if sockets & {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}:
                    found.add(pid)
        return found

    def left_behind(self) -> list[str]:
        """Temporary files and folders."""
        return sorted(str(path) for path in (self.folder / "tmp").rglob("*"))

    def destroy(self) -> None:
        """End it whatever happened, by its own ids."""
        self.interrupt()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=20)
        for pid in self.living():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(timeout=5)


def some_ports() -> dict[str, str]:
    """Free ports for all of a house's variables; it takes the one after SPEECH_PORT too."""
    names = ("SPEECH_PORT", "API_PORT", "EMULATOR_PORT", "CARRIER_PORT", "MEDIA_PORT")
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError, OverflowError):
            held = [stack.enter_context(socket.socket()) for _ in (*names, "SPEECH_PORT + 1")]
            for one in held[:-1]:
                one.bind(("127.0.0.1", 0))
            ports = [int(one.getsockname()[1]) for one in held[:-1]]
            held[-1].bind(("127.0.0.1", ports[0] + 1))
            return {name: str(port) for name, port in zip(names, ports, strict=True)}


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook as it came: the bytes, the headers in lower case."""

    body: bytes
    headers: dict[str, str]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(slots=True)
class Customer:
    """A receiver of webhooks that answers 204 and keeps all."""

    hooks: list[Hook] = field(default_factory=list)
    url: str = ""
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        hooks = self.hooks

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hooks.append(Hook(body, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of(self, call_id: str, *events: str) -> list[Hook]:
        return [h for h in list(self.hooks) if h.event["call_id"] == call_id and h.event["event"] in events]

    def terminal(self, call_id: str) -> list[Hook]:
        return self.of(call_id, "call.completed", "call.failed")

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


@dataclass(slots=True)
class Running:
    """A house that stands, and the tools of whoever uses it. Safe to use from several threads."""

    own: HouseProcess
    house: dict[str, Any]
    customer: Customer
    numbers_at_first: dict[str, list[str]] = field(default_factory=dict)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))

    def look_at_numbers(self) -> None:
        """Keep which numbers the carrier has and which are imported, before anybody imports one."""
        house, sid = self.house, self.house["account_sid"]
        url = f"{house['carrier_url']}/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json"
        owned = self.http.get(url, auth=(sid, house["auth_token"])).json()["incoming_phone_numbers"]
        self.numbers_at_first = {
            "at the carrier": [number["phone_number"] for number in owned],
            "imported": [number["phone_number"] for number in self.get("/phone-numbers")["phone_numbers"]],
        }

    # The API.

    def api(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        given = self.house["api_key"] if key is None else key
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        return self.http.request(method, f"{self.house['api_url']}/v1{path}", json=body, headers=headers)

    def get(self, path: str) -> Any:
        answer = self.api("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def agent(self, number: str, **changes: Any) -> str:
        """Create an agent that sends its webhooks to the customer, with a number of its own."""
        body = {
            "name": "Maya",
            "system_prompt": "You are Maya from Brightside Dental. You may move appointments.",
            "voice_id": "Amy",
            "timezone": "Europe/London",
            "webhook_url": self.customer.url,
        }
        made = self.api("POST", "/agents", body | changes)
        assert made.status_code == 201, made.text
        agent_id = str(made.json()["agent_id"])
        imported = self.api("POST", "/phone-numbers", {"phone_number": number, "agent_id": agent_id})
        assert imported.status_code == 201, imported.text
        return agent_id

    def place(self, body: dict[str, Any]) -> str:
        answer = self.api("POST", "/calls/outbound", body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "queued"
        return str(answer.json()["call_id"])

    def record(self, call_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/calls/{call_id}")
        return found

    def timeline(self, call_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/calls/{call_id}/timeline")["timeline"]
        return found

    def events(self, call_id: str) -> list[str]:
        return [entry["event"] for entry in self.timeline(call_id)]

    def ended(self, call_id: str, seconds: float = 60) -> dict[str, Any]:
        """Wait for a call's end and its webhook; the record."""

        def look() -> dict[str, Any] | None:
            record = self.record(call_id)
            return record if record["call_status"] in TERMINAL and self.customer.terminal(call_id) else None

        return eventually(look, seconds, every=0.4)

    # The carrier.

    def person(self, number: str, **behaviour: Any) -> None:
        path = f"{self.house['carrier_url']}/_sim/people/{number.replace('+', '%2B')}"
        self.http.put(path, json=behaviour).raise_for_status()

    def at_carrier(self, call_id: str) -> dict[str, Any]:
        """A call as the carrier knows it; it is found by the callback it was given."""
        calls = self.http.get(f"{self.house['carrier_url']}/_sim/calls").json()
        found = [call for call in calls if call_id in str(call["parameters"].get("StatusCallback"))]
        assert len(found) == 1, f"an attempt is at most one call at the carrier: {len(found)}"
        call: dict[str, Any] = found[0]
        return call

    def twiml(self, call_id: str) -> str:
        return str(self.at_carrier(call_id)["parameters"]["Twiml"][0])

    def stream_token(self, call_id: str) -> str:
        return self.twiml(call_id).split('name="token" value="')[1].split('"')[0]

    # Forging what the carrier sends.

    def sign(self, url: str, form: dict[str, str] | None = None, *, auth_token: str | None = None) -> str:
        """Twilio's signature, computed by hand: HMAC-SHA1 over the URL and the sorted form."""
        text = url + "".join(name + value for name, value in sorted((form or {}).items()))
        secret = auth_token or self.house["auth_token"]
        return b64encode(hmac.new(secret.encode(), text.encode(), sha1).digest()).decode()

    def callback_url(self, call_id: str, kind: str) -> str:
        return f"{self.house['api_url']}/twilio/{self.house['account_id']}/calls/{call_id}/{kind}"

    def call_back(self, url: str, form: dict[str, str], signature: str | None) -> int:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if signature is not None:
            headers["X-Twilio-Signature"] = signature
        return self.http.post(url, content=urlencode(form), headers=headers).status_code

    def log_lines(self) -> list[tuple[str, str]]:
        """Every line any process of the house has written, with the name of its log."""
        files = [*(self.own.folder / "local" / "logs").iterdir(), self.own.log]
        return [(path.name, line) for path in files for line in path.read_text(errors="replace").splitlines()]
