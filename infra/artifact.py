"""Make the Lambda artifact: what uv.lock says for arm64 and Python 3.13, and the sources beside it.

`functions/Makefile` runs this once a function for `sam build`; all functions are one artifact, so the packages are
installed once into `.build/` and hard-linked from there. Standard library only: it runs on any Python that runs uv,
and needs no Python 3.13, no docker and no compiler, because every package comes as a wheel for the target.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "functions"
CACHE = ROOT / ".build"
TARGET = ("--python-version", "3.13", "--python-platform", "aarch64-manylinux2014")
# The product's own dependencies and no group: nothing of the laptop's, the media container's or the tests'.
EXPORT = ("export", "--quiet", "--frozen", "--no-default-groups", "--no-emit-project", "--no-header", "--no-annotate")
NOT_CODE = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "Makefile")


def packages() -> Path:
    """Install the artifact's packages unless this lock's are there already; return their folder.

    Raises:
        CalledProcessError: uv could not; it has said why.
    """
    stamp = hashlib.sha256((ROOT / "uv.lock").read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
    ready = CACHE / f"lambda-{stamp}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # sam may build functions in parallel
        if not ready.is_dir():
            with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
                _install(Path(scratch))
                for stale in CACHE.glob("lambda-*"):
                    shutil.rmtree(stale)
                (Path(scratch) / "packages").rename(ready)
    return ready


def build(artifact: Path) -> None:
    """Put packages and sources into an empty folder."""
    shutil.copytree(packages(), artifact, copy_function=_link, dirs_exist_ok=True)
    shutil.copytree(SOURCES, artifact, ignore=NOT_CODE, dirs_exist_ok=True)


def _install(scratch: Path) -> None:
    uv, wanted = _uv(), str(scratch / "requirements.txt")
    subprocess.run([uv, *EXPORT, "--project", str(ROOT), "--output-file", wanted], check=True)
    install = [uv, "pip", "install", "--quiet", "--no-build", "--no-deps", "--require-hashes", *TARGET]
    subprocess.run([*install, "--target", str(scratch / "packages"), "--requirement", wanted], check=True)


def _uv() -> str:
    own = ROOT / ".venv" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if found is None:
        sys.exit("uv is missing: run `make setup`.")
    return found


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
