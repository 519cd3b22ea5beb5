"""Every handler imports in a clean Python made only from the artifact's lock."""

import subprocess
from pathlib import Path

import pytest

from tests.infra.clean import bare_python, handlers, import_environment, lambda_packages

ONE_BY_ONE = """
import importlib, os, sys, traceback
failed = []
for name in sys.argv[1:]:
    child = os.fork()  # each meets an interpreter in which nothing else was imported
    if child == 0:
        try:
            assert callable(importlib.import_module(name).handler)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(", ".join(failed) or None)
"""


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("clean")
    python = bare_python(folder / "python")
    lambda_packages(python, folder / "packages")
    return python, folder / "packages"


def test_every_handler_imports(clean: tuple[Path, Path], tmp_path: Path) -> None:
    python, packages = clean
    run = subprocess.run(
        [str(python), "-c", ONE_BY_ONE, *handlers()],
        env=import_environment(packages),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr[-3000:]
