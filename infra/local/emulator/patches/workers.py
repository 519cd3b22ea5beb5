"""Lambda workers: forked from the nursery where that is safe, and without the emulator's own settings.

ministack starts a fresh interpreter for each and hands it the emulator's whole environment.
"""
# ruff: noqa: ANN401 -- what is replaced here is private and untyped

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Mapping
from typing import IO, Any

from ministack.core import lambda_runtime as runtime

# What the launcher set for the emulator. A function's own variable of the same name is applied by the worker itself.
EMULATORS_OWN = {
    "BIND_HOST", "GATEWAY_PORT", "API_PORT", "IOT_MTLS_ENABLED", "SFTP_ENABLED", "S3_PERSIST", "S3_DATA_DIR",
    "PERSIST_STATE", "STATE_DIR", "DOCKER_HOST", "LOG_LEVEL", "MINISTACK_REGION", "EMULATOR_MAX_WORKERS",
    "LAMBDA_ACCOUNT_CONCURRENCY", "EMULATOR_LAMBDA_LOG", "EMULATOR_FORK",
}  # fmt: skip


def for_worker(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave the emulator's own settings out."""
    return {name: value for name, value in environment.items() if name not in EMULATORS_OWN}


class ForkedProcess:
    """A worker that is not our child, with as much of `subprocess.Popen` as ministack uses."""

    def __init__(self, pid: int, pipes: tuple[int, int, int], alive: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin: IO[str] = os.fdopen(pipes[0], "w", buffering=1)
        self.stdout: IO[str] = os.fdopen(pipes[1], "r", buffering=1)
        self.stderr: IO[str] = os.fdopen(pipes[2], "r", buffering=1)
        self._alive = alive
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Answer 0 once the worker has ended: its exit code is the nursery's to know."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raise TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 1.0 if deadline is None else deadline - time.monotonic()
            code = self._ended(max(0.0, min(left, 1.0)))
            if code is not None:
                return code
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired("lambda worker", timeout or 0)

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _ended(self, patience: float) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._alive], [], [], patience)[0]:
                os.close(self._alive)
                self.returncode = 0
            return self.returncode


class Nursery:
    """Our end of the nursery process."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            subprocess.Popen(
                [sys.executable, "-m", "infra.local.emulator.nursery", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def fork(self, script: str, folder: str, environment: Mapping[str, str]) -> ForkedProcess:
        """Fork a worker; raises OSError or ValueError if the nursery is gone."""
        pairs = [os.pipe() for _ in range(4)]
        (in_theirs, in_ours), (out_ours, out_theirs), (err_ours, err_theirs), (alive_ours, alive_theirs) = pairs
        request = json.dumps({"script": script, "cwd": folder, "env": dict(environment)}).encode()
        try:
            with self._lock:
                socket.send_fds(self._ours, [request], [in_theirs, out_theirs, err_theirs, alive_theirs])
                pid = int(self._ours.recv(32))  # nothing comes if the nursery has ended, and nothing is no number
        except (OSError, ValueError):
            for ours in (in_ours, out_ours, err_ours, alive_ours):
                os.close(ours)
            raise
        finally:
            for theirs in (in_theirs, out_theirs, err_theirs, alive_theirs):
                os.close(theirs)
        return ForkedProcess(pid, (in_ours, out_ours, err_ours), alive_ours)


def apply() -> None:
    """Replace the way ministack's worker pool starts processes."""
    nursery = Nursery() if sys.platform == "linux" and os.environ.get("EMULATOR_FORK") != "0" else None

    def start(command: list[str], **options: Any) -> Any:
        options["env"] = for_worker(options["env"])
        if nursery and command[0] == sys.executable:
            return nursery.fork(command[1], options["cwd"], options["env"])
        return subprocess.Popen(command, **options)

    shim = types.SimpleNamespace(**{name: getattr(subprocess, name) for name in dir(subprocess)})
    shim.Popen = start
    runtime.subprocess = shim
