"""Webhooks as Twilio sends them: signed, retried once if nobody could be reached or as their URL's fragment asks.

It knows URLs and parameters, not calls. Faults may lose, double, delay or exchange them.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass
from time import time
from typing import Final
from urllib.parse import parse_qs, urldefrag, urlencode

import httpx
from twilio.request_validator import HMAC_SHA256, SIGNATURE_HEADER, SIGNATURE_SETTINGS_HEADER, RequestValidator

from infra.local.carrier.faults import Faults
from infra.local.carrier.params import Target
from infra.local.carrier.resources import SentCallback

log: Final = logging.getLogger(__name__)
_AGENT: Final = "TwilioProxy/1.1"


@dataclass(frozen=True, slots=True)
class Policy:
    """Connection overrides in a URL's fragment: seconds, retries, and on what to retry (ct, rt, 4xx, 5xx, all).

    `total` is what all tries together may take: a try that is read for as long leaves no time for another.
    """

    connect: float = 5.0
    read: float = 15.0
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})
    total: float = 15.0

    @staticmethod
    def of(fragment: str) -> Policy:
        """Read `ct=2000&rt=…&rc=2&rp=5xx`; what is absent or wrong keeps Twilio's default."""
        given = {name: values[-1] for name, values in parse_qs(fragment).items()}

        def number(name: str, low: int, high: int, default: int) -> int:
            text = given.get(name, "")
            return min(max(int(text), low), high) if text.isdigit() else default

        return Policy(
            connect=number("ct", 100, 10000, 5000) / 1000,
            read=number("rt", 100, 15000, 15000) / 1000,
            total=number("tt", 100, 15000, 15000) / 1000,
            retries=number("rc", 0, 5, 1),
            retry_on=frozenset(given.get("rp", "ct").split(",")),
        )

    def wants_retry(self, failure: str) -> bool:
        """Whether this kind of failure is tried again."""
        return failure in self.retry_on or "all" in self.retry_on


class Webhooks:
    """Sends signed requests."""

    def __init__(self, http: httpx.AsyncClient, auth_token: str, shared_key: str = "") -> None:
        self._http = http
        self.auth_token = auth_token
        self._shared_key = shared_key

    def signature(self, url: str, params: dict[str, str]) -> str:
        """The X-Twilio-Signature of a request; the fragment of its URL is no part of it."""
        signature: str = RequestValidator(self.auth_token).compute_signature(urldefrag(url).url, params)
        return signature

    def _signed(self, url: str, params: dict[str, str]) -> dict[str, str]:
        if not self._shared_key:
            return {SIGNATURE_HEADER: self.signature(url, params)}
        signature = RequestValidator(self._shared_key).compute_signature(url, params, HMAC_SHA256)
        settings = f"key=webhooks_sharedkey_{1:032x},algorithm={HMAC_SHA256}"
        return {SIGNATURE_HEADER: signature, SIGNATURE_SETTINGS_HEADER: settings}

    async def send(self, target: Target, params: dict[str, str], token: str | None = None) -> httpx.Response | None:
        """Send once, and again as the URL's fragment allows; None if nobody answered."""
        url, fragment = urldefrag(target.url)
        policy = Policy.of(fragment)
        token = token or str(uuid.uuid4())
        response: httpx.Response | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(policy.total):
                for attempt in range(policy.retries + 1):
                    response, failure = await self._once(Target(url, target.method), params, policy, token)
                    if not failure or attempt == policy.retries or not policy.wants_retry(failure):
                        break
        return response

    async def _once(
        self, target: Target, params: dict[str, str], policy: Policy, token: str
    ) -> tuple[httpx.Response | None, str]:
        timeout = httpx.Timeout(policy.read, connect=policy.connect)
        headers = {"I-Twilio-Idempotency-Token": token, "User-Agent": _AGENT, "Accept": "*/*"}
        url = target.url
        if target.method == "GET":
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"
            headers |= self._signed(url, {})
            request = self._http.build_request("GET", url, headers=headers, timeout=timeout)
        else:
            headers |= self._signed(url, params)
            request = self._http.build_request("POST", url, data=params, headers=headers, timeout=timeout)
        try:
            response = await self._http.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return None, "ct"
        except httpx.HTTPError:
            return None, "rt"
        family = response.status_code // 100
        return response, "" if family in {2, 3} else f"{family}xx"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A callback that waits to be sent; its log is where it is written down."""

    target: Target
    params: dict[str, str]
    event: str
    sequence: int | None
    log: list[SentCallback]


class CallbackQueue:
    """The callbacks of one kind of one call, strictly in order."""

    def __init__(self, webhooks: Webhooks, faults: Faults) -> None:
        self._webhooks = webhooks
        self._faults = faults
        self._waiting: asyncio.Queue[Outgoing | None] = asyncio.Queue()

    def put(self, callback: Outgoing) -> None:
        """Send this after all before it."""
        self._waiting.put_nowait(callback)

    def close(self) -> None:
        """No more will come."""
        self._waiting.put_nowait(None)

    async def run(self) -> None:
        """Send until closed. A reordered callback is held until the next has gone out, or the call has no more."""
        held: list[Outgoing] = []
        while (callback := await self._waiting.get()) is not None:
            drop, duplicate, reorder, delay = self._faults.of_callback()
            if drop:
                continue
            await asyncio.sleep(delay)
            token = str(uuid.uuid4())
            if reorder and not held:
                held.extend([callback] * (2 if duplicate else 1))
                continue
            await self._send(callback, token)
            if duplicate:
                await self._send(callback, token)
            await self._flush(held)
        await self._flush(held)

    async def _flush(self, held: list[Outgoing]) -> None:
        token = str(uuid.uuid4())
        while held:
            await self._send(held.pop(0), token)

    async def _send(self, callback: Outgoing, token: str) -> None:
        sent = SentCallback(callback.event, callback.sequence, time())
        callback.log.append(sent)
        response = await self._webhooks.send(callback.target, callback.params, token)
        if response is None:
            log.warning("callback %s reached nobody", callback.event)
            return
        sent.answer_status = response.status_code
        if not response.is_success:
            log.warning("15003: callback %s was answered %d", callback.event, response.status_code)
