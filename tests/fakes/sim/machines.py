"""Step Functions as far as our two files use it: executions that live beside each other on one agenda.

An execution is a generator; each effect it yields is a function that is given how to go on, and may do so at once,
later, or never. The states, their order, retries, catches and timeouts are read from the real files.
"""

import json
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Protocol

import yaml

from calling.ports import ExecutionState
from tests.fakes.sim import paths
from tests.fakes.sim.agenda import Agenda, Timer
from tests.fakes.sim.effects import fan_out, task
from tests.fakes.sim.going import Effect, Resume, TaskError

FILES = Path(__file__).parents[3] / "infra/statemachines"
DEFINITIONS: dict[str, dict[str, Any]] = {
    name: yaml.safe_load((FILES / f"{name}.asl.yaml").read_text()) for name in ("campaign", "dial")
}
TRANSITION_SECONDS = 0.03


Walk = Generator[Effect, Any, Any]


class Outside(Protocol):
    """What state machines ask of the house."""

    def invoke(self, function: str, payload: Mapping[str, Any], done: Resume) -> None:
        """Run a Lambda."""

    def send_message(self, queue: str, body: Mapping[str, Any]) -> None:
        """Send to a queue."""

    def lag(self, seconds: float) -> float:
        """Give a latency as it is this time."""

    def read_lines(self, key: str) -> list[Any]:
        """Read a JSON Lines object."""


@dataclass
class _Token:
    resume: Resume
    beats: int | None  # ms that may pass without a sign of life
    heard_at: int
    timers: list[Timer | None] = field(default_factory=list)


class Machines:
    """All executions, by name; and the task tokens somebody may answer."""

    def __init__(self, agenda: Agenda, outside: Outside, chance: Random) -> None:
        self.agenda, self.outside, self.chance = agenda, outside, chance
        self.states: dict[str, ExecutionState] = {}
        self.failed: list[tuple[str, str]] = []  # execution, error: those that nothing caught
        self.transitions: Counter[str] = Counter()  # by machine; a map's children count for themselves
        self.entered: Counter[str] = Counter()  # by state
        self.doomed: set[str] = set()  # executions that end at their next step, as if stopped from outside
        self._tokens: dict[str, _Token] = {}
        self._given = 0

    def start(self, machine: str, name: str, given: Mapping[str, Any]) -> None:
        """Start an execution; one of that name that is, or was, there changes nothing."""
        if name in self.states:
            return
        self.states[name] = ExecutionState.RUNNING
        definition = DEFINITIONS[machine]
        self.run(machine, name, definition, given, lambda value=None, error=None: self._over(name, error))

    def running(self) -> list[str]:
        """Name the executions that live."""
        return [name for name, state in self.states.items() if state is ExecutionState.RUNNING]

    def answer(self, token: str, result: Mapping[str, Any]) -> None:
        """Answer a task; a dead token is nobody's."""
        self._finish(token, json.loads(json.dumps(dict(result))), None)

    def heartbeat(self, token: str) -> None:
        """Hear that a task lives."""
        waiting = self._tokens.get(token)
        if waiting is not None:
            waiting.heard_at = self.agenda.now_ms

    def run(self, machine: str, name: str, definition: Mapping[str, Any], given: Any, ended: Resume) -> None:
        """Walk states from their start to an end."""
        walk = _walk(self, machine, name, definition, given)

        def go_on(value: Any = None, error: TaskError | None = None) -> None:
            if name in self.doomed:
                walk.close()
                ended(None, TaskError("States.Aborted"))
                return
            try:
                effect = walk.throw(error) if error is not None else walk.send(value)
            except StopIteration as end:
                ended(end.value)
            except TaskError as failure:
                walk.close()
                ended(None, failure)
            else:
                effect(go_on)

        go_on()

    def wait_for(self, state: Mapping[str, Any], data: Any, context: dict[str, Any], resume: Resume) -> str:
        """Make the token of a task that is answered from outside."""
        self._given += 1
        token = f"token-{self._given}"
        context["Task"] = {"Token": token}
        beats = state.get("HeartbeatSeconds")
        waiting = _Token(resume, beats and beats * 1000, self.agenda.now_ms)
        self._tokens[token] = waiting
        seconds = state.get("TimeoutSeconds")
        if "TimeoutSecondsPath" in state:
            seconds = paths.read(state["TimeoutSecondsPath"], data, context)
        if seconds is not None:
            waiting.timers.append(
                self.agenda.after(seconds, lambda: self._finish(token, None, TaskError("States.Timeout")))
            )
        if beats is not None:
            waiting.timers.append(self.agenda.after(beats, lambda: self._listen(token)))
        return token

    def fail(self, token: str, error: TaskError) -> None:
        """The Lambda that was to take the token away failed."""
        self._finish(token, None, error)

    def _listen(self, token: str) -> None:
        waiting = self._tokens.get(token)
        if waiting is None or waiting.beats is None:
            return
        due = waiting.heard_at + waiting.beats
        if due <= self.agenda.now_ms:
            self._finish(token, None, TaskError("States.HeartbeatTimeout"))
        else:
            waiting.timers.append(self.agenda.at(due, lambda: self._listen(token)))

    def _finish(self, token: str, value: Any, error: TaskError | None) -> None:
        waiting = self._tokens.pop(token, None)
        if waiting is None:
            return
        for timer in waiting.timers:
            self.agenda.cancel(timer)
        self.agenda.after(0, lambda: waiting.resume(value, error))

    def _over(self, name: str, error: TaskError | None) -> None:
        self.states[name] = ExecutionState.OVER
        if error is not None:
            self.failed.append((name, error.name))


def _walk(machines: Machines, machine: str, name: str, definition: Mapping[str, Any], given: Any) -> Walk:
    """Walk the states of a definition."""
    at, data = definition["StartAt"], given
    context: dict[str, Any] = {"Execution": {"Name": name, "Input": given}}
    for _ in range(200_000):
        state = definition["States"][at]
        machines.transitions[machine] += 1
        machines.entered[at] += 1
        yield lambda resume: machines.agenda.after(machines.outside.lag(TRANSITION_SECONDS), resume)
        entered = datetime.fromtimestamp(machines.agenda.now_ms / 1000, UTC)
        context["State"] = {"EnteredTime": entered.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        match state["Type"]:
            case "Succeed":
                return data
            case "Fail":
                raise TaskError(state.get("Error", "Failed"))
            case "Choice":
                rules = state["Choices"]
                at = next((rule["Next"] for rule in rules if paths.holds(rule, data, context)), state.get("Default"))
                if at is None:
                    raise TaskError("States.NoChoiceMatched")
                continue
            case "Wait":
                seconds = (
                    paths.read(state["SecondsPath"], data, context) if "SecondsPath" in state else state["Seconds"]
                )
                yield lambda resume, seconds=seconds: machines.agenda.after(seconds, resume)  # type: ignore[misc]  # its default binds it
            case "Pass":
                made = (
                    paths.fill(state["Parameters"], data, context)
                    if "Parameters" in state
                    else state.get("Result", data)
                )
                data = paths.put(state.get("ResultPath", "$"), data, made)
            case _:
                caught, data = yield from _attempts(machines, machine, name, at, state, data, context)
                if caught is not None:
                    at = caught
                    continue
        if state.get("End"):
            return data
        at = state["Next"]
    raise AssertionError(f"{name} never ends; it stands at {at}")


def _attempts(
    machines: Machines, machine: str, name: str, at: str, state: Mapping[str, Any], data: Any, context: dict[str, Any]
) -> Generator[Effect, Any, tuple[str | None, Any]]:
    """Do a state's work, again as its Retry says; where its Catch leads (None: on), and the data after it."""
    tries: Counter[int] = Counter()
    while True:
        try:
            given = paths.fill(state.get("Parameters", {}), data, context) if state["Type"] == "Map" else None
            effect = (
                fan_out(machines, machine, name, state, data, context)
                if given is not None
                else task(machines, state, data, context)
            )
            result = yield effect
            if "ResultSelector" in state:
                result = paths.fill(state["ResultSelector"], result, context)
            return None, paths.put(state.get("ResultPath", "$"), data, result)
        except (TaskError, paths.NoSuchPath) as failure:
            error = failure.name if isinstance(failure, TaskError) else "States.ParameterPathFailure"
            seconds = _again(machines.chance, state, error, tries)
            if seconds is not None:
                machines.transitions[machine] += 1
                yield lambda resume, seconds=seconds: machines.agenda.after(seconds, resume)  # type: ignore[misc]  # its default binds it
                continue
            rule = next((c for c in state.get("Catch", ()) if _matches(c["ErrorEquals"], error)), None)
            if rule is None:
                raise TaskError(f"{at}: {error}") from failure
            caught = {"Error": error, "Cause": ""}
            return rule["Next"], paths.put(rule.get("ResultPath", "$"), data, caught)


def _again(chance: Random, state: Mapping[str, Any], error: str, tries: Counter[int]) -> float | None:
    """Give the seconds after which a failed state is tried again; None where it is not."""
    for number, rule in enumerate(state.get("Retry", ())):
        if not _matches(rule["ErrorEquals"], error):
            continue
        if tries[number] >= rule.get("MaxAttempts", 3):
            return None
        seconds = rule.get("IntervalSeconds", 1) * rule.get("BackoffRate", 2.0) ** tries[number]
        tries[number] += 1
        seconds = min(seconds, rule.get("MaxDelaySeconds", seconds))
        return chance.uniform(0, seconds) if rule.get("JitterStrategy") == "FULL" else float(seconds)
    return None


def _matches(names: list[str], error: str) -> bool:
    if "States.ALL" in names or error in names:
        return True
    return "States.TaskFailed" in names and error != "States.Timeout"
