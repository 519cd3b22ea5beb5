"""The laws of the house that import-linter and ruff cannot see."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.infra.plan import FUNCTIONS, MEDIA, dotted, short, source_files, tree

WALL_CLOCK = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"}
WALL_CLOCK |= {f"{owner}datetime.{name}" for owner in ("", "datetime.") for name in ("now", "utcnow", "today")}
WALL_CLOCK |= {"date.today", "datetime.date.today"}
# Where anything at all may be caught, each with its reason.
DOORS = {
    "functions/dispatch_dial/handler.py": "a queue's record: one bad message must not stop the others",
    "functions/deliver_webhook/handler.py": "a queue's record: one bad message must not stop the others",
    "functions/api/door.py": "the API: whatever happens has an answer",
    "media_fargate/media/attempt.py": "the media session: whatever a store raises must not end a conversation",
}
LONGEST_FILE = 300


def test_only_settings_read_the_environment() -> None:
    assert _offenders(_reads_environment, but=lambda path: path.name == "settings.py") == []


def test_only_the_clock_tells_the_time() -> None:
    clock = FUNCTIONS / "calling" / "adapters" / "clock.py"
    assert _offenders(_reads_wall_clock, but=lambda path: path == clock) == []


def test_only_doors_catch_everything() -> None:
    assert _offenders(_swallows_everything, but=lambda path: short(path) in DOORS) == []


@pytest.mark.parametrize("door", DOORS)
def test_a_door_still_needs_its_leave(door: str) -> None:
    assert list(_swallows_everything(tree(FUNCTIONS.parent / door))), "take it off the list"


def test_every_task_is_kept() -> None:
    assert _offenders(_drops_a_task) == []


@pytest.mark.parametrize("room", ["usecases", "domain"])
def test_the_core_is_synchronous(room: str) -> None:
    found = [p for p in (FUNCTIONS / "calling" / room).rglob("*.py") if list(_is_async(tree(p)))]
    assert [short(path) for path in found] == []


def test_the_conversation_is_synchronous() -> None:
    found = [p for p in (MEDIA / "media" / "conversation").rglob("*.py") if list(_is_async(tree(p)))]
    assert [short(path) for path in found] == []


def test_no_room_is_a_lumber_room() -> None:
    names = {part for path in source_files() for part in path.relative_to(FUNCTIONS.parent).with_suffix("").parts}
    assert not names & {"utils", "util", "common", "helpers", "misc", "managers", "manager"}


def test_files_stay_readable() -> None:
    long = {short(path): n for path in source_files() if (n := len(path.read_text().splitlines())) > LONGEST_FILE}
    assert {name for name in long if name not in LONG_FOR_A_REASON} == set()


LONG_FOR_A_REASON = {"functions/calling/ports.py": "every port on one page: a list of protocols, read as a catalogue"}


@pytest.mark.parametrize("path", source_files(), ids=short)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert not path.read_text().strip() or ast.get_docstring(tree(path))


def _offenders(law: Callable[[ast.Module], Iterator[ast.AST]], but: Callable[[Path], bool] = lambda _: False) -> list[str]:
    return [
        f"{short(path)}:{getattr(node, 'lineno', 0)}"
        for path in source_files()
        if not but(path)
        for node in law(tree(path))
    ]


def _reads_environment(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and dotted(node) in {"os.environ", "os.getenv", "os.environb", "os.putenv"}:
            yield node
        elif isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & _names(node):
            yield node


def _reads_wall_clock(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and dotted(node) in WALL_CLOCK:
            yield node
        elif isinstance(node, ast.ImportFrom) and node.module == "time" and {"time", "time_ns"} & _names(node):
            yield node


def _swallows_everything(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type):
            last = node.body[-1]
            if not (isinstance(last, ast.Raise) and last.exc is None):  # it tidies up and passes on
                yield node
        elif isinstance(node, ast.Call) and dotted(node.func).endswith("suppress") and any(map(_catches_all, node.args)):
            yield node


def _catches_all(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return bool({"Exception", "BaseException"} & {dotted(k) for k in kinds})


def _drops_a_task(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            owner, _, name = dotted(node.value.func).rpartition(".")
            # A TaskGroup keeps its tasks itself.
            if name in {"create_task", "ensure_future"} and owner.rpartition(".")[2] in {"", "asyncio", "loop"}:
                yield node


def _is_async(module: ast.Module) -> Iterator[ast.AST]:
    asynchronous = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    yield from (node for node in ast.walk(module) if isinstance(node, asynchronous))


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}
