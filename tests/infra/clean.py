"""Clean Python environments, made only from the lock: what an account's Lambda or container has, and nothing more."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infra.artifact import EXPORT
from tests.infra.plan import FUNCTIONS, LAMBDAS, ROOT

# What uv and the network need of the caller's environment; nothing that Python would read.
_PASSED = ("UV_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT", "HOME")
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


@cache
def uv() -> str:
    """Find uv: the project's own, or the machine's."""
    own = ROOT / ".venv" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    assert found, "uv is missing: run `make setup`"
    return found


@cache
def python_3_13() -> str:
    """Find a Python 3.13; where there is none, the version these tests run on stands in for it."""
    return next(filter(_is_3_13, _candidates()), sys.executable)


def _candidates() -> Iterator[str]:
    yield sys.executable
    yield from filter(None, [shutil.which("python3.13")])
    for home in (os.environ.get("PYENV_ROOT", "~/.pyenv"), "~/.local/share/uv/python"):
        yield from map(str, sorted(Path(home).expanduser().glob("**/bin/python3.13")))


def _is_3_13(python: str) -> bool:
    said = subprocess.run([python, "-c", _VERSION], capture_output=True, check=False, text=True)
    return said.stdout.strip() == "3.13"


def environment() -> dict[str, str]:
    """Give what a command may know of the machine it runs on."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(_PASSED)}
    return passed | {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def bare_python(folder: Path) -> Path:
    """Make a Python 3.13 without any package, as the runtime's image has it, and return it."""
    make = [uv(), "venv", "--quiet", "--no-project", "--python", python_3_13(), str(folder)]
    subprocess.run(make, env=environment(), check=True, timeout=60)
    return folder / "bin" / "python"


def lambda_packages(python: Path, folder: Path) -> None:
    """Install the artifact's packages, by the artifact's own export of the lock, for this machine's processor."""
    wanted = folder.with_suffix(".txt")
    subprocess.run([uv(), *EXPORT, "--project", str(ROOT), "--output-file", str(wanted)], check=True, timeout=60)
    install = [uv(), "pip", "install", "--quiet", "--no-build", "--no-deps", "--require-hashes"]
    install += ["--python", str(python), "--target", str(folder), "--requirement", str(wanted)]
    subprocess.run(install, env=environment(), check=True, timeout=100)


def handlers() -> list[str]:
    """The modules that Lambda imports."""
    return sorted(function.properties["Handler"].rpartition(".")[0] for function in LAMBDAS)


def import_environment(packages: Path) -> dict[str, str]:
    """Give what a Lambda's import may know: the artifact's two parts."""
    bytecode = str(packages.with_name("bytecode"))
    return environment() | {"PYTHONPATH": f"{FUNCTIONS}:{packages}", "PYTHONPYCACHEPREFIX": bytecode}
