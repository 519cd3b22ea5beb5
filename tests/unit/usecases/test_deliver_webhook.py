"""Deliveries: each URL its own, tried for a day, then dead-lettered."""

import pytest

from calling.domain.account import Account
from calling.domain.agent import Agent
from calling.domain.delivery import GIVE_UP_AFTER_MS, DeliveryStatus
from calling.domain.events import Event, EventName
from calling.ports import WebhookAnswer
from calling.usecases.deliver_webhook import DeliveryDead, DeliveryPorts, deliver_event, redeliver
from tests.fakes.outside import MemoryBlobs, MemoryVault, MemoryWebhookSender
from tests.fakes.queues import MemoryDeliveryQueue
from tests.fakes.stores import MemoryAccountStore, MemoryDeliveryStore
from tests.fakes.world import ACCOUNT, World

URL = "https://example.com/hooks"
EVENT = Event(ACCOUNT, "call_1#terminal", EventName.CALL_COMPLETED, 2, "call_1", 0)


def make(*answers: WebhookAnswer) -> tuple[World, DeliveryPorts, MemoryWebhookSender, MemoryDeliveryQueue]:
    world = World()
    world.agents.put_agent(Agent(ACCOUNT, "agent_1", 0, webhook_url=URL))
    world.accept("call_1")
    accounts, vault = MemoryAccountStore(), MemoryVault()
    accounts.add_account(Account(ACCOUNT, 0, vault.encrypt(ACCOUNT, "whsec_x")))
    sender, queue = MemoryWebhookSender(*answers), MemoryDeliveryQueue()
    ports = DeliveryPorts(
        accounts=accounts,
        agents=world.agents,
        calls=world.calls,
        deliveries=MemoryDeliveryStore(),
        queue=queue,
        sender=sender,
        vault=vault,
        blobs=MemoryBlobs(),
        sign=lambda secret, message_id, at, body: {"signed": f"{secret} {message_id} {at} {len(body)}"},
        clock=world.clock,
    )
    return world, ports, sender, queue


def test_an_event_is_delivered_once_however_often_it_comes() -> None:
    _, ports, sender, queue = make()
    (first,) = deliver_event(EVENT, ports=ports)
    deliver_event(EVENT, ports=ports)
    assert first.status is DeliveryStatus.DELIVERED
    assert [url for url, _, _ in sender.posts] == [URL]
    assert queue.sent == []


def test_a_failed_delivery_comes_again_and_ends_when_it_arrives() -> None:
    _, ports, sender, queue = make(WebhookAnswer(500), WebhookAnswer(None, "refused"))
    (first,) = deliver_event(EVENT, ports=ports)
    assert [delay for _, delay in queue.sent] == [5]
    redeliver(ACCOUNT, first.delivery_id, ports=ports)
    assert [delay for _, delay in queue.sent] == [5, 10]
    last = redeliver(ACCOUNT, first.delivery_id, ports=ports)
    assert last is not None
    assert (last.status, last.attempts, len(sender.posts)) == (DeliveryStatus.DELIVERED, 3, 3)


def test_after_a_day_it_is_dead_on_every_receive_so_that_the_queue_gives_it_up() -> None:
    world, ports, sender, queue = make(*[WebhookAnswer(500)] * 5)
    (first,) = deliver_event(EVENT, ports=ports)
    world.clock.advance(GIVE_UP_AFTER_MS / 1000)
    for _ in range(3):
        with pytest.raises(DeliveryDead):
            redeliver(ACCOUNT, first.delivery_id, ports=ports)
    assert len(sender.posts) == 2
    assert len(queue.sent) == 1


def test_a_url_that_is_not_set_any_more_gets_nothing() -> None:
    world, ports, sender, _ = make(WebhookAnswer(500))
    (first,) = deliver_event(EVENT, ports=ports)
    world.agents.put_agent(Agent(ACCOUNT, "agent_1", 0, webhook_url="https://example.com/other"))
    gone = redeliver(ACCOUNT, first.delivery_id, ports=ports)
    assert gone is not None
    assert (gone.status, len(sender.posts)) == (DeliveryStatus.DEAD, 1)
