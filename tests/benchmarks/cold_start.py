"""CPU seconds of a cold start: a Lambda's INIT, and the first invocation of those that a call passes on its way.

    make bench-imports                                     # of this tree
    python -m tests.benchmarks.cold_start OTHER/functions  # of another one

On a clean Python made only from the artifact's lock, with bytecode as in it, in the environment that the template and
Lambda give, against the emulator. Lambda does not throttle INIT, but at 512 MB an invocation gets 0.29 of a CPU. User
and system time together, the interpreter's own start taken off, best of three. Connections are plain HTTP: TLS comes on
top of every first invocation. It reports and asserts nothing: figures depend on the machine.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.cold_world import FUNCTION, ON_THE_WAY, World, standing
from tests.infra.clean import bare_python, import_environment, lambda_packages
from tests.infra.plan import FUNCTIONS

_MEASURE = """
import importlib, json, resource, sys
def spent():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "1"
    def get_remaining_time_in_millis(self): return 30000
event = json.loads(sys.argv[2])
before = spent()
handler = importlib.import_module(sys.argv[1]).handler
init = spent() - before
first = answer = None
if event is not None:
    before = spent()
    answer = handler(event, Context())
    first = spent() - before
sys.stdout = sys.__stdout__
print("\\n" + json.dumps([init, first, len(sys.modules), answer]))
"""
_RUNS = 3
_WENT_WELL: dict[str, dict[str, Any]] = {
    "api": {"statusCode": 201},
    "dispatch_dial": {"batchItemFailures": []},
    "prepare_opener": {"ready": True},
    "dial_call": {},
    "twilio_webhooks": {"statusCode": 204},
}


@dataclass(frozen=True, slots=True)
class Cold:
    """One cold start: CPU seconds of INIT and of the first invocation, modules, and what was answered."""

    init: float
    first: float | None
    modules: int
    answer: Any


class Bench:
    """A clean Python with the artifact's packages, and a world to start functions in."""

    def __init__(self, python: Path, packages: Path, functions: Path, world: World) -> None:
        self._python = python
        self._environment = import_environment(packages)
        self._environment["PYTHONPATH"] = f"{functions}:{packages}"
        self._functions = functions
        self._world = world

    def start(self, folder: str, event: dict[str, Any] | None = None) -> Cold:
        """Start a function cold; invoke it where there is an event."""
        given = self._world.environment_of(FUNCTION[folder])
        said = subprocess.run(
            [str(self._python), "-c", _MEASURE, f"{folder}.handler", json.dumps(event)],
            env=self._environment | given,
            cwd=self._functions,
            capture_output=True,
            check=False,
            text=True,
        )
        assert said.returncode == 0, f"{folder}: {said.stderr[-2000:]}"
        return Cold(*json.loads(said.stdout.splitlines()[-1]))

    def call(self, run: int) -> dict[str, Cold]:
        """Let one call pass all that are on its way, each cold."""
        met: dict[str, Cold] = {}
        call_id = ""
        for folder in ON_THE_WAY:
            cold = met[folder] = self.start(folder, self._world.event(folder, call_id, run))
            assert cold.answer.items() >= _WENT_WELL[folder].items(), (folder, cold.answer)
            if folder == "api":
                call_id = json.loads(cold.answer["body"])["call_id"]
        return met


def main() -> None:
    """Measure and print a table."""
    functions = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else FUNCTIONS
    folders = sorted(path.parent.name for path in functions.glob("*/handler.py") if path.parent.name in FUNCTION)
    with tempfile.TemporaryDirectory() as scratch, standing(Path(scratch) / "speech") as world:
        python = bare_python(Path(scratch) / "python")
        lambda_packages(python, Path(scratch) / "packages")
        bench = Bench(python, Path(scratch) / "packages", functions, world)
        for folder in folders:
            bench.start(folder)  # makes the bytecode
        bench.call(_RUNS)
        calls = [bench.call(run) for run in range(_RUNS)]
        print(f"{'CPU s':<24}{'INIT':>8}{'first':>8}{'sum':>8}{'modules':>9}")
        for folder in [*ON_THE_WAY, *(f for f in folders if f not in ON_THE_WAY)]:
            met = [call[folder] for call in calls] if folder in ON_THE_WAY else [bench.start(folder) for _ in calls]
            _print(folder, min(met, key=lambda cold: cold.init + (cold.first or 0)))
            sys.stdout.flush()


def _print(folder: str, cold: Cold) -> None:
    first = "" if cold.first is None else f"{cold.first:.2f}"
    print(f"{folder:<24}{cold.init:>8.2f}{first:>8}{cold.init + (cold.first or 0):>8.2f}{cold.modules:>9}")


if __name__ == "__main__":
    main()
