"""A number's line at the carrier: taken only where calls to it are wanted, and given back as it was."""

from dataclasses import replace
from typing import Any

import pytest

from calling.domain.errors import CarrierAmbiguous, CarrierRefused
from calling.domain.phone_number import PhoneNumber
from calling.domain.routing import Routing, ours
from tests.unit.api.conftest import FROM, FROM_2, Api, World, error_of

NEW = "+447700900555"
PATH = "/phone-numbers/%2B447700900555"
HOTLINE = Routing(voice_url="https://customer.example/hotline", voice_method="GET", voice_application_sid=f"AP{1:032}")
AWAY = CarrierAmbiguous("Twilio did not answer.")


def bring(api: Api, **changes: Any) -> Any:
    return api.post("/phone-numbers", {"phone_number": NEW, "agent_id": api.agent_id} | changes)


def patch(api: Api, **changes: Any) -> Any:
    return api.request("PATCH", PATH, json=changes)


@pytest.fixture
def world(world: World) -> World:
    world.carrier.owned.add(NEW)
    world.carrier.routings[NEW] = HOTLINE
    return world


@pytest.fixture
def here(world: World) -> Routing:
    return ours("https://api.example.com", world.owner.account_id)


def test_a_number_that_only_calls_out_keeps_its_line(world: World, api: Api) -> None:
    assert bring(api, inbound_enabled=False).status_code == 201
    assert world.carrier.routings[NEW] == HOTLINE
    assert patch(api, voice_id="Amy").status_code == 200
    assert api.request("DELETE", PATH).status_code == 200
    assert world.carrier.routings[NEW] == HOTLINE


def test_inbound_takes_the_line_and_its_end_gives_it_back(world: World, api: Api, here: Routing) -> None:
    assert bring(api, inbound_enabled=False).status_code == 201
    for _ in range(2):
        assert patch(api, inbound_enabled=True).json()["warnings"] == []
        assert world.carrier.routings[NEW] == here  # application and fallback gone with the rest
        assert patch(api, inbound_enabled=False).json()["warnings"] == []
        assert world.carrier.routings[NEW] == HOTLINE


def test_a_number_that_is_deleted_gets_its_line_back(world: World, api: Api, here: Routing) -> None:
    bring(api)
    assert world.carrier.routings[NEW] == here
    assert "warnings" not in api.request("DELETE", PATH).json()
    assert world.carrier.routings[NEW] == HOTLINE


def test_an_agents_numbers_get_their_lines_back_with_it(world: World, api: Api) -> None:
    bring(api)
    assert "warnings" not in api.request("DELETE", f"/agents/{api.agent_id}").json()
    assert world.carrier.routings == {NEW: HOTLINE, FROM: Routing(), FROM_2: Routing()}


def test_what_somebody_has_set_since_is_left_alone(world: World, api: Api) -> None:
    bring(api)
    since = Routing(voice_url="https://other.example/in")
    world.carrier.routings[NEW] = since
    assert api.request("DELETE", PATH).status_code == 200
    assert world.carrier.routings[NEW] == since


@pytest.mark.parametrize("error", [AWAY, CarrierRefused("Authenticate", twilio_code=20003, http_status=401)])
def test_a_line_that_cannot_be_given_back_is_let_go_with_words(
    world: World, api: Api, here: Routing, error: CarrierRefused
) -> None:
    bring(api)
    world.carrier.error = error
    (warning,) = patch(api, inbound_enabled=False).json()["warnings"]
    assert NEW in warning
    world.carrier.error = None
    assert world.carrier.routings[NEW] == here
    assert patch(api, inbound_enabled=True).status_code == 200  # and what stood there is not forgotten
    world.carrier.error = error
    (warning,) = api.request("DELETE", PATH).json()["warnings"]
    assert NEW in warning
    assert api.get("/phone-numbers").json()["count"] == 2


def test_a_switch_off_that_failed_is_made_good_by_the_deletion(world: World, api: Api) -> None:
    bring(api)
    world.carrier.error = AWAY
    patch(api, inbound_enabled=False)
    world.carrier.error = None
    assert "warnings" not in api.request("DELETE", PATH).json()
    assert world.carrier.routings[NEW] == HOTLINE


def test_a_switch_off_that_failed_is_made_good_by_the_next_change(world: World, api: Api) -> None:
    bring(api)
    world.carrier.error = AWAY
    assert patch(api, inbound_enabled=False).json()["warnings"]
    assert patch(api, voice_id="Amy").json()["warnings"]
    world.carrier.error = None
    assert patch(api, inbound_enabled=False).json()["warnings"] == []
    assert world.carrier.routings[NEW] == HOTLINE
    world.carrier.error = AWAY
    assert patch(api, voice_id="Amy").json()["warnings"] == []  # there is nothing left to give back


def test_a_carrier_that_is_away_is_not_waited_for_with_every_number(world: World, api: Api) -> None:
    bring(api)
    line, asked = world.carrier.line, []

    def slow(account: Any, number: PhoneNumber) -> Any:
        asked.append(number)
        world.clock.advance(10)
        return line(account, number)

    world.carrier.line = slow  # type: ignore[method-assign]  # the fake's own, later
    warnings = api.request("DELETE", f"/agents/{api.agent_id}").json()["warnings"]
    assert (len(asked), len(warnings)) == (1, 2)
    assert api.get("/phone-numbers").json()["count"] == 0


def test_a_line_that_cannot_be_taken_changes_nothing(world: World, api: Api) -> None:
    world.carrier.route_error = AWAY
    error_of(bring(api), 502, "outbound_failed")
    assert api.get("/phone-numbers").json()["count"] == 2
    bring(api, inbound_enabled=False)
    error_of(patch(api, inbound_enabled=True, voice_id="Amy"), 502, "outbound_failed")
    (number,) = [n for n in api.get("/phone-numbers").json()["phone_numbers"] if n["phone_number"] == NEW]
    assert (number["inbound_enabled"], number["voice_id"]) == (False, None)
    world.carrier.route_error = None
    assert patch(api, inbound_enabled=True).status_code == 200


def lose_the_answer(world: World, *, for_good: bool) -> None:
    """Have the line taken while the answer is lost, and with `for_good` the carrier away from then on."""
    route = world.carrier.route

    def taken(account: Any, line: Any, routing: Routing) -> None:
        route(account, line, routing)
        world.carrier.route = route  # type: ignore[method-assign]  # the fake's own again
        world.carrier.error = AWAY if for_good else None
        raise AWAY

    world.carrier.route = taken  # type: ignore[method-assign]  # the fake's own, once


def test_a_line_whose_taking_lost_its_answer_is_given_back(world: World, api: Api) -> None:
    lose_the_answer(world, for_good=False)
    error_of(bring(api), 502, "outbound_failed")
    assert world.carrier.routings[NEW] == HOTLINE
    assert api.get("/phone-numbers").json()["count"] == 2


def test_what_stood_there_is_remembered_where_nobody_knows_whether_the_line_was_taken(
    world: World, api: Api, here: Routing
) -> None:
    lose_the_answer(world, for_good=True)
    error_of(bring(api), 502, "outbound_failed")
    assert world.carrier.routings[NEW] == here
    world.carrier.error = None
    assert "warnings" not in api.request("DELETE", PATH).json()
    assert world.carrier.routings[NEW] == HOTLINE


def test_a_switch_on_that_lost_its_answer_is_put_right_by_the_next_change(world: World, api: Api) -> None:
    bring(api, inbound_enabled=False)
    lose_the_answer(world, for_good=True)
    error_of(patch(api, inbound_enabled=True), 502, "outbound_failed")
    world.carrier.error = None
    assert patch(api, voice_id="Amy").json()["warnings"] == []
    assert world.carrier.routings[NEW] == HOTLINE


def test_a_line_is_given_back_in_the_account_it_was_taken_in(world: World, api: Api) -> None:
    bring(api)
    line, asked = world.carrier.line, []

    def by_account(account: Any, number: PhoneNumber) -> Any:
        found = line(account, number)
        asked.append(account.sid)
        return replace(found, routing=None) if account.sid == OTHER and found else found

    world.carrier.line = by_account  # type: ignore[method-assign]  # the number is a caller id in the other account
    moved = patch(api, twilio_sid=OTHER, twilio_token="token", inbound_enabled=False)
    assert moved.json()["warnings"] == []
    assert world.carrier.routings[NEW] == HOTLINE


def test_a_number_without_voice_is_refused(world: World, api: Api) -> None:
    world.carrier.voiceless.add(NEW)
    error_of(bring(api, inbound_enabled=False), 400, "number_without_voice", "phone_number")


def test_a_verified_caller_id_calls_out_only(world: World, api: Api) -> None:
    world.carrier.owned.remove(NEW)
    world.carrier.verified.add(NEW)
    error_of(bring(api), 400, "verified_caller_id", "inbound_enabled")
    assert bring(api, inbound_enabled=False).status_code == 201
    error_of(patch(api, inbound_enabled=True), 400, "verified_caller_id", "inbound_enabled")
    assert api.place(from_number=NEW).status_code == 201
    assert api.request("DELETE", PATH).status_code == 200


def test_a_number_imported_before_this_was_remembered_keeps_no_address_of_ours(world: World, api: Api) -> None:
    bring(api)
    account_id = world.owner.account_id
    number = world.agents.get_number(account_id, PhoneNumber(NEW))
    assert number is not None
    world.agents.put_number(replace(number, routing_before=None), was=number)
    api.request("DELETE", PATH)
    assert world.carrier.routings[NEW] == Routing()


SID, OTHER = "AC" + "1" * 32, "AC" + "2" * 32


def test_credentials_are_changed_after_they_were_tried(world: World, api: Api, here: Routing) -> None:
    world.carrier.token = "first"
    bring(api, twilio_sid=SID, twilio_token="first")
    world.carrier.token = "second"
    wrong = error_of(patch(api, twilio_token="third"), 401, "twilio_auth_failed")
    assert "third" not in str(wrong)
    assert account_of(world).auth_token == "first"
    assert patch(api, twilio_token="second", twilio_region="ie1").json()["phone_number"]["twilio_region"] == "ie1"
    account = account_of(world)
    assert (account.sid, account.auth_token, account.region) == (SID, "second", "ie1")
    assert world.carrier.routings[NEW] == here
    api.request("DELETE", PATH)
    assert world.carrier.routings[NEW] == HOTLINE


def test_another_account_shares_nothing_with_the_one_before(world: World, api: Api) -> None:
    world.carrier.token = "first"
    key = {"twilio_api_key_sid": "SK1", "twilio_api_key_secret": "s"}
    bring(api, twilio_sid=SID, twilio_token="first", twilio_region="au1", **key)
    assert account_of(world).api_key_secret == "s"
    error_of(patch(api, twilio_sid=OTHER), 400, "missing_field", "twilio_token")
    world.carrier.token = "second"
    assert patch(api, twilio_sid=OTHER, twilio_token="second").status_code == 200
    account = account_of(world)
    assert (account.sid, account.region, account.api_key_sid, account.other_tokens) == (OTHER, "us1", None, ())
    world.carrier.token = "token"  # the deployment's own
    shown = patch(api, twilio_sid=None).json()["phone_number"]
    assert (shown["twilio_sid"], shown["twilio_region"], shown["twilio_api_key_sid"]) == (None, None, None)
    assert account_of(world) == world.services.credentials.of_number(number_of(world, FROM))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"twilio_region": "ie1"}, "twilio_sid"),
        ({"twilio_api_key_sid": "SK1", "twilio_api_key_secret": "s"}, "twilio_sid"),
        ({"twilio_sid": SID, "twilio_token": "t", "twilio_api_key_sid": "SK1"}, "twilio_api_key_secret"),
    ],
)
def test_half_an_account_is_refused(api: Api, changes: dict[str, str], field: str) -> None:
    error_of(bring(api, **changes), 400, "missing_field", field)
    bring(api)
    error_of(patch(api, **changes), 400, "missing_field", field)


def test_a_region_twilio_does_not_have_is_refused(api: Api) -> None:
    error_of(bring(api, twilio_sid=SID, twilio_token="t", twilio_region="de1"), 400, "invalid_field", "twilio_region")


def test_with_an_api_key_the_token_is_tried_too(world: World, api: Api) -> None:
    """The key asks for everything, so a wrong token would show only when the first callback is refused."""
    seen, line = [], world.carrier.line

    def watched(account: Any, number: PhoneNumber) -> Any:
        seen.append(account.api_key_sid)
        return line(account, number)

    world.carrier.line, world.carrier.token = watched, "right"  # type: ignore[method-assign]  # the fake's own, watched
    key = {"twilio_api_key_sid": "SK1", "twilio_api_key_secret": "s"}
    assert bring(api, twilio_sid=SID, twilio_token="right", **key).status_code == 201
    assert seen == [None, "SK1"]
    assert number_of(world, NEW).twilio_api_key_secret != "s"


def number_of(world: World, e164: str) -> Any:
    return world.agents.get_number(world.owner.account_id, PhoneNumber(e164))


def account_of(world: World) -> Any:
    return world.services.credentials.of_number(number_of(world, NEW))
