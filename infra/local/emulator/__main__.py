"""Start the emulator in a clean environment and leave nothing behind when it ends.

The emulator's Lambda workers inherit its environment, so it gets one made here, not ours: a key lying in somebody's
shell must not reach a function that would not have it on AWS. It runs as a child in a process group and a temporary
folder of its own; on SIGTERM or SIGINT the whole group is ended and the folder removed.

Environment: GATEWAY_PORT (4566), API_PORT (none: no front door), AWS_REGION (us-east-1), EMULATOR_MAX_WORKERS (12),
EMULATOR_LOG_LEVEL (WARNING), EMULATOR_LAMBDA_LOG (none: a file that what functions log is appended to),
EMULATOR_DIE_WITH_PARENT (set: end when whoever started us is gone), EMULATOR_FORK (0: start each Lambda worker as an
interpreter of its own).
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
GRACE_SECONDS = 1.5
PASSED_THROUGH = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")


def clean_environment(given: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Build the whole environment of the emulator and of its Lambda workers."""
    kept = {name: given[name] for name in PASSED_THROUGH if name in given}
    return kept | {
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": given.get("GATEWAY_PORT", "4566"),
        "API_PORT": given.get("API_PORT", ""),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "S3_PERSIST": "0",
        "S3_DATA_DIR": str(scratch / "s3"),
        "PERSIST_STATE": "0",
        "STATE_DIR": str(scratch / "state"),
        # Without a socket there it does not look for a docker engine that is not ours.
        "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
        "LOG_LEVEL": given.get("EMULATOR_LOG_LEVEL", "WARNING"),
        "MINISTACK_REGION": given.get("AWS_REGION", "us-east-1"),
        "EMULATOR_MAX_WORKERS": given.get("EMULATOR_MAX_WORKERS", "12"),
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",
        "EMULATOR_FORK": given.get("EMULATOR_FORK", "1"),
        "EMULATOR_LAMBDA_LOG": given.get("EMULATOR_LAMBDA_LOG", ""),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def check_ports_free(environment: Mapping[str, str]) -> None:
    """Raise SystemExit if somebody listens already where the emulator is to listen."""
    for name in ("GATEWAY_PORT", "API_PORT"):
        if environment.get(name):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(environment[name]))) == 0:
                    raise SystemExit(f"Port {environment[name]} ({name}) is taken already.")


def end_with_parent() -> None:
    """Stop when the process that started us is gone; it has no other way to tell us if it is killed."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def end_group(server: "subprocess.Popen[bytes]") -> None:
    """End the server and all of its workers: politely, then not."""
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 2.0)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(server.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=patience)
    # The leader may have gone first; whoever of its group is left goes now.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)


def remove(scratch: Path) -> None:
    """Remove the folder although a dying worker may still be writing into it."""
    deadline = time.monotonic() + 4
    while scratch.exists() and time.monotonic() < deadline:
        shutil.rmtree(scratch, ignore_errors=True)
        if scratch.exists():
            time.sleep(0.05)


def main() -> int:
    """Run until told to stop; answer the server's own exit code if it ends by itself."""
    stopping = False
    check_ports_free(os.environ)

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if os.environ.get("EMULATOR_DIE_WITH_PARENT"):
        end_with_parent()
    scratch = Path(tempfile.mkdtemp(prefix="redial-emulator-"))
    server: subprocess.Popen[bytes] | None = None
    try:
        server = subprocess.Popen(
            [sys.executable, "-m", "infra.local.emulator.server"],
            cwd=PROJECT,
            env=clean_environment(os.environ, scratch),
            stdin=subprocess.PIPE,  # its end is how the server learns that we were killed
            start_new_session=True,
        )
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        stopping = True
        if server is not None:
            end_group(server)
        remove(scratch)


if __name__ == "__main__":
    sys.exit(main())
