"""What the routers may use: the ports, by name, and the few settings they need. It knows no adapter."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from calling.domain.account import ApiKey
from calling.domain.language_model import DEFAULT_MODEL
from calling.ports import (
    AccountStore,
    AgentStore,
    BlobStore,
    CallStore,
    CampaignStore,
    CampaignWorkflow,
    Carrier,
    Clock,
    ContactStore,
    Credentials,
    DeliveryQueue,
    DeliveryStore,
    DialQueue,
    IdempotencyStore,
    Ids,
    LimitsStore,
    ModelCatalogue,
    Pacer,
    PeopleStore,
    Scheduler,
    UsageStore,
    Vault,
)


@dataclass(frozen=True, slots=True)
class Services:
    """The API's ports. `public_base_url` has no slash at its end."""

    accounts: AccountStore
    agents: AgentStore
    calls: CallStore
    campaigns: CampaignStore
    contacts: ContactStore
    limits: LimitsStore
    people: PeopleStore
    usage: UsageStore
    deliveries: DeliveryStore
    idempotency: IdempotencyStore
    blobs: BlobStore
    carrier: Carrier
    credentials: Credentials
    vault: Vault
    dial_queue: DialQueue
    delivery_queue: DeliveryQueue
    campaign_workflow: CampaignWorkflow
    scheduler: Scheduler
    models: ModelCatalogue
    pacer: Pacer
    clock: Clock
    ids: Ids
    public_base_url: str
    default_model: str = DEFAULT_MODEL  # of agents that name none
    allow_loopback_webhooks: bool = False
    unlimited_pace: bool = False  # the deployment itself sets no pace: an account need not have one either
    allowed_destinations: tuple[str, ...] = ()  # see Numbering.allowed
    reads_per_minute: int = 600
    writes_per_minute: int = 120


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _key(request: Request) -> ApiKey:
    key: ApiKey = request.state.key  # put there by auth.AuthenticatedRoute
    return key


# Both are coroutines so that FastAPI does not send them to a thread.
Ports = Annotated[Services, Depends(_services)]
Key = Annotated[ApiKey, Depends(_key)]
