"""The laptop's speech services as a process of their own, for tests that speak to them with real SDKs."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from infra.local.speech import mulaw

if TYPE_CHECKING:
    from mypy_boto3_polly import PollyClient

ROOT = Path(__file__).parents[2]
SILENCE = b"\xff" * 8000  # one second


@dataclass(frozen=True, slots=True)
class Speech:
    """Where a speech process answers."""

    port: int
    tls_port: int
    folder: Path

    @property
    def transcribe_url(self) -> str:
        """Where both of Transcribe's doors are."""
        return f"https://localhost:{self.tls_port}"

    @property
    def controls_url(self) -> str:
        """Where faults are put."""
        return f"http://127.0.0.1:{self.port}/_sim/faults"

    def faults(self, **speech: Any) -> None:
        """Have things go wrong from now on; none where nothing is named."""
        body = json.dumps({"speech": speech}).encode()
        request = urllib.request.Request(self.controls_url, body, method="PUT")  # noqa: S310  our own address
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310

    def polly(self) -> PollyClient:
        return boto3.client(
            "polly",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="AKIDLOCAL",
            aws_secret_access_key="secretlocal",
        )

    def transcribe(self, *streams: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
        """Send sounds (mu-law, or `pcm`) through the real SDK; what came back of each."""
        asked = [
            {"pcm": base64.b64encode(s.pop("pcm", None) or mulaw.decode(s.pop("mulaw")).tobytes()).decode()} | s
            for s in streams
        ]
        run = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("transcribe_client.py"))],
            input=json.dumps({"url": self.transcribe_url, "streams": asked} | changes),
            env={**os.environ, "SSL_CERT_FILE": str(self.folder / "bundle.pem"), "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        answers: list[dict[str, Any]] = json.loads(run.stdout)
        return answers


@contextmanager
def speech_process(mode: str, folder: Path) -> Iterator[Speech]:
    """Start the services, wait until they are ready, end them."""
    port, tls_port = _free_port(), _free_port()
    speech = Speech(port, tls_port, folder)
    environment = {
        "PATH": os.environ["PATH"],
        "SPEECH": mode,
        "SPEECH_PORT": str(port),
        "SPEECH_TLS_PORT": str(tls_port),
        "SPEECH_CA_DIR": str(folder),
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("functions", "media_fargate", ".")),
    }
    process = subprocess.Popen([sys.executable, "-m", "infra.local.speech"], cwd=ROOT, env=environment)
    try:
        _await_health(process, port)
        yield speech
        process.terminate()
        assert process.wait(10) == 0
        assert list(folder.iterdir()) == []
    finally:
        process.kill()
        process.wait()


def _await_health(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, "the speech process has ended"
        assert time.monotonic() < deadline, "the speech process is not ready"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
