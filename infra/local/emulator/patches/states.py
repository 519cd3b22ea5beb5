"""Step Functions: heartbeats, callback tasks that fail at once, a fresh token a try, idempotent StartExecution, a Map's
concurrency by path.

ministack swallows the error of a function called with `.waitForTaskToken` (the task then ends as a timeout), knows no
HeartbeatSeconds, reads TimeoutSeconds and MaxConcurrency only as plain numbers, and hands the same token to every try.
"""
# ruff: noqa: ANN401, SLF001 -- what is replaced here is private and untyped

import contextvars
import json
import threading
import time
from typing import Any

from ministack.services import stepfunctions as states

State = dict[str, Any]
CALLBACK = ".waitForTaskToken"
current: contextvars.ContextVar[Any] = contextvars.ContextVar("redial_task_context")


def seconds(state: State, field: str, raw_input: Any, context: Any) -> float | None:
    """Read a task's TimeoutSeconds or HeartbeatSeconds, given plainly, by path or by JSONata; None if absent."""
    value = state.get(field)
    if isinstance(value, str) and value.strip().startswith("{%"):
        value = states._apply_jsonata_template(value, raw_input, context)
    elif f"{field}Path" in state:
        value = states._resolve_path_or_ctx(state[f"{field}Path"], raw_input, context)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise states._ExecutionError("States.Runtime", f"{field} must be a positive number of seconds")
    return float(value)


def execute_task(original: Any, state: State, raw_input: Any, execution: Any, context: Any) -> Any:
    """Run a task with its times resolved to numbers and its context where the callback finds it."""
    resolved = dict(state)
    for field in ("TimeoutSeconds", "HeartbeatSeconds"):
        value = seconds(state, field, raw_input, context)
        if value is not None:
            resolved[field] = value
    token = current.set(context)
    try:
        return original(resolved, raw_input, execution, context)
    finally:
        current.reset(token)


def execute_map(original: Any, state: State, raw_input: Any, execution: Any, context: Any) -> Any:
    """Run a Map with its MaxConcurrencyPath resolved to a number."""
    if "MaxConcurrencyPath" not in state:
        return original(state, raw_input, execution, context)
    path = state["MaxConcurrencyPath"]
    value = states._resolve_path_or_ctx(path, states._apply_input_path(state, raw_input, context), context)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise states._ExecutionError("States.Runtime", "MaxConcurrencyPath must give a whole number, 0 or more")
    return original({**state, "MaxConcurrency": value}, raw_input, execution, context)


def send(resource: str, payload: Any) -> None:
    """Do what a callback task does before it waits: call the function, send the message."""
    function = states._extract_lambda_ref(resource)
    if not function and "states:::lambda:invoke" in resource:
        function = states._resolve_lambda_function_ref(payload.get("FunctionName", ""), optimized=True)
    if function:
        states._call_lambda(function, payload.get("Payload", payload) if isinstance(payload, dict) else payload)
    else:
        states._invoke_resource(resource, payload)


def invoke_with_callback(resource: str, payload: Any, token: str, state: State) -> Any:
    """Send, then wait for the token's answer, the send's own failure, a missed heartbeat or the timeout."""
    answered = threading.Event()
    task: dict[str, Any] = {"event": answered, "result": None, "error": None, "heartbeat": None}
    states._task_tokens[token] = task

    def run() -> None:
        try:
            send(resource.replace(CALLBACK, ""), payload)
        except states._ExecutionError as error:
            if not answered.is_set():
                task["error"] = {"Error": error.error, "Cause": error.cause}
                answered.set()

    # In a thread, because the clocks start with the send and an answer may come before the function returns.
    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()
    try:
        wait_for_answer(task, state.get("TimeoutSeconds"), state.get("HeartbeatSeconds"))
        fail_if_told(task)
    except states._ExecutionError:
        current.get()["Task"] = {"Token": states.new_uuid()}  # the next try gets a token of its own
        raise
    finally:
        states._task_tokens.pop(token, None)
    result = task["result"]
    try:
        return json.loads(result) if isinstance(result, str) else result
    except json.JSONDecodeError:
        return result


def fail_if_told(task: dict[str, Any]) -> None:
    """Raise the failure the token was answered with, if it was one."""
    if task["error"]:
        raise states._ExecutionError(task["error"].get("Error", "TaskFailed"), task["error"].get("Cause", ""))


def wait_for_answer(task: dict[str, Any], timeout: float | None, heartbeat: float | None) -> None:
    """Return once answered; raise States.Timeout or States.HeartbeatTimeout."""
    started = beaten = time.monotonic()
    last_beat = task["heartbeat"]
    while True:
        now = time.monotonic()
        if task["heartbeat"] is not last_beat:
            last_beat, beaten = task["heartbeat"], now
        ends = [(started + timeout, "States.Timeout")] if timeout else []
        ends += [(beaten + heartbeat, "States.HeartbeatTimeout")] if heartbeat else []
        if not ends:
            task["event"].wait()
            return
        end, error = min(ends)
        # A beat must be seen before the next one is due, so look now and then while one is expected.
        if task["event"].wait(timeout=max(0.0, min(end - now, 0.1) if heartbeat else end - now)):
            return
        if time.monotonic() >= end and task["heartbeat"] is last_beat:
            raise states._ExecutionError(error, "")


def send_heartbeat(original: Any, data: Any) -> Any:
    """Mark a heartbeat as a new object, so that two within one second are two."""
    answer = original(data)
    task = states._task_tokens.get(data.get("taskToken"))
    if task:
        task["heartbeat"] = object()
    return answer


def start_execution(original: Any, lock: threading.Lock, data: Any) -> Any:
    """Answer the running execution's own ARN for the same name and input, as AWS does for standard ones."""
    with lock:
        base = states._resolve_state_machine_arn(data.get("stateMachineArn", "").rsplit("#", 1)[0])
        machine = states._state_machines.get(base) if base else None
        if machine and data.get("name"):
            scope = f"arn:aws:states:{states.get_region()}:{states.get_account_id()}"
            running = states._executions.get(f"{scope}:execution:{machine['name']}:{data['name']}")
            same = running and running["status"] == "RUNNING" and running["input"] == data.get("input", "{}")
            if running and same:
                return states.json_response({k: running[k] for k in ("executionArn", "startDate")})
        return original(data)


def apply() -> None:
    """Apply all of the above."""
    task, map_, start, beat, sub_machine = (
        states._execute_task,
        states._execute_map,
        states._start_execution,
        states._send_task_heartbeat,
        states._run_sub_machine,
    )
    lock = threading.Lock()
    states._execute_task = lambda state, raw, execution, ctx: execute_task(task, state, raw, execution, ctx)
    states._execute_map = lambda state, raw, execution, ctx: execute_map(map_, state, raw, execution, ctx)
    states._invoke_with_callback = invoke_with_callback
    states._start_execution = lambda data: start_execution(start, lock, data)
    states._send_task_heartbeat = lambda data: send_heartbeat(beat, data)
    # Branches of a Parallel share one context and would overwrite each other's token and state name.
    states._run_sub_machine = lambda sub, first, given, execution, ctx: sub_machine(
        sub, first, given, execution, dict(ctx)
    )
