"""The state machines of calls and campaigns in Step Functions: start each once, answer its task tokens."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from calling.domain.campaign import execution_name
from calling.ports import ExecutionState

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_RUNS = frozenset({"RUNNING", "PENDING_REDRIVE"})
# A token that is answered, timed out, or whose execution is gone has nobody waiting: that is success for us.
_NOBODY_WAITS = frozenset({"TaskTimedOut", "InvalidToken", "TaskDoesNotExist"})


class StepFunctionsDialWorkflow:
    """Fulfils DialWorkflow."""

    def __init__(self, client: "SFNClient", state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, account_id: str, call_id: str) -> None:
        """Start a call's execution; see the port."""
        _start(self._client, self._arn, call_id, {"account_id": account_id, "call_id": call_id})

    def state(self, call_id: str) -> ExecutionState:
        """Tell where an execution stands; see the port."""
        return _state(self._client, self._arn, call_id)

    def answer(self, token: str, result: Mapping[str, Any]) -> None:
        """Answer a task token; see the port."""
        _answer(self._client, token, result)

    def heartbeat(self, token: str) -> None:
        """Say that the task lives; see the port."""
        try:
            self._client.send_task_heartbeat(taskToken=token)
        except ClientError as error:
            _unless_nobody_waits(error)


class StepFunctionsCampaignWorkflow:
    """Fulfils CampaignWorkflow."""

    def __init__(self, client: "SFNClient", state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, account_id: str, campaign_id: str, generation: int) -> None:
        """Start a campaign's execution; see the port."""
        given = {"account_id": account_id, "campaign_id": campaign_id, "generation": generation}
        _start(self._client, self._arn, execution_name(campaign_id, generation), given)

    def state(self, campaign_id: str, generation: int) -> ExecutionState:
        """Tell where an execution stands; see the port."""
        return _state(self._client, self._arn, execution_name(campaign_id, generation))

    def answer(self, token: str, result: Mapping[str, Any]) -> None:
        """Answer a task token; see the port."""
        _answer(self._client, token, result)


def _start(client: "SFNClient", arn: str, name: str, given: Mapping[str, Any]) -> None:
    """Start an execution of this name, once.

    The input is the same to the byte each time: then a second start of one that runs succeeds, and one that ended
    answers ExecutionAlreadyExists.
    """
    try:
        client.start_execution(stateMachineArn=arn, name=name, input=json.dumps(dict(given), separators=(",", ":")))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise


def _state(client: "SFNClient", arn: str, name: str) -> ExecutionState:
    machine = arn.replace(":stateMachine:", ":execution:")
    try:
        status = client.describe_execution(executionArn=f"{machine}:{name}")["status"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return ExecutionState.ABSENT
        raise
    return ExecutionState.RUNNING if status in _RUNS else ExecutionState.OVER


def _answer(client: "SFNClient", token: str, result: Mapping[str, Any]) -> None:
    try:
        client.send_task_success(taskToken=token, output=json.dumps(dict(result)))
    except ClientError as error:
        _unless_nobody_waits(error)


def _unless_nobody_waits(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in _NOBODY_WAITS:
        raise error
