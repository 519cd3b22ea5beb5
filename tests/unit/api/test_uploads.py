"""POST /v1/uploads: where to put a long list."""

import re
from datetime import UTC, datetime

from tests.unit.api.conftest import PEOPLE, Api, World, error_of, imported
from tests.unit.api.test_campaigns import stored


def test_where_to_put_a_list(world: World, api: Api) -> None:
    answer = api.post("/uploads", {})
    assert answer.status_code == 201
    body = answer.json()
    upload_id = body["upload_id"]
    assert re.fullmatch(r"upl_[0-9a-f]{24}", upload_id)
    assert body == {
        "upload_id": upload_id,
        "upload_url": f"https://blobs.example/uploads/{world.owner.account_id}/{upload_id}?put&seconds=3600",
        "method": "PUT",
        "expires_at": body["expires_at"],
        "max_rows": 1_000_000,
        "formats": ["csv", "jsonl"],
    }
    ends = datetime.fromtimestamp(world.clock.now() / 1000 + 3600, UTC)
    assert datetime.fromisoformat(body["expires_at"]) == ends
    assert api.post("/uploads").json()["upload_id"] != upload_id, "a body is not needed"


def test_it_takes_no_fields(api: Api, client: object) -> None:
    error_of(api.post("/uploads", {"format": "csv"}), 400, "unknown_field", "format")
    error_of(api.post("/uploads", headers={"Authorization": "Bearer x:y"}), 401, "invalid_api_key")


def test_idempotency_key(api: Api) -> None:
    once = {"Idempotency-Key": "upload-1"}
    first, again = (api.post("/uploads", {}, headers=once) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"


def test_an_uploaded_list(world: World, api: Api) -> None:
    upload_id = api.post("/uploads").json()["upload_id"]
    error_of(api.batch("recipients", recipients_upload_id=upload_id), 404, "upload_not_found", "recipients_upload_id")
    for wrong in ("../secret", "upl_", "x" * 100):
        asked = api.batch("recipients", recipients_upload_id=wrong)
        error_of(asked, 404, "upload_not_found", "recipients_upload_id")
    key = f"uploads/{world.owner.account_id}/{upload_id}"
    world.blobs.put(key, f"phone,first\n{PEOPLE[0]},Sam\n12,No\n{PEOPLE[0]},Sam\n".encode(), content_type="text/csv")
    answer = api.batch("recipients", recipients_upload_id=upload_id, skip_invalid=True)
    campaign = stored(world, answer)
    counts = ("recipients_count", "valid_count", "invalid_count", "duplicate_count", "queued_count")
    assert [answer.json()[name] for name in counts] == [None] * 5
    assert (answer.json()["status"], answer.json()["invalid"]) == ("importing", [])
    imported(world, campaign.campaign_id)
    shown = api.get(f"/calls/batch/{campaign.campaign_id}").json()
    assert [shown[name] for name in ("status", *counts[:1], *counts[2:4], "total", "pending")] == [
        "running", 3, 1, 1, 1, 1,
    ]  # fmt: skip
