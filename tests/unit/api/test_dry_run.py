"""POST /v1/calls/batch?dry_run=true: what a campaign would come to."""

from datetime import UTC, datetime
from typing import Any

import pytest

from calling.domain import estimate
from calling.domain.contact import SuppressionSource
from calling.domain.limits import FrequencyCap, Limits
from calling.domain.phone_number import PhoneNumber
from calling.domain.window import DAYS, CallingWindow
from calling.usecases import preview_campaign
from tests.unit.api.conftest import FROM, PEOPLE, Api, World, error_of


def dry(api: Api, *without: str, **changes: Any) -> dict[str, Any]:
    answer = api.batch(*without, query="?dry_run=true", **changes)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_counts_and_stores_nothing(world: World, api: Api) -> None:
    account, now = world.owner.account_id, world.clock.now()
    world.limits.put(account, Limits(blocked_countries=("FR",), frequency_cap=FrequencyCap(1, 1)))
    world.contacts.suppress(account, PhoneNumber(PEOPLE[1]), at=now, by=SuppressionSource.API)
    world.contacts.count_dial(account, PhoneNumber(PEOPLE[2]), "call_1", cap=FrequencyCap(1, 1), now=now)
    rows = [
        *({"phone": number} for number in PEOPLE),
        {"phone": PEOPLE[0]},
        {"phone": "12"},
        {"phone": "+33612345678"},
        {"phone": "+12125550101", "variables": {"first": "Ann"}, "not_after": "2026-11-21T11:30:00Z"},
    ]
    before = dict(world.blobs.blobs)
    found = dry(
        api, recipients=rows, prompt="Ask {first}.", window_start_minutes=11 * 60, window_end_minutes=18 * 60,
        timezone="Europe/London",
    )  # fmt: skip
    assert {name: value for name, value in found.items() if name.endswith("_count")} == {
        "recipients_count": 7, "valid_count": 5, "invalid_count": 1, "duplicate_count": 1, "suppressed_count": 1,
        "frequency_capped_count": 1, "outside_every_window_count": 1, "blocked_country_count": 1, "callable_count": 2,
        "missing_variables_count": 4,
    }  # fmt: skip
    assert found["missing_variables"] == [{"row_index": row, "variables": ["first"]} for row in (0, 1, 2, 5)]
    assert [bad["row_index"] for bad in found["invalid"]] == [4]
    assert (found["dry_run"], found["from_number"]) == (True, FROM)
    assert found["expected_finish_at"] == "2026-11-21T11:21:02.000Z"
    assert found["cost"]["currency"] == "USD"
    assert 0 < found["cost"]["low"] < found["cost"]["high"]
    assert found["cost"]["assumptions"]
    assert world.blobs.blobs == before
    assert not world.campaigns.campaigns
    assert not world.campaign_workflow.started
    assert not world.scheduler.schedules


def test_it_refuses_what_creating_refuses_but_bad_rows(api: Api) -> None:
    query = "?dry_run=true"
    error_of(api.batch("from_number", query=query), 400, "from_number_ambiguous")
    error_of(api.batch(query=query, window_days=[]), 400, "invalid_window")
    missing = api.batch("recipients", query=query, recipients_upload_id="upl_1")
    error_of(missing, 404, "upload_not_found", "recipients_upload_id")
    assert dry(api, recipients=[{"phone": "12"}])["expected_finish_at"] is None
    error_of(api.batch(query="?dryrun=true"), 400, "unknown_field", "dryrun")
    error_of(api.batch(query="?dry_run=perhaps"), 400, "invalid_field", "dry_run")


def test_variables_are_missed_by_header_and_in_the_voicemail_message_too(api: Api) -> None:
    message = "Hello {{First Name}}, call {our number} back."
    leave = {"voicemail_leave_enabled": True, "voicemail_message": message}
    api.request("PUT", f"/agents/{api.agent_id}", json=leave)
    rows = [
        {"phone_number": PEOPLE[0], "variables": {"first_name": "Ann", "Our Number": "0123"}},
        {"phone_number": PEOPLE[1], "variables": {"FIRST NAME": " "}},
    ]
    asked: dict[str, Any] = {"prompt": "Call {first name}.", "recipients": rows, "dynamic_vars": {"shop": "Leeds"}}
    missing = [{"row_index": 1, "variables": ["first name", "our number"]}]
    assert dry(api, **asked)["missing_variables"] == missing
    assert len(api.batch(**asked).json()["warnings"]) == 2
    number = {"voicemail_action": "hangup"}
    api.request("PATCH", "/phone-numbers/%2B447700900123", json=number)
    assert dry(api, **asked)["missing_variables"] == [{"row_index": 1, "variables": ["first name"]}]


def test_the_end_is_foretold_within_the_window(world: World, api: Api) -> None:
    """2,000 calls at one a second are 2,000 seconds, and the window closes ten minutes after they begin."""
    world.limits.put(world.owner.account_id, Limits(max_concurrent_calls=500, calls_per_second=1))
    rows = [{"phone": f"+44711{n:07}"} for n in range(2_000)]
    found = dry(
        api, recipients=rows, schedule_type="schedule", scheduled_at="2026-11-23T16:50:00", timezone="Europe/London",
        window_start_minutes=540, window_end_minutes=1020, window_days=["mon", "thu"],
    )  # fmt: skip
    ends = datetime.fromisoformat(found["expected_finish_at"])
    assert ends == datetime(2026, 11, 26, 9, 23, 20, tzinfo=UTC)
    more = dry(api, recipients=rows, max_attempts=3, retry_on=["busy"], retry_delay_minutes=60)
    assert more["cost"]["high"] > found["cost"]["high"]
    assert more["cost"]["low"] == found["cost"]["low"]
    assert dry(api, recipients=rows, recurrence="rate(1 day)")["expected_finish_at"] is None


def test_the_range_of_cost_is_that_of_the_agents_model_or_says_that_it_is_without(api: Api) -> None:
    rows = [{"phone_number": number} for number in PEOPLE] * 50
    found = {}
    for model in ("claude-haiku-5-5", "claude-opus-5-5", "claude-next-6"):
        api.request("PUT", f"/agents/{api.agent_id}", json={"llm_model": model})
        found[model] = dry(api, recipients=rows, prompt="Ask.", skip_invalid=True)["cost"]
    assert found["claude-next-6"]["high"] < found["claude-haiku-5-5"]["high"] < found["claude-opus-5-5"]["high"]
    said = {model: "without the language model" in str(cost["assumptions"]) for model, cost in found.items()}
    assert said == {"claude-haiku-5-5": False, "claude-opus-5-5": False, "claude-next-6": True}


def test_an_upload_is_looked_at_as_far_as_it_is_bounded(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = api.post("/uploads").json()["upload_id"]
    lines = ["phone,first", f"{PEOPLE[0]},Sam", f"{PEOPLE[0]},Sam", "12,No", f"{PEOPLE[1]},", "x", f"{PEOPLE[2]},"]
    key = f"uploads/{world.owner.account_id}/{upload_id}"
    world.blobs.put(key, "\n".join(lines).encode(), content_type="text/csv")
    asked = {"recipients_upload_id": upload_id, "prompt": "Ask {first}."}
    found = dry(api, "recipients", **asked)
    counted = ("recipients_count", "valid_count", "invalid_count", "duplicate_count", "missing_variables_count")
    assert [found[name] for name in counted] == [6, 3, 2, 1, 2]
    assert found["warnings"] == []
    monkeypatch.setattr(preview_campaign, "MAX_LOOKED_AT", 4)
    found = dry(api, "recipients", **asked)
    assert [found[name] for name in counted] == [4, 2, 1, 1, 1]
    assert "first 4 rows" in found["warnings"][0]
    assert not world.campaigns.campaigns


def test_missing_variables_are_listed_up_to_a_bound(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_campaign, "MAX_NAMED", 2)
    found = dry(api, prompt="Ask {first} of {shop}.")
    assert found["missing_variables"] == [{"row_index": row, "variables": ["first", "shop"]} for row in (0, 1)]
    assert found["missing_variables_count"] == 3


def ms(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]  # year, month, day, …


@pytest.mark.parametrize(
    ("window", "zone", "start", "hours", "ends"),
    [
        (None, "UTC", (2026, 11, 21, 10), 30, (2026, 11, 22, 16)),
        (CallingWindow(540, 1020), "UTC", (2026, 11, 21, 10), 7, (2026, 11, 21, 17)),
        (CallingWindow(540, 1020), "UTC", (2026, 11, 21, 10), 8, (2026, 11, 22, 10)),
        (CallingWindow(0, 1440), "UTC", (2026, 11, 21, 10), 30, (2026, 11, 22, 16)),
        (CallingWindow(1320, 120), "UTC", (2026, 11, 21, 23), 5, (2026, 11, 23, 0)),  # over midnight, four hours a day
        (CallingWindow(1320, 120), "UTC", (2026, 11, 21, 1), 2, (2026, 11, 21, 23)),
        (CallingWindow(540, 0, ("mon",)), "UTC", (2026, 11, 21, 1), 20, (2026, 11, 30, 14)),
        # The night of 25 October 2026 has 25 hours in London, and so has an open day.
        (CallingWindow(0, 1440, ("sun",)), "Europe/London", (2026, 10, 24, 0), 25, (2026, 10, 26, 0)),
        (CallingWindow(0, 30), "UTC", (2026, 11, 21, 10), 24 * 365, None),
    ],
)
def test_work_is_done_while_the_window_is_open(
    window: CallingWindow | None, zone: str, start: tuple[int, ...], hours: int, ends: tuple[int, ...] | None
) -> None:
    found = estimate.open_after(window, zone, ms(*start), hours * 3600 * 1000)
    assert found == (None if ends is None else ms(*ends))
    if found is not None:
        assert estimate.open_time(window, zone, ms(*start), found) == hours * 3600 * 1000


def test_a_window_that_never_opens_is_no_work() -> None:
    assert estimate.open_time(CallingWindow(540, 1020, DAYS[:1]), "UTC", ms(2026, 11, 24), ms(2026, 11, 29)) == 0
