"""The house's plan, read from its files: functions, queues, environment, state machine, and what the code asks for.

It reads templates and syntax trees only; nothing of the product is run.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.local.deploy import load_template

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "functions"
MEDIA = ROOT / "media_fargate"
TEMPLATE = load_template(ROOT / "template.yaml")
DATA = load_template(ROOT / "infra" / "data.yaml")
MEDIA_STACK = load_template(ROOT / "infra" / "media.yaml")
NETWORK = load_template(ROOT / "infra" / "network.yaml")
ALARMS = load_template(ROOT / "infra" / "alarms.yaml")
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"] | DATA["Resources"]
GLOBALS: dict[str, Any] = TEMPLATE["Globals"]["Function"]
DIAL: dict[str, Any] = yaml.safe_load((ROOT / "infra/statemachines/dial.asl.yaml").read_text())


@dataclass(frozen=True, slots=True)
class Lambda:
    """One function of the template, with the folder its handler lives in."""

    logical_id: str
    properties: dict[str, Any]

    @property
    def folder(self) -> str:
        """The first part of the handler's path: `dial_call` of `dial_call.handler.handler`."""
        return str(self.properties["Handler"]).split(".")[0]

    @property
    def environment(self) -> dict[str, Any]:
        """What the function is told, Globals included."""
        own = self.properties.get("Environment", {}).get("Variables", {})
        merged: dict[str, Any] = GLOBALS["Environment"]["Variables"] | own
        return merged

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The statements of its policies."""
        return [s for policy in self.properties.get("Policies", ()) for s in policy["Statement"]]

    @property
    def actions(self) -> set[str]:
        """Every IAM action it may take."""
        return {action for statement in self.statements for action in listed(statement["Action"])}

    @property
    def timeout(self) -> int:
        """Seconds after which it is stopped."""
        return int(self.properties.get("Timeout", GLOBALS["Timeout"]))

    def sources(self) -> list[Path]:
        """Its own Python files: the door without the shared rooms."""
        return sorted((FUNCTIONS / self.folder).rglob("*.py"))


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Find the resources of a type, `AWS::SQS::Queue`, by logical id."""
    return {name: r.get("Properties", {}) for name, r in RESOURCES.items() if r["Type"] == kind}


LAMBDAS = [Lambda(name, properties) for name, properties in of_type("AWS::Serverless::Function").items()]


def camel(snake: str) -> str:
    """`dial_call` → `DialCall`."""
    return "".join(word.capitalize() for word in snake.split("_"))


def listed(value: Any) -> list[Any]:
    """CloudFormation allows one thing where it allows a list of things."""
    return value if isinstance(value, list) else [value]


def tree(path: Path) -> ast.Module:
    """Parse a source file."""
    return ast.parse(path.read_text(), filename=str(path))


def calls_of(paths: list[Path], function: str) -> Iterator[ast.Call]:
    """Find every call of `function(...)` or `anything.function(...)` in these files."""
    for path in paths:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == function:
                yield node


def imported(module: ast.Module) -> set[str]:
    """The modules a file imports at run time: not those that are for type checkers alone."""
    typing_only = {
        id(inner)
        for node in ast.walk(module)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    nodes = [node for node in ast.walk(module) if id(node) not in typing_only]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an attribute chain; what is called or indexed in between is left out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def references(value: Any) -> Iterator[str]:
    """Yield the logical ids a piece of a template points at with Ref, GetAtt or Sub's plain `${Id}`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0]
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def source_files() -> list[Path]:
    """Every Python file that is deployed."""
    return sorted([*FUNCTIONS.rglob("*.py"), *MEDIA.rglob("*.py")])


def short(path: Path) -> str:
    """A path as the project's own people say it."""
    return path.relative_to(ROOT).as_posix()
