"""Queues, the state machine and the bus: they only remember what they were told."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from calling.domain.delivery import Delivery
from calling.domain.events import Event
from calling.ports import ExecutionState


class MemoryDialQueue:
    """`sent` holds (account_id, call_id, delay_seconds)."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, int]] = []

    def send(self, account_id: str, call_id: str, *, delay_seconds: int = 0) -> None:
        self.sent.append((account_id, call_id, delay_seconds))


class MemoryDeliveryQueue:
    """`sent` holds (delivery, delay_seconds)."""

    def __init__(self) -> None:
        self.sent: list[tuple[Delivery, int]] = []

    def send(self, delivery: Delivery, *, delay_seconds: int) -> None:
        self.sent.append((delivery, delay_seconds))


class MemoryWorkflow:
    """`started` holds each execution once; a token is answered once, later answers are lost as with Step Functions."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []
        self.answers: dict[str, Mapping[str, Any]] = {}
        self.heartbeats: list[str] = []
        self.starts_asked = 0
        self.states: dict[str, ExecutionState] = {}  # tests say when an execution is over

    def start(self, account_id: str, call_id: str) -> None:
        self.starts_asked += 1
        if (account_id, call_id) not in self.started and self.state(call_id) is not ExecutionState.OVER:
            self.states[call_id] = ExecutionState.RUNNING
            self.started.append((account_id, call_id))

    def state(self, call_id: str) -> ExecutionState:
        return self.states.get(call_id, ExecutionState.ABSENT)

    def answer(self, token: str, result: Mapping[str, Any]) -> None:
        self.answers.setdefault(token, dict(result))

    def heartbeat(self, token: str) -> None:
        self.heartbeats.append(token)


class MemoryOpenerTask:
    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []

    def start(self, account_id: str, call_id: str) -> None:
        self.started.append((account_id, call_id))


class MemoryBus:
    """`published` holds accepted events; ids put into `refused` are not accepted."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self.refused: set[str] = set()

    def publish(self, events: Sequence[Event]) -> Collection[str]:
        self.published += [e for e in events if e.event_id not in self.refused]
        return [e.event_id for e in events if e.event_id in self.refused]
