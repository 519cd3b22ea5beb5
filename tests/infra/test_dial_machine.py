"""The state machine of a call: whatever becomes of the dial, the call is settled. What holds for every machine is in
test_state_machines.py.
"""

import pytest

from tests.infra.plan import DIAL, ends

every_task = pytest.mark.parametrize("name", DIAL.tasks)


@every_task
def test_what_goes_wrong_is_caught_whatever_it_is(name: str) -> None:
    task = DIAL.tasks[name]
    for handler in (*task.get("Retry", ()), *task.get("Catch", ())):
        assert handler["ErrorEquals"] == ["States.ALL"]


@every_task
def test_a_task_with_a_token_beats(name: str) -> None:
    task = DIAL.tasks[name]
    if task["Resource"].endswith(".waitForTaskToken"):
        assert 0 < task["HeartbeatSeconds"] < task["TimeoutSeconds"]


@every_task
def test_a_task_is_told_which_call(name: str) -> None:
    payload = DIAL.tasks[name]["Parameters"]["Payload"]
    assert (payload["account_id.$"], payload["call_id.$"]) == ("$.account_id", "$.call_id")


def test_whatever_becomes_of_the_dial_the_call_is_settled() -> None:
    """Without settling there is no way to the end, so no call keeps its place under the cap."""
    assert not [name for name in DIAL.reached(but={"SettleCall"}) if ends(DIAL.states[name])]
