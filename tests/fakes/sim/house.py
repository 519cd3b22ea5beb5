"""The house in virtual time: its tables, queues, state machines, Lambdas, carrier and reaper, all at once.

Latencies are constants, kept in one place and taken from what AWS and Twilio usually show within a region.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from json import loads
from typing import Any

from calling.domain.agent import Agent, Number
from calling.domain.call import EndedReason
from calling.domain.errors import Conflict, InvalidRequest, RedialError
from calling.domain.limits import Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.progress import CarrierFact
from calling.domain.transcript import Turn
from calling.ports import CarrierAccount, Completion, Schedule, StaleRecord
from calling.usecases.answer_inbound import inbound_call_id
from calling.usecases.record_media import media_alive, media_closed, media_opened, store_turn, voicemail_found
from tests.fakes.campaigns import MemoryContactStore, MemoryLimitsStore, MemoryScheduler
from tests.fakes.clock import SequenceIds
from tests.fakes.outside import FakeModel, FakeSpeech, MemoryBlobs
from tests.fakes.pools import MemoryCeilingStore, MemoryDialHold, MemoryLeasePool, MemoryLineLock, MemoryPacer
from tests.fakes.sim.agenda import START_MS, Agenda, Strands
from tests.fakes.sim.carrier_life import Post, SimCarrier
from tests.fakes.sim.doors import SecretsAway, SimCampaignWorkflow, SimCredentials, SimDialWorkflow, SimQueue
from tests.fakes.sim.faults import Faults, Killed, Run, Throttled
from tests.fakes.sim.going import Resume, TaskError
from tests.fakes.sim.lambdas import LAMBDAS, SLEEPERS, MissingRecord
from tests.fakes.sim.machines import Machines
from tests.fakes.sim.tables import SimCallStore, SimCampaignStore
from tests.fakes.stores import MemoryAgentStore, MemoryPeopleStore

ACCOUNT = "acct_0123456789ab"
FROM = PhoneNumber("+447700900123")
LAMBDA_SECONDS = 0.05  # from being asked to having done its work, warm
REAP_SECONDS = 60
SUMMARY = Completion("", {"summary": "It was agreed.", "sentiment": "happy", "successful": True})
# What a Lambda may fail with where nothing is wrong with the code: the state machine or the queue brings it again.
_EXPECTED = (Throttled, SecretsAway, StaleRecord, RedialError, MissingRecord, FileNotFoundError)


class RunClock:
    """The clock of one run of a Lambda: sleeping lets the others live on."""

    def __init__(self, agenda: Agenda, pause: Callable[[float], None] | None = None) -> None:
        self.agenda, self.pause = agenda, pause

    def now(self) -> int:
        return self.agenda.now_ms

    def sleep(self, seconds: float) -> None:
        assert self.pause is not None, "only SLEEPERS may sleep"
        self.pause(seconds)


class _Wiring:
    """The ports of one run."""

    def __init__(self, house: "House", run: Run) -> None:
        self.house, self.run = house, run
        self.import_ms = house.import_ms

    def __call__(self, name: str) -> Any:
        if name == "clock":
            return RunClock(self.house.agenda, self.run.pause)
        return self.run.port(name, self.house.ports[name])


class _Scheduler(MemoryScheduler):
    """Fires a schedule of one moment `firings` times, a minute between them."""

    def __init__(self, house: "House") -> None:
        super().__init__()
        self.house = house

    def put(self, schedule: Schedule) -> None:
        there = self.schedules.get(schedule.campaign_id)
        super().put(schedule)
        if schedule.at is not None and there != schedule:
            for again in range(self.house.firings):
                self.house.agenda.at(schedule.at + again * 60_000, partial(self._fire, schedule))

    def _fire(self, schedule: Schedule) -> None:
        if self.schedules.get(schedule.campaign_id) == schedule:
            self.house.fire(schedule.campaign_id, f"at {schedule.at}")


class _Opener:
    """Fulfils OpenerTask: an asynchronous invocation, which Lambda tries three times."""

    def __init__(self, house: "House") -> None:
        self.house = house

    def start(self, account_id: str, call_id: str) -> None:
        if self.house.openers:
            self.house.insist("PrepareOpener", {"account_id": account_id, "call_id": call_id}, tries=3)


def _if_failed(work: Callable[[], object]) -> Resume:
    def done(value: Any = None, error: TaskError | None = None) -> None:
        if error is not None:
            work()

    return done


class House:
    """Everything but the law that watches it and the way tests speak to it (`CampaignWorld`)."""

    def __init__(
        self, *, faults: Faults | None = None, limits: Limits | None = None, start_ms: int = START_MS, **agent: Any
    ) -> None:
        self.faults = faults or Faults()
        self.agenda = Agenda(start_ms)
        self.strands = Strands(self.agenda)
        self.clock = RunClock(self.agenda)
        self.import_ms = 600_000
        self.firings = 1
        self.jitter = 0.0  # of all latencies, as a share of them
        self.openers = False
        self.slow: dict[str, float] = {}  # seconds that runs of a Lambda take longer
        self.poison: set[int] = set()  # recipients whose messages fail until they are dead letters
        self.calls = SimCallStore()
        self.campaigns = SimCampaignStore(self.calls, self.agenda, self.faults)
        self.contacts, self.limits = MemoryContactStore(), MemoryLimitsStore(limits)
        self.agents, self.people = MemoryAgentStore(), MemoryPeopleStore(self.calls)
        self.leases, self.lines, self.pacer = MemoryLeasePool(), MemoryLineLock(), MemoryPacer()
        self.hold, self.ceilings = MemoryDialHold(), MemoryCeilingStore()
        self.blobs, self.scheduler = MemoryBlobs(), _Scheduler(self)
        self.machines = Machines(self.agenda, self, self.faults.chance)
        self.carrier = SimCarrier(self.agenda, self.faults, self)
        self.workflow, self.campaign_workflow = SimDialWorkflow(self.machines), SimCampaignWorkflow(self.machines)
        self.queues = {
            "Campaigns": SimQueue(self, "DispatchRecipient", lambda body: self.insist("DeferRecipient", body)),
            "Calls": SimQueue(self, "DispatchDial", lambda _: None),
            "Watches": SimQueue(self, "WatchCall", lambda _: None),
        }
        self.credentials = SimCredentials(CarrierAccount("AC" + "0" * 32, "token"), self.agenda)
        self.ports: dict[str, Any] = {
            "agents": self.agents, "blobs": self.blobs, "calls": self.calls, "campaigns": self.campaigns,
            "campaign_workflow": self.campaign_workflow, "carrier": self.carrier, "contacts": self.contacts,
            "ceilings": self.ceilings,
            "credentials": self.credentials, "hold": self.hold, "ids": SequenceIds(),
            "leases": self.leases, "limits": self.limits, "lines": self.lines, "model": FakeModel(SUMMARY),
            "opener": _Opener(self), "opener_model": FakeModel(), "pacer": self.pacer, "people": self.people,
            "queue": self.queues["Calls"], "recipient_queue": self.queues["Campaigns"], "scheduler": self.scheduler,
            "speech": FakeSpeech(), "watches": self.queues["Watches"], "workflow": self.workflow,
        }  # fmt: skip
        self.invocations: Counter[str] = Counter()
        self.used: Counter[str] = Counter()  # calls of ports, by `port.method`
        self.errors: Counter[str] = Counter()  # what Lambdas failed with
        self.broken: list[BaseException] = []  # errors that are nobody's fault but the code's
        self.agents.add_agent(Agent(ACCOUNT, "agent_1", 0, name="Maya", **{"max_call_duration_seconds": 60, **agent}))
        self.agents.add_number(Number(ACCOUNT, "agent_1", FROM, 0))
        self._reap()

    # ---------------------------------------------------------------- Lambdas and queues

    def invoke(self, function: str, payload: Mapping[str, Any], done: Resume) -> None:
        """Run a Lambda and say how it went."""
        self.invocations[function] += 1
        slow = self.faults.happens("interleaved", self.faults.interleave)
        work = partial(self._run, function, payload, done, slow=slow)
        seconds = self.lag(LAMBDA_SECONDS) + self.slow.get(function, 0)
        if function in SLEEPERS or slow:
            self.agenda.after(seconds, lambda: self.strands.run(work))
        else:
            self.agenda.after(seconds, lambda: work(None))

    def _run(
        self,
        function: str,
        payload: Mapping[str, Any],
        done: Resume,
        pause: Callable[[float], None] | None,
        *,
        slow: bool,
    ) -> None:
        run = Run(function, self.faults, self.used, pause, slow=slow)
        try:
            value = LAMBDAS[function](_Wiring(self, run), payload)
        except Killed:
            done(None, TaskError("Lambda.Unknown"))
        except Exception as error:  # noqa: BLE001  whatever a Lambda raises is somebody's to hear
            self.errors[f"{function}: {type(error).__name__}"] += 1
            if not isinstance(error, _EXPECTED) or (function == "Api" and isinstance(error, InvalidRequest)):
                self.broken.append(error)
            done(None, TaskError(type(error).__name__))
        else:
            done(value)

    def insist(self, function: str, payload: Mapping[str, Any], *, tries: int = 1000, after: float = 60) -> None:
        """Invoke asynchronously: what fails comes again after a while."""

        def done(value: Any = None, error: TaskError | None = None) -> None:
            if error is not None and tries > 1:
                self.agenda.after(after, lambda: self.insist(function, payload, tries=tries - 1, after=after))

        self.invoke(function, payload, done)

    def lag(self, seconds: float) -> float:
        """Give a latency as it is this time."""
        spread = 1 + self.jitter * self.faults.chance.uniform(-1, 1) if self.jitter else 1.0
        return seconds * spread

    def send_message(self, queue: str, body: Mapping[str, Any]) -> None:
        self.queues[queue].put(body, 0)

    def read_lines(self, key: str) -> list[Any]:
        return [loads(line) for line in (self.blobs.get(key) or b"").splitlines()]

    def fire(self, campaign_id: str, occasion: str) -> None:
        """The scheduler starts a campaign."""
        self.insist("StartCampaign", {"account_id": ACCOUNT, "campaign_id": campaign_id, "occasion": occasion})

    def _reap(self) -> None:
        self.agenda.after(REAP_SECONDS, self._reap, background=True)
        if self.calls.due_calls or self.campaigns.campaigns:
            self.invoke("ReapLeases", {}, _if_failed(lambda: None))

    # ---------------------------------------------------------------- what the carrier tells

    def on_post(self, post: Post) -> None:
        """A request to place a call was made; the law overrides this."""

    def on_end(self, sid: str) -> None:
        """A call is over at the carrier; the law overrides this."""

    def call_comes_in(self, sid: str, person: str, answered: Callable[[bool], None]) -> str:
        """Somebody calls us; asked twice, as the carrier asks its fallback address. Gives the name of the call."""
        event = {"account_id": ACCOUNT, "sid": sid, "caller": person, "called": FROM}

        def again(value: Any = None, error: TaskError | None = None) -> None:
            answered(error is None and "<Connect" in value)

        def done(value: Any = None, error: TaskError | None = None) -> None:
            if error is not None:
                self.invoke("TwilioInbound", event, again)
            else:
                again(value)

        self.invoke("TwilioInbound", event, done)
        return inbound_call_id(ACCOUNT, sid)

    def on_said(self, sid: str, words: str) -> None:
        """A person said something on a call; the law overrides this."""

    def callback(self, call_id: str, fact: CarrierFact, failed: Callable[[], None]) -> None:
        event = {"account_id": ACCOUNT, "call_id": call_id, "fact": replace(fact, at=self.agenda.now_ms)}
        self.invoke("TwilioWebhooks", event, _if_failed(failed))

    def verdict(self, call_id: str, sid: str, answered_by: str, failed: Callable[[], None]) -> None:
        event = {"account_id": ACCOUNT, "call_id": call_id, "sid": sid, "answered_by": answered_by}
        self.invoke("TwilioVerdicts", event, _if_failed(failed))

    # ---------------------------------------------------------------- the media container: it is no Lambda

    def stream_opens(self, call_id: str, sid: str) -> bool:
        ports = {"calls": self.calls, "workflow": self.workflow, "clock": self.clock}
        with suppress(Conflict):
            media_opened(ACCOUNT, call_id, stream_sid=f"MZ{sid}", call_sid=sid, **ports)  # type: ignore[arg-type]  # three ports under their names
            return True
        return False

    def stream_lives(self, call_id: str) -> None:
        media_alive(ACCOUNT, call_id, calls=self.calls, leases=self.leases, workflow=self.workflow, clock=self.clock)

    def stream_hears(self, call_id: str, words: str) -> None:
        store_turn(
            ACCOUNT,
            call_id,
            Turn(0, "caller", words, 300, 700),
            calls=self.calls,
            contacts=self.contacts,
            clock=self.clock,
        )

    def stream_finds_machine(self, call_id: str) -> None:
        voicemail_found(ACCOUNT, call_id, "carrier", calls=self.calls, clock=self.clock)

    def stream_closes(self, call_id: str, *, machine: bool) -> None:
        media_closed(
            ACCOUNT,
            call_id,
            reason=EndedReason.VOICEMAIL_DETECTED if machine else None,
            voicemail_left=False,
            recording_key=None,
            first_audio_ms=20,
            voice_to_voice_ms=(500,),
            calls=self.calls,
            workflow=self.workflow,
            clock=self.clock,
        )
