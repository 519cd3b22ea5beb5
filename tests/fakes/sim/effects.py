"""What a Task and a Map of a state machine do outside: ask a Lambda or a queue, wait for a token, run children."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.fakes.sim import paths
from tests.fakes.sim.going import Effect, Resume, TaskError

if TYPE_CHECKING:
    from tests.fakes.sim.machines import Machines

MAP_DEFAULT = 10_000  # children a Distributed Map runs at once where it is not told


def task(machines: "Machines", state: Mapping[str, Any], data: Any, context: dict[str, Any]) -> Effect:
    service = state["Resource"].removeprefix("arn:aws:states:::")

    def effect(resume: Resume) -> None:
        token = machines.wait_for(state, data, context, resume) if service.endswith(".waitForTaskToken") else None
        try:
            given = paths.fill(state["Parameters"], data, context)
        except paths.NoSuchPath:
            resume(None, TaskError("States.ParameterPathFailure"))
            return
        if service.startswith("sqs:"):
            machines.outside.send_message(_named(given["QueueUrl"]), given["MessageBody"])
        elif token is None:
            function = _named(given["FunctionName"])
            machines.outside.invoke(
                function,
                given["Payload"],
                lambda value=None, error=None: resume(None if error else {"Payload": value, "StatusCode": 200}, error),
            )
        else:
            machines.outside.invoke(
                _named(given["FunctionName"]),
                given["Payload"],
                lambda value=None, error=None: machines.fail(token, error) if error else None,
            )

    return effect


def _named(substitution: str) -> str:
    """`${DialCallFunctionArn}` is DialCall."""
    return substitution.strip("${}").removesuffix("FunctionArn").removesuffix("QueueUrl")


def fan_out(
    machines: "Machines", machine: str, name: str, state: Mapping[str, Any], data: Any, context: dict[str, Any]
) -> Effect:
    """A Distributed Map: so many children at once; children that fail are tolerated."""
    reader = paths.fill(state["ItemReader"]["Parameters"], data, context)
    most = state.get("MaxConcurrency", MAP_DEFAULT)
    if "MaxConcurrencyPath" in state:
        most = paths.read(state["MaxConcurrencyPath"], data, context)
    assert state["ToleratedFailurePercentage"] == 100

    def effect(resume: Resume) -> None:
        items = iter(enumerate(machines.outside.read_lines(reader["Key"])))
        living = 0
        ended = False

        def more() -> None:
            nonlocal living, ended
            while living < (most or MAP_DEFAULT):
                index, item = next(items, (None, None))
                if index is None:
                    break
                living += 1
                child = f"{name}/{index}"
                machines.run(f"{machine}/children", child, state["ItemProcessor"], item, one_over)
            if living == 0 and not ended:
                ended = True
                resume({})

        def one_over(value: Any = None, error: TaskError | None = None) -> None:
            nonlocal living
            living -= 1
            machines.agenda.after(0, more)

        more()

    return effect
