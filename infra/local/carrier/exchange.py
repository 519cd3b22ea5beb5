"""The exchange: all calls, numbers and people of one carrier, and the tasks in which calls live.

The doors (`rest`, `controls`) ask it; it knows no HTTP requests.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import cache
from time import time
from typing import Final
from uuid import uuid4

import httpx

from infra.local.carrier.call import CallLife, Equipment
from infra.local.carrier.callbacks import Webhooks
from infra.local.carrier.errors import TwilioError, bad_request
from infra.local.carrier.faults import PASSED_ON, FaultPlan, Faults
from infra.local.carrier.params import Dial, Params
from infra.local.carrier.people import People
from infra.local.carrier.resources import CallerIdRecord, CallRecord, NumberRecord
from infra.local.carrier.speech import Voice

log: Final = logging.getLogger(__name__)
TOO_MANY_AT_ONCE: Final = 10004
_QUEUE_SECONDS: Final = 24 * 3600.0


@cache
def tls() -> ssl.SSLContext:
    """The context of all clients; reading the authorities takes longer than most requests."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the carrier is started with; an account has one SID, one token and its numbers.

    `caller_ids` are others' numbers that calls may show; `without_voice` are those of `numbers` that send texts only.
    A `shared_key` signs callbacks in the token's place, as by a webhook rule; not handshakes: no document says so.
    """

    account_sid: str
    auth_token: str
    numbers: tuple[str, ...]
    speech_url: str
    scripted: bool = False
    cps: float = 0.0
    caller_ids: tuple[str, ...] = ()
    without_voice: tuple[str, ...] = ()
    shared_key: str = ""


# What Twilio shows as From of callers without a number: words on a keypad.
# https://support.twilio.com/hc/en-us/articles/223179988
PLACEHOLDERS: Final = {
    "restricted": "+7378742833",
    "blocked": "+2562533",
    "anonymous": "+266696687",
    "unknown": "+8656696",
    "unavailable": "+86282452253",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls in: the person at `number`, the number that is shown, and what the network's check of it gave."""

    number: str
    shown: str
    stir_verstat: str | None = None


class Exchange:
    """Places calls and keeps their records."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.people = People()
        self.faults = Faults(settings.cps)
        self.calls: dict[str, CallLife] = {}
        self.numbers = {number: self._own(number) for number in settings.numbers}
        self.caller_ids = {number: self._verified(number) for number in settings.caller_ids}
        # No keep-alive: the next callback may meet a server that has just closed an idle connection.
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=0)
        self._http = httpx.AsyncClient(verify=tls(), limits=limits, trust_env=False)
        self._voice = Voice(self._http, settings.speech_url)
        self._webhooks = Webhooks(self._http, settings.auth_token, settings.shared_key)
        self._equipment = Equipment(self.faults, self._webhooks, self._voice, settings.scripted)
        self._passed_on = FaultPlan().model_dump(include=PASSED_ON)
        self._next_slot = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def auth_token(self) -> str:
        """The account's token now: what requests must bring, and what signs."""
        return self._webhooks.auth_token

    def forget_rotation(self) -> None:
        """Have the token of the start again."""
        self._webhooks.auth_token = self.settings.auth_token

    def callers(self) -> frozenset[str]:
        """The numbers a call may come from: verified ones, and owned ones that can speak."""
        return frozenset(self.caller_ids) | {number for number, record in self.numbers.items() if record.voice}

    def place(self, dial: Dial, parameters: Params) -> CallRecord:
        """Accept an outbound call; it is queued while calls per second are short.

        Raises:
            TwilioError: 10004, too many calls live; 22005, too many are queued.
        """
        limits, live = self.faults.plan.carrier, sum(not record.ended for record in self.records())
        if limits.too_many(live):
            raise bad_request(TOO_MANY_AT_ONCE, "Call concurrency limit exceeded")
        record = self._record("outbound-api", dial, dial.from_, parameters)
        record.error_code = TOO_MANY_AT_ONCE if limits.too_many_late(live) else None
        record.queue_seconds = self._queue_up()
        self._start(record, dial, dial.to)
        return record

    def call_in(self, caller: Caller, to: str) -> CallRecord:
        """Call one of our numbers as somebody."""
        number = self.numbers[to]
        dial = Dial(
            to=to,
            from_=caller.shown,
            url=number.target("VoiceUrl", "VoiceMethod"),
            fallback=number.target("VoiceFallbackUrl", "VoiceFallbackMethod"),
            status_callback=number.target("StatusCallback", "StatusCallbackMethod"),
        )
        record = self._record("inbound", dial, to, {})
        record.status = "ringing"
        record.stir_verstat = caller.stir_verstat
        self._start(record, dial, caller.number)
        return record

    async def put_faults(self, plan: FaultPlan) -> None:
        """Replace all faults, here and, where they have or had some, at the speech servers. Raises httpx.HTTPError."""
        elsewhere = plan.model_dump(include=PASSED_ON)
        if any(faults != FaultPlan().model_dump(include=PASSED_ON) for faults in (elsewhere, self._passed_on)):
            body = {"seed": plan.seed, **elsewhere}
            answer = await self._http.put(f"{self.settings.speech_url.rstrip('/')}/_sim/faults", json=body)
            answer.raise_for_status()
            self._passed_on = elsewhere
        self.faults.put(plan)
        if plan.carrier.rotate_token:
            self._webhooks.auth_token = uuid4().hex

    def records(self) -> list[CallRecord]:
        """All calls, oldest first."""
        return [life.record for life in self.calls.values()]

    def alive(self, sid: str) -> bool:
        """Whether a call, or a callback of it, is still under way."""
        return any(task.get_name() == sid for task in self._tasks)

    def forget_ended(self) -> None:
        """Drop the records of calls that are over."""
        self.calls = {sid: life for sid, life in self.calls.items() if not life.record.ended}

    async def close(self) -> None:
        """End everything that is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._voice.close()
        await self._http.aclose()

    def _own(self, number: str) -> NumberRecord:
        account, voice = self.settings.account_sid, number not in self.settings.without_voice
        return NumberRecord(_number_sid(account, number), account, number, time(), number, voice)

    def _verified(self, number: str) -> CallerIdRecord:
        account = self.settings.account_sid
        return CallerIdRecord(_number_sid(account, number), account, number, time())

    def _record(self, direction: str, dial: Dial, ours: str, parameters: Params) -> CallRecord:
        return CallRecord(
            sid=f"CA{uuid4().hex}",
            account_sid=self.settings.account_sid,
            direction=direction,
            to=dial.to,
            from_=dial.from_,
            created_at=time(),
            phone_number_sid=self.numbers[ours].sid if ours in self.numbers else "",
            parameters=parameters,
        )

    def _queue_up(self) -> float:
        """Reserve the next slot under the calls per second; return the wait for it."""
        cps, now = self.faults.cps, asyncio.get_running_loop().time()
        if cps <= 0:
            return 0.0
        slot = max(now, self._next_slot)
        if slot - now > _QUEUE_SECONDS:
            raise bad_request(22005, "The queue of outbound calls is full")
        self._next_slot = slot + 1 / cps
        return slot - now

    def _start(self, record: CallRecord, dial: Dial, number: str) -> None:
        life = CallLife(record, dial, self.people.find(number), self._equipment)
        self.calls[record.sid] = life
        self._keep(life.run(), record.sid)

    def _keep(self, work: Coroutine[None, None, None], sid: str) -> None:
        task = asyncio.create_task(work, name=sid)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("call %s broke", task.get_name(), exc_info=error)


def _number_sid(account_sid: str, number: str) -> str:
    return "PN" + hashlib.sha256(f"{account_sid}{number}".encode()).hexdigest()[:32]


def refusal(people: People, to: str) -> TwilioError | None:
    """The error of a create request to someone who is never reached at all."""
    person = people.find(to)
    if person.answers != "refuse":
        return None
    return bad_request(person.error_code, f"The phone number you are attempting to call, {to}, is not valid.")
