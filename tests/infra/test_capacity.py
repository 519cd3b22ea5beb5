"""What a stack carries is one row of one table: cap, tasks and calls a task fit each other, and the guide agrees."""

import math
import re
from typing import Any

import pytest

from calling.domain.limits import MAX_CAP
from calling.settings import PaceSettings
from tests.infra.plan import GLOBALS, MEDIA_STACK, RESOURCES, ROOT, TEMPLATE

PARAMETER: dict[str, Any] = TEMPLATE["Parameters"]["Capacity"]
ROWS: dict[str, dict[str, int]] = TEMPLATE["Mappings"]["Capacities"]
INBOUND = 1.5  # calls that come in take no slot under the cap
ROLLING = 2  # a deployment runs old and new tasks beside each other (MaximumPercent)
CALL_SECONDS = 60  # a slot is dialled into anew so often
HOLDS = 2  # times what the scaling aims at is what a task can bear

every_row = pytest.mark.parametrize("name", ROWS)


def test_each_value_that_is_allowed_has_its_row() -> None:
    assert [str(value) for value in PARAMETER["AllowedValues"]] == list(ROWS)
    assert ROWS[str(PARAMETER["Default"])]["GlobalCap"] == PaceSettings().global_cap


@every_row
def test_a_row_carries_what_it_says(name: str) -> None:
    row = ROWS[name]
    assert row["GlobalCap"] == int(name) <= MAX_CAP
    assert row["MaxTasks"] * row["CallsPerTask"] >= INBOUND * row["GlobalCap"]
    assert 1 <= row["MinTasks"] <= row["MaxTasks"]
    assert row["MinTasks"] * HOLDS * row["CallsPerTask"] >= row["GlobalCap"], "filled before the scaling has come"
    assert row["MinTasks"] >= 2 or int(name) < PARAMETER["Default"], "two zones, but for the smallest"


def test_larger_rows_carry_more() -> None:
    for field in ("GlobalCap", "MinTasks", "MaxTasks"):
        values = [row[field] for row in ROWS.values()]
        assert values == sorted(values), field


def test_functions_and_containers_are_told_of_the_same_row() -> None:
    def found(field: str) -> dict[str, Any]:
        return {"Fn::FindInMap": ["Capacities", {"Ref": "Capacity"}, field]}

    cap = GLOBALS["Environment"]["Variables"]["GLOBAL_CAP"]
    assert cap == {"Fn::If": ["HasLocalCap", {"Ref": "LocalCap"}, found("GlobalCap")]}
    given = RESOURCES["Media"]["Properties"]["Parameters"]
    for field in ("MinTasks", "MaxTasks", "CallsPerTask"):
        assert given[field] == found(field)
    target = MEDIA_STACK["Resources"]["Scaling"]["Properties"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == ({"Ref": "MinTasks"}, {"Ref": "MaxTasks"})
    policy = MEDIA_STACK["Resources"]["ScalingByCalls"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    assert policy["TargetValue"] == {"Ref": "CallsPerTask"}
    rolling = MEDIA_STACK["Resources"]["Service"]["Properties"]["DeploymentConfiguration"]["MaximumPercent"]
    assert rolling == ROLLING * 100


@every_row
def test_the_guide_says_which_quotas_a_row_needs(name: str) -> None:
    row, cells = ROWS[name], _guide()[name]
    tasks = {row["MinTasks"], row["MaxTasks"]}
    vcpu = int(MEDIA_STACK["Resources"]["Task"]["Properties"]["Cpu"]) // 1024
    cap = row["GlobalCap"]
    assert cells["media tasks"] == " to ".join(str(n) for n in sorted(tasks))
    assert cells["Fargate vCPU"] == str(ROLLING * row["MaxTasks"] * vcpu)
    assert cells["Transcribe streams"] == f"{math.ceil(INBOUND * cap):,}"
    assert cells["Polly requests a second, neural"] == str(math.ceil(cap * 8 / 30))
    assert cells["Claude requests a minute"] == f"{10 * cap:,}"
    assert cells["Twilio calls a second"] == str(math.ceil(cap / CALL_SECONDS))
    assert int(cells["Lambda concurrency"].replace(",", "")) >= cap / CALL_SECONDS * 20


def _guide() -> dict[str, dict[str, str]]:
    """The README's table: a row a capacity, by column without the quota of a new account."""
    lines = iter((ROOT / "README.md").read_text().splitlines())
    head = next(line for line in lines if line.startswith("| `Capacity` | media tasks |"))
    next(lines)
    columns = [re.sub(r" \(\d+\)$", "", cell) for cell in _cells(head)]
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        cells = _cells(line)
        rows[cells[0]] = dict(zip(columns, cells, strict=True))
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]
