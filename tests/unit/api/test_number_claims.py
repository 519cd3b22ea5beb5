"""A number belongs to one account of the deployment: claimed before the carrier is asked, given back with its end."""

from typing import Any

import pytest

from calling.domain.agent import Number
from calling.domain.errors import CarrierAmbiguous
from calling.domain.phone_number import PhoneNumber
from calling.domain.routing import Routing, ours
from calling.ports import CarrierAccount, CarrierLine
from calling.usecases.import_number import CLAIM_MS
from tests.unit.api.conftest import FROM, Api, World, error_of

NEW = "+447700900555"
PATH = "/phone-numbers/%2B447700900555"
BASE = "https://api.example.com"


@pytest.fixture(autouse=True)
def new_number(world: World, api: Api, other: Api) -> None:
    world.carrier.owned.add(NEW)
    other.agent_id = other.post("/agents", {"name": "Noa"}).json()["agent_id"]


def bring(api: Api, **changes: Any) -> Any:
    return api.post("/phone-numbers", {"phone_number": NEW, "agent_id": api.agent_id} | changes)


@pytest.mark.parametrize("turned", [False, True])
def test_the_first_account_has_it_and_the_second_touches_nothing(
    world: World, api: Api, other: Api, *, turned: bool
) -> None:
    first, second = (other, api) if turned else (api, other)
    owner = world.stranger if turned else world.owner
    assert bring(first).status_code == 201
    error_of(bring(second), 409, "number_already_imported", "phone_number")
    error_of(bring(second, inbound_enabled=False), 409, "number_already_imported")
    own = {"twilio_sid": "AC" + "1" * 32, "twilio_token": "token"}
    error_of(bring(second, **own), 409, "number_already_imported")
    assert world.carrier.routings[NEW] == ours(BASE, owner.account_id)
    error_of(second.request("DELETE", PATH), 404, "phone_number_not_found")
    error_of(second.place(from_number=NEW), 403, "from_number_not_owned")


def test_who_is_refused_is_refused_before_the_carrier_is_asked(world: World, api: Api, other: Api) -> None:
    bring(api)
    world.carrier.error = CarrierAmbiguous("Twilio was asked.")
    error_of(bring(other), 409, "number_already_imported")


def test_of_two_at_once_the_first_claim_has_it(
    world: World, api: Api, other: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, seconds = world.carrier.line, list[Any]()

    def meanwhile(account: CarrierAccount, number: PhoneNumber) -> CarrierLine | None:
        monkeypatch.setattr(world.carrier, "line", line)
        seconds.append(bring(other))
        return line(account, number)

    monkeypatch.setattr(world.carrier, "line", meanwhile)
    assert bring(api).status_code == 201
    error_of(seconds.pop(), 409, "number_already_imported")


@pytest.mark.parametrize("what", ["the number", "its agent"])
def test_deletion_gives_it_back(api: Api, other: Api, what: str) -> None:
    bring(api)
    assert api.request("DELETE", PATH if what == "the number" else f"/agents/{api.agent_id}").status_code == 200
    assert bring(other).status_code == 201
    second = api.post("/agents", {"name": "Next"}).json()["agent_id"]
    error_of(bring(api, agent_id=second), 409, "number_already_imported")


def test_a_number_that_takes_no_calls_is_still_its_accounts(api: Api, other: Api) -> None:
    bring(api)
    api.request("PATCH", PATH, json={"inbound_enabled": False, "outbound_enabled": False})
    error_of(bring(other), 409, "number_already_imported")


@pytest.mark.parametrize("failure", ["not there", "no answer", "not routed"])
def test_an_import_that_fails_gives_it_back_at_once(world: World, api: Api, other: Api, failure: str) -> None:
    if failure == "not there":
        world.carrier.owned.discard(NEW)
    world.carrier.error = CarrierAmbiguous("Twilio did not answer.") if failure == "no answer" else None
    world.carrier.route_error = CarrierAmbiguous("Twilio did not answer.") if failure == "not routed" else None
    assert bring(api).status_code in (404, 502)
    world.carrier.error, world.carrier.route_error = None, None
    world.carrier.owned.add(NEW)
    assert bring(other).status_code == 201


def test_who_dies_in_an_import_holds_it_for_two_minutes(world: World, api: Api, other: Api) -> None:
    world.carrier.error = RuntimeError("the process died")  # type: ignore[assignment]  # no answer of a carrier's
    assert bring(api).status_code == 500
    world.carrier.error = None
    error_of(bring(other), 409, "number_already_imported")
    world.clock.advance(CLAIM_MS)
    assert bring(other).status_code == 201


def test_who_died_in_an_import_may_try_again(world: World, api: Api) -> None:
    world.carrier.error = RuntimeError("the process died")  # type: ignore[assignment]  # no answer of a carrier's
    assert bring(api).status_code == 500
    world.carrier.error = None
    assert bring(api).status_code == 201


def test_what_the_operator_gave_is_nobody_elses_before_and_after_its_import(world: World, api: Api, other: Api) -> None:
    world.agents.give_number(world.owner.account_id, PhoneNumber(NEW))
    error_of(bring(other), 409, "number_already_imported")
    assert bring(api).status_code == 201
    assert api.request("DELETE", PATH).status_code == 200
    error_of(bring(other), 409, "number_already_imported")


class TestStoredBeforeThereWereClaims:
    """Such a number is claimed by the first change of it, or by whoever else would import it and finds its line."""

    @pytest.fixture(autouse=True)
    def stored_before(self, world: World, api: Api) -> None:
        bring(api)
        world.agents.claims.clear()

    def test_its_line_tells_whose_it_is(self, world: World, api: Api, other: Api) -> None:
        for _ in range(2):
            error_of(bring(other), 409, "number_already_imported")
        assert world.carrier.routings[NEW] == ours(BASE, world.owner.account_id)
        assert api.request("DELETE", PATH).status_code == 200
        assert bring(other).status_code == 201

    def test_a_change_claims_it(self, world: World, api: Api, other: Api) -> None:
        world.carrier.routings[NEW] = Routing()
        assert api.request("PATCH", PATH, json={"voice_id": "Amy"}).status_code == 200
        error_of(bring(other), 409, "number_already_imported")

    def test_of_two_accounts_that_had_it_the_second_can_only_let_it_go(
        self, world: World, api: Api, other: Api
    ) -> None:
        theirs = Number(world.stranger.account_id, other.agent_id, PhoneNumber(NEW), 1, is_default=True)
        world.agents.number_items[theirs.account_id, NEW] = theirs
        assert api.request("PATCH", PATH, json={"voice_id": "Amy"}).status_code == 200
        error_of(other.request("PATCH", PATH, json={"voice_id": "Amy"}), 409, "number_already_imported")
        assert other.request("DELETE", PATH).status_code == 200
        error_of(bring(other), 409, "number_already_imported")


def test_a_line_that_points_at_an_account_without_the_number_is_free(world: World, other: Api) -> None:
    world.carrier.routings[NEW] = ours(BASE, world.owner.account_id)
    assert bring(other).status_code == 201


def test_the_seeds_number_is_claimed_too(other: Api) -> None:
    error_of(bring(other, phone_number=FROM), 409, "number_already_imported")


def test_nobody_is_told_whose_it_is(world: World, api: Api, other: Api) -> None:
    bring(api)
    assert world.owner.account_id not in bring(other).text
