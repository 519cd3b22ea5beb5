"""Deliver an event to every URL a customer has set: signed, tried for 24 hours, each try on record."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from calling.domain.call import Call
from calling.domain.delivery import Delivery, DeliveryStatus, next_delay
from calling.domain.events import Event, EventName, body
from calling.ports import (
    AccountStore,
    AgentStore,
    BlobStore,
    CallStore,
    Clock,
    DeliveryQueue,
    DeliveryStore,
    Vault,
    WebhookSender,
)

RECORDING_URL_SECONDS = 7 * 24 * 3600  # the longest a signed S3 URL may live
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
    blobs: BlobStore
    sign: Sign
    clock: Clock


def deliver_event(event: Event, *, ports: DeliveryPorts) -> tuple[Delivery, ...]:
    """Deliver an event to each URL once, or queue it again where that failed.

    At least once, always under the same event id: repeating it skips what was tried, two copies at once do not see
    each other.
    """
    call = ports.calls.get(event.account_id, event.call_id)
    if call is None:
        return ()
    done = []
    for url in _urls(call, ports=ports):
        fresh = Delivery(
            account_id=event.account_id,
            delivery_id=f"del_{sha256(f'{event.event_id}|{url}'.encode()).hexdigest()[:24]}",
            call_id=event.call_id,
            event_id=event.event_id,
            event=event.name.value,
            url=url,
            created_at=ports.clock.now(),
        )
        delivery = ports.deliveries.begin(fresh)
        if delivery.attempts == 0:
            delivery = _attempt(delivery, event, call, ports=ports)
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
    call = ports.calls.get(account_id, delivery.call_id)
    if call is None:
        return delivery
    if delivery.url not in _urls(call, ports=ports):
        gone = replace(delivery, status=DeliveryStatus.DEAD, last_error="the URL is not set any more")
        ports.deliveries.put(gone)
        return gone
    sequence = 1 if delivery.event == EventName.CALL_STARTED.value else 2
    event = Event(
        account_id, delivery.event_id, EventName(delivery.event), sequence, delivery.call_id, delivery.created_at
    )
    delivery = _attempt(delivery, event, call, ports=ports)
    if delivery.status is DeliveryStatus.DEAD:
        raise DeliveryDead(delivery_id)
    return delivery


def _attempt(delivery: Delivery, event: Event, call: Call, *, ports: DeliveryPorts) -> Delivery:
    account = ports.accounts.get_account(delivery.account_id)
    if account is None:
        return delivery
    secret = ports.vault.decrypt(account.account_id, account.webhook_secret)
    now = ports.clock.now()
    recording = call.recording_key and ports.blobs.signed_url(call.recording_key, seconds=RECORDING_URL_SECONDS)
    turns = ports.calls.turns(call.account_id, call.call_id)
    payload = json.dumps(body(event, call, turns, recording or None), separators=(",", ":")).encode()
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


def _urls(call: Call, *, ports: DeliveryPorts) -> tuple[str, ...]:
    """Gather the number's two URLs and the agent's, each once."""
    found = ports.agents.get_agent(call.account_id, call.agent_id)
    if found is None:
        return ()
    agent, numbers = found
    number = next((n for n in numbers if n.phone_number == call.our_number), None)
    urls = [number.webhook_url, number.webhook2_url] if number else []
    return tuple(dict.fromkeys(url for url in (*urls, agent.webhook_url) if url))
