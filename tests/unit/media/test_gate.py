"""The gate: one stream waits for all, and sound, the socket or a moment ends the wait."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlparse

import pytest
from amazon_transcribe.structures import BufferableByteStream

from media.stt import crt_sessions
from media.stt.crt_sessions import Gate, _addresses, _GatedBody, _sockets_to

LONG = 20_000  # ms; a test that waits this long has failed


@pytest.fixture(autouse=True)
def long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crt_sessions, "_WAIT_MS", LONG)
    monkeypatch.setattr(crt_sessions, "_LEADER_LOST", 1e9)


def within(job: Callable[[], object], then: Callable[[], object]) -> None:
    """Run a job in a thread; `then` must make it end."""
    thread = threading.Thread(target=job)
    thread.start()
    then()
    thread.join(10)
    assert not thread.is_alive()


def test_the_leader_waits_until_somebody_has_sound() -> None:
    gate, leader, other = Gate(), object(), object()
    gate.join(leader)
    gate.join(other)
    within(lambda: gate.empty(leader), gate.wake)


def test_a_wake_before_the_wait_is_not_lost() -> None:
    gate, leader = Gate(), object()
    gate.join(leader)
    gate.wake()
    gate.empty(leader)


def test_the_others_do_not_wait() -> None:
    gate, leader, other = Gate(), object(), object()
    gate.join(leader)
    gate.join(other)
    began = time.monotonic()
    gate.empty(other)
    assert time.monotonic() - began < LONG / 1000


def test_a_readable_socket_ends_the_wait() -> None:
    gate, leader = Gate(), object()
    gate.join(leader)
    ours, theirs = socket.socketpair()
    gate.watch(ours)
    within(lambda: gate.empty(leader), lambda: theirs.send(b"x"))
    gate.unwatch(ours)
    theirs.close()
    assert ours.fileno() == -1


def test_a_socket_whose_far_end_is_gone_is_forgotten() -> None:
    gate, leader = Gate(), object()
    gate.join(leader)
    ours, theirs = socket.socketpair()
    gate.watch(ours)
    theirs.close()
    gate.empty(leader)  # readable for ever from now on
    assert ours.fileno() == -1
    within(lambda: gate.empty(leader), gate.wake)


def test_a_readable_socket_is_kept() -> None:
    gate, leader = Gate(), object()
    gate.join(leader)
    ours, theirs = socket.socketpair()
    gate.watch(ours)
    theirs.send(b"x")
    gate.empty(leader)
    assert ours.recv(1) == b"x"
    gate.unwatch(ours)
    theirs.close()


async def test_a_connection_to_the_same_port_elsewhere_is_not_taken_for_the_vendors() -> None:
    with ExitStack() as stack:
        vendor = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = vendor.getsockname()[1]
        elsewhere = stack.enter_context(socket.create_server(("127.0.0.2", port)))
        foreign = stack.enter_context(socket.create_connection(elsewhere.getsockname()))
        ours = stack.enter_context(socket.create_connection(vendor.getsockname()))
        found = set(_sockets_to(await _addresses(urlparse(f"https://127.0.0.1:{port}/x"))))
        assert ours.fileno() in found
        assert foreign.fileno() not in found


async def test_a_name_that_is_not_known_leads_nowhere() -> None:
    assert await _addresses(urlparse("https://nowhere.invalid/x")) == set()


def test_the_lead_passes_on() -> None:
    gate, first, second = Gate(), object(), object()
    gate.join(first)
    gate.join(second)
    gate.leave(first)
    within(lambda: gate.empty(second), gate.wake)


def test_a_leader_that_is_not_read_any_more_loses_the_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, lost, alive = Gate(), object(), object()
    gate.join(lost)
    gate.join(alive)
    monkeypatch.setattr(crt_sessions, "_LEADER_LOST", 0.0)
    gate.empty(alive)  # takes over
    monkeypatch.setattr(crt_sessions, "_LEADER_LOST", 1e9)
    within(lambda: gate.empty(alive), gate.wake)


def test_a_body_gives_what_came_while_it_waited() -> None:
    gate, body = Gate(), BufferableByteStream()  # type: ignore[no-untyped-call]  # the SDK's
    gated, buffer, read = _GatedBody(body, gate), bytearray(10), []

    def speak() -> None:
        body.write(b"sound")
        gate.wake()

    within(lambda: read.append(gated.readinto(memoryview(buffer))), speak)
    assert read == [5]
    assert buffer[:5] == b"sound"


def test_an_empty_body_says_so_after_the_wait() -> None:
    gate, body = Gate(), BufferableByteStream()  # type: ignore[no-untyped-call]  # the SDK's
    gate.wake()
    with pytest.raises(BlockingIOError):
        _GatedBody(body, gate).readinto(memoryview(bytearray(10)))
