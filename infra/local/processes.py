"""Start, await and end the house's processes. They never outlive it."""

import asyncio
import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from infra.local.settings import ROOT

_PR_SET_PDEATHSIG = 1  # prctl(2): be told when the parent dies, however it dies


class HouseError(RuntimeError):
    """The house did not stand up; the message says which part and where its log is."""


def check_ports(ports: Mapping[str, int]) -> None:
    """Raise HouseError, naming every port that cannot be had and the variable that moves it."""
    wrong = [f"port {port} ({name}) {trouble}" for name, port in ports.items() if (trouble := _trouble(port))]
    owners = {port: [name for name in ports if ports[name] == port] for port in ports.values()}
    wrong += [f"port {port} is given to {' and '.join(names)}" for port, names in owners.items() if len(names) > 1]
    if wrong:
        raise HouseError("; ".join(wrong))


def _trouble(port: int) -> str:
    if not 0 < port < 65536:
        return "is no port"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return "is taken already" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
    return ""


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Processes:
    """The running parts, in the order they were started; logs go to `<logs>/<name>.log`."""

    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, module: str, environment: Mapping[str, str]) -> None:
        """Start `python -m module` with exactly this environment beside PATH and the import roots."""
        roots = [ROOT / "functions", ROOT / "media_fargate", ROOT]
        base = {n: os.environ[n] for n in ("PATH", "HOME", "LANG", "TMPDIR") if n in os.environ}
        env = {**base, "PYTHONPATH": os.pathsep.join(map(str, roots)), "PYTHONUNBUFFERED": "1", **environment}
        with (self.logs / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches the house alone, which ends its parts in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  no threads run yet that could hold a lock
            )

    async def ready(self, name: str, url: str, *, seconds: float) -> None:
        """Wait until a part answers its health check.

        Raises:
            HouseError: it ended, or did not answer in time.
        """
        deadline = time.monotonic() + seconds
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            while time.monotonic() < deadline:
                self.check(name)
                try:
                    if (await client.get(url)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)
        raise HouseError(f"{name} did not get ready within {seconds:.0f} s; see {self.logs / name}.log")

    def check(self, name: str) -> None:
        """Raise HouseError if a part has ended by itself."""
        code = self.running[name].poll()
        if code is not None:
            tail = (self.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()[-3:]
            raise HouseError(f"{name} ended with code {code}: {' | '.join(tail)} (see {self.logs / name}.log)")

    def end(self) -> None:
        """End all parts, the last started first: politely together, then not."""
        parts = list(reversed(self.running.values()))
        for process in parts:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 11
        for process in parts:
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=2)
        self.running.clear()
