"""The state machine of a call: no state out of reach, no step without limits, nothing asked for and not supplied."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.plan import DIAL, LAMBDAS, RESOURCES, ROOT, camel

STATES: dict[str, dict[str, Any]] = DIAL["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
MACHINE = RESOURCES["DialStateMachine"]["Properties"]
# States that are not named after their function, each with its reason.
NAMED_OTHERWISE = {"SettleWithoutSummary": "settle_call a second time, after the summary has failed"}
# Functions of the way of a call that are states; the others are fed by queues and streams.
TIMEOUTS = {f"{camel(f.folder)}FunctionArn": f.timeout for f in LAMBDAS}

every_task = pytest.mark.parametrize("name", TASKS)


def test_every_next_is_a_state() -> None:
    assert {target for state in STATES.values() for target in _targets(state)} <= set(STATES)
    assert DIAL["StartAt"] in STATES


def test_every_state_can_be_reached() -> None:
    reached: set[str] = set()
    ahead = [DIAL["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += _targets(STATES[name])
    assert reached == set(STATES)


def test_every_state_leads_on_or_ends() -> None:
    for name, state in STATES.items():
        ways = [state.get("Next"), state.get("End"), state.get("Default")]
        assert state["Type"] in ("Succeed", "Fail") or any(ways), name


def test_every_state_can_come_to_an_end() -> None:
    ending = {name for name, state in STATES.items() if state["Type"] in ("Succeed", "Fail") or state.get("End")}
    while more := {n for n, s in STATES.items() if n not in ending and ending & set(_targets(s))}:
        ending |= more
    assert ending == set(STATES)


@every_task
def test_a_task_has_a_limit_and_a_way_on_when_it_fails(name: str) -> None:
    task = TASKS[name]
    assert task["TimeoutSeconds"] > 0
    assert "Retry" in task or "Catch" in task
    for handler in (*task.get("Retry", ()), *task.get("Catch", ())):
        assert handler["ErrorEquals"] == ["States.ALL"]


@every_task
def test_a_task_with_a_token_beats_and_is_not_retried(name: str) -> None:
    task = TASKS[name]
    if task["Resource"].endswith(".waitForTaskToken"):
        assert 0 < task["HeartbeatSeconds"] < task["TimeoutSeconds"]
        assert task["Catch"]
        assert "Retry" not in task, "what failed ambiguously is asked about, never asked for again"


@every_task
def test_a_task_waits_as_long_as_its_function_may_run(name: str) -> None:
    assert TASKS[name]["TimeoutSeconds"] >= TIMEOUTS[_function(name)]


@every_task
def test_a_task_is_named_after_its_function(name: str) -> None:
    assert name in NAMED_OTHERWISE or _function(name) == f"{name}FunctionArn"


@every_task
def test_a_task_is_told_which_call(name: str) -> None:
    payload = TASKS[name]["Parameters"]["Payload"]
    assert (payload["account_id.$"], payload["call_id.$"]) == ("$.account_id", "$.call_id")


def test_whatever_becomes_of_the_dial_the_call_is_settled() -> None:
    """Without settling there is no way to the end, so no call keeps its place under the cap."""
    reached: set[str] = set()
    ahead = [DIAL["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name not in reached and name != "SettleCall":
            reached.add(name)
            ahead += _targets(STATES[name])
    assert not [name for name in reached if STATES[name]["Type"] in ("Succeed", "Fail") or STATES[name].get("End")]


def test_substitutions_and_the_template_agree() -> None:
    text = (ROOT / "infra/statemachines/dial.asl.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)}", text)) == set(MACHINE["DefinitionSubstitutions"])


def test_the_machine_may_invoke_what_it_invokes_and_nothing_else() -> None:
    supplied = {value["Fn::GetAtt"][0] for value in MACHINE["DefinitionSubstitutions"].values()}
    statements = [s for policy in MACHINE["Policies"] for s in policy["Statement"]]
    invoke = next(s for s in statements if s["Action"] == "lambda:InvokeFunction")
    assert {resource["Fn::GetAtt"][0] for resource in invoke["Resource"]} == supplied


def _function(name: str) -> str:
    found = re.fullmatch(r"\$\{(\w+)}", TASKS[name]["Parameters"]["FunctionName"])
    assert found, "a function is named by substitution"
    return found[1]


def _targets(state: dict[str, Any]) -> list[str]:
    return list(_walk(state))


def _walk(state: dict[str, Any]) -> Iterator[str]:
    yield from (state[key] for key in ("Next", "Default") if key in state)
    for branch in (*state.get("Choices", ()), *state.get("Catch", ())):
        yield branch["Next"]
