"""Deliver an event to every URL a customer has set: signed, tried for 24 hours, each try on record."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from calling.domain import recording_link
from calling.domain.call import Call
from calling.domain.campaign import Campaign
from calling.domain.delivery import Delivery, DeliveryStatus, next_delay
from calling.domain.events import Event, EventName, body, campaign_body
from calling.domain.phone_number import PhoneNumber
from calling.ports import (
    AccountStore,
    AgentStore,
    CallStore,
    CampaignStore,
    Clock,
    Credentials,
    DeliveryQueue,
    DeliveryStore,
    Vault,
    WebhookSender,
)

_FIRST = frozenset({EventName.CALL_STARTED, EventName.CAMPAIGN_STARTED})
_CAMPAIGNS = frozenset({EventName.CAMPAIGN_STARTED, EventName.CAMPAIGN_COMPLETED})
Subject = Call | Campaign  # what an event tells of
Sign = Callable[[str, str, int, bytes], Mapping[str, str]]  # secret, message id, epoch s, body → headers


class DeliveryDead(Exception):
    """A delivery was tried for 24 hours: its message belongs in the dead-letter queue."""


@dataclass(frozen=True, slots=True)
class DeliveryPorts:
    """What delivering needs of the world."""

    accounts: AccountStore
    agents: AgentStore
    calls: CallStore
    deliveries: DeliveryStore
    queue: DeliveryQueue
    sender: WebhookSender
    vault: Vault
    credentials: Credentials
    sign: Sign
    clock: Clock
    campaigns: CampaignStore
    public_base_url: str


def deliver_event(event: Event, *, ports: DeliveryPorts) -> tuple[Delivery, ...]:
    """Deliver an event to each URL once, or queue it again where that failed.

    At least once, always under the same event id: repeating it skips what was tried, two copies at once do not see
    each other.
    """
    subject = _subject(event, ports=ports)
    if subject is None:
        return ()
    done = []
    for url in _urls(subject, ports=ports):
        fresh = Delivery(
            account_id=event.account_id,
            delivery_id=f"del_{sha256(f'{event.event_id}|{url}'.encode()).hexdigest()[:24]}",
            call_id=event.subject,
            event_id=event.event_id,
            event=event.name.value,
            url=url,
            created_at=ports.clock.now(),
        )
        delivery = ports.deliveries.begin(fresh)
        if delivery.attempts == 0:
            delivery = _attempt(delivery, event, subject, ports=ports)
        done.append(delivery)
    return tuple(done)


def redeliver(account_id: str, delivery_id: str, *, ports: DeliveryPorts) -> Delivery | None:
    """Try a queued delivery again; one that has arrived meanwhile is left alone.

    Raises:
        DeliveryDead: it failed once more and its 24 hours are over.
    """
    delivery = ports.deliveries.get(account_id, delivery_id)
    if delivery is None or delivery.status is DeliveryStatus.DELIVERED:
        return delivery
    if delivery.status is DeliveryStatus.DEAD:
        raise DeliveryDead(delivery_id)  # on each receive, until the queue itself gives the message up
    event = _event(delivery)
    subject = _subject(event, ports=ports)
    if subject is None:
        return delivery
    if delivery.url not in _urls(subject, ports=ports):
        gone = replace(delivery, status=DeliveryStatus.DEAD, last_error="the URL is not set any more")
        ports.deliveries.put(gone)
        return gone
    delivery = _attempt(delivery, event, subject, ports=ports)
    if delivery.status is DeliveryStatus.DEAD:
        raise DeliveryDead(delivery_id)
    return delivery


def _event(delivery: Delivery) -> Event:
    """Make the event of a delivery again. A delivery's `call_id` holds whatever the event tells of."""
    name = EventName(delivery.event)
    of_campaign = name in _CAMPAIGNS
    return Event(
        account_id=delivery.account_id,
        event_id=delivery.event_id,
        name=name,
        sequence=1 if name in _FIRST else 2,
        call_id="" if of_campaign else delivery.call_id,
        at=delivery.created_at,
        campaign_id=delivery.call_id if of_campaign else None,
    )


def _subject(event: Event, *, ports: DeliveryPorts) -> Subject | None:
    """Read what the event tells of; None where it was erased meanwhile."""
    if event.name in _CAMPAIGNS:
        return ports.campaigns.get(event.account_id, event.subject)
    return ports.calls.get(event.account_id, event.call_id)


def _attempt(delivery: Delivery, event: Event, subject: Subject, *, ports: DeliveryPorts) -> Delivery:
    account = ports.accounts.get_account(delivery.account_id)
    if account is None:
        return delivery
    secret = ports.vault.decrypt(account.account_id, account.webhook_secret)
    now = ports.clock.now()
    payload = json.dumps(_body(event, subject, ports=ports), separators=(",", ":")).encode()
    headers = {"content-type": "application/json", **ports.sign(secret, delivery.event_id, now // 1000, payload)}
    answer = ports.sender.post(delivery.url, payload, headers)
    ok = answer.status is not None and 200 <= answer.status < 300
    tried = replace(
        delivery,
        attempts=delivery.attempts + 1,
        last_attempt_at=now,
        last_status=answer.status,
        last_error=None if ok else answer.error,
        status=DeliveryStatus.DELIVERED if ok else DeliveryStatus.PENDING,
    )
    delay = None if ok else next_delay(tried, now)
    if not ok and delay is None:
        tried = replace(tried, status=DeliveryStatus.DEAD)
    if delay is not None:
        # Queued before it is stored: a crash between the two tries once more rather than never again.
        ports.queue.send(tried, delay_seconds=delay)
    ports.deliveries.put(tried)
    return tried


def _body(event: Event, subject: Subject, *, ports: DeliveryPorts) -> dict[str, Any]:
    if isinstance(subject, Campaign):
        return campaign_body(event, subject, ports.campaigns.counts(subject))
    recording = None
    if subject.recording_key is not None:
        secret = ports.credentials.stream_secret()
        recording = recording_link.address(ports.public_base_url, secret, subject.account_id, subject.call_id)
    return body(event, subject, ports.calls.turns(subject.account_id, subject.call_id), recording)


def _urls(subject: Subject, *, ports: DeliveryPorts) -> tuple[str, ...]:
    """Gather the number's two URLs and the agent's, each once."""
    found = ports.agents.get_agent(subject.account_id, subject.agent_id)
    if found is None:
        return ()
    agent, numbers = found
    number = next((n for n in numbers if n.phone_number == _our_number(subject)), None)
    urls = [number.webhook_url, number.webhook2_url] if number else []
    return tuple(dict.fromkeys(url for url in (*urls, agent.webhook_url) if url))


def _our_number(subject: Subject) -> PhoneNumber:
    return subject.from_number if isinstance(subject, Campaign) else subject.our_number
