"""Who may open a stream: the real server on a house in memory, knocked at by a carrier good and bad."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from calling.domain import stream_token
from calling.domain.call import CallStatus, EndedReason
from calling.domain.errors import CarrierError
from calling.usecases.after_stream import after_stream
from calling.usecases.brief_call import brief_call
from media import briefing as briefing_module
from media import server as server_module
from media import session as session_module
from media.conversation.inputs import Heard
from media.door import CarrierDoor
from media.llm import Ended, Manner, Piece, Words
from media.server import MediaServer
from tests.contracts.media_caller import Caller, signature
from tests.contracts.media_world import ACCOUNT, CARRIER, URL, World, sid_of, token

PATH = f"/calls/{ACCOUNT}/call_1"


class Deaf:
    """A recogniser that hears nothing, a voice and a model that are never asked."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    def open(self, *, language: str) -> Deaf:
        return Deaf()

    def send(self, pcm: bytes) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[Heard]:
        await self._closed.wait()
        for nothing in list[Heard]():
            yield nothing

    async def speak(self, text: str, *, voice_id: str) -> AsyncIterator[bytes]:
        yield b"\xff" * 800

    async def reply(self, manner: Manner, messages: Sequence[dict[str, Any]]) -> AsyncIterator[Piece]:
        yield Words("Yes.")
        yield Ended("done")

    async def close(self) -> None:
        self._closed.set()


@pytest.fixture
def world() -> World:
    world = World()
    world.dialled("call_1")
    return world


def served(world: World) -> MediaServer:
    house = world.house(Deaf(), Deaf(), Deaf())
    return MediaServer(house, CarrierDoor(house, URL))


@pytest.fixture
async def server(world: World) -> AsyncIterator[MediaServer]:
    server = served(world)
    yield server
    await server.drain(0)


@pytest.fixture
async def port(server: MediaServer) -> int:
    return await server.start("127.0.0.1", 0)


async def refused(caller: Caller, **how: Any) -> tuple[int, Any]:
    """Knock and return the status and body of the refusal."""
    with pytest.raises(InvalidStatus) as refusal:
        await caller.open(**how)
    response = refusal.value.response
    return response.status_code, json.loads(response.body or b"{}")


async def turned_away(caller: Caller, **start: Any) -> None:
    """Open with a good signature and start as given; the server must close, and leave the record alone."""
    opened = await caller.open()
    await caller.start(**start)
    await closes(opened)


async def closes(opened: Any) -> None:
    async with asyncio.timeout(10):
        with suppress(ConnectionClosed):
            async for _ in opened:
                pass
    assert opened.close_code == 1008


async def health(port: int) -> tuple[int, Any]:
    """Ask as a load balancer does: plain HTTP, no upgrade."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: media\r\n\r\n")
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), json.loads(body)


async def until(true: Any) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_handshake_after_a_rotation_is_let_in(world: World, port: int) -> None:
    """The first one that fails has the secret read again; what the token before signed goes on counting."""
    world.credentials.rotated = replace(CARRIER, auth_token="new", other_tokens=(CARRIER.auth_token,))
    for signer in ("new", CARRIER.auth_token):
        opened = await Caller(port, "call_1").open(sign=signature(URL + PATH, signer))
        await opened.close()
    assert world.credentials.renewals == 1


@pytest.mark.parametrize(
    ("sign", "status", "code"),
    [
        ("", 403, "invalid_signature"),
        ("bm9uc2Vuc2U=", 403, "invalid_signature"),
        ("\u00e9", 403, "invalid_signature"),
        (signature(URL + PATH, "another-token"), 403, "invalid_signature"),
        (signature(f"{URL}/calls/{ACCOUNT}/call_2"), 403, "invalid_signature"),
        (signature("ws://elsewhere.example" + PATH), 403, "invalid_signature"),
    ],
    ids=["missing", "nonsense", "not-ascii", "other-account", "other-call", "other-host"],
)
async def test_a_handshake_without_the_carriers_signature_is_refused(
    port: int, sign: str, status: int, code: str
) -> None:
    assert await refused(Caller(port, "call_1"), sign=sign) == (
        status,
        {"error": {"type": "media_error", "code": code}},
    )


@pytest.mark.parametrize("path", [f"/calls/{ACCOUNT}/call_9", "/calls/acct_other/call_1", "/", PATH + "?x=1"])
async def test_an_unknown_call_is_refused_in_the_same_shape(port: int, path: str) -> None:
    assert await refused(Caller(port, "call_1"), path=path) == (
        404,
        {"error": {"type": "media_error", "code": "not_found"}},
    )


@pytest.mark.parametrize("path", [PATH, PATH + "/"])
@pytest.mark.parametrize("signed", [PATH, PATH + "/"])
async def test_a_trailing_slash_changes_nothing(port: int, path: str, signed: str) -> None:
    await (await Caller(port, "call_1").open(path=path, sign=signature(URL + signed))).close()


@pytest.mark.parametrize(
    "start",
    [
        {"customParameters": {}},
        {"customParameters": {"token": "1.2"}},
        {"customParameters": {"token": token("call_2")}},
        {"customParameters": {"token": stream_token.issue(b"stream-secret", ACCOUNT, "call_1", 1)}},
        {"customParameters": {"token": stream_token.issue(b"other", ACCOUNT, "call_1", 2**40)}},
        {"accountSid": "AC" + "9" * 32},
        {"callSid": sid_of("call_2")},
        {"mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 16000, "channels": 1}},
    ],
    ids=["missing", "nonsense", "other-call", "expired", "forged", "other-account", "other-sid", "other-format"],
)
async def test_a_start_that_proves_nothing_is_turned_away(world: World, port: int, start: dict[str, Any]) -> None:
    await turned_away(Caller(port, "call_1"), **start)
    call = world.calls.get(ACCOUNT, "call_1")
    assert call
    assert call.media_opened_at is None


async def test_a_stream_that_never_starts_is_closed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_START_TIMEOUT", 0.05)
    await closes(await Caller(port, "call_1").open())


async def test_sound_before_the_start_is_turned_away(port: int) -> None:
    opened = await Caller(port, "call_1").open()
    await opened.send(json.dumps({"event": "media", "media": {"timestamp": "0", "payload": ""}}))
    await closes(opened)


async def test_a_call_has_one_stream(world: World, port: int) -> None:
    first, second, third = (Caller(port, "call_1") for _ in range(3))
    early = await second.open()
    opened = await first.open()
    await first.start()
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].stream_sid == "MZ1")
    await second.start(streamSid="MZ2")  # its handshake was before the other's start
    await closes(early)
    assert await refused(third) == (403, {"error": {"type": "media_error", "code": "stream_refused"}})
    assert world.calls.calls[ACCOUNT, "call_1"].stream_sid == "MZ1"
    await opened.close()


async def test_an_ended_call_takes_no_stream(world: World, port: int) -> None:
    world.dialled("call_2", status=CallStatus.COMPLETED)
    assert (await refused(Caller(port, "call_2")))[0] == 403


async def test_the_carriers_id_is_learnt_from_the_stream_where_the_dials_answer_was_lost(
    world: World, port: int
) -> None:
    world.dialled("call_3", twilio_call_sid=None)
    caller = Caller(port, "call_3")
    opened = await caller.open()
    await caller.start()
    await until(lambda: world.calls.calls[ACCOUNT, "call_3"].twilio_call_sid == sid_of("call_3"))
    await opened.close()


async def test_the_other_sides_end_is_stored_and_the_carrier_is_asked(world: World, port: int) -> None:
    caller = Caller(port, "call_1")
    opened = await caller.open()
    await caller.start()
    await until(lambda: world.leases.holders(ACCOUNT, "all")["call_1"] > 1)  # renewed
    await opened.send(json.dumps({"event": "stop", "stop": {}}))
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_closed_at is not None)
    call = world.calls.calls[ACCOUNT, "call_1"]
    assert call.media_reason is None
    assert call.recording_key in world.blobs.blobs
    assert world.workflow.answers == {"token-call_1": {"result": "resolve"}}
    assert world.workflow.heartbeats
    assert world.carrier.hung_up == []


async def test_a_campaigns_call_keeps_its_campaigns_place_too(world: World, port: int) -> None:
    world.dialled("call_4", campaign_id="camp_1", recipient=0)
    caller = Caller(port, "call_4")
    opened = await caller.open()
    await caller.start()
    for pool in ("all", "camp_1"):
        await until(lambda pool=pool: world.leases.holders(ACCOUNT, pool)["call_4"] > 1)
    await opened.close()


async def abort(opened: Any) -> None:
    opened.transport.abort()


async def leave(opened: Any) -> None:
    await opened.close()


async def talk_nonsense(opened: Any) -> None:
    await opened.send("nonsense")


async def say_nothing(_: Any) -> None:
    pass


@pytest.mark.parametrize("lose", [abort, leave, talk_nonsense, say_nothing])
async def test_a_call_whose_line_is_lost_is_left_to_the_carrier(
    world: World, port: int, lose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lose is say_nothing:
        monkeypatch.setattr(session_module, "_LINE_LOST", 0.05)
    caller = Caller(port, "call_1")
    opened = await caller.open()
    await caller.start()
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_opened_at is not None)
    await lose(opened)
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_closed_at is not None)
    # The carrier asks what to do with it, and whoever is on the line is told: hung up on, they would hear a click.
    assert world.carrier.hung_up == []
    assert after_stream(ACCOUNT, "call_1", lives=True, calls=world.calls, clock=world.clock).count("<Say") == 1
    assert world.calls.calls[ACCOUNT, "call_1"].media_reason is EndedReason.ERROR


async def test_a_stream_that_has_not_started_yet_is_waited_for_and_ended(
    world: World, server: MediaServer, port: int
) -> None:
    caller = Caller(port, "call_1")
    await caller.open()
    await until(lambda: server.live_calls() == 1)
    draining = asyncio.create_task(server.drain(0))
    await asyncio.sleep(0)
    await caller.start()
    async with asyncio.timeout(10):
        await draining
    assert world.calls.calls[ACCOUNT, "call_1"].media_reason is EndedReason.ERROR
    assert world.carrier.hung_up == [], "the person is told why it ends"
    assert server.live_calls() == 0


async def test_an_opener_that_does_not_come_is_not_waited_for(
    world: World, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(briefing_module, "_OPENER_WITHIN", 0.05)
    come, get = threading.Event(), world.blobs.get
    world.blobs.get = lambda key: get(key) if come.wait(10) else None  # type: ignore[method-assign]
    opened = await Caller(port, "call_1").open()
    caller = Caller(port, "call_1", socket=opened)
    await caller.start()
    await until(lambda: world.leases.holders(ACCOUNT, "all")["call_1"] > 1)  # the session runs
    await opened.send(json.dumps({"event": "stop", "stop": {}}))
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_closed_at is not None)
    come.set()
    assert world.calls.calls[ACCOUNT, "call_1"].media_reason is None


async def test_a_call_nobody_can_tell_of_in_time_is_ended(
    world: World, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(briefing_module, "_BRIEF_WITHIN", 0.05)
    come = threading.Event()

    def late(*args: Any, **ports: Any) -> Any:
        come.wait(10)
        return brief_call(*args, **ports)

    monkeypatch.setattr(briefing_module, "brief_call", late)
    caller = Caller(port, "call_1")
    await caller.open()
    await caller.start()
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_closed_at is not None)
    come.set()
    assert world.calls.calls[ACCOUNT, "call_1"].media_reason is EndedReason.ERROR
    assert world.carrier.hung_up == []


async def test_a_full_disk_costs_the_recording_not_the_record(
    world: World, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session_module, "Recorder", full)
    caller = Caller(port, "call_1")
    opened = await caller.open()
    await caller.start()
    await until(lambda: world.leases.holders(ACCOUNT, "all")["call_1"] > 1)
    await opened.send(json.dumps({"event": "stop", "stop": {}}))
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_closed_at is not None)
    call = world.calls.calls[ACCOUNT, "call_1"]
    assert (call.media_reason, call.recording_key) == (None, None)


async def test_a_call_whose_agent_is_gone_is_ended(world: World, port: int) -> None:
    world.agents.agent_items.clear()
    caller = Caller(port, "call_1")
    await caller.open()
    await caller.start()
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_closed_at is not None)
    assert world.calls.calls[ACCOUNT, "call_1"].media_reason is EndedReason.ERROR
    assert world.carrier.hung_up == []


async def test_an_end_the_carrier_could_not_be_told_is_known_before_the_socket_closes(world: World, port: int) -> None:
    """It then asks at once what to do with the call: not to say that it was lost."""
    world.carrier.error = CarrierError("away")
    caller = Caller(port, "call_1")
    opened = await caller.open()
    await caller.start()
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_opened_at is not None)
    call = world.calls.calls[ACCOUNT, "call_1"]
    world.calls.change(call, {"cancel_requested_at": 5})
    await opened.wait_closed()
    assert world.calls.calls[ACCOUNT, "call_1"].media_reason is EndedReason.CANCELED


async def test_a_wish_to_hang_up_is_honoured(world: World, port: int) -> None:
    caller = Caller(port, "call_1")
    await caller.open()
    await caller.start()
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_opened_at is not None)
    call = world.calls.calls[ACCOUNT, "call_1"]
    world.calls.change(call, {"cancel_requested_at": 5})
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_closed_at is not None)
    assert world.calls.calls[ACCOUNT, "call_1"].media_reason is EndedReason.CANCELED


async def test_draining_ends_what_lives_and_lets_nobody_in(world: World, server: MediaServer, port: int) -> None:
    caller = Caller(port, "call_1")
    await caller.open()
    await caller.start()
    await until(lambda: world.calls.calls[ACCOUNT, "call_1"].media_opened_at is not None)
    assert await health(port) == (200, {"status": "ok", "live_calls": 1})
    draining = asyncio.create_task(server.drain(30))
    await asyncio.sleep(0)
    assert (await refused(Caller(port, "call_1")))[0] == 503
    assert await health(port) == (503, {"status": "draining", "live_calls": 1})
    draining.cancel()
    await server.drain(0)
    assert world.calls.calls[ACCOUNT, "call_1"].media_reason is EndedReason.ERROR
    with pytest.raises(OSError, match="Connect"):
        await Caller(port, "call_1").open()


async def test_nagle_is_off(port: int, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    serve = MediaServer._serve

    async def spy(self: MediaServer, connection: Any) -> None:
        wire = connection.transport.get_extra_info("socket")
        seen.append(wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await serve(self, connection)

    monkeypatch.setattr(MediaServer, "_serve", spy)
    server = served(world)
    opened = await Caller(await server.start("127.0.0.1", 0), "call_1").open()
    await until(lambda: seen)
    await opened.close()
    await server.drain(0)
    assert seen == [1]
