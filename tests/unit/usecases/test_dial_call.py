"""The one request: in its slot, not after a hangup, and with nothing between intent and request that may fail."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from calling.domain.agent import VoicemailAction
from calling.domain.call import CallStatus, CarrierStatus, EndedReason
from calling.domain.errors import CarrierAmbiguous
from calling.domain.limits import Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.revision import Revision
from calling.ports import CarrierAccount
from calling.usecases.dial_call import CARRIER_LIMIT_MARGIN_SECONDS, DialPorts, DialSettings, dial_call
from calling.usecases.resolve_call import POLL_SECONDS, ResolvePorts, resolve_call
from calling.usecases.revise_call import revise_call
from tests.fakes.outside import MemoryCredentials
from tests.fakes.world import ACCOUNT, World


def dial(world: World, call_id: str, token: str, *, credentials: object = None) -> None:
    ports = DialPorts(
        world.calls,
        world.agents,
        credentials or world.credentials,  # type: ignore[arg-type]  # a fake of it
        world.carrier,
        world.limits,
        world.hold,
        world.contacts,
        world.campaigns,
        world.pacer,
        world.leases,
        world.lines,
        world.ceilings,
        world.workflow,
        world.watches,
        world.clock,
    )
    dial_call(ACCOUNT, call_id, token, ports=ports, settings=DialSettings("http://api", "wss://media"))


def test_twenty_calls_at_one_a_second_are_all_dialled_each_in_its_own_slot() -> None:
    world = World(cap=20)
    world.limits.put(ACCOUNT, Limits(calls_per_second=1))
    waiting = {f"call_{n}": 0 for n in range(20)}  # call → when it comes (back) to the dial, ms
    for n, call_id in enumerate(waiting):
        world.accept(call_id, to=f"+4473861723{n:02}")
    start, sent = world.clock.now(), []
    waiting = dict.fromkeys(waiting, start)
    for turn in range(1000):
        if not waiting:
            break
        call_id = min(waiting, key=lambda c: waiting[c])
        world.clock.now_ms = max(world.clock.now_ms, waiting.pop(call_id))
        token = f"token-{turn}"
        before = len(world.carrier.posts)
        dial(world, call_id, token)
        if len(world.carrier.posts) > before:
            sent.append(world.clock.now())
        else:
            waiting[call_id] = world.clock.now() + world.workflow.answers[token]["seconds"] * 1000
    assert len(sent) == 20
    assert sent[-1] - start <= 21_000
    assert all(b - a >= 1000 for a, b in pairwise(sent))


class HangsUp(MemoryCredentials):
    """Somebody asks to hang up while the credentials are read."""

    def __init__(self, world: World, when: str) -> None:
        super().__init__()
        self.world, self.when = world, when

    def _cancel(self, now: str) -> None:
        call = self.world.call("call_1")
        if now == self.when:
            self.world.calls.change(call, {"cancel_requested_at": self.world.clock.now()})

    def of_number(self, number: object) -> CarrierAccount:
        self._cancel("account")
        return self.account

    def stream_secret(self) -> bytes:
        self._cancel("secret")
        return super().stream_secret()


@pytest.mark.parametrize("when", ["account", "secret"])
def test_a_hangup_before_the_request_is_honoured(when: str) -> None:
    world = World()
    world.accept("call_1")
    dial(world, "call_1", "token", credentials=HangsUp(world, when))
    assert world.carrier.posts == []
    assert world.workflow.answers["token"] == {"result": "ended"}
    assert world.call("call_1").never_dialled is EndedReason.CANCELED


class NoSecret(MemoryCredentials):
    def stream_secret(self) -> bytes:
        raise TimeoutError


def test_a_secret_that_cannot_be_read_costs_no_attempt() -> None:
    world = World()
    world.accept("call_1")
    with pytest.raises(TimeoutError):
        dial(world, "call_1", "token", credentials=NoSecret())
    assert world.call("call_1").status is CallStatus.QUEUED
    answers = [resolve(world) for _ in range(8)]
    assert [a["result"] for a in answers] == ["dial"] * 7 + ["ended"]
    assert [a["seconds"] for a in answers[:3]] == [2, 4, 8], "later and later"
    assert world.call("call_1").never_dialled is EndedReason.ERROR


def resolve(world: World) -> dict[str, object]:
    ports = ResolvePorts(world.calls, world.agents, world.credentials, world.carrier, world.clock)
    return resolve_call(ACCOUNT, "call_1", ports=ports)


def failed_before_it_rang(world: World) -> str:
    """Dial a call that the carrier has failed, as its callback says without a reason; its SID."""
    world.accept("call_1")
    dial(world, "call_1", "token")
    (sid,) = world.carrier.calls
    over = {"carrier_status": CarrierStatus.FAILED, "carrier_ended_at": world.clock.now()}
    revise_call(ACCOUNT, "call_1", lambda _: Revision(over), calls=world.calls)
    world.carrier.error = CarrierAmbiguous("The carrier is away.")
    return sid


def test_a_carrier_that_is_away_is_asked_again_why_it_failed_a_call() -> None:
    world = World()
    sid = failed_before_it_rang(world)
    assert resolve(world) == {"result": "wait", "seconds": POLL_SECONDS}
    world.carrier.error = None
    assert resolve(world) == {"result": "wait", "seconds": POLL_SECONDS}, "what it shows lags behind"
    failed = replace(world.carrier.calls[sid], status=CarrierStatus.FAILED, error_code=10004)
    world.carrier.calls[sid] = failed
    assert resolve(world)["result"] == "ended"
    assert world.call("call_1").carrier_error_code == 10004


def test_a_call_is_settled_without_a_reason_a_minute_after_its_end() -> None:
    world = World()
    failed_before_it_rang(world)
    world.clock.advance(60)
    assert resolve(world)["result"] == "ended"


@pytest.mark.parametrize(
    ("queue_ms", "not_after_in", "ended"), [(40_000, None, True), (2_000, None, False), (2_000, 1_000, True)]
)
def test_a_call_that_would_leave_the_carriers_queue_too_late_is_taken_back(
    queue_ms: int, not_after_in: int | None, ended: bool
) -> None:
    world = World()
    now = world.clock.now()
    world.accept("call_1", not_after=now + not_after_in if not_after_in else None)
    place = world.carrier.place

    def queued(*args: PhoneNumber) -> object:
        call = replace(place(*args), queue_time_ms=queue_ms)
        world.carrier.calls[call.sid] = call
        return call

    slow: Callable[..., object] = queued
    world.carrier.place = slow  # type: ignore[method-assign,assignment]  # the same, with a queue
    dial(world, "call_1", "token")
    assert bool(world.carrier.hung_up) is ended


def test_a_late_copy_of_a_settled_calls_message_takes_no_place() -> None:
    world = World()
    world.accept("call_1")
    stale = world.call("call_1")
    world.run()
    world.calls.get = lambda *_: stale if not world.holders() else settled  # type: ignore[method-assign]
    settled = world.calls.calls[ACCOUNT, "call_1"]
    world.dispatch("call_1")
    assert world.holders() == {}
    assert world.lines.lines == {}


def test_the_carriers_limit_lies_behind_ours() -> None:
    world = World()
    world.accept("call_1", max_duration_seconds=60)
    dial(world, "call_1", "token")
    ((_, request),) = world.carrier.posts
    assert request.time_limit_seconds == 60 + CARRIER_LIMIT_MARGIN_SECONDS


@pytest.mark.parametrize(
    ("action", "mode", "seconds"),
    [(VoicemailAction.HANGUP, "Enable", 30), (VoicemailAction.LEAVE_MESSAGE, "DetectMessageEnd", 59)],
)
def test_the_carrier_listens_to_the_end_of_a_greeting_that_is_to_be_answered(
    action: VoicemailAction, mode: str, seconds: int
) -> None:
    world = World()
    world.accept("call_1", voicemail_action=action)
    dial(world, "call_1", "token")
    ((_, request),) = world.carrier.posts
    assert (request.machine_detection, request.detection_seconds) == (mode, seconds)


def test_the_carrier_is_told_how_long_first_words_of_a_person_may_be() -> None:
    world = World()
    world.accept("call_1", amd_speech_threshold_ms=3600)
    dial(world, "call_1", "token")
    ((_, request),) = world.carrier.posts
    assert request.speech_threshold_ms == 3600


def test_a_call_the_carrier_does_not_show_for_a_moment_is_not_over() -> None:
    world = World()
    world.accept("call_1")
    dial(world, "call_1", "token")
    hidden, world.carrier.calls = world.carrier.calls, {}
    assert resolve(world)["result"] == "wait"
    world.carrier.calls = hidden
    assert world.call("call_1").carrier_status is None
