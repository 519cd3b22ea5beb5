"""The state machine of a call in Step Functions: start it once, answer its task tokens."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

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
        """Start a call's execution; see the port.

        The input is the same to the byte each time: then a second start of one that runs succeeds, and one that ended
        answers ExecutionAlreadyExists.
        """
        given = json.dumps({"account_id": account_id, "call_id": call_id}, separators=(",", ":"))
        try:
            self._client.start_execution(stateMachineArn=self._arn, name=call_id, input=given)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def state(self, call_id: str) -> ExecutionState:
        """Tell where an execution stands; see the port."""
        machine = self._arn.replace(":stateMachine:", ":execution:")
        try:
            status = self._client.describe_execution(executionArn=f"{machine}:{call_id}")["status"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return ExecutionState.ABSENT
            raise
        return ExecutionState.RUNNING if status in _RUNS else ExecutionState.OVER

    def answer(self, token: str, result: Mapping[str, Any]) -> None:
        """Answer a task token; see the port."""
        try:
            self._client.send_task_success(taskToken=token, output=json.dumps(dict(result)))
        except ClientError as error:
            _unless_nobody_waits(error)

    def heartbeat(self, token: str) -> None:
        """Say that the task lives; see the port."""
        try:
            self._client.send_task_heartbeat(taskToken=token)
        except ClientError as error:
            _unless_nobody_waits(error)


def _unless_nobody_waits(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in _NOBODY_WAITS:
        raise error
