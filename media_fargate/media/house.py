"""What all calls of this process share: the stores behind the ports, and one client a vendor."""

from dataclasses import dataclass

from calling.ports import (
    AgentStore,
    BlobStore,
    CallStore,
    Carrier,
    Clock,
    ContactStore,
    Credentials,
    DialHold,
    DialWorkflow,
    LeasePool,
    PeopleStore,
)
from media.llm import ConversationModel
from media.stt import SpeechToText
from media.tts import TextToSpeech


@dataclass(frozen=True, slots=True)
class House:
    """Ports and providers, all of them safe to use from several calls at once."""

    calls: CallStore
    contacts: ContactStore
    agents: AgentStore
    people: PeopleStore
    leases: LeasePool
    hold: DialHold
    workflow: DialWorkflow
    blobs: BlobStore
    credentials: Credentials
    carrier: Carrier
    clock: Clock
    stt: SpeechToText
    tts: TextToSpeech
    llm: ConversationModel
