"""Campaigns after they were created: list, read, launch, pause, resume, cancel; and who may."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from calling.domain.campaign import Campaign, CampaignStatus
from calling.domain.ceiling import Ceiling
from tests.unit.api.conftest import Api, World, error_of, imported
from tests.unit.api.test_campaigns import at, stored


def set_status(world: World, campaign: Campaign, status: CampaignStatus, **more: Any) -> Campaign:
    key = (campaign.account_id, campaign.campaign_id)
    world.campaigns.campaigns[key] = replace(campaign, status=status, **more)
    return world.campaigns.campaigns[key]


def test_the_list_newest_first_in_pages(world: World, api: Api, other: Api) -> None:
    ids = []
    for n in range(5):
        world.clock.advance(1)
        ids.append(api.batch(name=f"Campaign {n}").json()["campaign_id"])
    assert [c["campaign_id"] for c in api.get("/calls/batch").json()] == ids[::-1]
    assert [c["campaign_id"] for c in api.get("/calls/batch?limit=2&offset=1").json()] == [ids[3], ids[2]]
    first = api.get("/calls/batch?limit=3")
    rest = api.get(f"/calls/batch?limit=3&cursor={first.headers['x-next-cursor']}")
    assert [c["campaign_id"] for c in (*first.json(), *rest.json())] == ids[::-1]
    assert "x-next-cursor" not in rest.headers
    assert "pace" not in first.json()[0]
    error_of(api.get("/calls/batch?limit=51"), 400, "invalid_field", "limit")
    error_of(api.get("/calls/batch?state=running"), 400, "unknown_field", "state")
    error_of(api.get("/calls/batch?cursor=nonsense"), 400, "invalid_field", "cursor")
    assert other.get("/calls/batch").json() == []


def test_who_steers_a_campaign(world: World, api: Api) -> None:
    made = stored(world, api.batch(schedule_type="schedule", scheduled_at=at(world, hours=1)))
    path = f"/calls/batch/{made.campaign_id}"
    assert error_of(api.post(f"{path}/pause"), 409, "campaign_not_pausable")["type"] == "conflict"
    error_of(api.post(f"{path}/resume"), 409, "campaign_not_resumable")
    imported(world, made.campaign_id)
    assert api.post(f"{path}/launch").json()["status"] == "running"
    assert not world.scheduler.schedules
    assert api.post(f"{path}/launch").json()["status"] == "running", "already running: nothing to do"
    paused = api.post(f"{path}/pause").json()
    assert (paused["status"], paused["pause_reason"]) == ("paused", "on request")
    assert api.post(f"{path}/pause").json()["status"] == "paused"
    resumed = api.post(f"{path}/resume").json()
    assert (resumed["status"], resumed["pause_reason"]) == ("running", None)
    canceled = api.post(f"{path}/cancel").json()
    assert (canceled["status"], canceled["pending"], canceled["canceled"]) == ("canceled", 0, 3)
    assert canceled["finished_at"]
    assert api.post(f"{path}/cancel").json()["status"] == "canceled"
    for act in ("launch", "resume"):
        error = error_of(api.post(f"{path}/{act}"), 400, "campaign_already_completed")
        assert error["type"] == "invalid_request"
    timeline = api.get(f"{path}/timeline").json()
    assert [entry["event"] for entry in timeline["timeline"]] == [
        "accepted", "imported", "launched", "paused", "resumed", "canceled",
    ]  # fmt: skip
    assert timeline["status"] == "canceled"


def test_nobody_to_call(world: World, api: Api) -> None:
    made = stored(world, api.batch(schedule_type="schedule", scheduled_at=at(world, hours=1)))
    set_status(world, made, CampaignStatus.SCHEDULED, rows=3, invalid_count=3)
    error_of(api.post(f"/calls/batch/{made.campaign_id}/launch"), 400, "campaign_no_recipients")


def test_held_countries_pace_and_eta(world: World, api: Api) -> None:
    made = imported(world, api.batch().json()["campaign_id"])
    now = world.clock.now()
    set_status(world, made, CampaignStatus.RUNNING, started_at=now - 60_000, held_countries=("GB",))
    counts = world.campaigns.totals[made.account_id, made.campaign_id]
    counts.update(pending=1, completed=2)
    sid = world.services.credentials.of_number(world.agents.numbers(made.account_id)[0]).sid
    world.pacer.slow_down(made.account_id, sid, until=now + 5_000, reason="20429: too many requests")
    shown = api.get(f"/calls/batch/{made.campaign_id}").json()
    assert shown["held_countries"] == ["GB"]
    assert shown["pace"]["slowed_reason"] == "20429: too many requests"
    assert datetime.fromisoformat(shown["pace"]["slowed_until"]).timestamp() * 1000 == now + 5_000
    assert datetime.fromisoformat(shown["eta"]).timestamp() * 1000 == now + 30_000
    api.request("DELETE", "/phone-numbers/%2B447700900123")
    assert api.get(f"/calls/batch/{made.campaign_id}").json()["pace"]["slowed_reason"] is None


def test_what_the_carrier_allows_at_once_is_shown_while_it_is_known(world: World, api: Api) -> None:
    made = imported(world, api.batch().json()["campaign_id"])
    path, now = f"/calls/batch/{made.campaign_id}", world.clock.now()
    assert api.get(path).json()["carrier_limit"] is None
    set_status(world, made, CampaignStatus.RUNNING, ceiling=Ceiling(2, now + 1_000))
    shown = api.get(path).json()
    assert shown["carrier_limit"] == 2
    assert shown["carrier_limit_reason"] == (
        "Twilio allows 2 calls at once: approve a Business Primary Customer Profile"
    )
    world.clock.advance(1)
    shown = api.get(path).json()
    assert (shown["carrier_limit"], shown["carrier_limit_reason"]) == (None, None)


@pytest.mark.parametrize("act", ["", "/recipients", "/report.csv", "/timeline"])
def test_a_strangers_campaign_is_not_there(world: World, api: Api, other: Api, act: str) -> None:
    made = stored(world, api.batch())
    for asked, who in ((made.campaign_id, other), ("camp_nobody", api), ("batch", api), ("x%23y", api)):
        error_of(who.get(f"/calls/batch/{asked}{act}"), 404, "campaign_not_found")


@pytest.mark.parametrize("act", ["launch", "pause", "resume", "cancel"])
def test_a_strangers_campaign_is_not_steered(world: World, api: Api, other: Api, act: str) -> None:
    made = stored(world, api.batch())
    error_of(other.post(f"/calls/batch/{made.campaign_id}/{act}"), 404, "campaign_not_found")
    error_of(api.post(f"/calls/batch/camp_nobody/{act}"), 404, "campaign_not_found")


def test_the_paths_are_no_calls(api: Api) -> None:
    assert api.get("/calls/batch").json() == []
    error_of(api.request("DELETE", "/calls/batch"), 404, "call_not_found")
    assert api.get("/calls?campaign_id=camp_1").json() == []
