"""Looking at a Twilio account before the first call: what is read off the wire, and what is said of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from calling.ports import CarrierAccount
from infra.check_twilio import check, tell
from infra.put_secrets import checked, put_secrets
from infra.twilio_account import Facts, Line, NotAccepted, NotReached, Weight, judge, look
from tests.contracts.answering import refused_port
from tests.contracts.carrier_world import ACCOUNT, CALLER_ID, OURS, TEXTS_ONLY, TOKEN, World, carrier_world

API = "https://api.example"
GOOD = Facts(
    balance=(42.0, "USD"),
    profiles=("Brightside Dental",),
    countries=frozenset({"GB", "US"}),
    lines=(Line("+15550100001", voice_url=f"{API}/twilio/acct_1/inbound#rc=2"),),
    rules=(),
)
MINE = CarrierAccount(ACCOUNT, TOKEN)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    numbers = {"numbers": (OURS, TEXTS_ONLY), "without_voice": (TEXTS_ONLY,), "caller_ids": (CALLER_ID,)}
    async with carrier_world(**numbers) as world:
        yield world


async def seen(world: World, account: CarrierAccount = MINE) -> Facts:
    return await asyncio.to_thread(look, account, base_url=world.carrier_url)


async def test_an_account_is_read_off_the_wire(world: World) -> None:
    (number,) = await world.ask(world.client.incoming_phone_numbers.list, phone_number=OURS)
    await world.ask(number.update, voice_url=f"{API}/twilio/acct_1/inbound", trunk_sid=f"TK{1:032}")
    assert await seen(world) == Facts(
        status="active",
        kind="Full",
        balance=(20.0, "USD"),
        profiles=("Brightside Dental",),
        countries=frozenset({"GB", "IE", "US"}),
        lines=(
            Line(OURS, voice_url=f"{API}/twilio/acct_1/inbound", elsewhere=f"TK{1:032}"),
            Line(TEXTS_ONLY, voice=False),
        ),
        caller_ids=1,
        rules=(),
    )
    await world.sim.put("/_sim/faults", json={"carrier": {"trial": 1}})
    trial = await seen(world)
    assert (trial.kind, trial.profiles) == ("Trial", ())


@pytest.mark.parametrize(
    "wrong",
    [
        replace(MINE, auth_token="wrong"),
        replace(MINE, sid="AC" + "9" * 32),
        replace(MINE, api_key_sid="SK1", api_key_secret="wrong"),
    ],
)
async def test_wrong_credentials_are_told_apart_from_silence(world: World, wrong: CarrierAccount) -> None:
    with pytest.raises(NotAccepted, match="API key" if wrong.api_key_sid else "auth token"):
        await seen(world, wrong)


def test_silence_is_not_a_refusal() -> None:
    with pytest.raises(NotReached):
        look(MINE, base_url=f"http://127.0.0.1:{refused_port()}")


def worst(facts: Facts, **how: Any) -> tuple[Weight, str]:
    """The gravest finding, where it is graver than fine; there is one of them at most."""
    found = judge(facts, api_url=API, **how)
    grave = [finding for finding in found if finding.weight is not Weight.FINE]
    assert list(found[: len(grave)]) == grave
    assert len(grave) <= 1, grave
    return (found[0].weight, found[0].words)


def test_of_a_good_account_all_is_fine() -> None:
    weight, _ = worst(GOOD, countries=["gb"])
    assert weight is Weight.FINE


OTHERS = "https://other.example"


@pytest.mark.parametrize(
    ("changes", "weight", "words"),
    [
        ({"status": "suspended"}, Weight.STOPS, "suspended"),
        ({"kind": "Trial"}, Weight.HURTS, "Upgrade"),
        ({"balance": (0.0, "USD")}, Weight.STOPS, "Add funds"),
        ({"balance": (-3.2, "EUR")}, Weight.STOPS, "-3.20 EUR"),
        ({"balance": (9.99, "USD")}, Weight.HURTS, "auto-recharge"),
        ({"profiles": ()}, Weight.HURTS, "Business Primary Customer Profile"),
        ({"countries": frozenset({"US"})}, Weight.STOPS, "GB"),
        ({"lines": ()}, Weight.STOPS, "no number"),
        ({"lines": (Line("+1", voice=False),)}, Weight.HURTS, "no voice"),
        ({"lines": (Line("+1", voice_url=f"{API}/twilio/a/inbound", elsewhere="TK1"),)}, Weight.HURTS, "TK1"),
        ({"rules": (("all", ""),)}, Weight.HURTS, "shared key"),
        ({"rules": (("ours", f"{API}/twilio/"),)}, Weight.HURTS, "shared key"),
    ],
)
def test_what_stops_or_hurts_calls_is_said_with_what_to_do(changes: Any, weight: Weight, words: str) -> None:
    found = worst(replace(GOOD, **changes), countries=["GB"])
    assert found[0] is weight
    assert words in found[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"balance": None},
        {"profiles": None},
        {"countries": None},
        {"rules": None},
        {"lines": (), "caller_ids": 1},
        {"lines": (Line("+1", voice_url=f"{OTHERS}/in"),)},
        {"lines": (Line("+1", voice_url=f"{OTHERS}/in", elsewhere="AP1"),)},
        {"rules": (("theirs", f"{OTHERS}/hooks"),)},
    ],
)
def test_what_is_not_known_or_not_ours_stops_nothing(changes: Any) -> None:
    assert worst(replace(GOOD, **changes), countries=["GB"])[0] is Weight.FINE


def test_with_a_shared_key_rules_are_fine() -> None:
    assert worst(replace(GOOD, rules=(("all", ""),)), shared_key=True)[0] is Weight.FINE


def test_the_gravest_comes_first_and_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    bad = judge(replace(GOOD, kind="Trial", countries=frozenset()), countries=["GB"])
    assert [f.weight for f in bad][:2] == [Weight.STOPS, Weight.HURTS]
    assert tell(bad) == 1
    assert capsys.readouterr().out.startswith("STOPS CALLS: Calls to GB")
    assert tell(judge(replace(GOOD, kind="Trial"))) == 0


class Manager:
    """Secrets Manager, as far as it is written to."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, str]] = {}

    def put_secret_value(self, *, SecretId: str, SecretString: str) -> None:  # noqa: N803  AWS's names
        self.secrets[SecretId] = json.loads(SecretString)


def looked(account: CarrierAccount, url: str) -> None:
    checked(account, API, base_url=url)


def put(world_url: str, *answers: str, more: bool = False) -> dict[str, dict[str, str]]:
    manager, given = Manager(), iter(answers)
    outputs = {"CarrierSecretArn": "arn:carrier", "LlmAccess": "bedrock"}
    put_secrets(outputs, manager, lambda _: next(given), lambda account: looked(account, world_url), more=more)
    return manager.secrets


async def test_an_account_that_twilio_refuses_is_not_stored(world: World) -> None:
    with pytest.raises(ValueError, match="Nothing was stored"):
        await asyncio.to_thread(put, world.carrier_url, ACCOUNT, "wrong")
    assert await asyncio.to_thread(put, world.carrier_url, ACCOUNT, TOKEN) == {
        "arn:carrier": {"account_sid": ACCOUNT, "auth_token": TOKEN}
    }


def test_an_account_that_cannot_be_asked_about_is_stored_with_a_word() -> None:
    nowhere = f"http://127.0.0.1:{refused_port()}"
    assert put(nowhere, ACCOUNT, TOKEN)
    (finding,) = checked(MINE, API, base_url=nowhere)
    assert "check_twilio" in finding.words


def test_region_keys_and_shared_key_are_asked_for_on_request() -> None:
    stored = put(f"http://127.0.0.1:{refused_port()}", ACCOUNT, TOKEN, "ie1", "SK1", "s", "k", more=True)
    assert stored["arn:carrier"] == {
        "account_sid": ACCOUNT, "auth_token": TOKEN, "region": "ie1", "api_key_sid": "SK1", "api_key_secret": "s",
        "shared_key": "k",
    }  # fmt: skip
    with pytest.raises(ValueError, match="de1"):
        put("", ACCOUNT, TOKEN, "de1", "", "", "", more=True)


async def test_the_whole_look_at_once(world: World) -> None:
    found = await asyncio.to_thread(check, MINE, api_url=API, countries=["FR"], base_url=world.carrier_url)
    assert [f.weight for f in found[:2]] == [Weight.STOPS, Weight.HURTS]
    assert (TOKEN in repr(found), "FR" in found[0].words, TEXTS_ONLY in found[1].words) == (False, True, True)
