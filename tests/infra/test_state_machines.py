"""Every state machine: no state out of reach, no step without limits, nothing asked for and not supplied."""

import json
import re
from typing import Any

import pytest

from tests.infra.plan import (
    LAMBDAS,
    MACHINES,
    ROOT,
    TEMPLATE,
    Lambda,
    Machine,
    camel,
    ends,
    of_type,
    references,
    substituted,
    targets,
)

# States that are not named after their function, each with its reason.
NAMED_OTHERWISE = {
    "SettleWithoutSummary": "settle_call a second time, after the summary has failed",
    "GiveUpImport": "import_recipients a last time, after every other one has failed",
}
# Tasks whose time may run out while their function runs, each with its reason.
SHORTER_THAN_ITS_FUNCTION = {"AwaitDue": "it ends when somebody is due; a token that is left after that wakes nobody"}
TIMEOUTS = {f"{camel(f.folder)}FunctionArn": f.timeout for f in LAMBDAS}

every_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.logical_id)
every_task = pytest.mark.parametrize(
    ("name", "task"), [pytest.param(name, task, id=name) for m in MACHINES for name, task in m.tasks.items()]
)


def test_every_definition_is_looked_at() -> None:
    assert {m.file for m in MACHINES} == {p.name for p in (ROOT / "infra/statemachines").iterdir()}
    assert {m.logical_id for m in MACHINES} == set(of_type("AWS::Serverless::StateMachine"))
    for machine in MACHINES:
        assert machine.properties["DefinitionUri"] == f"infra/statemachines/{machine.file}"


@every_machine
def test_every_next_is_a_state(machine: Machine) -> None:
    assert {target for state in machine.states.values() for target in targets(state)} <= set(machine.states)
    assert machine.definition["StartAt"] in machine.states


@every_machine
def test_every_state_can_be_reached(machine: Machine) -> None:
    assert machine.reached() == set(machine.states)


@every_machine
def test_every_state_leads_on_or_ends(machine: Machine) -> None:
    for name, state in machine.states.items():
        assert ends(state) or state.get("Next") or state.get("Default"), name


@every_machine
def test_every_state_can_come_to_an_end(machine: Machine) -> None:
    ending = {name for name, state in machine.states.items() if ends(state)}
    while more := {n for n, s in machine.states.items() if n not in ending and ending & set(targets(s))}:
        ending |= more
    assert ending == set(machine.states)


@every_task
def test_a_task_has_a_limit_and_a_way_on_when_it_fails(name: str, task: dict[str, Any]) -> None:
    assert task.get("TimeoutSeconds", 0) > 0 or task["TimeoutSecondsPath"].startswith("$.")
    handlers = [*task.get("Retry", ()), *task.get("Catch", ())]
    assert handlers[-1]["ErrorEquals"] == ["States.ALL"]


@every_task
def test_a_task_with_a_token_is_not_retried(name: str, task: dict[str, Any]) -> None:
    if task["Resource"].endswith(".waitForTaskToken"):
        assert task["Catch"]
        assert "Retry" not in task, "what failed ambiguously is asked about, never asked for again"


@every_task
def test_a_task_waits_as_long_as_its_function_may_run(name: str, task: dict[str, Any]) -> None:
    if name not in SHORTER_THAN_ITS_FUNCTION:
        assert task["TimeoutSeconds"] >= TIMEOUTS[_function(task)]


@every_task
def test_a_task_is_named_after_its_function(name: str, task: dict[str, Any]) -> None:
    assert name in NAMED_OTHERWISE or _function(task) == f"{name}FunctionArn"


@every_machine
def test_substitutions_and_the_template_agree(machine: Machine) -> None:
    assert set(re.findall(r"\$\{(\w+)}", machine.text)) == set(machine.properties["DefinitionSubstitutions"])


@every_machine
def test_it_may_invoke_what_it_invokes_and_nothing_else(machine: Machine) -> None:
    functions = {f.logical_id for f in LAMBDAS}
    supplied = set(references(machine.properties["DefinitionSubstitutions"])) & functions
    (invoke,) = (s for s in machine.statements if s["Action"] == "lambda:InvokeFunction")
    assert {resource["Fn::GetAtt"][0] for resource in invoke["Resource"]} == supplied


def _function(task: dict[str, Any]) -> str:
    return substituted(task["Parameters"]["FunctionName"])


def test_an_arn_that_is_spelt_names_a_machine() -> None:
    """A function cannot refer to the machine that invokes it: that would be a circle. So its name is written out."""
    spelt = re.findall(r":(?:stateMachine|execution):(redial-\w+-[^:/\"]+)", json.dumps(TEMPLATE))
    assert set(spelt) == {machine.properties["Name"]["Fn::Sub"] for machine in MACHINES}


@pytest.mark.parametrize("function", LAMBDAS, ids=lambda f: f.logical_id)
def test_a_function_may_do_to_a_machine_what_its_wiring_names(function: Lambda) -> None:
    """Whatever machine its environment names is one that its policies name too."""
    allowed = json.dumps(function.statements)
    for machine in MACHINES:
        name, reference = machine.properties["Name"]["Fn::Sub"], json.dumps({"Ref": machine.logical_id})
        told = function.environment.get(f"{machine.logical_id.removesuffix('StateMachine').upper()}_STATE_MACHINE_ARN")
        if told is not None:
            assert told["Fn::Sub"].endswith(f":stateMachine:{name}")
            assert name in allowed or reference in allowed
