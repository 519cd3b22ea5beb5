"""How a house begins, and how it does not: ports that are taken, Ctrl-C before it stands."""

import socket
import subprocess
from pathlib import Path

import pytest

from tests.flows.house_world import HouseProcess, Running, eventually, some_ports

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")


def test_a_second_house_on_taken_ports_says_so_and_leaves_the_first_alone(running: Running) -> None:
    published = running.own.file.read_bytes()
    second = HouseProcess.start(running.own.folder, running.own.ports, log="second.log")
    assert second.process.wait(timeout=15) == 1
    said = second.said
    assert "Traceback" not in said
    for name, port in running.own.ports.items():
        assert f"port {port} ({name}) is taken already" in said
    assert running.own.file.read_bytes() == published
    assert running.get("/calls") is not None


def test_one_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = some_ports() | {"MEDIA_PORT": str(taken.getsockname()[1])}
        own = HouseProcess.start(tmp_path, ports)
        try:
            assert own.process.wait(timeout=15) == 1
            assert own.said.strip().endswith(f"port {ports['MEDIA_PORT']} (MEDIA_PORT) is taken already")
            assert own.left_behind() == []
        finally:
            own.destroy()


@pytest.mark.parametrize("part", ["emulator", "media"])
def test_ctrl_c_while_it_is_standing_up_leaves_nothing(tmp_path: Path, part: str) -> None:
    own = HouseProcess.start(tmp_path)
    try:
        eventually((tmp_path / "local" / "logs" / f"{part}.log").exists, 60)
        own.interrupt()
        try:
            code = own.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still there after 15 s: {own.living()}\n{own.said}")
        assert code == 0, own.said
        assert "Traceback" not in own.said
        assert own.living() == {}
        assert own.left_behind() == []
        assert not own.file.exists()
    finally:
        own.destroy()
