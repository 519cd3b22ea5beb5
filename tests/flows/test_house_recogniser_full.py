"""The recogniser's quota is met on real wires: nobody else is rung, whoever calls in is still taken."""

from collections.abc import Iterator

import pytest

from tests.flows.house_world import Customer, HouseProcess, Running, eventually, some_ports
from tests.flows.test_house_dials_in import call_in, of_sid

PURPOSE = "Say hello."


@pytest.fixture
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    own, customer = HouseProcess.start(tmp_path_factory.mktemp("full"), some_ports() | {"CAP": "3"}), Customer()
    customer.start()
    try:
        running = Running(own, own.published(), customer)
        yield running
        running.http.close()
    finally:
        own.destroy()
        customer.stop()


def test_two_refused_streams_hold_all_new_dials_and_no_call_that_comes_in(running: Running) -> None:
    carrier = running.house["carrier_url"]
    agent_id = running.agent(running.house["from_number"])

    def place(number: str) -> str:
        running.person(number, ring_seconds=0.5, talk_seconds=20)
        return running.place({"agent_id": agent_id, "to_number": number, "prompt": PURPOSE})

    running.http.put(f"{carrier}/_sim/faults", json={"speech": {"streams": 0}}).raise_for_status()
    heard = place("+447386172701")
    eventually(lambda: any('"RecogniserFull"' in line for _, line in running.log_lines()), 60, every=0.2)
    assert "media_opened" in running.events(heard)
    running.http.delete(f"{carrier}/_sim/faults").raise_for_status()

    held = place("+447386172702")
    entry = eventually(
        lambda: next((e for e in running.timeline(held) if e["event"] == "waiting"), None), 20, every=0.2
    )
    assert entry["reason"] == "recogniser_full"
    sid = call_in(running, "+447386172703", running.house["from_number"], talk_seconds=3)
    assert running.ended(of_sid(running, sid)["call_id"])["call_status"] == "completed"

    calls = running.http.get(f"{carrier}/_sim/calls").json()
    assert [call["to"] for call in calls if call["direction"] != "inbound"] == ["+447386172701"]
    assert running.record(held)["call_status"] == "queued"
    assert running.api("POST", f"/calls/{held}/hangup").status_code == 200
