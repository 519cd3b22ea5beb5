"""A recording's own address: whoever has it may listen, for as long as there is something to hear."""

import pytest
from starlette.testclient import TestClient

from calling.domain import recording_link, stream_token
from tests.unit.api.conftest import Api, World, error_of
from tests.unit.api.test_calls import finish, placed

SECRET = b"stream-secret"


@pytest.fixture
def recorded(world: World, api: Api) -> str:
    """A call that was recorded: its id."""
    call_id = placed(api)
    finish(world, call_id, recording_key="recordings/x.wav")
    world.blobs.put("recordings/x.wav", b"RIFF", content_type="audio/wav")
    return call_id


def token(world: World, call_id: str) -> str:
    address = recording_link.address("", SECRET, world.owner.account_id, call_id)
    return address.partition("?t=")[2]


def test_the_address_needs_no_key_and_leads_to_a_fresh_link(client: TestClient, api: Api, recorded: str) -> None:
    url = api.get(f"/calls/{recorded}").json()["recording_url"]
    assert url.startswith(f"https://api.example.com/v1/calls/{recorded}/recording?t=")
    answer = client.get(url.removeprefix("https://api.example.com"), follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] == "https://blobs.example/recordings/x.wav?seconds=3600"
    assert answer.headers["cache-control"] == "no-store"


def test_lists_show_it_too_and_without_a_recording_there_is_none(world: World, api: Api, recorded: str) -> None:
    world.clock.advance(1)
    unrecorded = placed(api)
    shown = {call["call_id"]: call["recording_url"] for call in api.get("/calls").json()}
    assert shown == {recorded: api.get(f"/calls/{recorded}").json()["recording_url"], unrecorded: None}


def test_it_ends_with_the_recording(client: TestClient, world: World, api: Api, recorded: str) -> None:
    path = f"/v1/calls/{recorded}/recording?t={token(world, recorded)}"
    world.blobs.delete(["recordings/x.wav"])  # the bucket's lifecycle
    expired = client.get(path, follow_redirects=False)
    error_of(expired, 404, "recording_not_found")
    world.blobs.put("recordings/x.wav", b"RIFF", content_type="audio/wav")
    assert client.get(path, follow_redirects=False).status_code == 302
    world.calls.erase(world.owner.account_id, recorded)
    assert client.get(path, follow_redirects=False).json() == expired.json()


def test_nobody_else_learns_anything(client: TestClient, world: World, api: Api, recorded: str) -> None:
    """Other calls, other accounts, other kinds of token, no token, no call: one answer."""
    right = token(world, recorded)
    named, _, mac = right.partition(".")
    stranger = world.stranger.account_id.removeprefix("acct_")
    expires = 2**33
    stream = stream_token.issue(SECRET, world.owner.account_id, recorded, expires).partition(".")[2]
    forged = ["", ".", named, f"{named}.", f"{stranger}.{mac}", f"{named}.{stream}", f"{right}0", "ü.ä", "x" * 5000]
    refused = [client.get(f"/v1/calls/{recorded}/recording", params={"t": t}) for t in forged]
    refused.append(client.get(f"/v1/calls/{recorded}/recording"))
    refused.append(client.get("/v1/calls/call_never/recording", params={"t": right}))
    refused.append(client.get("/v1/calls/call_never/recording", params={"t": token(world, "call_never")}))
    for answer in refused:
        error_of(answer, 404, "recording_not_found")
        assert answer.json() == refused[0].json()


def test_a_token_that_was_not_made_here_reads_nothing(client: TestClient, world: World, recorded: str) -> None:
    """Or forged requests would buy reads of the table."""
    world.calls.get = None  # type: ignore[assignment,method-assign]  # whoever asks it fails
    error_of(client.get(f"/v1/calls/{recorded}/recording?t=x.y"), 404, "recording_not_found")


def test_a_recordings_token_lets_no_stream_in(world: World, recorded: str) -> None:
    """Both are made of one secret: whatever expiry its digits are taken for, a recording's MAC is no stream's."""
    account = world.owner.account_id
    mac = token(world, recorded).partition(".")[2]
    assert not stream_token.valid(SECRET, f"{2**33}.{mac}", account, recorded, 0)
    assert recording_link.account_of(SECRET, recorded, f"{account.removeprefix('acct_')}.{mac}") == account
    assert recording_link.account_of(b"another", recorded, f"{account.removeprefix('acct_')}.{mac}") is None
