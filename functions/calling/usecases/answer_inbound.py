"""Answer a call that comes in: one record a call of the carrier's, the same state machine, the way to the media stream.

The call is there already, so nothing is dialled and nothing is paced, and the caller is in a call with us from then
on: nobody dials them meanwhile. It takes no place under the outbound cap: the
caller is on the line, and the only thing a full cap could do is to turn away somebody who wants to talk. Among what
lives at the carrier account it is counted: Twilio allows so many at once, in and out together.
"""

from dataclasses import dataclass, replace
from hashlib import sha256

from calling.domain import stream_token, twiml
from calling.domain.agent import Agent, Number
from calling.domain.call import Call, CallStatus, CarrierStatus, Direction, TimelineEntry
from calling.domain.lease import CARRIERS, UNCOUNTED, holder_in
from calling.domain.phone_number import PLACEHOLDERS, PhoneNumber, parse_caller
from calling.ports import AgentStore, AlreadyExists, CallStore, Clock, Credentials, DialWorkflow, LeasePool, LineLock
from calling.usecases.take_places import LEASE_SECONDS

TOKEN_SECONDS = 120  # the carrier opens the stream right after this answer


@dataclass(frozen=True, slots=True)
class InboundPorts:
    """What answering needs of the world."""

    calls: CallStore
    leases: LeasePool
    lines: LineLock
    agents: AgentStore
    credentials: Credentials
    workflow: DialWorkflow
    clock: Clock


def inbound_call_id(account_id: str, sid: str) -> str:
    """Name a call that came in by the carrier's own id, so that a repeated webhook finds the same call."""
    return f"call_{sha256(f'{account_id}|{sid}'.encode()).hexdigest()[:24]}"


def answer_inbound(
    account_id: str,
    *,
    sid: str,
    caller: str,
    stir_verstat: str | None,
    called: PhoneNumber,
    public_base_url: str,
    media_public_url: str,
    ports: InboundPorts,
) -> str:
    """Give the TwiML for a ringing inbound call: its stream, or a rejection where nobody answers this number.

    `caller` is the carrier's From, which may be withheld, and `stir_verstat` what the network's check of it gave. Safe
    to run again for one `sid`.
    """
    number = ports.agents.get_number(account_id, called)
    found = ports.agents.get_agent(account_id, number.agent_id) if number is not None else None
    if number is None or found is None or not number.inbound_enabled or not found[0].is_active:
        return twiml.reject()
    carrier, now = ports.credentials.of_number(number).sid, ports.clock.now()
    new = replace(_call(number, found[0], sid, caller, stir_verstat, now), carrier_account=carrier)
    call = _record(new, calls=ports.calls)
    if call.status.is_terminal or call.carrier_is_done:
        return twiml.reject()
    until = now + LEASE_SECONDS * 1000
    ports.leases.take(CARRIERS, carrier, holder_in(CARRIERS, account_id, call.call_id), cap=UNCOUNTED, expires_at=until)
    if not _on_the_line(call, ports=ports):
        return twiml.reject()
    ports.workflow.start(account_id, call.call_id)
    expires = ports.clock.now() // 1000 + TOKEN_SECONDS
    return twiml.connect_stream(
        account_id,
        call.call_id,
        token=stream_token.issue(ports.credentials.stream_secret(), account_id, call.call_id, expires),
        public_base_url=public_base_url,
        media_public_url=media_public_url,
    )


def _on_the_line(call: Call, *, ports: InboundPorts) -> bool:
    """Hold the caller's line; False where the call was settled meanwhile, which would not give it back any more.

    A number that was withheld is nobody's. One that the network does not vouch for is held too: rather wait with a
    dial than ring somebody who talks to us.
    """
    if call.person in PLACEHOLDERS:
        return True
    ports.lines.join(call.account_id, call.person, call.call_id)
    now = ports.calls.get(call.account_id, call.call_id)
    if now is not None and now.settled_at is None:
        return True
    ports.lines.release(call.account_id, call.person, call.call_id)
    return False


def _record(call: Call, *, calls: CallStore) -> Call:
    """Store the call, or find the one an earlier webhook stored."""
    try:
        calls.add(call)
    except AlreadyExists:
        return calls.get(call.account_id, call.call_id) or call
    return call


def _call(number: Number, agent: Agent, sid: str, caller: str, stir_verstat: str | None, now: int) -> Call:
    call = Call(
        account_id=number.account_id,
        call_id=inbound_call_id(number.account_id, sid),
        agent_id=agent.agent_id,
        direction=Direction.INBOUND,
        from_number=parse_caller(caller),
        to_number=number.phone_number,
        created_at=now,
        status=CallStatus.RINGING,
        amd_enabled=False,
        voice_id=number.voice_id or agent.voice_id,
        max_duration_seconds=agent.max_call_duration_seconds,
        dial_started_at=now,
        twilio_call_sid=sid,
        carrier_status=CarrierStatus.RINGING,
        ringing_at=now,
        stir_verstat=stir_verstat,
        timeline=(TimelineEntry(now, "ringing", "the carrier brought a call"),),
    )
    return replace(call, due_at=call.due_after_dispatch(now))
