"""Reading calls: one, many, their timeline; hanging up; deliveries; history."""

from dataclasses import replace
from typing import Any

import pytest

from calling.domain import recording_link
from calling.domain.call import Call, CallStatus, CarrierStatus, EndedReason, TimelineEntry
from calling.domain.delivery import Delivery, DeliveryStatus
from calling.domain.errors import CarrierAmbiguous
from calling.domain.history import CallSummary
from calling.domain.phone_number import PhoneNumber
from calling.domain.transcript import Turn
from tests.unit.api.conftest import FROM, TO, Api, World, error_of

FIELDS = {
    "call_id", "agent_id", "call_direction", "call_type", "from_number", "to_number", "call_status",
    "start_timestamp", "answered_at", "end_timestamp", "duration_ms", "charged_minutes", "ended_reason", "transcript",
    "turns", "call_summary", "caller_sentiment", "call_successful", "extracted_data", "recording_url",
    "voicemail_detected", "voicemail_detection_method", "amd_result", "voicemail_left", "campaign_id", "metadata",
    "avg_latency_ms", "latency", "cost", "twilio_call_sid", "sip_response_code", "twilio_error_code", "failure_reason",
    "stir_status", "stir_verstat", "stream_error", "created_at",
}  # fmt: skip


def stored(world: World, call_id: str) -> Call:
    return world.calls.calls[world.owner.account_id, call_id]


def finish(world: World, call_id: str, **changes: Any) -> Call:
    """Let a call have happened: answered after 3 s, 65 s of talk."""
    call = stored(world, call_id)
    t = call.created_at
    happened: dict[str, Any] = {
        "status": CallStatus.COMPLETED,
        "dial_started_at": t + 1_000,
        "ringing_at": t + 2_000,
        "answered_at": t + 4_000,
        "media_opened_at": t + 4_100,
        "media_closed_at": t + 69_000,
        "carrier_ended_at": t + 69_000,
        "carrier_status": CarrierStatus.COMPLETED,
        "carrier_duration_seconds": 65,
        "settled_at": t + 70_000,
        "ended_reason": EndedReason.COMPLETED,
        "charged_minutes": 2,
        "twilio_call_sid": "CA1",
        "summary": "Sarah confirmed.",
        "sentiment": "happy",
        "successful": True,
        "extracted_data": {"day": "Tuesday"},
        "recording_key": "recordings/x.wav",
        "first_audio_ms": 900,
        "voice_to_voice_ms": (800, 1_000, 700, 3_000),
        "amd_result": "human",
    }
    call = replace(call, **(happened | changes))
    world.calls.calls[call.account_id, call_id] = call
    world.calls.add_turn(call.account_id, call_id, Turn(0, "agent", "Hello, it is Mia.", 900, 2_000))
    world.calls.add_turn(call.account_id, call_id, Turn(1, "caller", "Hi.", 2_500, 2_900, latency_ms=None))
    world.calls.add_turn(call.account_id, call_id, Turn(2, "agent", "Good-", 3_700, 4_000, True, 800))
    return call


def placed(api: Api, **changes: Any) -> str:
    call_id: str = api.place(**changes).json()["call_id"]
    return call_id


def test_a_queued_call(api: Api) -> None:
    call = api.get(f"/calls/{placed(api)}").json()
    assert set(call) == FIELDS
    assert (call["call_status"], call["call_direction"], call["call_type"]) == ("queued", "outbound", "outbound")
    assert (call["from_number"], call["to_number"]) == (FROM, TO)
    assert (call["duration_ms"], call["charged_minutes"], call["transcript"], call["turns"]) == (0, 0, "", [])
    assert call["cost"] is call["recording_url"] is call["avg_latency_ms"] is call["end_timestamp"] is None


def test_a_finished_call(world: World, api: Api) -> None:
    call_id = placed(api, metadata={"order": [1, {"x": None}]})
    t = finish(world, call_id).created_at
    call = api.get(f"/calls/{call_id}").json()
    assert set(call) == FIELDS
    expected = {
        "call_status": "completed",
        "start_timestamp": t + 1_000,
        "answered_at": t + 4_000,
        "end_timestamp": t + 69_000,
        "duration_ms": 65_000,
        "charged_minutes": 2,
        "ended_reason": "completed",
        "transcript": "Agent: Hello, it is Mia.\nCaller: Hi.\nAgent: Good-",
        "call_summary": "Sarah confirmed.",
        "caller_sentiment": "happy",
        "call_successful": True,
        "extracted_data": {"day": "Tuesday"},
        "recording_url": recording_link.address(
            "https://api.example.com", b"stream-secret", world.owner.account_id, call_id
        ),
        "voicemail_detected": False,
        "voicemail_detection_method": None,
        "metadata": {"order": [1, {"x": None}]},
        "avg_latency_ms": 1_375,
        "latency": {"answer_to_first_audio_ms": 900, "voice_to_voice_ms": {"p50": 800, "p95": 3_000}},
        "twilio_call_sid": "CA1",
    }
    assert {k: call[k] for k in expected} == expected
    assert call["turns"][2] == {
        "role": "agent", "text": "Good-", "started_ms": 3_700, "ended_ms": 4_000, "interrupted": True, "latency": 800,
    }  # fmt: skip
    assert call["cost"]["currency"] == "USD"
    assert {i["item"] for i in call["cost"]["items"]} >= {"carrier", "media_stream", "transcription", "speech"}
    assert call["cost"]["total"] == pytest.approx(sum(i["amount"] for i in call["cost"]["items"]))


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"status": CallStatus.FAILED, "dial_error_code": 21211}, 21211, "not a valid phone number (Twilio 21211)"),
        ({"status": CallStatus.FAILED, "dial_error_code": 29999}, 29999, "the carrier refused the call (Twilio 29999)"),
        (
            {"status": CallStatus.BUSY, "twilio_call_sid": "CA1", "sip_response_code": 486},
            None,
            "the line was busy (SIP 486)",
        ),
        # The request was refused by an answer that came late: it had been taken.
        (
            {
                "status": CallStatus.FAILED,
                "twilio_call_sid": "CA1",
                "dial_error_code": 20429,
                "sip_response_code": 404,
            },
            20429,
            "no such number (SIP 404)",
        ),
        ({"status": CallStatus.COMPLETED, "twilio_call_sid": "CA1", "sip_response_code": 200}, None, None),
        ({"status": CallStatus.CANCELED}, None, None),
        # The carrier's call went well, the conversation did not.
        (
            {
                "status": CallStatus.COMPLETED,
                "twilio_call_sid": "CA1",
                "ended_reason": EndedReason.ERROR,
                "stream_error": "31921",
            },
            None,
            "the call's audio connection was closed (Twilio 31921)",
        ),
        (
            {
                "status": CallStatus.COMPLETED,
                "twilio_call_sid": "CA1",
                "ended_reason": EndedReason.COMPLETED,
                "stream_error": "31921",
            },
            None,
            None,
        ),
    ],
)
def test_why_a_call_failed_is_said_in_words(
    world: World, api: Api, changes: dict[str, Any], code: int | None, reason: str | None
) -> None:
    call_id = placed(api)
    call = stored(world, call_id)
    world.calls.calls[call.account_id, call_id] = replace(call, **changes)
    for shown in (api.get(f"/calls/{call_id}").json(), api.get("/calls").json()[0]):
        assert (shown["twilio_error_code"], shown["failure_reason"]) == (code, reason)


def test_no_secret_of_a_call_is_shown(world: World, api: Api) -> None:
    call_id = placed(api, prompt="the hidden purpose")
    finish(world, call_id, task_token="token-of-the-task")
    for path in (f"/calls/{call_id}", "/calls?include=transcript", f"/calls/{call_id}/timeline"):
        text = api.get(path).text
        assert "token-of-the-task" not in text
        assert "the hidden purpose" not in text
        assert world.owner.account_id not in text


def test_lists_are_newest_first_and_lean(world: World, api: Api) -> None:
    ids = []
    for _ in range(3):
        world.clock.advance(1)
        ids.append(placed(api))
    finish(world, ids[0])
    listed = api.get("/calls").json()
    assert [c["call_id"] for c in listed] == ids[::-1]
    assert set(listed[0]) == FIELDS - {"turns"}
    assert all(c["transcript"] is None for c in listed)
    with_transcript = api.get("/calls?include=transcript").json()
    assert with_transcript[2]["transcript"].startswith("Agent: Hello")
    assert with_transcript[2]["cost"]["total"] > 0


def test_paging_by_offset_and_cursor(world: World, api: Api) -> None:
    ids = []
    for _ in range(5):
        world.clock.advance(1)
        ids.append(placed(api))
    ids.reverse()
    assert [c["call_id"] for c in api.get("/calls?limit=2&offset=2").json()] == ids[2:4]
    seen, cursor = [], None
    for _ in range(3):
        page = api.get("/calls?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        seen += [c["call_id"] for c in page.json()]
        cursor = page.headers.get("x-next-cursor")
    assert seen == ids
    assert cursor is None


def test_filters(world: World, api: Api) -> None:
    campaign = api.batch().json()["campaign_id"]
    first = placed(api, campaign_id=campaign)
    world.clock.advance(10)
    second = placed(api, to_number="+447386172393")
    finish(world, second, voicemail_method="speech")
    since = world.clock.now()

    def ids(query: str) -> list[str]:
        response = api.get(f"/calls?{query}")
        assert response.status_code == 200, response.text
        return [c["call_id"] for c in response.json()]

    assert ids("status=queued") == [first]
    assert ids("status=completed&direction=outbound") == [second]
    assert ids(f"campaign_id={campaign}") == [first]
    assert ids(f"agent_id={api.agent_id}") == [second, first]
    assert ids("to_number=%2B447386172393") == ids("to_number=+447386172393") == [second]
    assert ids(f"since={since}") == [second]
    assert ids(f"until={since}") == [first]
    assert ids("since=2030-01-01T00:00:00Z") == []
    assert ids("caller_sentiment=happy") == ids("call_successful=true") == ids("voicemail_detected=true") == [second]
    assert ids("direction=inbound") == []


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "invalid_field", "limit"),
        ("limit=201", "invalid_field", "limit"),
        ("limit=51&include=transcript", "invalid_field", "limit"),
        ("offset=-1", "invalid_field", "offset"),
        ("status=happy", "invalid_field", "status"),
        ("stauts=queued", "unknown_field", "stauts"),
        ("cursor=foreign", "invalid_field", "cursor"),
        ("since=soon", "invalid_field", "since"),
        ("to_number=12", "invalid_phone_format", "to_number"),
    ],
)
def test_bad_filters(api: Api, query: str, code: str, field: str) -> None:
    error_of(api.get(f"/calls?{query}"), 400, code, field)


def test_the_timeline(world: World, api: Api) -> None:
    call_id = placed(api)
    call = stored(world, call_id)
    note = TimelineEntry(call.created_at + 5, "waiting", "all places are taken", {"cap": 2})
    world.calls.change(call, {}, note=note)
    shown = api.get(f"/calls/{call_id}/timeline").json()
    assert (shown["call_id"], shown["call_status"]) == (call_id, "queued")
    assert [e["event"] for e in shown["timeline"]] == ["queued", "waiting"]
    last = shown["timeline"][1]
    assert (last["timestamp"], last["reason"], last["details"]) == (note.at, note.reason, {"cap": 2})


def test_hang_up(world: World, api: Api) -> None:
    call_id = placed(api)
    assert api.post(f"/calls/{call_id}/hangup").status_code == 200
    assert stored(world, call_id).cancel_requested_at is not None
    sid = world.carrier.place(PhoneNumber(FROM), PhoneNumber(TO)).sid
    live = placed(api)
    world.calls.change(stored(world, live), {"twilio_call_sid": sid, "status": CallStatus.RINGING})
    assert api.post(f"/calls/{live}/hangup").json()["call_id"] == live
    assert world.carrier.hung_up == [sid]
    world.carrier.error = CarrierAmbiguous("Twilio did not answer.")
    error_of(api.post(f"/calls/{live}/hangup"), 502, "outbound_failed")
    finish(world, live)
    assert error_of(api.post(f"/calls/{live}/hangup"), 409, "call_already_ended")["type"] == "conflict"
    error_of(api.post("/calls/call_nobody/hangup"), 404, "call_not_found")


def test_another_tenants_call_is_not_there(world: World, api: Api, other: Api) -> None:
    call_id = placed(api)
    finish(world, call_id)
    for method, path in (
        ("GET", f"/calls/{call_id}"),
        ("GET", f"/calls/{call_id}/timeline"),
        ("POST", f"/calls/{call_id}/hangup"),
    ):
        nobody = other.request(method, path.replace(call_id, "call_nobody"))
        assert error_of(other.request(method, path), 404, "call_not_found") == nobody.json()["error"]
    assert other.get("/calls").json() == []
    assert other.get(f"/webhooks/deliveries?call_id={call_id}").json() == []
    error_of(other.place(agent_id=api.agent_id), 404, "agent_not_found")


@pytest.mark.parametrize("call_id", ["x" * 3000, "call_", "call_a%2Fb", "call_%20", "%00", "account"])
def test_ids_that_are_none(api: Api, call_id: str) -> None:
    assert api.get(f"/calls/{call_id}").status_code == 404


def test_deliveries_and_redelivery(world: World, api: Api, other: Api) -> None:
    delivery = Delivery(
        world.owner.account_id, "del_1", "call_1", "call_1#terminal", "call.completed", "https://x.example.com",
        world.clock.now(), DeliveryStatus.DEAD, 30, world.clock.now(), 500, None,
    )  # fmt: skip
    world.deliveries.begin(delivery)
    (shown,) = api.get("/webhooks/deliveries?call_id=call_1").json()
    assert (shown["delivery_id"], shown["status"]) == ("del_1", "dead")
    assert (shown["attempts"], shown["last_status"]) == (30, 500)
    error_of(api.get("/webhooks/deliveries"), 400, "missing_field", "call_id")
    error_of(api.post("/webhooks/deliveries/del_2/redeliver"), 404, "delivery_not_found")
    error_of(other.post("/webhooks/deliveries/del_1/redeliver"), 404, "delivery_not_found")
    again = api.post("/webhooks/deliveries/del_1/redeliver")
    assert again.status_code == 202
    assert again.json()["status"] == "pending"
    assert [d.delivery_id for d, _ in world.delivery_queue.sent] == ["del_1"]


def test_history(world: World, api: Api, other: Api) -> None:
    account = world.owner.account_id
    world.calls.remembered += [
        CallSummary(
            account, PhoneNumber(TO), f"call_{n}", "agent_1", n * 1000, "completed", f"Summary {n}.", {"name": f"S{n}"}
        )
        for n in (1, 2)
    ]
    shown = api.get("/history/%2B447386172392").json()
    assert shown["phone_number"] == TO
    assert shown["facts"] == {"name": "S2"}
    assert [c["summary"] for c in shown["calls"]] == ["Summary 2.", "Summary 1."]
    assert other.get("/history/%2B447386172392").json()["calls"] == []
