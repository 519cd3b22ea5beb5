"""The house's plan, read from its files: functions, queues, environment, state machines, and what the code asks for.

It reads templates and syntax trees only; nothing of the product is run.
"""

import ast
import re
from collections.abc import Collection, Iterator
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
    def told(self) -> dict[str, str]:
        """Its environment where every parameter has its default; what AWS would fill in is a `1`."""
        return {name: _told(value) for name, value in self.environment.items()}

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The statements of its policies, those of every case."""
        return [s for policy in self.properties.get("Policies", ()) for s in cases(policy["Statement"])]

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


def _told(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    parameter: dict[str, Any] = TEMPLATE["Parameters"].get(value.get("Ref"), {})
    return str(parameter.get("Default", "1"))


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Find the resources of a type, `AWS::SQS::Queue`, by logical id."""
    return {name: r.get("Properties", {}) for name, r in RESOURCES.items() if r["Type"] == kind}


LAMBDAS = [Lambda(name, properties) for name, properties in of_type("AWS::Serverless::Function").items()]


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine: its file under `infra/statemachines`, and its logical id in the template."""

    file: str
    logical_id: str

    @property
    def text(self) -> str:
        """The definition as it is written."""
        return (ROOT / "infra" / "statemachines" / self.file).read_text()

    @property
    def definition(self) -> dict[str, Any]:
        """The definition as it is read."""
        read: dict[str, Any] = yaml.safe_load(self.text)
        return read

    @property
    def states(self) -> dict[str, dict[str, Any]]:
        """Its states by name, without those of a pass's children."""
        found: dict[str, dict[str, Any]] = self.definition["States"]
        return found

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """Its tasks by name, without those of a pass's children."""
        return {name: state for name, state in self.states.items() if state["Type"] == "Task"}

    @property
    def properties(self) -> dict[str, Any]:
        """What the template says of it."""
        given: dict[str, Any] = RESOURCES[self.logical_id]["Properties"]
        return given

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The statements of its policies."""
        return [s for policy in self.properties["Policies"] for s in policy["Statement"]]

    def reached(self, *, but: Collection[str] = ()) -> set[str]:
        """Find the states that can be reached from the first one on ways around `but`."""
        found: set[str] = set()
        ahead: list[str] = [self.definition["StartAt"]]
        while ahead:
            name = ahead.pop()
            if name not in found and name not in but:
                found.add(name)
                ahead += targets(self.states[name])
        return found


def targets(state: dict[str, Any]) -> list[str]:
    """List the states that a state may lead to."""
    ways = [state[key] for key in ("Next", "Default") if key in state]
    return ways + [branch["Next"] for branch in (*state.get("Choices", ()), *state.get("Catch", ()))]


def ends(state: dict[str, Any]) -> bool:
    """Tell whether an execution may end with this state."""
    return state["Type"] in ("Succeed", "Fail") or bool(state.get("End"))


def substituted(value: str) -> str:
    """`X` of `${X}`: a thing of the template that a definition names by substitution."""
    found = re.fullmatch(r"\$\{(\w+)}", value)
    assert found, f"{value} is named by substitution"
    return found[1]


DIAL = Machine("dial.asl.yaml", "DialStateMachine")
CAMPAIGN = Machine("campaign.asl.yaml", "CampaignStateMachine")
MACHINES = [DIAL, CAMPAIGN]


def camel(snake: str) -> str:
    """`dial_call` → `DialCall`."""
    return "".join(word.capitalize() for word in snake.split("_"))


def cases(statements: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give a policy's statements, of an Fn::If those of either case."""
    for statement in statements:
        if "Fn::If" in statement:
            yield from cases([case for case in statement["Fn::If"][1:] if case != {"Ref": "AWS::NoValue"}])
        else:
            yield statement


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
