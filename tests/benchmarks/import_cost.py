"""CPU seconds to import each Lambda, on a clean Python made only from the artifact's lock, with bytecode as in it.

    make bench-imports

It reports and asserts nothing: figures depend on the machine. Best of three, user and system time together, the
interpreter's own start taken off.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.infra.clean import bare_python, handlers, import_environment, lambda_packages
from tests.infra.plan import FUNCTIONS

_MEASURE = """
import resource, sys
def spent():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
before = spent()
__import__(sys.argv[1])
print(spent() - before, len(sys.modules))
"""
_RUNS = 3


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as scratch:
        python = bare_python(Path(scratch) / "python")
        packages = Path(scratch) / "packages"
        lambda_packages(python, packages)
        environment = import_environment(packages)
        print(f"{'handler':<32}{'CPU s':>8}{'modules':>10}")
        for name in handlers():
            _measure(python, name, environment)  # makes the bytecode
            runs = [_measure(python, name, environment) for _ in range(_RUNS)]
            seconds, modules = min(runs)
            print(f"{name:<32}{seconds:>8.2f}{modules:>10}")
            sys.stdout.flush()


def _measure(python: Path, name: str, environment: dict[str, str]) -> tuple[float, int]:
    command = [str(python), "-c", _MEASURE, name]
    said = subprocess.run(command, env=environment, cwd=FUNCTIONS, capture_output=True, check=True, text=True)
    seconds, modules = said.stdout.split()
    return float(seconds), int(modules)


if __name__ == "__main__":
    main()
