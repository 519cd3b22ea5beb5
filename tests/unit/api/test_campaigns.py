"""POST /v1/calls/batch, field by field."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from calling.domain.campaign import Campaign, RetryOn
from calling.domain.errors import InvalidRequest
from calling.domain.phone_number import PhoneNumber
from calling.domain.window import CallingWindow
from calling.ports import Schedule
from tests.unit.api.conftest import FROM, FROM_2, PEOPLE, Api, World, error_of, imported

SEEDS = (
    """{
    "agent_id": "AGENT",
    "name": "Tuesday reminders",
    "recipients": [
      { "phone_number": "+447111000001" },
      { "phone_number": "+447111000002" },
      { "phone_number": "+447111000003" }
    ],
    "schedule_type": "now"
  }""",
    """{
    "agent_id": "AGENT",
    "from_number": "+447700900123",
    "name": "Tuesday reminders",
    "recipients": [
      { "phone_number": "+447111000001" },
      { "phone_number": "+447111000002" },
      { "phone_number": "+447111000003" }
    ],
    "schedule_type": "now"
  }""",
)


def stored(world: World, response: Any) -> Campaign:
    assert response.status_code == 201, response.text
    return world.campaigns.campaigns[world.owner.account_id, response.json()["campaign_id"]]


def at(world: World, **ahead: float) -> str:
    return (datetime.fromtimestamp(world.clock.now() / 1000, UTC) + timedelta(**ahead)).isoformat()


@pytest.mark.parametrize("body", SEEDS)
def test_the_seeds_requests_are_accepted_word_for_word(world: World, client: TestClient, api: Api, body: str) -> None:
    api.request("DELETE", "/phone-numbers/%2B447700900124")
    headers = {**api.headers, "Content-Type": "application/json"}
    response = client.post("/v1/calls/batch", content=body.replace("AGENT", api.agent_id), headers=headers)
    campaign = stored(world, response)
    assert response.json() == {
        "campaign_id": campaign.campaign_id,
        "agent_id": api.agent_id,
        "name": "Tuesday reminders",
        "status": "running",
        "recipients_count": 3,
        "valid_count": 3,
        "invalid_count": 0,
        "invalid": [],
        "duplicate_count": 0,
        "queued_count": 3,
        "created_at": "2026-11-21T11:20:02.000Z",
        "warnings": ["No prompt was sent: the campaign's name is used as the purpose of each call."],
    }
    assert (campaign.from_number, campaign.prompt) == (PhoneNumber(FROM), "Tuesday reminders")
    assert world.campaign_workflow.started == [(world.owner.account_id, campaign.campaign_id, 0)]
    assert [
        r.phone_number.e164 for r in world.campaigns.recipients(imported(world, campaign.campaign_id), range(9))
    ] == [*PEOPLE]


def test_every_field_is_kept_and_shown(world: World, api: Api) -> None:
    asked: dict[str, Any] = {
        "prompt": "Remind {first}.",
        "metadata": {"list": "spring"},
        "timezone": "Europe/London",
        "window_start_minutes": 540,
        "window_end_minutes": 1020,
        "window_days": ["tue", "mon"],
        "max_concurrent": 5,
        "max_attempts": 3,
        "retry_on": ["busy", "no-answer"],
        "retry_delay_minutes": 30,
        "skip_invalid": True,
    }
    response = api.batch(**asked, dynamic_vars={"first": "you", "n": 7})
    campaign = stored(world, response)
    assert campaign.window == CallingWindow(540, 1020, ("mon", "tue"))
    assert campaign.retry_on == (RetryOn.BUSY, RetryOn.NO_ANSWER)
    shown = api.get(f"/calls/batch/{campaign.campaign_id}").json()
    assert {name: shown[name] for name in asked} == asked | {"window_days": ["mon", "tue"]}
    assert shown["dynamic_vars"] == {"first": "you", "n": "7"}
    assert (shown["from_number"], shown["schedule_type"], shown["parent_id"]) == (FROM, "now", None)
    assert (shown["recipients_count"], shown["invalid_count"], shown["total"], shown["eta"]) == (None, None, 0, None)
    assert shown["pace"] == {"calls_per_second": 1.0, "slowed_until": None, "slowed_reason": None}


@pytest.mark.parametrize(
    ("phone", "variables", "prompt"),
    [("phone_number", "dynamic_vars", "prompt_override"), ("phone", "variables", "prompt")],
)
def test_recipients_fields_and_aliases(world: World, api: Api, phone: str, variables: str, prompt: str) -> None:
    row = {
        phone: PEOPLE[0],
        variables: {"first": "Sarah", "order": 12, "sum": 1.5},
        prompt: "Ask {first} about {order}.",
        "metadata": {"row": 1},
        "timezone": "Europe/Paris",
        "not_after": at(world, hours=2),
    }
    response = api.batch(recipients=[row], variables={"shop": "Acme"})
    campaign = stored(world, response)
    assert campaign.dynamic_vars == {"shop": "Acme"}
    (kept,) = world.campaigns.recipients(imported(world, campaign.campaign_id), range(3))
    assert kept.dynamic_vars == {"first": "Sarah", "order": "12", "sum": "1.5"}
    assert (kept.prompt, kept.metadata, kept.zones) == ("Ask {first} about {order}.", {"row": 1}, ("Europe/Paris",))
    assert kept.not_after == world.clock.now() + 2 * 3600 * 1000


def test_the_purpose_and_its_warnings(world: World, api: Api) -> None:
    error_of(api.batch("name"), 400, "prompt_required", "prompt")
    own = [{"phone_number": PEOPLE[0], "prompt": "Own."}]
    assert api.batch("name", recipients=own).json()["warnings"] == []
    error_of(api.batch(prompt="x" * 16_001), 400, "prompt_too_long", "prompt")
    assert api.batch(prompt="Say {when}.").json()["warnings"] == [
        "Variable 'when' has no value for 3 recipients: it is left out of what is said."
    ]
    api.request("PUT", f"/agents/{api.agent_id}", json={"outbound_prompt": "Ask how it was."})
    answer = api.batch()
    assert stored(world, answer).prompt == "Ask how it was."
    assert "outbound_prompt" in answer.json()["warnings"][0]


def test_which_number_calls(world: World, api: Api) -> None:
    error_of(api.batch("from_number"), 400, "from_number_ambiguous", "from_number")
    error_of(api.batch(from_number="+447700900999"), 403, "from_number_not_owned", "from_number")
    error_of(api.batch(from_number="nope"), 400, "invalid_phone_format", "from_number")
    assert api.request("PATCH", "/phone-numbers/%2B447700900124", json={"is_default": True}).status_code == 200
    assert stored(world, api.batch("from_number")).from_number == PhoneNumber(FROM_2)
    api.request("PATCH", "/phone-numbers/%2B447700900124", json={"outbound_enabled": False})
    error_of(api.batch(from_number=FROM_2), 400, "from_number_not_outbound", "from_number")
    assert stored(world, api.batch("from_number")).from_number == PhoneNumber(FROM)
    api.request("PATCH", "/phone-numbers/%2B447700900123", json={"outbound_enabled": False})
    error_of(api.batch("from_number"), 400, "agent_no_phone")


def test_bad_rows_refuse_the_request_or_are_skipped(world: World, api: Api) -> None:
    rows = [
        {"phone": PEOPLE[0]},
        {"phone": "12"},
        {"phone": PEOPLE[0]},
        {"phone": PEOPLE[1], "timezone": "Mars/Base"},
        {"phone": PEOPLE[2], "not_after": "soon"},
    ]
    error = error_of(api.batch(recipients=rows), 400, "invalid_phone_format", "recipients.1")
    assert [(row["row_index"], row["phone"]) for row in error["details"]["invalid"]] == [
        (1, "12"), (3, PEOPLE[1]), (4, PEOPLE[2]),
    ]  # fmt: skip
    assert all(row["reason"] for row in error["details"]["invalid"])
    assert not world.campaigns.campaigns
    assert not world.campaign_workflow.started
    answer = api.batch(recipients=rows, skip_invalid=True).json()
    counted = ("recipients_count", "valid_count", "invalid_count", "duplicate_count", "queued_count")
    assert [answer[name] for name in counted] == [5, 1, 3, 1, 1]
    assert answer["invalid"] == error["details"]["invalid"]
    error_of(api.batch(recipients=[{"phone": "12"}], skip_invalid=True), 400, "no_recipients", "recipients")


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"recipients": []}, 400, "no_recipients", "recipients"),
        ({"recipients": None}, 400, "no_recipients", "recipients"),
        ({"recipients_upload_id": "upl_1"}, 400, "no_recipients", "recipients"),
        ({"recipients": [{}] * 10_001}, 400, "too_many_recipients", "recipients"),
        ({"recipients": [{"phone": PEOPLE[0], "phone_number": PEOPLE[0]}]}, 400, "unknown_field", "recipients.0.phone"),
        ({"recipients": [{"phone": PEOPLE[0], "extra": 1}]}, 400, "unknown_field", "recipients.0.extra"),
        ({"recipients": [{}]}, 400, "missing_field", "recipients.0.phone_number"),
        ({"recipients": [{"phone": 447111000001}]}, 400, "invalid_field", "recipients.0.phone_number"),
        ({"recipients": [{"phone": PEOPLE[0], "variables": {"a": []}}]}, 400, "invalid_field", None),
        ({"recipients": [{"phone": PEOPLE[0], "metadata": {"a": "b" * 4096}}]}, 400, "invalid_field", None),
        ({"recipients": [{"phone": PEOPLE[0], "prompt": "x" * 16_001}]}, 400, "prompt_too_long", "recipients.0"),
        ({"recipients": {"phone": PEOPLE[0]}}, 400, "invalid_field", "recipients"),
        ({"agent_id": "agent_nobody"}, 404, "agent_not_found", "agent_id"),
        ({"promt": "typo"}, 400, "unknown_field", "promt"),
        ({"name": "x" * 201}, 400, "invalid_field", "name"),
        ({"schedule_type": "later"}, 400, "invalid_field", "schedule_type"),
        ({"schedule_type": "schedule"}, 400, "invalid_schedule", "scheduled_at"),
        ({"scheduled_at": "2030-01-01T10:00:00Z"}, 400, "invalid_schedule", "schedule_type"),
        ({"schedule_type": "schedule", "scheduled_at": "2020-01-01T10:00Z"}, 400, "invalid_schedule", "scheduled_at"),
        ({"schedule_type": "schedule", "scheduled_date": "2020-01-01"}, 400, "invalid_schedule", "scheduled_date"),
        ({"schedule_type": "schedule", "scheduled_at": "soon"}, 400, "invalid_field", "scheduled_at"),
        ({"timezone": "Mars/Base"}, 400, "invalid_timezone", "timezone"),
        ({"window_start_minutes": 540}, 400, "invalid_window", "window_start_minutes"),
        ({"window_start_minutes": 540, "window_end_minutes": 1441}, 400, "invalid_window", None),
        ({"window_days": ["someday"]}, 400, "invalid_window", "window_days"),
        ({"window_start_minutes": "nine"}, 400, "invalid_field", "window_start_minutes"),
        ({"max_concurrent": 0}, 400, "invalid_field", "max_concurrent"),
        ({"max_concurrent": 5001}, 400, "invalid_field", "max_concurrent"),
        ({"max_attempts": 11}, 400, "invalid_field", "max_attempts"),
        ({"retry_on": ["completed"]}, 400, "invalid_field", None),
        ({"retry_delay_minutes": 10_081}, 400, "invalid_field", "retry_delay_minutes"),
        ({"recurrence": "rate(1 day)", "end_date": "2020-01-01"}, 400, "invalid_schedule", "recurrence_ends_at"),
        *(
            ({"recurrence": text}, 400, "invalid_schedule", "recurrence")
            for text in ("at(2030-01-01T00:00:00)", "AT(2030-01-01T00:00:00)", "0 9 * * 1-5", "every day", "rate 1 day")
        ),
        ({"recurrence": "rate(1 day)", "scheduled_at": "2030-01-01T10:00:00Z"}, 400, "invalid_schedule", None),
    ],
)  # fmt: skip
def test_refusals(world: World, api: Api, changes: dict[str, Any], status: int, code: str, field: str | None) -> None:
    error_of(api.batch(**changes), status, code, field)
    assert not world.campaigns.campaigns
    assert not world.campaign_workflow.started
    assert not world.scheduler.schedules


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"max_attempts": 3}, "max_attempts 3 does nothing without retry_on: nobody is tried again."),
        ({"retry_on": ["busy"]}, "retry_on does nothing with max_attempts 1: nobody is tried again."),
        (
            {"max_attempts": 1, "retry_on": ["busy"]},
            "retry_on does nothing with max_attempts 1: nobody is tried again.",
        ),
        ({"max_attempts": 3, "retry_on": ["busy", "no_answer"]}, None),
        ({"max_attempts": 1}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_half_a_wish_to_try_again_is_warned_of(
    world: World, api: Api, query: str, changes: dict[str, Any], warning: str | None
) -> None:
    answer = api.batch(prompt="Remind them.", query=query, **changes).json()
    assert answer["warnings"] == ([warning] if warning else [])


def test_half_a_wish_to_try_again_is_warned_of_with_a_list_too(world: World, api: Api) -> None:
    upload = api.post("/uploads", {}).json()["upload_id"]
    world.blobs.put(f"uploads/{world.owner.account_id}/{upload}", b"phone\n", content_type="text/csv")
    answer = api.batch("recipients", prompt="Remind them.", recipients_upload_id=upload, max_attempts=2).json()
    assert len(answer["warnings"]) == 1


def test_outcomes_to_try_again_after_are_understood_as_counts_write_them(world: World, api: Api) -> None:
    campaign = stored(world, api.batch(max_attempts=3, retry_on=["busy", "no_answer"]))
    assert campaign.retry_on == (RetryOn.BUSY, RetryOn.NO_ANSWER)


def test_an_inactive_agent_calls_nobody(api: Api) -> None:
    error_of(api.batch("agent_id"), 400, "missing_field", "agent_id")
    api.request("PUT", f"/agents/{api.agent_id}", json={"is_active": False})
    error_of(api.batch(), 400, "invalid_field", "agent_id")


def test_a_scheduled_campaign(world: World, api: Api) -> None:
    answer = api.batch(schedule_type="schedule", scheduled_at="2027-06-01T09:00:00", timezone="Europe/London")
    campaign = stored(world, answer)
    assert (answer.json()["status"], answer.json()["queued_count"], answer.json()["valid_count"]) == ("scheduled", 0, 3)
    due = round(datetime(2027, 6, 1, 8, tzinfo=UTC).timestamp() * 1000)
    assert world.scheduler.schedules == {
        campaign.campaign_id: Schedule(campaign.account_id, campaign.campaign_id, "Europe/London", at=due)
    }
    shown = api.get(f"/calls/batch/{campaign.campaign_id}").json()
    assert (shown["schedule_type"], shown["scheduled_at"]) == ("schedule", "2027-06-01T08:00:00.000Z")
    by_date = api.batch(
        schedule_type="schedule", scheduled_date="2027-06-01", window_start_minutes=600, window_end_minutes=700
    )
    assert stored(world, by_date).scheduled_at == due + 2 * 3600 * 1000


@pytest.mark.parametrize("name", ["recurrence_ends_at", "end_date"])
def test_a_recurring_campaign_and_its_runs(world: World, api: Api, name: str) -> None:
    ends: dict[str, Any] = {name: "2027-06-01T00:00:00Z"}
    answer = api.batch(recurrence="cron(0 9 ? * MON *)", timezone="Europe/London", **ends)
    campaign = stored(world, answer)
    (schedule,) = world.scheduler.schedules.values()
    assert (schedule.expression, schedule.ends_at) == ("cron(0 9 ? * MON *)", campaign.recurrence_ends_at)
    assert not world.campaign_workflow.started
    run = api.post(f"/calls/batch/{campaign.campaign_id}/launch").json()
    assert (run["parent_id"], run["status"]) == (campaign.campaign_id, "running")
    shown = api.get(f"/calls/batch/{campaign.campaign_id}").json()
    assert (shown["recurrence"], shown["recurrence_ends_at"]) == ("cron(0 9 ? * MON *)", "2027-06-01T00:00:00.000Z")


def test_a_recurrence_nobody_understands(world: World, api: Api) -> None:
    def refuse(schedule: Schedule) -> None:
        raise InvalidRequest("recurrence is not an expression.", code="invalid_schedule", field="recurrence")

    world.scheduler.put = refuse  # type: ignore[method-assign]
    error_of(api.batch(recurrence="rate(1 fortnight)"), 400, "invalid_schedule", "recurrence")
    assert not world.campaigns.campaigns


def test_idempotency_key(world: World, api: Api) -> None:
    once = {"Idempotency-Key": "list-7"}
    first, again = api.batch(headers=once), api.batch(headers=once)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert len(world.campaigns.campaigns) == len(world.campaign_workflow.started) == 1
    error_of(api.batch(headers=once, name="Other"), 422, "idempotency_key_reused")
    error_of(api.batch(headers=once, query="?dry_run=true"), 422, "idempotency_key_reused")
    campaign_id = first.json()["campaign_id"]
    api.post(f"/calls/batch/{campaign_id}/cancel")
    world.idempotency.items.clear()
    replay = api.batch(headers=once).json()
    assert (replay["campaign_id"], replay["status"]) == (campaign_id, "canceled"), "nothing of it is begun again"
    assert len(world.campaigns.campaigns) == 1
    world.clock.advance(24 * 3600 + 1)
    assert api.batch(headers=once).json()["campaign_id"] != campaign_id


def test_an_answer_too_long_to_remember(world: World, api: Api) -> None:
    rows = [{"phone": PEOPLE[0]}, *({"phone": f"nobody {n}"} for n in range(9_000))]
    once = {"Idempotency-Key": "list-8"}
    first, again = (api.batch(recipients=rows, skip_invalid=True, headers=once) for _ in range(2))
    assert len(first.content) > 400_000
    assert first.json() == again.json()
    assert len(world.campaigns.campaigns) == 1


def test_the_list_of_a_recurring_campaign_lies_where_nothing_is_forgotten(world: World, api: Api) -> None:
    """The bucket's rules forget what lies under campaigns/: infra/data.yaml."""
    assert stored(world, api.batch()).source_key.startswith("campaigns/")
    assert stored(world, api.batch(recurrence="rate(1 day)")).source_key.startswith("series/")


def test_the_stored_list_is_what_was_sent(world: World, api: Api) -> None:
    made = stored(world, api.batch())
    data = world.blobs.get(made.source_key)
    assert data is not None
    assert [json.loads(line) for line in data.splitlines()] == [{"phone_number": number} for number in PEOPLE]
