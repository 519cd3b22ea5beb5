"""Campaigns in the running house: through the API, the emulated cloud, the carrier, and back to the customer."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.demo_campaign import most_at_once
from tests.flows.house_story import Story
from tests.flows.house_world import Running, eventually

CAP = 3
TALKERS = [f"+44711170010{n}" for n in range(5)]
MACHINE, BUSY, FAILS, REFUSED, LISTED, ASLEEP = (f"+44711170020{n}" for n in range(6))
LATER = [f"+44711170030{n}" for n in range(2)]
UPLOADED = [f"+44711170040{n}" for n in range(3)]
HELD = [f"+44711170050{n}" for n in range(2)]
NEVER = ["+447111700600"]
ENDED = {"completed", "canceled", "failed"}


def campaign(running: Running, campaign_id: str) -> dict[str, Any]:
    found: dict[str, Any] = running.get(f"/calls/batch/{campaign_id}")
    return found


def create(running: Running, body: dict[str, Any]) -> dict[str, Any]:
    answer = running.api("POST", "/calls/batch", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def over(running: Running, campaign_id: str, seconds: float = 110) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = campaign(running, campaign_id)
        return found if found["status"] in ENDED else None

    return eventually(look, seconds, every=0.5)


def recipients(running: Running, campaign_id: str, **query: str) -> dict[str, dict[str, Any]]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return {r["phone_number"]: r for r in running.get(f"/calls/batch/{campaign_id}/recipients?limit=200&{asked}")}


def at_the_carrier(running: Running, numbers: list[str]) -> list[dict[str, Any]]:
    calls = running.http.get(f"{running.house['carrier_url']}/_sim/calls").json()
    return [call for call in calls if call["to"] in numbers]


@pytest.fixture(scope="module")
def launched(story: Story) -> dict[str, dict[str, Any]]:
    """All campaigns of this room, begun at once; what the API answered, by name."""
    running, now = story.running, datetime.now(UTC)
    for number in (*TALKERS, *LATER, *UPLOADED, *HELD):
        running.person(number, lines=["Hello?"], talk_seconds=3)
    running.person(MACHINE, answers="voicemail")
    running.person(BUSY, answers="busy")
    running.person(FAILS, answers="fail")
    running.person(REFUSED, answers="refuse")
    assert running.api("PUT", f"/suppressions/{LISTED.replace('+', '%2B')}", {}).status_code == 200
    rows: list[dict[str, Any]] = [{"phone_number": n} for n in (*TALKERS, MACHINE, BUSY, FAILS, REFUSED, LISTED)]
    night = {"timezone": "Pacific/Auckland", "not_after": (now + timedelta(hours=1)).isoformat()}
    body: dict[str, Any] = {"agent_id": story.agent_id, "name": "Tuesday reminders", "schedule_type": "now"}
    window = {"window_start_minutes": (now.hour * 60 - 180) % 1440, "window_end_minutes": (now.hour * 60 + 240) % 1440}
    kinds = body | window | {
        "timezone": "UTC",
        "recipients": [*rows, {"phone_number": ASLEEP, **night}, {"phone_number": TALKERS[0]}],
        "max_concurrent": CAP,
        "max_attempts": 2,
        "retry_on": ["busy"],
        "metadata": {"list": "spring"},
    }  # fmt: skip
    for row in kinds["recipients"]:
        row.setdefault("timezone", "UTC")
    later = body | {"recipients": [{"phone_number": n} for n in LATER], "schedule_type": "schedule"}
    later["scheduled_at"] = (now + timedelta(seconds=12)).isoformat()
    return {
        "kinds": create(running, kinds),
        "later": create(running, later),
        "uploaded": create(running, body | {"recipients_upload_id": upload(running), "skip_invalid": True}),
    }


def upload(running: Running) -> str:
    answer = running.api("POST", "/uploads", {})
    assert answer.status_code == 201, answer.text
    lines = ["phone,name", *(f"{number},Sam" for number in UPLOADED), "12,nobody", f"{UPLOADED[0]},again"]
    running.http.put(answer.json()["upload_url"], content="\r\n".join(lines)).raise_for_status()
    return str(answer.json()["upload_id"])


def test_what_the_api_answers_at_once(launched: dict[str, dict[str, Any]]) -> None:
    kinds, later, uploaded = launched["kinds"], launched["later"], launched["uploaded"]
    assert (kinds["status"], later["status"], uploaded["status"]) == ("running", "scheduled", "importing")
    assert (kinds["recipients_count"], kinds["valid_count"], kinds["duplicate_count"]) == (12, 11, 1)
    assert (uploaded["recipients_count"], uploaded["valid_count"]) == (None, None)


def test_everybody_of_a_campaign_ends_as_they_should(story: Story, launched: dict[str, dict[str, Any]]) -> None:
    running, campaign_id = story.running, launched["kinds"]["campaign_id"]
    ended = over(running, campaign_id)
    assert ended["status"] == "completed"
    found = recipients(running, campaign_id)
    states = {number: found[number]["state"] for number in found}
    assert states == {
        **dict.fromkeys(TALKERS, "completed"),
        MACHINE: "voicemail",
        BUSY: "busy",
        FAILS: "failed",
        REFUSED: "failed",
        LISTED: "skipped",
        ASLEEP: "skipped",
    }
    assert {n: found[n]["attempts"] for n in (BUSY, FAILS, REFUSED, LISTED, ASLEEP)} == {
        BUSY: 2, FAILS: 1, REFUSED: 1, LISTED: 0, ASLEEP: 0,
    }  # fmt: skip
    assert "21211" in found[REFUSED]["reason"]
    assert "SIP 404" in found[FAILS]["reason"]
    assert "do-not-call" in found[LISTED]["reason"]
    assert "window" in found[ASLEEP]["reason"]
    named = ("completed", "voicemail", "busy", "failed", "skipped", "pending", "in_flight")
    assert {name: ended[name] for name in named} == {
        "completed": 5, "voicemail": 1, "busy": 1, "failed": 2, "skipped": 2, "pending": 0, "in_flight": 0,
    }  # fmt: skip


def test_the_carrier_saw_nobody_twice_and_never_more_than_the_cap(
    story: Story, launched: dict[str, dict[str, Any]]
) -> None:
    running = story.running
    over(running, launched["kinds"]["campaign_id"])
    calls = at_the_carrier(running, [*TALKERS, MACHINE, BUSY, FAILS, REFUSED, LISTED, ASLEEP])
    assert Counter(call["to"] for call in calls) == Counter([*TALKERS, MACHINE, BUSY, BUSY, FAILS])
    assert 1 < most_at_once(calls) <= CAP, "together, and never above the cap"


def test_each_call_says_its_campaign_and_why_it_was_dialled(story: Story, launched: dict[str, dict[str, Any]]) -> None:
    running, campaign_id = story.running, launched["kinds"]["campaign_id"]
    over(running, campaign_id)
    listed = running.get(f"/calls?campaign_id={campaign_id}&limit=200")
    assert len(listed) == 10, "nine dialled, one of them twice"
    call = next(c for c in listed if c["to_number"] == TALKERS[0])
    assert call["metadata"] == {"list": "spring"}
    decided = next(e for e in running.timeline(call["call_id"]) if e["event"] == "queued")["details"]
    assert {"zones", "zone_source", "local_time", "window", "window_open"} <= decided.keys()


def test_the_customer_hears_of_a_campaign_once(story: Story, launched: dict[str, dict[str, Any]]) -> None:
    running, campaign_id = story.running, launched["kinds"]["campaign_id"]
    over(running, campaign_id)

    def told() -> list[str] | None:
        hooks = [h.event for h in list(running.customer.hooks) if h.event["event"].startswith("campaign.")]
        events = [e["event"] for e in hooks if e["campaign_id"] == campaign_id]
        return events if "campaign.completed" in events else None

    assert sorted(eventually(told, 20)) == ["campaign.completed", "campaign.started"]


def test_the_report_has_a_row_for_everybody(story: Story, launched: dict[str, dict[str, Any]]) -> None:
    running, campaign_id = story.running, launched["kinds"]["campaign_id"]
    over(running, campaign_id)
    answer = running.api("GET", f"/calls/batch/{campaign_id}/report.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 11
    assert {row["phone_number"]: row["state"] for row in rows}[MACHINE] == "voicemail"


def test_a_scheduled_campaign_begins_by_the_clock(story: Story, launched: dict[str, dict[str, Any]]) -> None:
    running, later = story.running, launched["later"]
    ended = over(running, later["campaign_id"])
    assert (ended["status"], ended["completed"]) == ("completed", 2)
    due = datetime.fromisoformat(campaign(running, later["campaign_id"])["scheduled_at"]).timestamp()
    assert all(call["created_at"] >= due for call in at_the_carrier(running, LATER))


def test_an_uploaded_list_is_read_and_its_bad_row_is_listed(story: Story, launched: dict[str, dict[str, Any]]) -> None:
    running, campaign_id = story.running, launched["uploaded"]["campaign_id"]
    ended = over(running, campaign_id)
    assert (ended["status"], ended["completed"], ended["invalid_count"], ended["duplicate_count"]) == (
        "completed", 3, 1, 1,
    )  # fmt: skip
    (bad,) = recipients(running, campaign_id, state="invalid").values()
    assert (bad["index"], bad["phone_number"]) == (3, "12")


def scheduled_far_away(story: Story, numbers: list[str]) -> str:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"agent_id": story.agent_id, "name": "Held", "schedule_type": "schedule", "scheduled_at": soon}
    made = create(story.running, body | {"recipients": [{"phone_number": number} for number in numbers]})
    return f"/calls/batch/{made['campaign_id']}"


def test_launch_pause_and_resume(story: Story, launched: dict[str, dict[str, Any]]) -> None:
    running = story.running
    path = scheduled_far_away(story, HELD)
    assert running.api("POST", f"{path}/pause").json()["error"]["code"] == "campaign_not_pausable"
    assert running.api("POST", f"{path}/launch").json()["status"] == "running"
    paused = running.api("POST", f"{path}/pause").json()
    assert (paused["status"], paused["pause_reason"]) == ("paused", "on request")
    assert running.api("POST", f"{path}/resume").json()["status"] == "running"
    ended = over(running, path.rpartition("/")[2])
    assert ended["completed"] == 2
    assert len(at_the_carrier(running, HELD)) == 2
    assert running.api("POST", f"{path}/launch").json()["error"]["code"] == "campaign_already_completed"


def test_a_canceled_campaign_calls_nobody(story: Story, launched: dict[str, dict[str, Any]]) -> None:
    running = story.running
    path = scheduled_far_away(story, NEVER)
    assert running.api("POST", f"{path}/cancel").json()["status"] == "canceled"
    assert running.api("POST", f"{path}/resume").json()["error"]["code"] == "campaign_already_completed"
    found = recipients(running, path.rpartition("/")[2])
    assert {r["state"] for r in found.values()} <= {"canceled"}
    assert at_the_carrier(running, NEVER) == []
