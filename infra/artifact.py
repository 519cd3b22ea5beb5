"""Make the Lambda artifact: what uv.lock says for arm64 and Python 3.13, and the sources beside it.

`functions/Makefile` runs this once a function for `sam build`; all functions are one artifact, so the packages are
installed once into `.build/` and hard-linked from there. Standard library only: it runs on any Python that runs uv,
and needs no Python 3.13, no docker and no compiler, because every package comes as a wheel for the target.

Where a Python 3.13 is at hand it also makes the bytecode, which Lambda, whose disk is read-only, would make again at
every cold start: importing a small door then takes 0.3 CPU seconds instead of 1.1. It is the same on every machine.
"""

import argparse
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


def packages(python: str | None = None) -> Path:
    """Install the artifact's packages unless this lock's are there already; return their folder.

    `python` is a Python 3.13 to make bytecode with.

    Raises:
        CalledProcessError: uv could not; it has said why.
    """
    stamp = hashlib.sha256((ROOT / "uv.lock").read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
    ready = CACHE / f"lambda-{stamp}{'-compiled' if python else ''}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # sam may build functions in parallel
        if not ready.is_dir():
            with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
                fresh = Path(scratch) / "packages"
                _install(fresh)
                if python:
                    _compile(python, [fresh], workers=os.cpu_count() or 1)
                for stale in CACHE.glob("lambda-*"):
                    if not stale.name.startswith(f"lambda-{stamp}"):
                        shutil.rmtree(stale)
                fresh.rename(ready)
    return ready


def build(artifact: Path, python: str | None = None) -> None:
    """Put packages and sources into an empty folder, with bytecode where there is a `python` 3.13 to make it."""
    shutil.copytree(packages(python), artifact, copy_function=_link, dirs_exist_ok=True)
    shutil.copytree(SOURCES, artifact, ignore=NOT_CODE, dirs_exist_ok=True)
    if python:
        _compile(python, [artifact / room.name for room in SOURCES.iterdir() if room.is_dir()], workers=1)


def python_3_13() -> str | None:
    """Find a Python 3.13 that runs: this one, or one on the PATH."""
    for candidate in (sys.executable, "python3.13"):
        try:
            ask = [candidate, "-c", "import sys; print(sys.version_info[:2])"]
            said = subprocess.run(ask, capture_output=True, check=False)
        except OSError:
            continue
        if said.stdout.strip() == b"(3, 13)":
            return candidate
    return None


def _install(target: Path) -> None:
    uv, wanted = _uv(), str(target.with_name("requirements.txt"))
    # The system's certificates, as when .venv was made: a company's proxy may have its own.
    environment = {"UV_SYSTEM_CERTS": "1", **os.environ}
    subprocess.run([uv, *EXPORT, "--project", str(ROOT), "--output-file", wanted], check=True, env=environment)
    install = [uv, "pip", "install", "--quiet", "--no-build", "--no-deps", "--require-hashes", *TARGET]
    subprocess.run([*install, "--target", str(target), "--requirement", wanted], check=True, env=environment)


def _compile(python: str, folders: list[Path], workers: int) -> None:
    """Make bytecode that is trusted unchecked: times of files do not survive the zip."""
    job = [python, "-m", "compileall", "-qq", "-j", str(workers), "--invalidation-mode", "unchecked-hash"]
    # A package may carry a file that is no Python 3.13 (a template, say): it is left without bytecode.
    subprocess.run([*job, "-s", str(folders[0].parent), *map(str, folders)], check=False)


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


def main() -> None:
    """Build into the folder that is named."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("artifact", type=Path)
    arguments.add_argument("--no-bytecode", action="store_true", help="quick, for a look inside")
    given = arguments.parse_args()
    python = None if given.no_bytecode else python_3_13()
    if python is None and not given.no_bytecode:
        print("No Python 3.13 on this machine: no bytecode, so cold starts take about three times as long.")
    build(given.artifact, python)


if __name__ == "__main__":
    main()
