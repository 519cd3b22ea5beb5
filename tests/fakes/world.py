"""The whole way of a call on fakes, in virtual time: the real state machine's file, the real use cases.

`World` owns the fakes and a carrier whose calls live by a plan. `run` walks `dial.asl.yaml` for every started
execution; the carrier's callbacks arrive as the plan's fates say: delivered, dropped, twice, late. A Lambda is killed
around its calls of ports: `kills` holds the numbers of the moments at which one dies, counted over the whole run,
two for each call of a port: just before it and just after it. `moments` names those that were passed.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from calling.domain.agent import Agent, Number
from calling.domain.call import Call, CarrierStatus, Direction, EndedReason
from calling.domain.campaign import Campaign, Counts, Ticket
from calling.domain.lease import ACCOUNT_POOL
from calling.domain.limits import Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.progress import CarrierFact
from calling.domain.recipient import Recipient
from calling.domain.transcript import Turn
from calling.ports import Completion, ExecutionState
from calling.usecases.dial_call import DialPorts, DialSettings, dial_call
from calling.usecases.dispatch_dial import Dispatched, dispatch_dial
from calling.usecases.dispatch_recipient import DoorPorts, dispatch_recipient
from calling.usecases.reap_leases import Reaped, ReapPorts, reap_leases
from calling.usecases.record_media import media_closed, media_opened, store_turn
from calling.usecases.record_progress import record_progress
from calling.usecases.resolve_call import ResolvePorts, resolve_call
from calling.usecases.settle_call import SettlePorts, settle_call
from calling.usecases.summarize_call import summarize_call
from calling.usecases.watch_call import watch_call
from tests.fakes.campaigns import (
    MemoryCampaignStore,
    MemoryCampaignWorkflow,
    MemoryContactStore,
    MemoryLimitsStore,
    MemoryRecipientQueue,
)
from tests.fakes.carrier import FakeCarrier
from tests.fakes.clock import ManualClock
from tests.fakes.outside import FakeModel, MemoryCredentials
from tests.fakes.pools import MemoryCeilingStore, MemoryDialHold, MemoryLeasePool, MemoryLineLock, MemoryPacer
from tests.fakes.queues import MemoryDialQueue, MemoryOpenerTask, MemoryWorkflow
from tests.fakes.stores import MemoryAgentStore, MemoryCallStore, MemoryPeopleStore

ACCOUNT = "acct_0123456789ab"
FROM = PhoneNumber("+447700900123")
MACHINE = yaml.safe_load((Path(__file__).parents[2] / "infra/statemachines/dial.asl.yaml").read_text())
SUMMARY = Completion("", {"summary": "Sarah moved it to Thursday.", "sentiment": "happy", "successful": True})


class Killed(BaseException):
    """A Lambda died: nothing of its code runs on, no handler of errors either."""


class Uncaught(Exception):
    """A state failed for good and nothing caught it: its execution is over."""


class Mortal:
    """A port whose caller may die around each call."""

    def __init__(self, port: Any, name: str, moment: Callable[[str], None]) -> None:
        self._port, self._name, self._moment = port, name, moment

    def __getattr__(self, method: str) -> Any:
        work = getattr(self._port, method)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._moment(f"before {self._name}.{method}")
            result = work(*args, **kwargs)
            self._moment(f"after {self._name}.{method}")
            return result

        return call


@dataclass
class Plan:
    """A call's life at the carrier: seconds after it was created, and what becomes of each callback."""

    steps: tuple[tuple[float, CarrierStatus], ...] = (
        (1, CarrierStatus.RINGING),
        (3, CarrierStatus.IN_PROGRESS),
        (12, CarrierStatus.COMPLETED),
    )
    fates: tuple[str, ...] = ()  # a callback each, in order: deliver, drop, twice, late; then deliver
    media: bool = True  # the stream comes up and both sides speak


@dataclass
class World:
    plan: Plan = field(default_factory=Plan)
    cap: int = 2
    kills: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.clock, self.carrier = ManualClock(), FakeCarrier()
        self.calls, self.agents = MemoryCallStore(), MemoryAgentStore()
        self.people = MemoryPeopleStore(self.calls)
        self.campaigns, self.contacts = MemoryCampaignStore(self.calls), MemoryContactStore()
        self.hearing: Any = {"calls": self.calls, "contacts": self.contacts, "clock": self.clock}  # of store_turn
        self.limits = MemoryLimitsStore(Limits(max_concurrent_calls=self.cap, calls_per_second=0))
        self.campaign_workflow, self.recipients = MemoryCampaignWorkflow(), MemoryRecipientQueue()
        self.leases, self.lines, self.pacer = MemoryLeasePool(), MemoryLineLock(), MemoryPacer()
        self.hold, self.ceilings = MemoryDialHold(), MemoryCeilingStore()
        self.queue, self.workflow, self.opener = MemoryDialQueue(), MemoryWorkflow(), MemoryOpenerTask()
        self.watches = MemoryDialQueue()
        self.looks: list[tuple[int, str]] = []  # due at, call id
        self.credentials, self.model = MemoryCredentials(), FakeModel(SUMMARY)
        self.mail: list[tuple[int, str, CarrierStatus]] = []  # due at, SID, status
        self.told: dict[str, int] = {}  # SID → steps of the plan that have happened
        self.owner: dict[str, str] = {}  # SID → call id, as the callback URL says
        self.seen: set[str] = set()  # SIDs hung up on and reported
        self.fates = list(self.plan.fates)
        self.refused: set[int] = set()  # ids of the requests the carrier placed nothing for
        self.broken: set[str] = set()  # states whose Lambda fails every time
        self.moments: list[str] = []
        self.running = ""
        self.tokens = 0
        self.transitions = 0
        self.live_peak = 0
        self.agents.add_agent(Agent(ACCOUNT, "agent_1", 0, name="Maya"))
        self.agents.add_number(Number(ACCOUNT, "agent_1", FROM, 0))

    # ---------------------------------------------------------------- what tests do

    def accept(self, call_id: str, to: str = "+447386172392", **fields: Any) -> Call:
        call = Call(
            ACCOUNT,
            call_id,
            "agent_1",
            Direction.OUTBOUND,
            FROM,
            PhoneNumber(to),
            self.clock.now(),
            "Remind.",
            **fields,
        )
        self.queue.send(ACCOUNT, call_id)
        self.calls.add(call)
        return call

    def add_campaign(self, *numbers: str, campaign_id: str = "camp_1", **fields: Any) -> Campaign:
        """A campaign that runs, with a recipient a number, all of them pending."""
        asked = {"started_at": self.clock.now(), "imported_at": self.clock.now(), "rows": len(numbers)} | fields
        campaign = Campaign(ACCOUNT, campaign_id, "agent_1", FROM, self.clock.now(), **asked)
        self.campaigns.add(campaign)
        rows = [Recipient(ACCOUNT, campaign_id, n, PhoneNumber(number)) for n, number in enumerate(numbers)]
        self.campaigns.put_recipients(campaign, rows)
        return self.campaigns.change(campaign, {}, counts=Counts(pending=len(numbers)))

    def recipient(self, index: int = 0, campaign_id: str = "camp_1") -> Recipient:
        campaign = self.campaigns.get(ACCOUNT, campaign_id)
        found = self.campaigns.recipient(campaign, index) if campaign else None
        assert found is not None
        return found

    def begin(self, index: int = 0, campaign_id: str = "camp_1") -> str:
        """Take a recipient through the doorway; the id of the call that was made for it."""
        tries = self.recipient(index, campaign_id).tries
        now, token = self.clock.now(), f"ticket-{campaign_id}-{index}"
        ticket = Ticket(ACCOUNT, campaign_id, index, tries + 1, token, planned_at=now, since=now)
        ports = DoorPorts(
            self.campaigns,
            self.contacts,
            self.limits,
            self.hold,
            self.calls,
            self.agents,
            self.credentials,
            self.pacer,
            self.ceilings,
            self.leases,
            self.lines,
            self.recipients,
            self.workflow,
            self.campaign_workflow,
            self.opener,
            self.clock,
        )
        dispatch_recipient(ticket, ports=ports)
        return self.recipient(index, campaign_id).call_id or ""

    def call(self, call_id: str) -> Call:
        found = self.calls.get(ACCOUNT, call_id)
        assert found is not None
        return found

    def events(self, call_id: str) -> list[str]:
        return [e.event_id for e in self.calls.outbox if e.call_id == call_id]

    def holders(self) -> dict[str, int]:
        return self.leases.holders(ACCOUNT, ACCOUNT_POOL)

    def run(self) -> None:
        """Dispatch and carry every queued call to its end; calls run one after another."""
        for _ in range(200):
            if not self.queue.sent:
                return
            account_id, call_id, delay = self.queue.sent.pop(0)
            self.pass_time(delay)
            self.deliver_message(account_id, call_id)
            for started in list(self.workflow.started):
                self.workflow.started.remove(started)
                self.walk(started[1])
        raise AssertionError("the queue never empties")

    def deliver_message(self, account_id: str, call_id: str) -> Dispatched | None:
        try:
            return self.lambda_("dispatch_dial", lambda: self.dispatch(call_id))  # type: ignore[no-any-return]  # Any
        except Killed:
            self.queue.sent.append((account_id, call_id, 1))  # SQS hands it out again
            return None

    def dispatch(self, call_id: str) -> Dispatched:
        return dispatch_dial(
            ACCOUNT,
            call_id,
            limits=self.mortal("limits"),
            hold=self.mortal("hold"),
            campaigns=self.mortal("campaigns"),
            calls=self.mortal("calls"),
            leases=self.mortal("leases"),
            lines=self.mortal("lines"),
            queue=self.mortal("queue"),
            workflow=self.mortal("workflow"),
            opener=self.mortal("opener"),
            clock=self.clock,
        )

    # ---------------------------------------------------------------- time and the carrier

    def pass_time(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds))):
            self.clock.advance(1)
            self.carrier.now_ms = self.clock.now()
            self._live()
            for due in sorted(m for m in self.mail if m[0] <= self.clock.now()):
                self.mail.remove(due)
                self._callback(due[1], due[2])
            self._watch()

    def _watch(self) -> None:
        """Hand out the messages of the watches queue that are due; one whose Lambda died comes again."""
        while self.watches.sent:
            _, call_id, delay = self.watches.sent.pop(0)
            self.looks.append((self.clock.now() + delay * 1000, call_id))
        for due in sorted(look for look in self.looks if look[0] <= self.clock.now()):
            self.looks.remove(due)
            try:
                self.lambda_("watch_call", lambda call_id=due[1]: self._watch_call(call_id))  # type: ignore[misc]  # its default binds it
            except Killed:
                self.looks.append((self.clock.now() + 180_000, due[1]))

    def _watch_call(self, call_id: str) -> None:
        watch_call(
            ACCOUNT,
            call_id,
            ports=self._resolve_ports(),
            watches=self.mortal("watches"),
            workflow=self.mortal("workflow"),
        )

    def _live(self) -> None:
        live = 0
        for sid, call in list(self.carrier.calls.items()):
            steps = self.plan.steps
            if call.status.is_terminal and sid not in self.seen:  # hung up on
                self.seen.add(sid)
                self.told[sid] = len(steps)
                self._post(sid, call.status)
            while self.told.get(sid, 0) < len(steps):
                after, status = steps[self.told.get(sid, 0)]
                if self.clock.now() < call.created_at + after * 1000:
                    break
                self.told[sid] = self.told.get(sid, 0) + 1
                ended = {"ended_at": self.clock.now(), "duration_seconds": 9} if status.is_terminal else {}
                self.carrier.set(sid, status, **ended)
                if status.is_terminal:
                    self.seen.add(sid)
                self._post(sid, status)
                self._media(sid, status)
            live += not self.carrier.calls[sid].status.is_terminal
        self.live_peak = max(self.live_peak, live)

    def _post(self, sid: str, status: CarrierStatus) -> None:
        fate = self.fates.pop(0) if self.fates else "deliver"
        now = self.clock.now()
        if fate != "drop":
            self.mail.append((now + (4000 if fate == "late" else 0), sid, status))
        if fate == "twice":
            self.mail.append((now + 2000, sid, status))

    def _callback(self, sid: str, status: CarrierStatus) -> None:
        call_id = self.owner_of(sid)
        duration = 9 if status is CarrierStatus.COMPLETED else None
        fact = CarrierFact(sid, status, self.clock.now(), duration)
        ports = {name: self.mortal(name) for name in ("calls", "leases", "workflow")}
        with suppress(Killed):  # the carrier does not send it again
            self.lambda_("record_progress", lambda: record_progress(ACCOUNT, call_id, fact, **ports))

    def owner_of(self, sid: str) -> str:
        """The callback URL of the post that made this call names it."""
        index = list(self.carrier.calls).index(sid)
        placed = [r.status_callback for _, r in self.carrier.posts if self._was_placed(r)]
        return placed[index].split("/")[-2]

    def _was_placed(self, request: Any) -> bool:
        return id(request) not in self.refused

    def _media(self, sid: str, status: CarrierStatus) -> None:
        if not self.plan.media:
            return
        call_id = self.owner_of(sid)
        if status is CarrierStatus.IN_PROGRESS:
            media_opened(
                ACCOUNT,
                call_id,
                stream_sid="MZ1",
                call_sid=sid,
                calls=self.calls,
                workflow=self.workflow,
                clock=self.clock,
            )
            store_turn(ACCOUNT, call_id, Turn(0, "caller", "Hello?", 300, 700), **self.hearing)
        elif status is CarrierStatus.COMPLETED and self.call(call_id).media_opened_at:
            media_closed(
                ACCOUNT,
                call_id,
                reason=EndedReason.COMPLETED,
                voicemail_left=False,
                recording_key=None,
                first_audio_ms=20,
                voice_to_voice_ms=(500,),
                calls=self.calls,
                workflow=self.workflow,
                clock=self.clock,
            )

    # ---------------------------------------------------------------- the state machine

    def mortal(self, name: str) -> Any:
        return Mortal(getattr(self, name), name, self.moment)

    def moment(self, name: str) -> None:
        """One of the moments at which a Lambda may die; only those of a running Lambda count."""
        if not self.running:
            return
        number = len(self.moments)
        self.moments.append(f"{self.running}: {name}")
        if number in self.kills:
            raise Killed(name)

    def lambda_(self, name: str, work: Callable[[], Any]) -> Any:
        self.running = name
        try:
            return work()
        finally:
            self.running = ""

    def walk(self, call_id: str) -> None:
        """Walk dial.asl.yaml from its start to Succeed."""
        name, data = MACHINE["StartAt"], {"account_id": ACCOUNT, "call_id": call_id}
        for _ in range(2000):
            self.transitions += 1
            state = MACHINE["States"][name]
            if state["Type"] == "Succeed":
                self.workflow.states[call_id] = ExecutionState.OVER
                return
            try:
                name = getattr(self, f"_{state['Type'].lower()}")(name, state, data)
            except Uncaught:
                self.workflow.states[call_id] = ExecutionState.OVER
                return
        raise AssertionError(f"{call_id} never ends; it stands at {name}")

    def _choice(self, _name: str, state: Any, data: dict[str, Any]) -> str:
        for choice in state["Choices"]:
            _, step, key = choice["Variable"].split(".")
            if data[step][key] == choice["StringEquals"]:
                return str(choice["Next"])
        return str(state["Default"])

    def _wait(self, _name: str, state: Any, data: dict[str, Any]) -> str:
        if "SecondsPath" in state:
            _, step, key = state["SecondsPath"].split(".")
            self.pass_time(data[step][key])
        else:
            self.pass_time(state["Seconds"])
        return str(state["Next"])

    def _task(self, name: str, state: Any, data: dict[str, Any]) -> str:
        tries = 1 + sum(r["MaxAttempts"] for r in state.get("Retry", ()))
        for _ in range(tries):
            try:
                self._works(name)
                result = self._dial(state, data) if name == "DialCall" else self._invoke(name, state, data)
            except (Exception, Killed):  # noqa: BLE001  whatever a Lambda raises, Step Functions catches
                self.pass_time(1)
                continue
            if state.get("ResultPath"):
                data[state["ResultPath"].removeprefix("$.")] = result
            return str(state["Next"])
        if "Catch" not in state:
            raise Uncaught(name)
        return str(state["Catch"][0]["Next"])

    def _works(self, name: str) -> None:
        if name in self.broken:
            raise RuntimeError(f"{name} is broken")

    def _dial(self, state: Any, data: dict[str, Any]) -> Any:
        self.tokens += 1
        token = f"token-{self.tokens}"
        self.lambda_("dial_call", lambda: self._dial_call(data["call_id"], token))
        silent = 0.0
        while token not in self.workflow.answers:
            beats = self.workflow.heartbeats.count(token)
            self.pass_time(1)
            silent = 0 if self.workflow.heartbeats.count(token) > beats else silent + 1
            if silent > state["HeartbeatSeconds"]:
                raise TimeoutError("States.HeartbeatTimeout")
        return self.workflow.answers[token]

    def _dial_call(self, call_id: str, token: str) -> None:
        placed = len(self.carrier.calls)
        ports = DialPorts(
            self.mortal("calls"),
            self.mortal("agents"),
            self.mortal("credentials"),
            self.mortal("carrier"),
            self.mortal("limits"),
            self.mortal("hold"),
            self.mortal("contacts"),
            self.mortal("campaigns"),
            self.mortal("pacer"),
            self.mortal("leases"),
            self.mortal("lines"),
            self.mortal("ceilings"),
            self.mortal("workflow"),
            self.mortal("watches"),
            self.clock,
        )
        before = len(self.carrier.posts)
        self.carrier.now_ms = self.clock.now()
        try:
            dial_call(ACCOUNT, call_id, token, ports=ports, settings=DialSettings("http://api", "wss://media"))
        finally:
            if len(self.carrier.posts) > before and len(self.carrier.calls) == placed:
                self.refused.add(id(self.carrier.posts[-1][1]))

    def _invoke(self, name: str, state: Any, data: dict[str, Any]) -> Any:
        call_id = data["call_id"]
        work: dict[str, Callable[[], Any]] = {
            "ResolveCall": lambda: resolve_call(
                ACCOUNT,
                call_id,
                ports=self._resolve_ports(),
            ),
            "SettleCall": lambda: self._settle(call_id, failed=False),
            "SettleWithoutSummary": lambda: self._settle(call_id, failed=True),
            "SummarizeCall": lambda: summarize_call(
                ACCOUNT,
                call_id,
                calls=self.mortal("calls"),
                agents=self.mortal("agents"),
                people=self.mortal("people"),
                model=self.mortal("model"),
                clock=self.clock,
            ),
        }
        self.carrier.now_ms = self.clock.now()
        return {"seconds": 0, **(self.lambda_(name, work[name]) or {})}

    def reap(self) -> Reaped:
        """One run of the reaper."""
        self.carrier.now_ms = self.clock.now()
        ports = ReapPorts(
            self._resolve_ports(),
            self.mortal("leases"),
            self.mortal("ceilings"),
            self.mortal("lines"),
            self.mortal("queue"),
            self.mortal("workflow"),
            self.mortal("contacts"),
            self.mortal("campaigns"),
            self.mortal("limits"),
            self.mortal("campaign_workflow"),
        )
        reaped: Reaped = self.lambda_("reap_leases", lambda: reap_leases(ports=ports))
        return reaped

    def _resolve_ports(self) -> ResolvePorts:
        return ResolvePorts(
            self.mortal("calls"),
            self.mortal("agents"),
            self.mortal("credentials"),
            self.mortal("carrier"),
            self.clock,
        )

    def _settle(self, call_id: str, *, failed: bool) -> dict[str, Any]:
        return settle_call(ACCOUNT, call_id, summary_failed=failed, ports=self.settle_ports())

    def settle_ports(self) -> SettlePorts:
        return SettlePorts(
            calls=self.mortal("calls"),
            contacts=self.mortal("contacts"),
            campaigns=self.mortal("campaigns"),
            limits=self.mortal("limits"),
            leases=self.mortal("leases"),
            ceilings=self.mortal("ceilings"),
            lines=self.mortal("lines"),
            campaign_workflow=self.mortal("campaign_workflow"),
            clock=self.clock,
        )
