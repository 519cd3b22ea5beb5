"""Queues and state machines as the ports see them: what is sent is handed out, what is started runs."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from calling.domain.agent import Number
from calling.domain.campaign import Ticket, execution_name
from calling.ports import CarrierAccount, ExecutionState
from tests.fakes.outside import MemoryCredentials
from tests.fakes.sim.agenda import Agenda
from tests.fakes.sim.faults import Faults
from tests.fakes.sim.going import Resume, TaskError
from tests.fakes.sim.machines import Machines

SQS_SECONDS = 0.02  # from send to receive, by long polling
VISIBILITY_SECONDS = 180  # template.yaml: a message that failed stays unseen so long
MAX_RECEIVES = 6  # template.yaml: then it lies among the dead letters


class House(Protocol):
    """What a queue needs of the house."""

    agenda: Agenda
    faults: Faults
    poison: set[int]

    def invoke(self, function: str, payload: Mapping[str, Any], done: Resume) -> None: ...
    def lag(self, seconds: float) -> float: ...


class SimQueue:
    """A queue before one Lambda: delay, visibility, dead letters, and messages that come twice."""

    def __init__(self, house: House, function: str, dead: Callable[[Mapping[str, Any]], None]) -> None:
        self.house, self.function, self.dead = house, function, dead
        self.doubled: Counter[str] = Counter()
        self.sends = self.receives = 0

    def put(self, body: Mapping[str, Any], delay: float) -> None:
        faults, agenda = self.house.faults, self.house.agenda
        self.sends += 1
        agenda.after(delay + self.house.lag(SQS_SECONDS), lambda: self.deliver(body, 1))
        name = str(body.get("call_id") or (body["campaign_id"], body["index"], body["number"]))
        if not faults.quiet and self.doubled[name] < faults.messages_twice:
            self.doubled[name] += 1
            faults.hit["message twice"] += 1
            later = faults.chance.choice((0.0, 0.5, 3.0, 40.0, 200.0))
            agenda.after(delay + SQS_SECONDS + later, lambda: self.deliver(body, 1))

    def deliver(self, body: Mapping[str, Any], receives: int) -> None:
        self.receives += 1

        def done(value: Any = None, error: TaskError | None = None) -> None:
            if error is None:
                return
            if receives >= MAX_RECEIVES:
                self.house.poison.discard(body.get("index", -1))
                self.house.agenda.after(VISIBILITY_SECONDS, lambda: self.dead(body))
                return
            self.house.agenda.after(VISIBILITY_SECONDS, lambda: self.deliver(body, receives + 1))

        if body.get("index") in self.house.poison:
            done(None, TaskError("Poison"))
            return
        self.house.invoke(self.function, {**body, "receives": receives} if "call_id" in body else body, done)

    def send(self, *what: Any, delay_seconds: int = 0) -> None:
        """Fulfils DialQueue, WatchQueue and RecipientQueue."""
        if isinstance(what[0], Ticket):
            self.put(asdict(what[0]), delay_seconds)
        else:
            self.put({"account_id": what[0], "call_id": what[1]}, delay_seconds)


class SecretsAway(RuntimeError):
    """Secrets Manager gives no answer."""


class SimCredentials(MemoryCredentials):
    """Credentials that cannot be read for a while."""

    def __init__(self, account: CarrierAccount, agenda: Agenda) -> None:
        super().__init__(account)
        self.agenda = agenda
        self.away_until = 0

    def of_number(self, number: Number) -> CarrierAccount:
        self._read()
        return super().of_number(number)

    def renew(self, number: Number) -> bool:
        self._read()
        return super().renew(number)

    def _read(self) -> None:
        if self.agenda.now_ms < self.away_until:
            raise SecretsAway


class SimDialWorkflow:
    """Fulfils DialWorkflow."""

    def __init__(self, machines: Machines) -> None:
        self.machines, self.answer, self.heartbeat = machines, machines.answer, machines.heartbeat

    def start(self, account_id: str, call_id: str) -> None:
        self.machines.start("dial", call_id, {"account_id": account_id, "call_id": call_id})

    def state(self, call_id: str) -> ExecutionState:
        return self.machines.states.get(call_id, ExecutionState.ABSENT)


class SimCampaignWorkflow:
    """Fulfils CampaignWorkflow."""

    def __init__(self, machines: Machines) -> None:
        self.machines, self.answer = machines, machines.answer

    def start(self, account_id: str, campaign_id: str, generation: int) -> None:
        given = {"account_id": account_id, "campaign_id": campaign_id, "generation": generation}
        self.machines.start("campaign", execution_name(campaign_id, generation), given)

    def state(self, campaign_id: str, generation: int) -> ExecutionState:
        return self.machines.states.get(execution_name(campaign_id, generation), ExecutionState.ABSENT)
