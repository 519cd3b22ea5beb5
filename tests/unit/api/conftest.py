"""The whole API over fakes: two accounts, an agent with two numbers, and a client with a key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.services import Services
from calling.domain.campaign import Campaign
from calling.usecases.create_account import NewAccount, create_account
from calling.usecases.import_recipients import import_recipients
from tests.fakes.campaigns import (
    MemoryCampaignStore,
    MemoryCampaignWorkflow,
    MemoryContactStore,
    MemoryLimitsStore,
    MemoryScheduler,
)
from tests.fakes.carrier import FakeCarrier
from tests.fakes.clock import ManualClock, SequenceIds
from tests.fakes.outside import MemoryBlobs, MemoryCatalogue, MemoryCredentials, MemoryVault
from tests.fakes.pools import MemoryPacer
from tests.fakes.queues import MemoryDeliveryQueue, MemoryDialQueue
from tests.fakes.stores import (
    MemoryAccountStore,
    MemoryAgentStore,
    MemoryCallStore,
    MemoryDeliveryStore,
    MemoryIdempotencyStore,
    MemoryPeopleStore,
    MemoryUsageStore,
)

FROM = "+447700900123"
FROM_2 = "+447700900124"
TO = "+447386172392"
PEOPLE = ("+447111000001", "+447111000002", "+447111000003")


@dataclass
class World:
    """The fakes behind the API, and who may ask it."""

    services: Services
    accounts: MemoryAccountStore
    agents: MemoryAgentStore
    calls: MemoryCallStore
    campaigns: MemoryCampaignStore
    contacts: MemoryContactStore
    limits: MemoryLimitsStore
    campaign_workflow: MemoryCampaignWorkflow
    scheduler: MemoryScheduler
    pacer: MemoryPacer
    blobs: MemoryBlobs
    models: MemoryCatalogue
    deliveries: MemoryDeliveryStore
    idempotency: MemoryIdempotencyStore
    carrier: FakeCarrier
    dial_queue: MemoryDialQueue
    delivery_queue: MemoryDeliveryQueue
    clock: ManualClock
    ids: SequenceIds
    owner: NewAccount
    stranger: NewAccount


def make_world() -> World:
    clock, ids = ManualClock(), SequenceIds()
    accounts, agents, calls = MemoryAccountStore(), MemoryAgentStore(), MemoryCallStore()
    deliveries, idempotency = MemoryDeliveryStore(), MemoryIdempotencyStore()
    carrier, dial_queue, delivery_queue, vault = FakeCarrier(), MemoryDialQueue(), MemoryDeliveryQueue(), MemoryVault()
    campaigns, contacts, limits = MemoryCampaignStore(calls), MemoryContactStore(), MemoryLimitsStore()
    workflow, scheduler, pacer, blobs = MemoryCampaignWorkflow(), MemoryScheduler(), MemoryPacer(), MemoryBlobs()
    carrier.owned, models = {FROM, FROM_2}, MemoryCatalogue()
    services = Services(
        accounts=accounts,
        agents=agents,
        calls=calls,
        campaigns=campaigns,
        contacts=contacts,
        limits=limits,
        people=MemoryPeopleStore(calls),
        usage=MemoryUsageStore(calls),
        deliveries=deliveries,
        idempotency=idempotency,
        blobs=blobs,
        carrier=carrier,
        credentials=MemoryCredentials(clock=clock),
        vault=vault,
        dial_queue=dial_queue,
        delivery_queue=delivery_queue,
        campaign_workflow=workflow,
        scheduler=scheduler,
        models=models,
        pacer=pacer,
        clock=clock,
        ids=ids,
        public_base_url="https://api.example.com",
    )
    owner, stranger = (create_account(accounts=accounts, vault=vault, clock=clock, ids=ids) for _ in range(2))
    return World(
        services, accounts, agents, calls, campaigns, contacts, limits, workflow, scheduler, pacer, blobs, models,
        deliveries,
        idempotency, carrier, dial_queue, delivery_queue, clock, ids, owner, stranger,
    )  # fmt: skip


class Api:
    """A client with one account's key; `place` sends the seed's request with changes."""

    def __init__(self, client: TestClient, key: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"}
        self.agent_id = ""

    def request(self, method: str, path: str, **kwargs: Any) -> Any:
        headers = self.headers | kwargs.pop("headers", {})
        return self.client.request(method, f"/v1{path}", headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, json: Any = None, **kwargs: Any) -> Any:
        return self.request("POST", path, json=json, **kwargs)

    def place(self, *without: str, headers: dict[str, str] | None = None, **changes: Any) -> Any:
        body = {
            "agent_id": self.agent_id,
            "to_number": TO,
            "prompt": "Remind the caller about their appointment tomorrow at 2pm.",
            "from_number": FROM,
        } | changes
        body = {k: v for k, v in body.items() if k not in without}
        return self.post("/calls/outbound", body, headers=headers or {})

    def batch(self, *without: str, query: str = "", headers: dict[str, str] | None = None, **changes: Any) -> Any:
        """Create a campaign of three people, with changes."""
        body = {
            "agent_id": self.agent_id,
            "from_number": FROM,
            "name": "Tuesday reminders",
            "recipients": [{"phone_number": number} for number in PEOPLE],
        } | changes
        body = {k: v for k, v in body.items() if k not in without}
        return self.post(f"/calls/batch{query}", body, headers=headers or {})


def error_of(response: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Check that a response is this error, in the contract's envelope."""
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"type", "code", "message", "doc_url", "details"}
    assert error["code"] == code, error
    if field is not None:
        assert error["details"]["field"] == field
    return error


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.services), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(world: World, client: TestClient) -> Api:
    """The owner, with an agent that has two numbers."""
    api = Api(client, world.owner.api_key)
    api.agent_id = api.post("/agents", {"name": "Mia"}).json()["agent_id"]
    for number in (FROM, FROM_2):
        world.clock.advance(1)
        assert api.post("/phone-numbers", {"phone_number": number, "agent_id": api.agent_id}).status_code == 201
    return api


def imported(world: World, campaign_id: str) -> Campaign:
    """Read a campaign's list, as its execution would."""
    account_id = world.owner.account_id
    import_recipients(
        account_id, campaign_id, until=2**53, campaigns=world.campaigns, blobs=world.blobs, clock=world.clock
    )
    return world.campaigns.campaigns[account_id, campaign_id]


@pytest.fixture
def other(world: World, client: TestClient) -> Api:
    """Another tenant."""
    return Api(client, world.stranger.api_key)
