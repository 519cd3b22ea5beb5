"""GET …/recipients and …/report.csv: where everybody stands, and why."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from calling.domain.campaign import Campaign, CampaignStatus
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import Decision, Recipient, RecipientState, Verdict
from tests.unit.api.conftest import PEOPLE, Api, World, error_of, imported


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def campaign(world: World, api: Api) -> Campaign:
    """Five rows: one twice, one bad; three people."""
    rows = [{"phone": PEOPLE[0], "metadata": {"row": 0}}, {"phone": "=cmd|' /C calc'!A0"}, {"phone": PEOPLE[0]}]
    rows += [{"phone": number, "timezone": "Europe/Paris"} for number in PEOPLE[1:]]
    made = api.batch(recipients=rows, skip_invalid=True).json()
    return imported(world, made["campaign_id"])


def change(world: World, campaign: Campaign, index: int, **changes: Any) -> Recipient:
    was = world.campaigns.recipient(campaign, index)
    assert was is not None
    return world.campaigns.change_recipient(was, replace(was, **changes))


def turn(world: World, campaign: Campaign, status: CampaignStatus, **more: Any) -> Campaign:
    key = (campaign.account_id, campaign.campaign_id)
    world.campaigns.campaigns[key] = replace(campaign, status=status, **more)
    return world.campaigns.campaigns[key]


def listed(api: Api, campaign: Campaign, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(f"/calls/batch/{campaign.campaign_id}/recipients{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def test_a_person_who_waits(world: World, api: Api, campaign: Campaign) -> None:
    first = listed(api, campaign)[0]
    now = iso(world.clock.now())
    assert first == {
        "index": 0,
        "phone_number": PEOPLE[0],
        "state": "pending",
        "outcome": None,
        "attempts": 0,
        "call_ids": [],
        "call_id": None,
        "reason": "it waits for its turn",
        "due_at": now,
        "next_attempt_at": now,
        "last_ended_at": None,
        "not_after": None,
        "timezone": first["timezones"][0],
        "timezones": first["timezones"],
        "zone_source": "number",
        "country": first["country"],
        "metadata": {"row": 0},
        "decisions": [],
    }
    assert "Europe/London" in first["timezones"]


def test_a_person_who_was_called(world: World, api: Api, campaign: Campaign) -> None:
    now = world.clock.now()
    change(
        world, campaign, 3, state=RecipientState.NO_ANSWER, outcome="no-answer", attempts=2, tries=3, due_at=None,
        call_ids=("call_1", "call_2"), reason="nobody answered", last_ended_at=now, retry_at=now,
        decisions=(Decision(now, Verdict.DIAL, "it is due", {"window": None}),),
    )  # fmt: skip
    shown = listed(api, campaign)[2]
    assert (shown["index"], shown["state"], shown["outcome"], shown["attempts"]) == (3, "no_answer", "no-answer", 2)
    assert (shown["call_ids"], shown["call_id"]) == (["call_1", "call_2"], "call_2")
    assert (shown["due_at"], shown["next_attempt_at"], shown["last_ended_at"]) == (None, None, iso(now))
    assert (shown["timezone"], shown["zone_source"], shown["reason"]) == (
        "Europe/Paris",
        "recipient",
        "nobody answered",
    )
    assert shown["decisions"] == [
        {"at": iso(now), "verdict": "dial", "reason": "it is due", "details": {"window": None}}
    ]
    change(world, campaign, 4, due_at=now, retry_at=now + 60_000, reason="the line was busy; it is tried again")
    again = listed(api, campaign)[3]
    assert (again["due_at"], again["next_attempt_at"]) == (iso(now), iso(now + 60_000))


def test_why_not_yet_is_said_as_of_now(world: World, api: Api, campaign: Campaign) -> None:
    paused = turn(world, campaign, CampaignStatus.PAUSED, pause_reason="on request")
    assert {r["reason"] for r in listed(api, paused, "?state=pending")} == {"the campaign is paused: on request"}
    scheduled = turn(world, campaign, CampaignStatus.SCHEDULED)
    assert "not been launched" in listed(api, scheduled)[0]["reason"]
    turn(world, campaign, CampaignStatus.RUNNING, held_countries=("GB",))
    change(world, campaign, 0, country="GB")
    assert "geo permissions" in listed(api, campaign)[0]["reason"]
    made = api.batch(window_start_minutes=0, window_end_minutes=1).json()
    assert "calling window" in listed(api, imported(world, made["campaign_id"]))[0]["reason"]


def test_invalid_rows_are_listed(api: Api, campaign: Campaign) -> None:
    (bad,) = listed(api, campaign, "?state=invalid")
    assert (bad["index"], bad["phone_number"], bad["state"]) == (1, "=cmd|' /C calc'!A0", "invalid")
    assert "E.164" in bad["reason"]
    assert (bad["due_at"], bad["timezone"], bad["zone_source"]) == (None, "UTC", "campaign")


@pytest.mark.parametrize("status", [CampaignStatus.CANCELED, CampaignStatus.COMPLETED, CampaignStatus.FAILED])
def test_who_waits_in_a_campaign_that_is_over_is_canceled(
    world: World, api: Api, campaign: Campaign, status: CampaignStatus
) -> None:
    over = turn(world, campaign, status)
    assert [r["state"] for r in listed(api, over)] == ["canceled", "invalid", "canceled", "canceled"]
    assert listed(api, over, "?state=pending") == []
    canceled = listed(api, over, "?state=canceled")
    assert len(canceled) == 3
    assert {r["reason"] for r in canceled} == {f"the campaign is {status.value}"}
    assert {r["due_at"] for r in canceled} == {None}
    shown = api.get(f"/calls/batch/{campaign.campaign_id}").json()
    assert (shown["pending"], shown["canceled"], shown["total"]) == (0, 3, 3)


def test_pages(api: Api, campaign: Campaign) -> None:
    path = f"/calls/batch/{campaign.campaign_id}/recipients"
    seen: list[int] = []
    cursor = ""
    for _ in range(10):
        answer = api.get(f"{path}?limit=1{cursor}")
        seen += [r["index"] for r in answer.json()]
        if "x-next-cursor" not in answer.headers:
            break
        cursor = f"&cursor={answer.headers['x-next-cursor']}"
    assert seen == [0, 1, 3, 4]
    assert [r["index"] for r in listed(api, campaign, "?offset=1&limit=2")] == [1, 3]
    assert [r["index"] for r in listed(api, campaign, "?state=pending&limit=1&offset=1")] == [3]
    for query, field in (
        ("limit=201", "limit"), ("limit=0", "limit"), ("state=sleeping", "state"), ("cursor=x", "cursor"),
        ("offset=-1", "offset"),
    ):  # fmt: skip
        error_of(api.get(f"{path}?{query}"), 400, "invalid_field", field)
    error_of(api.get(f"{path}?status=pending"), 400, "unknown_field", "status")


def test_a_walk_ends_when_its_time_is_up(world: World, api: Api, campaign: Campaign) -> None:
    turn(world, campaign, CampaignStatus.RUNNING, rows=100_000)
    read = world.campaigns.recipients
    asked: list[int] = []

    def slowly(campaign: Campaign, indexes: Any) -> tuple[Recipient, ...]:
        world.clock.advance(4)
        asked.append(len(indexes))
        return read(campaign, indexes)

    world.campaigns.recipients = slowly  # type: ignore[method-assign]
    answer = api.get(f"/calls/batch/{campaign.campaign_id}/recipients?state=busy&limit=200")
    assert (answer.json(), answer.headers["x-next-cursor"]) == ([], "600")
    assert asked == [200, 200, 200]


def test_a_list_that_is_still_being_read(world: World, api: Api) -> None:
    made = api.batch().json()
    unread = world.campaigns.campaigns[world.owner.account_id, made["campaign_id"]]
    assert listed(api, unread) == []
    world.campaigns.put_recipients(
        unread, [Recipient(unread.account_id, unread.campaign_id, n, PhoneNumber(PEOPLE[0])) for n in (0, 500)]
    )
    assert [r["index"] for r in listed(api, unread)] == [0, 500]


def test_the_report(world: World, api: Api, campaign: Campaign) -> None:
    now = world.clock.now()
    change(
        world, campaign, 3, state=RecipientState.BUSY, outcome="busy", attempts=1, due_at=None, call_ids=("call_1",),
        reason='+1 is =busy, "said" they', last_ended_at=now,
    )  # fmt: skip
    answer = api.get(f"/calls/batch/{campaign.campaign_id}/report.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert "x-next-cursor" not in answer.headers
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == [
        "index", "phone_number", "state", "outcome", "attempts", "call_id", "reason", "last_ended_at",
    ]  # fmt: skip
    assert [row["phone_number"] for row in rows] == [PEOPLE[0], "'=cmd|' /C calc'!A0", PEOPLE[1], PEOPLE[2]]
    assert rows[2] == {
        "index": "3", "phone_number": PEOPLE[1], "state": "busy", "outcome": "busy", "attempts": "1",
        "call_id": "call_1", "reason": "'+1 is =busy, \"said\" they", "last_ended_at": iso(now),
    }  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+12", "-1", "@SUM(A1)", "\t=1", "+44711 100", "+447111000001,=1"])
def test_no_cell_of_a_report_is_a_formula(world: World, api: Api, text: str) -> None:
    made = api.batch(recipients=[{"phone": PEOPLE[0]}, {"phone": f"{text}x"}], skip_invalid=True).json()
    kept = imported(world, made["campaign_id"])
    change(world, kept, 0, state=RecipientState.FAILED, reason=text, due_at=None)
    page = api.get(f"/calls/batch/{kept.campaign_id}/report.csv").text
    for row in csv.reader(io.StringIO(page)):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t")) and cell != PEOPLE[0] for cell in row), row


def test_a_report_in_parts(world: World, api: Api, campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/calls/batch/{campaign.campaign_id}/report.csv"
    first = api.get(f"{path}?limit=2")
    rest = api.get(f"{path}?cursor={first.headers['x-next-cursor']}")
    parts = [list(csv.DictReader(io.StringIO(part.text))) for part in (first, rest)]
    assert [[row["index"] for row in part] for part in parts] == [["0", "1"], ["3", "4"]]
    assert "x-next-cursor" not in rest.headers
    error_of(api.get(f"{path}?limit=20001"), 400, "invalid_field", "limit")
    error_of(api.get(f"{path}?cursor=-1"), 400, "invalid_field", "cursor")
    monkeypatch.setattr("api.recipients.MAX_CSV", 100)
    short = api.get(path)
    assert short.headers["x-next-cursor"] == "1", "an answer is no longer than a Lambda may give"
