"""A call that comes in: its TwiML, its one record, and its way through the real state machine to the summary."""

import re
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from calling.domain import stream_token
from calling.domain.call import Call, CallStatus, CarrierStatus, Direction, EndedReason
from calling.domain.events import EventName
from calling.domain.phone_number import ANONYMOUS, PLACEHOLDERS, PhoneNumber
from calling.domain.transcript import Turn
from calling.usecases.answer_inbound import inbound_call_id
from calling.usecases.brief_call import brief_call
from calling.usecases.record_media import media_closed, media_opened, store_turn
from tests.fakes.pools import MemoryLineLock
from tests.fakes.queues import MemoryWorkflow
from tests.fakes.world import ACCOUNT, FROM, World
from twilio_webhooks.handler import Ports, serve

API, MEDIA = "https://api.example", "wss://media.example"
CALLER = "+447386172392"
SID = "CA" + "1" * 32
CALL_ID = inbound_call_id(ACCOUNT, SID)


def post(world: World, kind: str, *, token: str | None = None, **changes: str) -> dict[str, Any]:
    form = {
        "AccountSid": world.credentials.account.sid,
        "CallSid": SID,
        "CallStatus": "ringing",
        "From": CALLER,
        "To": FROM.e164,
        **changes,
    }
    path = f"/twilio/{ACCOUNT}/{kind}"
    right = RequestValidator(token or world.credentials.account.auth_token)
    headers = {"x-twilio-signature": right.compute_signature(API + path, form)}
    event = {"rawPath": path, "headers": headers, "body": urlencode(form)}
    stores = (world.calls, world.leases, world.lines, world.agents, world.credentials)
    ports = Ports(*stores, world.workflow, world.clock, API, MEDIA)
    return serve(event, ports)


def listen(world: World, *, closes: EndedReason | None = None, says: str = "Hello?") -> None:
    """The media session of the call comes up, hears a word, and ends."""
    ports = {"calls": world.calls, "workflow": world.workflow, "clock": world.clock}
    media_opened(ACCOUNT, CALL_ID, stream_sid="MZ1", call_sid=SID, **ports)  # type: ignore[arg-type]  # the ports
    store_turn(ACCOUNT, CALL_ID, Turn(0, "caller", says, 300, 700), **world.hearing)
    world.pass_time(12)
    media_closed(
        ACCOUNT,
        CALL_ID,
        reason=closes,
        voicemail_left=False,
        recording_key=None,
        first_audio_ms=20,
        voice_to_voice_ms=(),
        **ports,  # type: ignore[arg-type]  # the ports
    )


def ended(world: World, **changes: str) -> dict[str, Any]:
    return post(world, "inbound-status", CallStatus="completed", CallDuration="12", **changes)


def test_it_is_counted_among_what_lives_at_the_carrier_account_until_its_end() -> None:
    world = World()
    for _ in range(2):
        post(world, "inbound")
    sid = world.credentials.account.sid
    assert set(world.leases.holders("carriers", sid)) == {f"{ACCOUNT}/{CALL_ID}"}
    assert world.holders() == {}, "no place under the outbound cap"
    listen(world)
    ended(world)
    world.walk(CALL_ID)
    assert world.leases.holders("carriers", sid) == {}


def test_who_calls_is_in_a_call_with_us_until_its_words_are_read() -> None:
    world = World()
    for _ in range(2):
        post(world, "inbound")
    assert world.lines.lines == {(ACCOUNT, CALLER): {CALL_ID}}
    listen(world)
    ended(world)
    world.walk(CALL_ID)
    assert world.lines.lines == {}


@pytest.mark.parametrize(
    ("caller", "held"), [({"From": "anonymous"}, False), ({"StirVerstat": "TN-Validation-Failed-C"}, True)]
)
def test_a_withheld_number_is_nobodys_and_one_that_may_be_invented_is_held(caller: dict[str, str], held: bool) -> None:
    world = World()
    assert "<Connect" in post(world, "inbound", **caller)["body"]
    assert bool(world.lines.lines) is held


def test_a_webhook_that_slept_until_its_call_was_settled_leaves_nobody_held() -> None:
    world = World()

    class Slow(MemoryLineLock):
        def join(self, account_id: str, person: PhoneNumber, holder: str) -> None:
            world.calls.change(world.call(CALL_ID), {"settled_at": 1})
            super().join(account_id, person, holder)

    world.lines = Slow()
    assert "<Reject" in post(world, "inbound")["body"]
    assert world.lines.lines == {}
    assert world.workflow.started == []


def test_a_call_is_answered_with_its_stream() -> None:
    world = World()
    answer = post(world, "inbound")
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "text/xml")
    assert f'<Stream url="{MEDIA}/calls/{ACCOUNT}/{CALL_ID}" ' in answer["body"]
    token = re.findall(r'name="token" value="([^"]+)"', answer["body"])[0]
    assert stream_token.valid(b"stream-secret", token, ACCOUNT, CALL_ID, world.clock.now() / 1000)
    call = world.call(CALL_ID)
    assert (call.direction, call.status, call.twilio_call_sid) == (Direction.INBOUND, CallStatus.RINGING, SID)
    assert (call.person.e164, call.our_number) == (CALLER, FROM)
    assert world.workflow.started == [(ACCOUNT, CALL_ID)]
    assert world.holders() == {}, "no place under the outbound cap"


def test_a_webhook_that_comes_again_finds_the_same_call() -> None:
    world = World()
    first = post(world, "inbound")
    world.pass_time(1)
    second = post(world, "inbound")
    assert [a["body"].split("<Parameter")[0] for a in (first, second)] == [first["body"].split("<Parameter")[0]] * 2
    assert list(world.calls.calls) == [(ACCOUNT, CALL_ID)]
    assert len(world.workflow.started) == 1


def test_its_way_ends_like_any_other_calls() -> None:
    world = World()
    post(world, "inbound")
    listen(world)
    assert world.call(CALL_ID).status is CallStatus.IN_PROGRESS
    assert world.call(CALL_ID).answered_at is not None, "its stream proves the answer"
    assert ended(world)["statusCode"] == 204
    world.walk(CALL_ID)
    call = world.call(CALL_ID)
    assert (call.status, call.ended_reason) == (CallStatus.COMPLETED, EndedReason.CALLER_HANGUP)
    assert (call.charged_minutes, call.summary) == (1, "Sarah moved it to Thursday.")
    assert [e.name for e in world.calls.outbox] == [EventName.CALL_STARTED, EventName.CALL_COMPLETED]
    assert [s.call_id for s in world.people.summaries(ACCOUNT, PhoneNumber(CALLER), limit=5)] == [CALL_ID]
    assert world.carrier.posts == [], "an inbound call is never dialled"


def test_a_lost_end_is_found_by_asking_the_carrier() -> None:
    world = World()
    post(world, "inbound")
    listen(world, closes=EndedReason.COMPLETED)
    at_carrier = world.carrier.place(PhoneNumber(CALLER), FROM)
    over = replace(at_carrier, sid=SID, status=CarrierStatus.COMPLETED, ended_at=world.clock.now(), duration_seconds=12)
    world.carrier.calls = {SID: over}
    world.told[SID], world.seen = 99, {SID}
    world.walk(CALL_ID)
    assert (world.call(CALL_ID).status, world.call(CALL_ID).ended_reason) == (
        CallStatus.COMPLETED,
        EndedReason.COMPLETED,
    )


def test_an_end_starts_what_the_answer_died_before() -> None:
    world = World()
    post(world, "inbound")
    world.workflow = MemoryWorkflow()
    ended(world)
    assert world.workflow.started == [(ACCOUNT, CALL_ID)]
    world.walk(CALL_ID)
    assert world.call(CALL_ID).status.is_terminal


@pytest.mark.parametrize("kind", ["inbound", "inbound-status"])
def test_what_is_not_signed_by_the_numbers_account_is_refused(kind: str) -> None:
    world = World()
    assert post(world, kind, token="another")["statusCode"] == 403
    assert post(world, kind, AccountSid="AC" + "9" * 32)["statusCode"] == 403
    assert post(world, kind, To="nowhere")["statusCode"] == 403
    assert world.calls.calls == {}


def test_a_number_with_an_account_of_its_own_is_verified_with_its_token() -> None:
    world = World()
    was = world.agents.numbers(ACCOUNT)[0]
    world.agents.put_number(
        replace(was, twilio_sid="AC" + "7" * 32, twilio_token=f"{ACCOUNT}:{'secret'[::-1]}"), was=was
    )
    assert post(world, "inbound")["statusCode"] == 403
    assert post(world, "inbound", token="secret", AccountSid="AC" + "7" * 32)["statusCode"] == 200


@pytest.mark.parametrize("why", ["unknown", "inbound disabled", "agent inactive"])
def test_a_number_nobody_answers_rejects(why: str) -> None:
    world = World()
    number = world.agents.numbers(ACCOUNT)[0]
    if why == "inbound disabled":
        world.agents.put_number(replace(number, inbound_enabled=False), was=number)
    if why == "agent inactive":
        world.agents.put_agent(replace(world.agents.agents(ACCOUNT)[0], is_active=False))
    to = "+447700900199" if why == "unknown" else FROM.e164
    answer = post(world, "inbound", To=to)
    assert (answer["statusCode"], answer["body"]) == (200, '<Response><Reject reason="rejected"/></Response>')
    assert world.calls.calls == {}
    assert ended(world, To=to)["statusCode"] == 204, "the end of a rejected call is no error"


WITHHELD = ["anonymous", "Restricted", "sip:maya@example.com", "", *sorted(n.e164 for n in PLACEHOLDERS)]


@pytest.mark.parametrize("caller", WITHHELD)
def test_nothing_is_remembered_of_a_withheld_number(caller: str) -> None:
    world = World()
    post(world, "inbound", From=caller)
    listen(world, says="Stop calling me.")
    ended(world)
    world.walk(CALL_ID)
    call: Call = world.call(CALL_ID)
    assert (call.from_number, call.summary) == (ANONYMOUS, "Sarah moved it to Thursday.")
    assert world.calls.remembered == []
    assert world.contacts.get(ACCOUNT, ANONYMOUS) is None, "nobody is on no list"


@pytest.mark.parametrize(
    ("verdict", "known"),
    [
        (None, True),  # no such check in the caller's country
        ("TN-Validation-Passed-A", True),
        ("TN-Validation-Passed-B", True),
        ("TN-Validation-Passed-C", False),
        ("TN-Validation-Passed-A-Diverted", False),  # whoever passed it on is vouched for
        ("TN-Validation-Failed-A", False),
        ("TN-Validation-Failed", False),
        ("No-TN-Validation", False),
        ("NULL", False),
    ],
)
def test_a_caller_is_who_the_network_vouches_for(verdict: str | None, known: bool) -> None:
    world = World()
    person = PhoneNumber(CALLER)
    post(world, "inbound", **({} if verdict is None else {"StirVerstat": verdict}))
    call = world.call(CALL_ID)
    assert (call.from_number, call.stir_verstat) == (person, verdict)
    world.people.change_caller(ACCOUNT, FROM, person, {"name": "Sarah"})
    brief = brief_call(call, agents=world.agents, people=world.people, clock=world.clock)
    assert bool(brief.person_facts) is known, "recalled"
    listen(world, says="Stop calling me.")
    ended(world)
    world.walk(CALL_ID)
    assert bool(world.calls.remembered) is known
    assert (world.contacts.get(ACCOUNT, person) is not None) is known, "on the do-not-call list"


def test_the_end_is_timed_by_the_carrier_and_its_minutes_are_no_seconds() -> None:
    """The callback comes late; `Duration` is in minutes, begun ones counted."""
    world = World()
    post(world, "inbound")
    listen(world)
    end = world.clock.now() // 1000 * 1000
    world.pass_time(40)
    post(world, "inbound-status", CallStatus="completed", Duration="1", Timestamp=formatdate(end / 1000))
    call = world.call(CALL_ID)
    assert (call.carrier_ended_at, call.carrier_duration_seconds) == (end, None)
