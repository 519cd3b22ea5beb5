"""AgentStore: the dictionaries and DynamoDB keep the same promises."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import randrange

import pytest

from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.domain.agent import Agent, HistoryDisclosure, Number, VoicemailAction
from calling.domain.language_model import ModelTraits, Restraint
from calling.domain.phone_number import PhoneNumber
from calling.domain.routing import Region, Routing
from calling.ports import AgentStore, AlreadyExists, StaleRecord
from tests.contracts.conftest import TABLE
from tests.fakes.stores import MemoryAgentStore

OTHER = "acct_other"


@pytest.fixture
def phone() -> PhoneNumber:
    """A number of the test's own: whose it is, all accounts of the table agree on."""
    return PhoneNumber(f"+1555{randrange(10**7):07}")


@pytest.fixture
def phone_2() -> PhoneNumber:
    return PhoneNumber(f"+1556{randrange(10**7):07}")


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> AgentStore:
    if request.param == "memory":
        return MemoryAgentStore()
    return DynamoAgentStore(request.getfixturevalue("dynamodb"), TABLE)


def test_an_agent_is_read_with_its_numbers_oldest_first(
    store: AgentStore, account_id: str, phone: PhoneNumber, phone_2: PhoneNumber
) -> None:
    agent = Agent(
        account_id,
        "agent_1",
        5,
        temperature=0.25,
        boosted_keywords=("Redial", "Anna"),
        history_disclosure=HistoryDisclosure.AFTER_CONFIRMATION,
        llm_model="claude-sonnet-5-5",
        llm_traits=ModelTraits(Restraint.BETWEEN_TOOLS, forced_tools=False),
    )
    later = Number(account_id, "agent_1", phone, 20, voicemail_action=VoicemailAction.IGNORE)
    earlier = Number(account_id, "agent_1", phone_2, 10, twilio_sid="AC1", twilio_token="ciphertext", is_default=True)
    store.add_agent(agent)
    store.add_number(later)
    store.add_number(earlier)
    store.add_agent(Agent(account_id, "agent_10", 6))
    store.add_number(Number(account_id, "agent_10", PhoneNumber(phone.e164 + "1"), 1))
    assert store.get_agent(account_id, "agent_1") == (agent, (earlier, later))
    assert store.get_agent(account_id, "agent_2") is None
    assert store.get_agent("acct_other", "agent_1") is None


def test_agents_are_listed_oldest_first(store: AgentStore, account_id: str, phone: PhoneNumber) -> None:
    young, old = Agent(account_id, "agent_a", 9), Agent(account_id, "agent_b", 3)
    store.add_agent(young)
    store.add_agent(old)
    store.add_number(Number(account_id, "agent_a", phone, 1))
    assert store.agents(account_id) == (old, young)


def test_an_agent_is_added_once_replaced_and_forgotten(store: AgentStore, account_id: str) -> None:
    agent = Agent(account_id, "agent_1", 5)
    with pytest.raises(StaleRecord):
        store.put_agent(agent)
    store.add_agent(agent)
    store.add_agent(agent)
    with pytest.raises(AlreadyExists):
        store.add_agent(replace(agent, name="Another"))
    store.put_agent(replace(agent, name="Anna", welcome_message="Hello."))
    assert store.get_agent(account_id, "agent_1") == (replace(agent, name="Anna", welcome_message="Hello."), ())
    store.delete_agent(account_id, "agent_1")
    store.delete_agent(account_id, "agent_1")
    assert store.get_agent(account_id, "agent_1") is None


def test_a_number_is_there_once_in_an_account(
    store: AgentStore, account_id: str, phone: PhoneNumber, phone_2: PhoneNumber
) -> None:
    store.add_number(Number(account_id, "agent_1", phone, 1))
    with pytest.raises(AlreadyExists):
        store.add_number(Number(account_id, "agent_2", phone, 2))
    assert store.get_number(account_id, phone) == Number(account_id, "agent_1", phone, 1)
    assert store.get_number(account_id, phone_2) is None


def test_a_number_keeps_its_carrier_account_and_what_stood_at_its_line(
    store: AgentStore, account_id: str, phone: PhoneNumber
) -> None:
    number = Number(
        account_id,
        "agent_1",
        phone,
        1,
        twilio_sid="AC1",
        twilio_token="ciphertext",
        twilio_region=Region.IE1,
        twilio_api_key_sid="SK1",
        twilio_api_key_secret="ciphertext too",
        twilio_previous_token="the one before",
        twilio_token_since=2,
        routing_before=Routing(voice_url="https://customer.example", voice_method="GET", trunk_sid="TK1"),
    )
    store.add_number(number)
    assert store.get_number(account_id, phone) == number
    bare = Number(account_id, "agent_1", phone, 1, routing_before=Routing())
    store.put_number(bare, was=number)
    assert store.get_number(account_id, phone) == bare


def test_a_number_moves_to_another_agent(store: AgentStore, account_id: str, phone: PhoneNumber) -> None:
    one, two = Agent(account_id, "agent_1", 1), Agent(account_id, "agent_2", 2)
    store.add_agent(one)
    store.add_agent(two)
    was = Number(account_id, "agent_1", phone, 1)
    store.add_number(was)
    moved = replace(was, agent_id="agent_2", custom_prompt="Be brief.")
    store.put_number(moved, was=was)
    assert store.get_agent(account_id, "agent_1") == (one, ())
    assert store.get_agent(account_id, "agent_2") == (two, (moved,))
    assert store.get_number(account_id, phone) == moved
    with pytest.raises(StaleRecord):
        store.put_number(replace(was, agent_id="agent_3"), was=was)
    assert store.numbers(account_id) == (moved,)


def test_a_number_that_is_gone_is_not_replaced(store: AgentStore, account_id: str, phone: PhoneNumber) -> None:
    number = Number(account_id, "agent_1", phone, 1)
    store.add_number(number)
    store.delete_number(number)
    store.delete_number(number)
    with pytest.raises(StaleRecord):
        store.put_number(number, was=number)
    assert store.numbers(account_id) == ()


def test_numbers_are_listed_oldest_first(
    store: AgentStore, account_id: str, phone: PhoneNumber, phone_2: PhoneNumber
) -> None:
    young, old = Number(account_id, "agent_1", phone, 9), Number(account_id, "agent_2", phone_2, 3)
    store.add_number(young)
    store.add_number(old)
    assert store.numbers(account_id) == (old, young)


def test_a_number_belongs_to_one_account(store: AgentStore, account_id: str, phone: PhoneNumber) -> None:
    mine, theirs = Number(account_id, "agent_1", phone, 1), Number(OTHER, "agent_1", phone, 1)
    store.add_number(mine)
    with pytest.raises(AlreadyExists):
        store.add_number(theirs)
    assert store.get_number(OTHER, phone) is None
    assert not store.claim_number(OTHER, phone, now=5, until=9)
    assert store.claim_number(account_id, phone, now=5, until=9)
    store.drop_claim(account_id, phone, until=9)  # it was for good: nothing is given up
    assert not store.claim_number(OTHER, phone, now=10, until=19)
    store.delete_number(theirs)  # not theirs to delete
    assert not store.claim_number(OTHER, phone, now=10, until=19)
    store.delete_number(mine)
    assert store.claim_number(OTHER, phone, now=10, until=19)
    store.add_number(theirs)
    with pytest.raises(AlreadyExists):
        store.add_number(mine)


def test_a_claim_that_came_to_nothing_is_given_up_or_ends(
    store: AgentStore, account_id: str, phone: PhoneNumber
) -> None:
    assert store.claim_number(account_id, phone, now=5, until=9)
    assert not store.claim_number(OTHER, phone, now=8, until=12)
    assert store.claim_number(OTHER, phone, now=9, until=13)  # whoever made the first has died
    store.drop_claim(account_id, phone, until=9)
    with pytest.raises(AlreadyExists):
        store.add_number(Number(account_id, "agent_1", phone, 1))
    assert store.claim_number(OTHER, phone, now=10, until=14)
    store.drop_claim(OTHER, phone, until=13)  # another request of the same account goes on
    assert not store.claim_number(account_id, phone, now=11, until=15)
    store.drop_claim(OTHER, phone, until=14)
    assert store.claim_number(account_id, phone, now=11, until=15)
    store.add_number(Number(account_id, "agent_1", phone, 1))
    assert not store.claim_number(OTHER, phone, now=99, until=109)


def test_of_many_claims_at_once_one_is_granted(store: AgentStore, account_id: str, phone: PhoneNumber) -> None:
    accounts = [f"{account_id}_{n}" for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        granted = list(threads.map(lambda a: store.claim_number(a, phone, now=5, until=9), accounts))
    assert granted.count(True) == 1


def test_what_the_operator_gave_stays_the_accounts(store: AgentStore, account_id: str, phone: PhoneNumber) -> None:
    number = Number(account_id, "agent_1", phone, 1)
    store.give_number(account_id, phone)
    store.give_number(account_id, phone)
    with pytest.raises(AlreadyExists):
        store.give_number(OTHER, phone)
    assert store.claim_number(account_id, phone, now=5, until=9)
    store.drop_claim(account_id, phone, until=9)
    assert not store.claim_number(OTHER, phone, now=10, until=19)
    store.add_number(number)
    store.delete_number(number)
    assert not store.claim_number(OTHER, phone, now=10, until=19)
