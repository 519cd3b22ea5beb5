"""The shipped media server for a load generator that speaks Twilio Media Streams: `make media-bench PORT=8765`.

Server, session, conversation and providers are those of the container; so is what they read from the environment
(`AWS_ENDPOINT_URL_POLLY`, `ANTHROPIC_BASE_URL`, `STT_PROVIDER`, …). Three things differ, and they are here, because the
shipped package has no setting that turns a check off: the stores are in memory, there is one agent, and the door admits
every stream under any path, whatever it claims. The key of the language model is `ANTHROPIC_API_KEY`, calls are hung up
at `TWILIO_API_URL`, and with `VOICEMAIL_MESSAGE` that is left on voicemails. Transcribe is at `TRANSCRIBE_WS_URL` for
the recogniser that speaks its WebSocket API, and at `TRANSCRIBE_ENDPOINT_URL` for `STT_PROVIDER=transcribe-sdk`.

It listens on loopback only. Each stream is an outbound call that has just been answered and whose opener lies ready,
as `prepare_opener` leaves it; the agent listens for its default beat (`pickup_delay_ms`) before it speaks.
"""

import asyncio
import os
from collections.abc import Callable
from functools import cache

from calling.adapters import aws
from calling.adapters.clock import SystemClock, SystemIds
from calling.adapters.polly import PollySpeech
from calling.adapters.twilio import TwilioCarrier
from calling.adapters.twilio_signature import Signature
from calling.domain.agent import DEFAULT_VOICE, Agent, Number, VoicemailAction
from calling.domain.call import Call, CallStatus, Direction
from calling.domain.lease import ACCOUNT_POOL
from calling.domain.phone_number import PhoneNumber
from calling.ports import CarrierAccount, Speech
from calling.settings import AwsSettings
from calling.usecases.prepare_opener import opener_keys
from calling.usecases.record_media import media_opened
from media import logs
from media.__main__ import serve
from media.door import Admission, Door
from media.house import House
from media.settings import MediaSettings, load
from media.wire import twilio_stream as wire
from media.wiring import providers
from tests.fakes.campaigns import MemoryContactStore
from tests.fakes.outside import MemoryBlobs, MemoryCredentials
from tests.fakes.pools import MemoryDialHold, MemoryLeasePool
from tests.fakes.queues import MemoryWorkflow
from tests.fakes.stores import MemoryAgentStore, MemoryCallStore, MemoryPeopleStore

ACCOUNT, AGENT, ROOM = "acct_bench", "agent_bench", 10_000  # streams at once
OURS, THEIRS = PhoneNumber("+447700900000"), PhoneNumber("+447700900123")
OPENER = "Hello, this is Emma, an AI assistant from Smile Dental, about your appointment."
PURPOSE = "Ask whether Sarah can come on Tuesday at 2 PM for her check-up, and agree a time."


class OpenersOnly(MemoryBlobs):
    """Takes recordings and keeps none: they would count as the server's memory."""

    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        if key.startswith("openers/"):
            super().put(key, data, content_type=content_type)


class EveryStream:
    """A door that makes a call for each stream that knocks."""

    def __init__(self, house: House, speech: Speech) -> None:
        self._house = house
        self._ids = SystemIds()
        self._opener = cache(lambda: speech.synthesize(OPENER, voice_id=DEFAULT_VOICE))

    def admit(self, path: str, signature: Signature) -> Admission:
        """Store a call that has just been answered, with its opener and its slot under the cap."""
        house, message = self._house, os.environ.get("VOICEMAIL_MESSAGE")
        now = house.clock.now()
        call = Call(
            ACCOUNT,
            self._ids.new("call"),
            AGENT,
            Direction.OUTBOUND,
            OURS,
            THEIRS,
            now,
            prompt=PURPOSE,
            status=CallStatus.IN_PROGRESS,
            dial_started_at=now,
            voice_id=DEFAULT_VOICE,
            voicemail_action=VoicemailAction.LEAVE_MESSAGE if message else VoicemailAction.HANGUP,
            voicemail_message=message,
        )
        words, sound = opener_keys(ACCOUNT, call.call_id)
        house.blobs.put(sound, self._opener(), content_type="audio/basic")
        house.blobs.put(words, OPENER.encode(), content_type="text/plain")
        house.leases.take(ACCOUNT, ACCOUNT_POOL, call.call_id, cap=ROOM, expires_at=now)
        house.calls.add(call)
        return Admission(call, CarrierAccount("", ""))

    def open(self, admission: Admission, start: wire.Started) -> Call:
        """Bind the stream to its call as the carrier's door does, and check nothing."""
        return media_opened(
            ACCOUNT,
            admission.call.call_id,
            stream_sid=start.stream_sid,
            call_sid=start.call_sid,
            calls=self._house.calls,
            workflow=self._house.workflow,
            clock=self._house.clock,
        )


def parts_of_the_bench(settings: MediaSettings, refused: Callable[[], None]) -> tuple[House, Door]:
    """Make the house in memory, with the real providers."""
    calls, agents, clock = MemoryCallStore(), MemoryAgentStore(), SystemClock()
    agents.add_agent(Agent(ACCOUNT, AGENT, 0, name="Emma", system_prompt="You work for Smile Dental. Be brief."))
    agents.add_number(Number(ACCOUNT, AGENT, OURS, 0))
    stt, tts, llm = providers(settings, llm_key=lambda: os.environ.get("ANTHROPIC_API_KEY", ""), refused=refused)
    house = House(
        calls=calls,
        contacts=MemoryContactStore(),
        agents=agents,
        people=MemoryPeopleStore(calls),
        leases=MemoryLeasePool(),
        hold=MemoryDialHold(),
        workflow=MemoryWorkflow(),
        blobs=OpenersOnly(),
        credentials=MemoryCredentials(),
        carrier=TwilioCarrier(os.environ.get("TWILIO_API_URL", "")),
        clock=clock,
        stt=stt,
        tts=tts,
        llm=llm,
    )
    return house, EveryStream(house, PollySpeech(aws.client("polly", load(AwsSettings).aws_region)))


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    logs.set_up()
    os.environ |= {"ANTHROPIC_SECRET_ARN": "none", "MEDIA_HOST": "127.0.0.1", "MEDIA_PUBLIC_URL": "ws://127.0.0.1"}
    settings, sockets = load(MediaSettings), os.environ.get("TRANSCRIBE_WS_URL")
    if sockets and settings.stt_provider != "transcribe-sdk":
        os.environ["TRANSCRIBE_ENDPOINT_URL"] = sockets
    asyncio.run(serve(settings, parts_of_the_bench))


if __name__ == "__main__":
    main()
