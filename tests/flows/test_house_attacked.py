"""Who may tell the running house something: forged, bad and replayed callbacks, streams and keys, while it works."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from calling.domain import stream_token
from infra.create_key import create_key
from tests.flows.conftest import REGION, cached_client
from tests.flows.house_story import BUSY, Telling
from tests.flows.house_world import Running, eventually

RINGING, LIVE = "+447386172381", "+447386172382"
POLICY = 1008
LINES = ["Hello?", "Yes, this is Robin speaking.", "Could we make it Friday at noon?", "No, that is all. Goodbye."]


@dataclass(frozen=True, slots=True)
class Target:
    """A call that is attacked."""

    call_id: str
    sid: str
    path: str


def target(running: Running, call_id: str) -> Target:
    path = f"/calls/{running.house['account_id']}/{call_id}"
    return Target(call_id, eventually(lambda: running.at_carrier(call_id)["sid"], 20), path)


@pytest.fixture(scope="module")
def agent_id(running: Running) -> str:
    return running.agent(running.house["from_number_2"], name="Sam")


@pytest.fixture(scope="module")
def ringing(running: Running, agent_id: str) -> Iterator[Target]:
    """A call that rings and has no stream yet."""
    running.person(RINGING, ring_seconds=100)
    call_id = running.place({"agent_id": agent_id, "to_number": RINGING, "prompt": "Say hello."})
    eventually(lambda: running.record(call_id)["call_status"] == "ringing", 30, every=0.2)
    yield target(running, call_id)
    running.api("POST", f"/calls/{call_id}/hangup")


@pytest.fixture(scope="module")
def live(running: Running, agent_id: str) -> Target:
    """A call in mid-conversation; the carrier's own machine verdict comes too late for it."""
    running.person(LIVE, lines=LINES, amd_after_ms=28_000)
    call_id = running.place(
        {"agent_id": agent_id, "to_number": LIVE, "prompt": "Remind Robin about the inspection tomorrow at 2pm."}
    )
    eventually(lambda: "media_opened" in running.events(call_id), 30, every=0.2)
    return target(running, call_id)


def state(running: Running, call_id: str) -> dict[str, Any]:
    """All that is stored of a call and was sent because of it; the signed URL is made anew each time."""
    deliveries = running.get(f"/webhooks/deliveries?call_id={call_id}")
    return running.record(call_id) | {
        "recording_url": None,
        "timeline": running.timeline(call_id),
        "deliveries": sorted(delivery["event_id"] for delivery in deliveries),
        "hooks": len([hook for hook in list(running.customer.hooks) if hook.event["call_id"] == call_id]),
    }


def form(running: Running, sid: str, **fields: str) -> dict[str, str]:
    return {"CallSid": sid, "AccountSid": running.house["account_sid"], **fields}


# --- a live call, attacked first because it goes on meanwhile --------------------------------------------------------


def knock(running: Running, path: str, signature: str | None) -> ClientConnection:
    headers = {} if signature is None else {"X-Twilio-Signature": signature}
    return connect(running.house["media_url"] + path, additional_headers=headers, proxy=None, compression=None)


def refused(running: Running, path: str, signature: str | None) -> int:
    with pytest.raises(InvalidStatus) as error, knock(running, path, signature):
        pass
    return error.value.response.status_code


def test_a_live_call_takes_no_second_stream(running: Running, live: Target) -> None:
    signature = running.sign(running.house["media_url"] + live.path)
    assert refused(running, live.path, signature) == 403
    assert "media_closed" not in running.events(live.call_id), "the first stream was to be still up"


def test_a_genuine_machine_verdict_counts_once(running: Running, live: Target) -> None:
    url, body = running.callback_url(live.call_id, "amd"), form(running, live.sid, AnsweredBy="human")
    signature = running.sign(url, body)
    assert running.call_back(url, body, signature) == 204
    first = running.record(live.call_id)["amd_result"]
    assert running.call_back(url, body, signature) == 204
    other = form(running, live.sid, AnsweredBy="machine_start")
    assert running.call_back(url, other, running.sign(url, other)) == 204
    assert first == running.record(live.call_id)["amd_result"] == "human"
    assert running.events(live.call_id).count("machine_detection") == 1


# --- the API's keys --------------------------------------------------------------------------------------------------


def test_nobody_enters_without_a_right_key(running: Running) -> None:
    key_id, _, secret = running.house["api_key"].partition(":")
    another = key_id[:-1] + ("1" if key_id.endswith("0") else "0")
    wrong = ["", key_id, f"{key_id}:", f"{key_id}:{secret[:-1]}", f"{key_id}:{secret}x", f"{another}:{secret}"]
    for given in wrong:
        for method, path in (("GET", "/calls"), ("POST", "/calls/outbound")):
            answer = running.api(method, path, {} if method == "POST" else None, key=given)
            assert answer.status_code == 401, (method, path, answer.text)
            assert answer.json()["error"]["type"] == "authentication_error"


def test_another_account_sees_nothing_of_the_first(
    running: Running, telling: tuple[Running, Telling], agent_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"http://127.0.0.1:{running.own.ports['EMULATOR_PORT']}"
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    outputs = stack_outputs(running)
    other = create_key(outputs["TableName"], outputs["KeyArn"], REGION)
    call_id = telling[1].ids[BUSY]
    assert other.account_id != running.house["account_id"]
    for path in ("/calls", "/agents", f"/calls?agent_id={agent_id}"):
        assert running.api("GET", path, key=other.api_key).json() == []
    assert running.api("GET", "/phone-numbers", key=other.api_key).json()["phone_numbers"] == []
    pairs = [
        ("GET", f"/calls/{call_id}", "/calls/call_000000000000000000000000"),
        ("GET", f"/calls/{call_id}/timeline", "/calls/call_000000000000000000000000/timeline"),
        ("POST", f"/calls/{call_id}/hangup", "/calls/call_000000000000000000000000/hangup"),
        ("GET", f"/agents/{agent_id}", "/agents/agent_000000000000000000000000"),
        ("DELETE", f"/agents/{agent_id}", "/agents/agent_000000000000000000000000"),
    ]
    for method, foreign, absent in pairs:
        theirs = running.api(method, foreign, key=other.api_key)
        nobodys = running.api(method, absent, key=other.api_key)
        assert (theirs.status_code, theirs.json()) == (nobodys.status_code, nobodys.json())
        assert theirs.status_code == 404
    body = {"agent_id": agent_id, "to_number": LIVE, "prompt": "Hello."}
    placed = running.api("POST", "/calls/outbound", body, key=other.api_key)
    assert placed.status_code == 404
    assert placed.json()["error"]["code"] == "agent_not_found"
    theirs = running.api("POST", "/agents", {"name": "Noa"}, key=other.api_key).json()["agent_id"]
    for number in (running.house["from_number"], running.house["from_number_2"]):
        taken = running.api("POST", "/phone-numbers", {"phone_number": number, "agent_id": theirs}, key=other.api_key)
        assert (taken.status_code, taken.json()["error"]["code"]) == (409, "number_already_imported")
    deliveries = running.api("GET", f"/webhooks/deliveries?call_id={call_id}", key=other.api_key)
    assert deliveries.status_code == 404 or not deliveries.json()


def stack_outputs(running: Running) -> dict[str, str]:
    endpoint = f"http://127.0.0.1:{running.own.ports['EMULATOR_PORT']}"
    [stack] = cached_client(endpoint, "cloudformation").describe_stacks(StackName="redial")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


# --- the media socket ------------------------------------------------------------------------------------------------


def test_a_handshake_without_the_right_signature_never_becomes_a_socket(running: Running, ringing: Target) -> None:
    url = running.house["media_url"] + ringing.path
    for signature in (
        None,
        "",
        "bm90IGEgc2lnbmF0dXJl",
        running.sign(url, auth_token="0" * 32),
        running.sign(url + "0"),
        running.sign(url, {"CallSid": ringing.sid}),
    ):
        assert refused(running, ringing.path, signature) == 403
    nowhere = f"/calls/{running.house['account_id']}/call_000000000000000000000000"
    assert refused(running, nowhere, running.sign(running.house["media_url"] + nowhere)) in (403, 404)
    assert "media_opened" not in running.events(ringing.call_id)


def test_a_stream_without_the_right_token_is_closed_and_nothing_is_stored(
    running: Running, telling: tuple[Running, Telling], ringing: Target
) -> None:
    arn = stack_outputs(running)["StreamTokenSecretArn"]
    endpoint = f"http://127.0.0.1:{running.own.ports['EMULATOR_PORT']}"
    text = cached_client(endpoint, "secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    secret, account = json.loads(text)["secret"].encode(), running.house["account_id"]
    right, soon = running.stream_token(ringing.call_id), int(time.time()) + 60
    starts: list[dict[str, Any]] = [
        {"customParameters": {}},
        {"customParameters": {"token": ""}},
        {"customParameters": {"token": right[:-1] + ("0" if right[-1] != "0" else "1")}},
        {"customParameters": {"token": f"{soon}.{right.partition('.')[2]}"}},
        {"customParameters": {"token": stream_token.issue(secret, account, ringing.call_id, soon - 120)}},
        {"customParameters": {"token": stream_token.issue(secret, "acct_other", ringing.call_id, soon)}},
        {"customParameters": {"token": running.stream_token(telling[1].ids[BUSY])}},
        {"callSid": "CA" + "0" * 32},
        {"accountSid": "AC" + "0" * 32},
    ]
    before = state(running, ringing.call_id)
    for changes in starts:
        start = {
            "streamSid": "MZ" + "1" * 32,
            "accountSid": running.house["account_sid"],
            "callSid": ringing.sid,
            "tracks": ["inbound"],
            "customParameters": {"token": right, "call_id": ringing.call_id},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        } | changes
        assert closed_after(running, ringing, start) == POLICY, changes.keys()
    assert state(running, ringing.call_id) == before


def closed_after(running: Running, call: Target, start: dict[str, Any]) -> int | None:
    """Open a genuinely signed stream, send this start, and say with which code it was closed."""
    with knock(running, call.path, running.sign(running.house["media_url"] + call.path)) as socket:
        socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        socket.send(json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": start}))
        with pytest.raises(ConnectionClosed) as error:
            socket.recv(timeout=10)
    return error.value.rcvd.code if error.value.rcvd else None


# --- the carrier's callbacks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "field"), [("status", ("CallStatus", "completed")), ("amd", ("AnsweredBy", "fax"))])
def test_a_callback_that_is_not_signed_for_this_call_changes_nothing(
    running: Running, ringing: Target, kind: str, field: tuple[str, str]
) -> None:
    url, body = running.callback_url(ringing.call_id, kind), form(running, ringing.sid, **dict([field]))
    another = {**body, "AccountSid": "AC" + "0" * 32}
    before = state(running, ringing.call_id)
    tries: list[tuple[str, dict[str, str], str | None]] = [
        (url, body, None),
        (url, body, ""),
        (url, body, running.sign(url, body, auth_token="0" * 32)),
        (url, body, running.sign(url, {**body, "CallDuration": "1"})),
        (url, {**body, "CallDuration": "1"}, running.sign(url, body)),
        (url, body, running.sign(url.replace(ringing.call_id, "call_000000000000000000000000"), body)),
        (url, another, running.sign(url, another)),
    ]
    for to, sent, signature in tries:
        assert running.call_back(to, sent, signature) == 403
    assert state(running, ringing.call_id) == before


def test_the_attacked_call_went_on_undisturbed(running: Running, live: Target) -> None:
    record, call = running.ended(live.call_id), running.at_carrier(live.call_id)
    assert (record["call_status"], record["ended_reason"]) == ("completed", "completed")
    assert call["said"] == LINES
    assert "Friday" in " ".join(turn["text"] for turn in record["turns"] if turn["role"] == "caller")
    assert running.events(live.call_id).count("media_opened") == 1
    assert len(running.customer.of(live.call_id, "call.started")) == 1
    assert len(running.customer.terminal(live.call_id)) == 1


def test_genuine_callbacks_of_a_call_that_is_over_change_nothing(
    running: Running, telling: tuple[Running, Telling], live: Target
) -> None:
    busy = target(running, telling[1].ids[BUSY])
    running.ended(busy.call_id)
    replays = [
        (busy, {"CallStatus": "busy", "SipResponseCode": "486", "SequenceNumber": "2"}),
        (busy, {"CallStatus": "completed", "CallDuration": "9", "SequenceNumber": "3"}),
        (live, {"CallStatus": "in-progress", "SequenceNumber": "2"}),
        (live, {"CallStatus": "completed", "CallDuration": "20", "SequenceNumber": "3"}),
        (live, {"CallStatus": "failed", "SequenceNumber": "4"}),
    ]
    before = [state(running, call.call_id) for call in (busy, live)]
    for call, fields in replays:
        url, body = running.callback_url(call.call_id, "status"), form(running, call.sid, **fields)
        assert running.call_back(url, body, running.sign(url, body)) == 204
    assert [state(running, call.call_id) for call in (busy, live)] == before


def test_a_ringing_call_is_given_up_when_asked_and_tells_so_once(running: Running, ringing: Target) -> None:
    assert running.api("POST", f"/calls/{ringing.call_id}/hangup").status_code in (200, 202)
    record = running.ended(ringing.call_id)
    assert (record["call_status"], record["ended_reason"], record["charged_minutes"]) == ("canceled", "canceled", 0)
    assert [hook.event["event"] for hook in running.customer.terminal(ringing.call_id)] == ["call.failed"]
