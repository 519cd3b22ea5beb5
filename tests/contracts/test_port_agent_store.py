"""AgentStore: the dictionaries and DynamoDB keep the same promises."""

from dataclasses import replace

import pytest

from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.domain.agent import Agent, HistoryDisclosure, Number, VoicemailAction
from calling.domain.language_model import ModelTraits, Restraint
from calling.domain.phone_number import PhoneNumber
from calling.domain.routing import Region, Routing
from calling.ports import AgentStore, AlreadyExists, StaleRecord
from tests.contracts.conftest import TABLE
from tests.fakes.stores import MemoryAgentStore

ONE, TWO = PhoneNumber("+15550100001"), PhoneNumber("+15550100002")


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> AgentStore:
    if request.param == "memory":
        return MemoryAgentStore()
    return DynamoAgentStore(request.getfixturevalue("dynamodb"), TABLE)


def test_an_agent_is_read_with_its_numbers_oldest_first(store: AgentStore, account_id: str) -> None:
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
    later = Number(account_id, "agent_1", ONE, 20, voicemail_action=VoicemailAction.IGNORE)
    earlier = Number(account_id, "agent_1", TWO, 10, twilio_sid="AC1", twilio_token="ciphertext", is_default=True)
    store.add_agent(agent)
    store.add_number(later)
    store.add_number(earlier)
    store.add_agent(Agent(account_id, "agent_10", 6))
    store.add_number(Number(account_id, "agent_10", PhoneNumber("+15550100003"), 1))
    assert store.get_agent(account_id, "agent_1") == (agent, (earlier, later))
    assert store.get_agent(account_id, "agent_2") is None
    assert store.get_agent("acct_other", "agent_1") is None


def test_agents_are_listed_oldest_first(store: AgentStore, account_id: str) -> None:
    young, old = Agent(account_id, "agent_a", 9), Agent(account_id, "agent_b", 3)
    store.add_agent(young)
    store.add_agent(old)
    store.add_number(Number(account_id, "agent_a", ONE, 1))
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


def test_a_number_is_there_once_in_an_account(store: AgentStore, account_id: str) -> None:
    store.add_number(Number(account_id, "agent_1", ONE, 1))
    with pytest.raises(AlreadyExists):
        store.add_number(Number(account_id, "agent_2", ONE, 2))
    store.add_number(Number("acct_other" + account_id, "agent_1", ONE, 1))
    assert store.get_number(account_id, ONE) == Number(account_id, "agent_1", ONE, 1)
    assert store.get_number(account_id, TWO) is None


def test_a_number_keeps_its_carrier_account_and_what_stood_at_its_line(store: AgentStore, account_id: str) -> None:
    number = Number(
        account_id,
        "agent_1",
        ONE,
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
    assert store.get_number(account_id, ONE) == number
    bare = Number(account_id, "agent_1", ONE, 1, routing_before=Routing())
    store.put_number(bare, was=number)
    assert store.get_number(account_id, ONE) == bare


def test_a_number_moves_to_another_agent(store: AgentStore, account_id: str) -> None:
    one, two = Agent(account_id, "agent_1", 1), Agent(account_id, "agent_2", 2)
    store.add_agent(one)
    store.add_agent(two)
    was = Number(account_id, "agent_1", ONE, 1)
    store.add_number(was)
    moved = replace(was, agent_id="agent_2", custom_prompt="Be brief.")
    store.put_number(moved, was=was)
    assert store.get_agent(account_id, "agent_1") == (one, ())
    assert store.get_agent(account_id, "agent_2") == (two, (moved,))
    assert store.get_number(account_id, ONE) == moved
    with pytest.raises(StaleRecord):
        store.put_number(replace(was, agent_id="agent_3"), was=was)
    assert store.numbers(account_id) == (moved,)


def test_a_number_that_is_gone_is_not_replaced(store: AgentStore, account_id: str) -> None:
    number = Number(account_id, "agent_1", ONE, 1)
    store.add_number(number)
    store.delete_number(number)
    store.delete_number(number)
    with pytest.raises(StaleRecord):
        store.put_number(number, was=number)
    assert store.numbers(account_id) == ()


def test_numbers_are_listed_oldest_first(store: AgentStore, account_id: str) -> None:
    young, old = Number(account_id, "agent_1", ONE, 9), Number(account_id, "agent_2", TWO, 3)
    store.add_number(young)
    store.add_number(old)
    assert store.numbers(account_id) == (old, young)
