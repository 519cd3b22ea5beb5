"""The laws of the house that import-linter and ruff cannot see."""

import ast
import configparser
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.infra.plan import FUNCTIONS, LAMBDAS, MEDIA, ROOT, dotted, imported, short, source_files, tree

WALL_CLOCK = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"}
WALL_CLOCK |= {f"{owner}datetime.{name}" for owner in ("", "datetime.") for name in ("now", "utcnow", "today")}
WALL_CLOCK |= {"date.today", "datetime.date.today"}
# Where anything at all may be caught, each with its reason.
DOORS = {
    "functions/dispatch_dial/handler.py": "a queue's record: one bad message must not stop the others",
    "functions/dispatch_recipient/handler.py": "a queue's record: one bad message must not stop the others",
    "functions/defer_recipient/handler.py": "a queue's record: one bad message must not stop the others",
    "functions/deliver_webhook/handler.py": "a queue's record: one bad message must not stop the others",
    "functions/calling/usecases/reap_leases.py": "the reaper's round: one bad call must not keep the others unmended",
    "functions/api/door.py": "the API: whatever happens has an answer",
    "media_fargate/media/attempt.py": "the media session: whatever a store raises must not end a conversation",
    "media_fargate/media/session.py": "the media session: whatever ends one call must not end the others",
}
LONGEST_FILE = 300
LONG_FOR_A_REASON = {"functions/calling/ports.py": "every port on one page: a list of protocols, read as a catalogue"}
# What the plain rooms may import beside the standard library.
PLAIN = {
    "calling/domain": {"calling.domain", "phonenumbers"},
    "calling/ports.py": {"calling.domain"},
    "calling/usecases": {"calling.domain", "calling.ports", "calling.usecases"},
}
# All that the conversation may import: a short list, so that nothing with a clock or a socket slips in.
SANS_IO = {"collections", "dataclasses", "enum", "functools", "itertools", "math", "media.conversation", "re", "typing"}
LUMBER = {"utils", "util", "helpers", "misc", "manager", "managers"}


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


@pytest.mark.parametrize("room", PLAIN)
def test_the_core_is_plain_and_synchronous(room: str) -> None:
    for path in _room(FUNCTIONS / room):
        allowed = PLAIN[room]
        names = [name for name in imported(tree(path)) if name.split(".")[0] not in sys.stdlib_module_names]
        assert [name for name in names if not _within(name, allowed)] == [], short(path)
        assert list(_is_async(tree(path))) == [], short(path)


def test_the_conversation_is_sans_io() -> None:
    for path in _room(MEDIA / "media" / "conversation"):
        assert [name for name in imported(tree(path)) if not _within(name, SANS_IO)] == [], short(path)
        assert list(_is_async(tree(path))) == [], short(path)


def test_tools_never_see_the_conversation() -> None:
    for path in _room(MEDIA / "media" / "tools"):
        assert not {"media.conversation.conversation", "media.session"} & imported(tree(path)), short(path)


def test_every_door_is_under_the_law_of_imports() -> None:
    linter = configparser.ConfigParser()
    linter.read(ROOT / ".importlinter")
    doors = {function.folder for function in LAMBDAS} | {"media"}
    assert set(linter["importlinter"]["root_packages"].split()) == doors | {"calling"}
    layers = linter["importlinter:contract:doors"]["layers"].strip().splitlines()
    assert {door.strip() for door in layers[0].split("|")} == doors


def test_no_room_is_a_lumber_room() -> None:
    paths = [path.relative_to(ROOT).with_suffix("") for path in source_files()]
    assert not {part for path in paths for part in path.parts} & LUMBER
    assert not {part for path in paths for part in path.parts[:-1]} & {"common"}


def test_files_stay_readable() -> None:
    long = {short(path): n for path in source_files() if (n := len(path.read_text().splitlines())) > LONGEST_FILE}
    assert {name for name in long if name not in LONG_FOR_A_REASON} == set()


@pytest.mark.parametrize("path", source_files(), ids=short)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert not path.read_text().strip() or ast.get_docstring(tree(path))


def _offenders(
    law: Callable[[ast.Module], Iterator[ast.AST]], but: Callable[[Path], bool] = lambda _: False
) -> list[str]:
    return [
        f"{short(path)}:{getattr(node, 'lineno', 0)}"
        for path in source_files()
        if not but(path)
        for node in law(tree(path))
    ]


def _reads_environment(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if (
            isinstance(node, ast.Attribute) and dotted(node) in {"os.environ", "os.getenv", "os.environb", "os.putenv"}
        ) or (isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & _names(node)):
            yield node


def _reads_wall_clock(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if (isinstance(node, ast.Attribute) and dotted(node) in WALL_CLOCK) or (
            isinstance(node, ast.ImportFrom) and node.module == "time" and {"time", "time_ns"} & _names(node)
        ):
            yield node


def _swallows_everything(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type):
            last = node.body[-1]
            if not (isinstance(last, ast.Raise) and last.exc is None):  # it tidies up and passes on
                yield node
        elif (
            isinstance(node, ast.Call) and dotted(node.func).endswith("suppress") and any(map(_catches_all, node.args))
        ):
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


def _room(room: Path) -> list[Path]:
    return [room] if room.is_file() else sorted(room.rglob("*.py"))


def _within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}
