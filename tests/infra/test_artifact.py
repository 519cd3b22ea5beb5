"""The Lambda artifact, really built: for arm64 and Python 3.13, from the lock, with all it imports and no more.

Without bytecode, which takes half a minute and is the same code again.

Needs the package index the first time; afterwards `.build/` has the packages.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.infra.plan import FUNCTIONS, LAMBDAS, ROOT, imported, short, tree

AARCH64 = 183
LAMBDA_LIMIT = 250 * 1024 * 1024
# Development packages that the product itself comes with, each with its reason.
BOTH = {"starlette": "FastAPI stands on it"}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact as `sam build` gets it: by functions/Makefile."""
    folder = tmp_path_factory.mktemp("artifact")
    subprocess.run(
        ["make", "--silent", f"build-{LAMBDAS[0].logical_id}"],
        cwd=FUNCTIONS,
        env=os.environ | {"ARTIFACTS_DIR": str(folder), "PYTHON": sys.executable, "ARTIFACT_OPTIONS": "--no-bytecode"},
        check=True,
        timeout=100,
    )
    return folder


def test_machine_code_is_for_arm64_and_python_3_13(artifact: Path) -> None:
    libraries = [p for p in artifact.rglob("*") if re.search(r"\.so(\.\d+)*$", p.name)]
    assert libraries
    for library in libraries:
        head = library.read_bytes()[:20]
        assert head[:4] == b"\x7fELF", library.name
        assert int.from_bytes(head[18:20], "little") == AARCH64, library.name
        if "cpython" in library.name:
            assert ".cpython-313-aarch64-linux-gnu." in library.name
        else:
            assert ".abi3." in library.name or library.parent.name.endswith(".libs"), library.name


def test_it_fits_a_lambda(artifact: Path) -> None:
    assert sum(path.stat().st_size for path in artifact.rglob("*") if path.is_file()) < LAMBDA_LIMIT


def test_nothing_of_the_workshop_is_inside(artifact: Path) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    workshop = {_package(entry) for group in groups.values() for entry in group if isinstance(entry, str)}
    installed = {_package(path.name.split("-")[0]) for path in artifact.glob("*.dist-info")}
    assert (workshop - set(BOTH)) & installed == set()


def test_it_has_what_the_project_names(artifact: Path) -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    installed = {_package(path.name.split("-")[0]) for path in artifact.glob("*.dist-info")}
    assert {_package(entry) for entry in named} <= installed


def test_versions_are_the_locks(artifact: Path) -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    locked = {(_package(p["name"]), p["version"]) for p in lock if "version" in p}
    found = [path.name.removesuffix(".dist-info").split("-") for path in artifact.glob("*.dist-info")]
    assert [(name, version) for name, version in found if (_package(name), version) not in locked] == []


def test_sources_are_inside_and_only_sources(artifact: Path) -> None:
    sources = {path.relative_to(FUNCTIONS) for path in FUNCTIONS.rglob("*.py")}
    assert all((artifact / source).is_file() for source in sources)
    assert not list(artifact.rglob("__pycache__"))
    assert not (artifact / "Makefile").exists()
    assert not (artifact / "tests").exists()


@pytest.mark.parametrize("path", sorted(FUNCTIONS.rglob("*.py")), ids=short)
def test_every_import_is_inside(artifact: Path, path: Path) -> None:
    """The laptop's Lambdas run beside development packages; an account's must find all they need in here."""
    inside = {entry.name.split(".")[0] for entry in artifact.iterdir()}
    names = {name.split(".")[0] for name in imported(tree(path))}
    assert names - inside - sys.stdlib_module_names == set()


def _package(entry: str) -> str:
    """`aws_lambda_powertools` of `aws-lambda-powertools>=3.37`."""
    found = re.match(r"[A-Za-z0-9_.-]*[A-Za-z0-9]", entry)
    assert found, entry
    return re.sub(r"[-_.]+", "_", found[0]).lower()
