"""Deliveries: each URL its own, tried for a day, then dead-lettered."""

import json
from dataclasses import replace

import pytest

from calling.domain import events, recording_link
from calling.domain.account import Account
from calling.domain.agent import Agent
from calling.domain.call import CallStatus
from calling.domain.campaign import CampaignStatus
from calling.domain.delivery import GIVE_UP_AFTER_MS, DeliveryStatus
from calling.domain.events import Event, EventName
from calling.ports import WebhookAnswer
from calling.usecases.deliver_webhook import DeliveryDead, DeliveryPorts, deliver_event, redeliver
from tests.fakes.outside import MemoryCredentials, MemoryVault, MemoryWebhookSender
from tests.fakes.queues import MemoryDeliveryQueue
from tests.fakes.stores import MemoryAccountStore, MemoryDeliveryStore
from tests.fakes.world import ACCOUNT, FROM, World

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
        credentials=MemoryCredentials(),
        sign=lambda secret, message_id, at, body: {"signed": f"{secret} {message_id} {at} {len(body)}"},
        clock=world.clock,
        campaigns=world.campaigns,
        public_base_url="https://api.example.com",
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


def numbered(world: World) -> None:
    """The number it calls from has two URLs of its own, one of them the agent's."""
    number = world.agents.get_number(ACCOUNT, FROM)
    assert number is not None
    world.agents.put_number(replace(number, webhook_url=URL, webhook2_url="https://example.com/second"), was=number)


def test_a_campaigns_event_tells_of_its_counts_at_every_url_of_its_agent_and_number() -> None:
    world, ports, sender, _ = make()
    numbered(world)
    campaign = world.add_campaign("+447386172392", "+447386172393", name="Reminders", metadata={"batch": 7})
    first, second = deliver_event(events.campaign_started(campaign, world.clock.now()), ports=ports)
    assert [url for url, _, _ in sender.posts] == [URL, "https://example.com/second"]
    assert (first.call_id, first.event, first.status) == ("camp_1", "campaign.started", DeliveryStatus.DELIVERED)
    assert first.delivery_id != second.delivery_id
    told = json.loads(sender.posts[0][1])
    assert (told["event"], told["sequence"], told["campaign_id"]) == ("campaign.started", 1, "camp_1")
    assert (told["status"], told["name"], told["metadata"]) == ("running", "Reminders", {"batch": 7})
    assert (told["counts"]["total"], told["counts"]["pending"]) == (2, 2)
    assert "+4473861723" not in sender.posts[0][1].decode()


@pytest.mark.parametrize(("name", "sequence"), [("campaign.started", 1), ("campaign.completed", 2)])
def test_a_campaigns_event_that_comes_again_is_the_same_one_with_the_counts_of_now(name: str, sequence: int) -> None:
    world, ports, sender, queue = make(WebhookAnswer(500))
    campaign = world.add_campaign("+447386172392")
    make_event = events.campaign_started if sequence == 1 else events.campaign_completed
    (first,) = deliver_event(make_event(campaign, world.clock.now()), ports=ports)
    ((queued, _),) = queue.sent
    assert queued.call_id == "camp_1"
    world.campaigns.change(campaign, {"status": CampaignStatus.CANCELED})
    last = redeliver(ACCOUNT, first.delivery_id, ports=ports)
    assert last is not None
    assert last.status is DeliveryStatus.DELIVERED
    before, after = (json.loads(body) for _, body, _ in sender.posts)
    assert (
        (before["event_id"], before["sequence"]) == (after["event_id"], after["sequence"]) == (first.event_id, sequence)
    )
    assert (after["event"], after["status"]) == (name, "canceled")


def test_an_event_of_a_campaign_that_is_gone_is_dropped() -> None:
    world, ports, sender, _ = make()
    campaign = world.add_campaign("+447386172392")
    world.campaigns.campaigns.clear()
    assert deliver_event(events.campaign_started(campaign, 0), ports=ports) == ()
    assert sender.posts == []


def test_a_campaigns_calls_have_events_of_their_own() -> None:
    world, ports, sender, _ = make()
    world.add_campaign("+447386172392")
    call_id = world.begin()
    deliver_event(events.started(world.call(call_id), 0), ports=ports)
    told = json.loads(sender.posts[0][1])
    assert (told["call_id"], told["campaign_id"]) == (call_id, "camp_1")


def test_a_recording_stands_in_the_body_by_its_own_address() -> None:
    """Not by a signed link: a delivery is tried for a day, and a receiver may fetch it later still."""
    world, ports, sender, _ = make()
    call = replace(world.call("call_1"), recording_key="recordings/x.wav", status=CallStatus.COMPLETED)
    world.calls.calls[ACCOUNT, "call_1"] = call
    deliver_event(replace(EVENT, name=EventName.CALL_COMPLETED), ports=ports)
    url = json.loads(sender.posts[0][1])["recording_url"]
    assert url.startswith("https://api.example.com/v1/calls/call_1/recording?t=")
    assert recording_link.account_of(b"stream-secret", "call_1", url.partition("?t=")[2]) == ACCOUNT
