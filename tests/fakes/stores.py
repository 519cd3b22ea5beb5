"""The table as dictionaries. Each store keeps the promises of its port; the contract suites hold them to it.

A call goes through the codec on its way in, so a use case cannot keep what the real table could not.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from calling.adapters.dynamodb import codec
from calling.domain.account import Account, ApiKey
from calling.domain.agent import Agent, Number
from calling.domain.call import Call, TimelineEntry
from calling.domain.delivery import Delivery
from calling.domain.errors import InvalidRequest
from calling.domain.events import Event
from calling.domain.history import CallSummary
from calling.domain.phone_number import PhoneNumber
from calling.domain.transcript import Turn
from calling.domain.usage import Usage
from calling.ports import AlreadyExists, CallPage, CallQuery, Remembered, StaleRecord

CLAIM_MS = 60_000


class MemoryCallStore:
    """Calls, turns, and what was written with them: `outbox` in order of writing, `remembered` summaries."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str], Call] = {}
        self.turn_items: dict[tuple[str, str], dict[int, Turn]] = {}
        self.outbox: list[Event] = []
        self.remembered: list[CallSummary] = []
        self.used: dict[tuple[str, str], Usage] = {}

    def add(self, call: Call) -> None:
        if self.calls.get((call.account_id, call.call_id), call) != call:
            raise AlreadyExists(call.call_id)
        self.calls[call.account_id, call.call_id] = _stored(call)

    def get(self, account_id: str, call_id: str) -> Call | None:
        return self.calls.get((account_id, call_id))

    def change(
        self,
        call: Call,
        changes: Mapping[str, Any],
        *,
        note: TimelineEntry | None = None,
        outbox: Event | None = None,
        remember: CallSummary | None = None,
        usage: Usage | None = None,
    ) -> Call:
        key = (call.account_id, call.call_id)
        stored = self.calls.get(key)
        if stored is None or stored.version != call.version:
            raise StaleRecord(call.call_id)
        if outbox and any((e.call_id, e.event_id) == (outbox.call_id, outbox.event_id) for e in self.outbox):
            raise StaleRecord(outbox.event_id)
        timeline = stored.timeline + ((note,) if note else ())
        if not changes.keys().isdisjoint({"version", "timeline"}):
            raise ValueError("version and timeline are not changed by hand")
        self.calls[key] = _stored(replace(stored, **changes, version=stored.version + 1, timeline=timeline))
        if outbox:
            self.outbox.append(outbox)
        if usage:
            self.count(call.account_id, usage)
        if remember:
            self.remembered = [s for s in self.remembered if s.call_id != remember.call_id] + [remember]
        return self.calls[key]

    def count(self, account_id: str, usage: Usage) -> None:
        self.used[account_id, usage.month] = self.used.get((account_id, usage.month), Usage(usage.month)) + usage

    def query(self, account_id: str, query: CallQuery, *, limit: int, cursor: str | None = None) -> CallPage:
        found = [c for (owner, _), c in self.calls.items() if owner == account_id and _matches(c, query)]
        found.sort(key=_position, reverse=True)
        if cursor is not None:
            after = _read_cursor(account_id, cursor)
            found = [c for c in found if _position(c) < after]
        page = tuple(found[:limit])
        more = len(found) > limit
        return CallPage(page, _write_cursor(page[-1]) if more and page else None)

    def due(self, now: int, *, limit: int) -> tuple[tuple[str, str], ...]:
        waiting = sorted((c.due_at, *key) for key, c in self.calls.items() if c.due_at is not None and c.due_at <= now)
        return tuple((account_id, call_id) for _, account_id, call_id in waiting[:limit])

    def add_turn(self, account_id: str, call_id: str, turn: Turn) -> None:
        self.turn_items.setdefault((account_id, call_id), {})[turn.index] = turn

    def turns(self, account_id: str, call_id: str) -> tuple[Turn, ...]:
        return tuple(t for _, t in sorted(self.turn_items.get((account_id, call_id), {}).items()))

    def erase(self, account_id: str, call_id: str) -> None:
        self.calls.pop((account_id, call_id), None)
        self.turn_items.pop((account_id, call_id), None)
        self.outbox = [e for e in self.outbox if (e.account_id, e.call_id) != (account_id, call_id)]


def _stored(call: Call) -> Call:
    return codec.decode(Call, codec.encode(call))


def _position(call: Call) -> str:
    return f"{call.created_at:015}#{call.call_id}"


def _write_cursor(call: Call) -> str:
    return base64.urlsafe_b64encode(f"{call.account_id} {_position(call)}".encode()).decode()


def _read_cursor(account_id: str, cursor: str) -> str:
    try:
        owner, position = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
    except ValueError:
        owner = position = ""
    if owner != account_id:
        raise InvalidRequest("This cursor is not one of this list's.", field="cursor")
    return position


def _matches(call: Call, q: CallQuery) -> bool:
    exact: list[tuple[object, object]] = [
        (q.agent_id, call.agent_id),
        (q.campaign_id, call.campaign_id),
        (q.direction, call.direction.value),
        (q.status, call.status.value),
        (q.to_number, call.to_number.e164),
        (q.sentiment, call.sentiment),
        (q.successful, call.successful),
        (q.voicemail_detected, call.voicemail_detected),
        (q.voicemail_disagreement, call.voicemail_disagreement),
    ]
    in_time = (q.since is None or call.created_at >= q.since) and (q.until is None or call.created_at < q.until)
    return in_time and all(wanted is None or wanted == has for wanted, has in exact)


class MemoryUsageStore:
    """What the calls of a MemoryCallStore used."""

    def __init__(self, calls: MemoryCallStore) -> None:
        self.calls = calls

    def months(self, account_id: str) -> tuple[Usage, ...]:
        return tuple(used for (owner, _), used in sorted(self.calls.used.items()) if owner == account_id)


class MemoryPeopleStore:
    """Reads what a MemoryCallStore remembered; `told` is what operators told, by account, our number and person."""

    def __init__(self, calls: MemoryCallStore) -> None:
        self.calls = calls
        self.told: dict[tuple[str, PhoneNumber, PhoneNumber], dict[str, str]] = {}

    def caller(self, account_id: str, our_number: PhoneNumber, person: PhoneNumber) -> dict[str, str] | None:
        return self.told.get((account_id, our_number, person))

    def change_caller(
        self, account_id: str, our_number: PhoneNumber, person: PhoneNumber, changes: Mapping[str, str | None]
    ) -> dict[str, str]:
        changed = (self.told.get((account_id, our_number, person)) or {}) | dict(changes)
        self.told[account_id, our_number, person] = {name: v for name, v in changed.items() if v is not None}
        return self.told[account_id, our_number, person]

    def delete_caller(self, account_id: str, our_number: PhoneNumber, person: PhoneNumber) -> bool:
        return self.told.pop((account_id, our_number, person), None) is not None

    def summaries(self, account_id: str, person: PhoneNumber, *, limit: int) -> tuple[CallSummary, ...]:
        mine = [s for s in self.calls.remembered if (s.account_id, s.person) == (account_id, person)]
        return tuple(sorted(mine, key=lambda s: (s.ended_at, s.call_id), reverse=True)[:limit])

    def forget(self, account_id: str, person: PhoneNumber, *, call_id: str | None = None) -> None:
        self.calls.remembered = [
            s
            for s in self.calls.remembered
            if (s.account_id, s.person) != (account_id, person) or call_id not in (None, s.call_id)
        ]


@dataclass(frozen=True)
class _Claim:
    account_id: str
    until: int | None = None
    given: bool = False


class MemoryAgentStore:
    def __init__(self) -> None:
        self._lock = Lock()
        self.agent_items: dict[tuple[str, str], Agent] = {}
        self.number_items: dict[tuple[str, str], Number] = {}
        self.claims: dict[str, _Claim] = {}

    def add_agent(self, agent: Agent) -> None:
        if self.agent_items.get((agent.account_id, agent.agent_id), agent) != agent:
            raise AlreadyExists(agent.agent_id)
        self.agent_items[agent.account_id, agent.agent_id] = agent

    def get_agent(self, account_id: str, agent_id: str) -> tuple[Agent, tuple[Number, ...]] | None:
        agent = self.agent_items.get((account_id, agent_id))
        return (agent, tuple(n for n in self.numbers(account_id) if n.agent_id == agent_id)) if agent else None

    def agents(self, account_id: str) -> tuple[Agent, ...]:
        mine = [a for a in self.agent_items.values() if a.account_id == account_id]
        return tuple(sorted(mine, key=lambda a: (a.created_at, a.agent_id)))

    def put_agent(self, agent: Agent) -> None:
        if (agent.account_id, agent.agent_id) not in self.agent_items:
            raise StaleRecord(agent.agent_id)
        self.agent_items[agent.account_id, agent.agent_id] = agent

    def delete_agent(self, account_id: str, agent_id: str) -> None:
        self.agent_items.pop((account_id, agent_id), None)

    def claim_number(self, account_id: str, phone_number: PhoneNumber, *, now: int, until: int) -> bool:
        with self._lock:
            claim = self.claims.get(phone_number.e164)
            if claim is not None and (claim.until is None or claim.until > now) and claim.account_id != account_id:
                return False
            if claim is None or claim.until is not None:
                self.claims[phone_number.e164] = _Claim(account_id, until)
            return True

    def drop_claim(self, account_id: str, phone_number: PhoneNumber, *, until: int) -> None:
        if self.claims.get(phone_number.e164) == _Claim(account_id, until):
            del self.claims[phone_number.e164]

    def give_number(self, account_id: str, phone_number: PhoneNumber) -> None:
        if not self._claim(account_id, phone_number, given=True):
            raise AlreadyExists(str(phone_number))

    def add_number(self, number: Number) -> None:
        if self.get_number(number.account_id, number.phone_number):
            raise AlreadyExists(str(number.phone_number))
        if not self._claim(number.account_id, number.phone_number):
            raise AlreadyExists(str(number.phone_number))
        self.number_items[number.account_id, number.phone_number.e164] = number

    def get_number(self, account_id: str, phone_number: PhoneNumber) -> Number | None:
        return self.number_items.get((account_id, phone_number.e164))

    def numbers(self, account_id: str) -> tuple[Number, ...]:
        mine = [n for n in self.number_items.values() if n.account_id == account_id]
        return tuple(sorted(mine, key=lambda n: (n.created_at, n.phone_number.e164)))

    def put_number(self, number: Number, *, was: Number) -> None:
        stored = self.get_number(number.account_id, was.phone_number)
        if stored is None or stored.agent_id != was.agent_id:
            raise StaleRecord(str(number.phone_number))
        if not self._claim(number.account_id, number.phone_number):
            raise AlreadyExists(str(number.phone_number))
        self.number_items[number.account_id, number.phone_number.e164] = number

    def delete_number(self, number: Number) -> None:
        self.number_items.pop((number.account_id, number.phone_number.e164), None)
        if self.claims.get(number.phone_number.e164) == _Claim(number.account_id):
            del self.claims[number.phone_number.e164]

    def _claim(self, account_id: str, phone_number: PhoneNumber, *, given: bool = False) -> bool:
        with self._lock:
            claim = self.claims.get(phone_number.e164)
            if claim is not None and claim.account_id != account_id:
                return False
            given = given or (claim is not None and claim.given)
            self.claims[phone_number.e164] = _Claim(account_id, given=given)
            return True


class MemoryAccountStore:
    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.key_items: dict[tuple[str, str], ApiKey] = {}

    def add_account(self, account: Account) -> None:
        if self.accounts.get(account.account_id, account) != account:
            raise AlreadyExists(account.account_id)
        self.accounts[account.account_id] = account

    def get_account(self, account_id: str) -> Account | None:
        return self.accounts.get(account_id)

    def keys(self, account_id: str) -> tuple[ApiKey, ...]:
        mine = [key for key in self.key_items.values() if key.account_id == account_id]
        return tuple(sorted(mine, key=lambda k: (k.created_at, k.key_id)))

    def change_keys(self, account: Account, *, add: ApiKey | None = None, remove: Sequence[ApiKey] = ()) -> None:
        stored = self.accounts.get(account.account_id)
        if stored is None or stored.keys_version != account.keys_version:
            raise StaleRecord(account.account_id)
        self.accounts[account.account_id] = replace(stored, keys_version=stored.keys_version + 1)
        for key in remove:
            self.key_items.pop((key.account_id, key.key_id), None)
        if add is not None:
            self.key_items[add.account_id, add.key_id] = add

    def rotate_key(self, key: ApiKey, secret_hash: str) -> None:
        stored = self.key_items.get((key.account_id, key.key_id))
        if stored is None or stored.secret_hash != key.secret_hash:
            raise StaleRecord(key.key_id)
        self.key_items[key.account_id, key.key_id] = replace(stored, secret_hash=secret_hash)

    def spend(self, account_id: str, key_id: str, *, secret_hash: str, window: int, write: bool) -> ApiKey | None:
        key = self.key_items.get((account_id, key_id))
        if key is None or key.secret_hash != secret_hash:
            return None
        if key.window < window:  # a late clock counts into the newer minute
            key = replace(key, window=window, reads=0, writes=0)
        key = replace(key, reads=key.reads + (not write), writes=key.writes + write)
        self.key_items[account_id, key_id] = key
        return key


class MemoryDeliveryStore:
    def __init__(self) -> None:
        self.deliveries: dict[tuple[str, str], Delivery] = {}

    def begin(self, delivery: Delivery) -> Delivery:
        return self.deliveries.setdefault((delivery.account_id, delivery.delivery_id), delivery)

    def put(self, delivery: Delivery) -> None:
        self.deliveries[delivery.account_id, delivery.delivery_id] = delivery

    def get(self, account_id: str, delivery_id: str) -> Delivery | None:
        return self.deliveries.get((account_id, delivery_id))

    def of_call(self, account_id: str, call_id: str) -> tuple[Delivery, ...]:
        mine = [d for d in self.deliveries.values() if (d.account_id, d.call_id) == (account_id, call_id)]
        return tuple(sorted(mine, key=lambda d: (d.created_at, d.delivery_id)))

    def forget(self, account_id: str, call_id: str) -> None:
        for delivery in self.of_call(account_id, call_id):
            del self.deliveries[account_id, delivery.delivery_id]


class MemoryIdempotencyStore:
    def __init__(self) -> None:
        self.items: dict[tuple[str, str], tuple[Remembered, int]] = {}

    def begin(self, account_id: str, key: str, body_hash: str, now: int) -> Remembered | None:
        there = self.items.get((account_id, key))
        if there is not None:
            remembered, claimed_at = there
            keeps_ms = CLAIM_MS if remembered.status is None else 24 * 3600 * 1000
            if now < claimed_at + keeps_ms:
                return remembered
        self.items[account_id, key] = (Remembered(body_hash), now)
        return None

    def finish(self, account_id: str, key: str, *, status: int, body: str) -> None:
        there = self.items.get((account_id, key))
        if there is not None:
            self.items[account_id, key] = (Remembered(there[0].body_hash, status, body), there[1])

    def forget(self, account_id: str, key: str) -> None:
        there = self.items.get((account_id, key))
        if there is not None and there[0].status is None:
            del self.items[account_id, key]
