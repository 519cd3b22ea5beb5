"""A house in memory for media tests: one agent, one number, calls that were just dialled, and their tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

from calling.domain import stream_token
from calling.domain.agent import Agent, Number
from calling.domain.call import Call, CallStatus, Direction
from calling.domain.lease import places_of
from calling.domain.phone_number import PhoneNumber
from calling.ports import CarrierAccount
from calling.usecases.prepare_opener import opener_keys
from infra.local.speech.scripted import encode
from media.house import House
from media.llm import ConversationModel
from media.stt import SpeechToText
from media.tts import TextToSpeech
from tests.fakes.campaigns import MemoryContactStore
from tests.fakes.carrier import FakeCarrier
from tests.fakes.clock import ManualClock
from tests.fakes.outside import MemoryBlobs, MemoryCredentials
from tests.fakes.pools import MemoryDialHold, MemoryLeasePool
from tests.fakes.queues import MemoryWorkflow
from tests.fakes.stores import MemoryAgentStore, MemoryCallStore, MemoryPeopleStore

ACCOUNT, CARRIER = "acct_0123456789ab", CarrierAccount("AC" + "1" * 32, "auth-token")
URL = "ws://media.example"
OPENER = "Hello, this is Emma, an AI assistant from Smile Dental, about your appointment."
PURPOSE = "Ask whether Sarah can come on Tuesday at 2 PM for her check-up, and agree a time."


@dataclass
class World:
    """The stores behind a media server, open to a test's eyes."""

    calls: MemoryCallStore = field(default_factory=MemoryCallStore)
    agents: MemoryAgentStore = field(default_factory=MemoryAgentStore)
    contacts: MemoryContactStore = field(default_factory=MemoryContactStore)
    leases: MemoryLeasePool = field(default_factory=MemoryLeasePool)
    hold: MemoryDialHold = field(default_factory=MemoryDialHold)
    workflow: MemoryWorkflow = field(default_factory=MemoryWorkflow)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    carrier: FakeCarrier = field(default_factory=FakeCarrier)
    clock: ManualClock = field(default_factory=ManualClock)
    credentials: MemoryCredentials = field(default_factory=lambda: MemoryCredentials(CARRIER))

    def __post_init__(self) -> None:
        number = PhoneNumber("+447700900000")
        self.agents.add_agent(Agent(ACCOUNT, "agent_1", 0, name="Emma", system_prompt="You work for Smile Dental."))
        self.agents.add_number(Number(ACCOUNT, "agent_1", number, 0))

    def dialled(self, call_id: str, **changes: object) -> Call:
        """Store a call that has been dialled, with its opener and its places under the caps."""
        fields: dict[str, object] = {
            "prompt": PURPOSE,
            "status": CallStatus.IN_PROGRESS,
            "voice_id": "Joanna",
            "dial_started_at": 1,
            "twilio_call_sid": sid_of(call_id),
            "task_token": f"token-{call_id}",
        }
        call = Call(
            ACCOUNT,
            call_id,
            "agent_1",
            Direction.OUTBOUND,
            PhoneNumber("+447700900000"),
            PhoneNumber("+447700900123"),
            0,
            **(fields | changes),  # type: ignore[arg-type]  # any field of a call
        )
        self.calls.add(call)
        for place in places_of(call):
            self.leases.take(*place, cap=50, expires_at=1)
        words, sound = opener_keys(ACCOUNT, call_id)
        self.blobs.put(sound, encode(OPENER), content_type="audio/basic")
        self.blobs.put(words, OPENER.encode(), content_type="text/plain")
        return call

    def house(self, stt: SpeechToText, tts: TextToSpeech, llm: ConversationModel) -> House:
        """Put the house together."""
        return House(
            calls=self.calls,
            contacts=self.contacts,
            agents=self.agents,
            people=MemoryPeopleStore(self.calls),
            leases=self.leases,
            hold=self.hold,
            workflow=self.workflow,
            blobs=self.blobs,
            credentials=self.credentials,
            carrier=self.carrier,
            clock=self.clock,
            stt=stt,
            tts=tts,
            llm=llm,
        )


def sid_of(call_id: str) -> str:
    """The carrier's id of a test call."""
    return f"CA{call_id.removeprefix('call_'):0>32}"


def token(call_id: str, clock: ManualClock | None = None) -> str:
    """A stream token that is still good."""
    now = (clock or ManualClock()).now() // 1000
    return stream_token.issue(MemoryCredentials().stream_secret(), ACCOUNT, call_id, now + 300)
