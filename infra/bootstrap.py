"""Make the project's own `.venv` on a machine that has python3 and nothing else.

Runs on the bare interpreter: standard library only, no pip, no ensurepip. Fetches uv's wheel (pinned, checked by its
hash), lets it make `.venv` and install what uv.lock says. Run again, it does nothing unless the lock has changed.
"""

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
UV = VENV / "bin" / "uv"
STAMP = VENV / ".ready"
UV_VERSION = "0.13.9"
# From https://pypi.org/simple/uv/: system and machine, then the wheel's address and its sha256.
WHEELS = {
    ("Linux", "x86_64"): (
        "https://files.pythonhosted.org/packages/3d/aa/26d64642d808de4a652579ef950d7cd2d37f080a8babf9c67c6b75fc4c3f/uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    ("Linux", "aarch64"): (
        "https://files.pythonhosted.org/packages/57/15/94b6cd62ac3ff6550288328e8035288875197cbc183f51554b266a69877b/uv-0.13.9-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ),
    ("Darwin", "arm64"): (
        "https://files.pythonhosted.org/packages/f3/a7/a8d7b074798c7fb3b26b37584b8fe2e29df2ccdc24ce7902caab2a53edbf/uv-0.13.9-py3-none-macosx_11_0_arm64.whl",
        "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    ),
    ("Darwin", "x86_64"): (
        "https://files.pythonhosted.org/packages/1e/db/08e9ef4879bd667e6d7b4705e594e5bd3e4585f10fc63cb16b9fa2fac63e/uv-0.13.9-py3-none-macosx_10_12_x86_64.whl",
        "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    ),
}


def main() -> None:
    """Bring `.venv` up to date."""
    if sys.version_info < (3, 11) or sys.version_info >= (3, 14):
        sys.exit(f"Python 3.11 to 3.13 is needed; this is {platform.python_version()}. Try: make PYTHON=python3.12")
    wanted = hashlib.sha256((ROOT / "uv.lock").read_bytes() + sys.version.encode()).hexdigest()
    if UV.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("Installing into .venv (once) ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        uv = fetch_uv(Path(folder)) if not UV.exists() else Path(shutil.copy2(UV, folder))
        # With another Python than last time uv makes the whole folder anew, and itself would be gone with it.
        command: list[str | Path] = [uv, "sync", "--quiet", "--frozen", "--python", sys.executable]
        # The system's certificates, as the download above: a company's proxy may have its own.
        environment = {"UV_SYSTEM_CERTS": "1", **os.environ, "UV_PROJECT_ENVIRONMENT": str(VENV)}
        subprocess.run(command, check=True, cwd=ROOT, env=environment)
        shutil.copy2(uv, UV)
    STAMP.write_text(wanted)


def fetch_uv(folder: Path) -> Path:
    """Download uv's wheel for this machine, check its hash, and unpack the one program in it."""
    key = (platform.system(), platform.machine())
    if key not in WHEELS:
        sys.exit(f"There is no uv wheel listed for {key}; install uv {UV_VERSION} as .venv/bin/uv.")
    url, sha256 = WHEELS[key]
    wheel = download(url)
    if hashlib.sha256(wheel).hexdigest() != sha256:
        sys.exit(f"{url} is not the file it should be (sha256 differs).")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/scripts/uv"))
        target = folder / "uv"
        target.write_bytes(archive.read(name))
    target.chmod(0o755)
    return target


def download(url: str, tries: int = 3) -> bytes:
    """Fetch a file; a lost connection is tried again, twice."""
    for attempt in range(1, tries + 1):
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  the addresses above are https
                body: bytes = answer.read()
                return body
        except OSError as error:
            if attempt == tries:
                sys.exit(f"{url} could not be fetched: {error}")
            time.sleep(2 * attempt)
    raise AssertionError


if __name__ == "__main__":
    main()
