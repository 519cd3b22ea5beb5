"""The door of the product: Twilio's REST API, version 2010-04-01, for calls and incoming numbers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from time import time
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.local.carrier import account, errors
from infra.local.carrier.call import TERMINATED, CallLife
from infra.local.carrier.errors import TwilioError
from infra.local.carrier.exchange import Exchange, refusal
from infra.local.carrier.notifications import notifications
from infra.local.carrier.params import MAX_TWIML, Params, number, one, parse_form, read_dial, target
from infra.local.carrier.resources import API_VERSION, NUMBER_SETTINGS, CallRecord, NumberRecord, call_list, page_of

Handler = Callable[[Request], Awaitable[Response]]
_PREFIX: Final = f"/{API_VERSION}/Accounts/{{account}}"


class RestApi:
    """The routes of Twilio's API over an exchange; `drop` loses a request's connection without an answer."""

    def __init__(self, exchange: Exchange, drop: Callable[[Request], None]) -> None:
        self._exchange = exchange
        self._drop = drop

    def routes(self) -> list[Route]:
        """All routes."""
        table: list[tuple[str, Handler, str]] = [
            ("/Calls.json", self.create_call, "POST"),
            ("/Calls.json", self.list_calls, "GET"),
            ("/Calls/{sid}.json", self.fetch_call, "GET"),
            ("/Calls/{sid}/Notifications.json", self.list_notifications, "GET"),
            ("/Calls/{sid}.json", self.update_call, "POST"),
            ("/IncomingPhoneNumbers.json", self.list_numbers, "GET"),
            ("/OutgoingCallerIds.json", self.list_caller_ids, "GET"),
            ("/IncomingPhoneNumbers/{sid}.json", self.fetch_number, "GET"),
            ("/IncomingPhoneNumbers/{sid}.json", self.update_number, "POST"),
        ]
        elsewhere: list[tuple[str, Handler, str]] = [
            (f"/{API_VERSION}/Accounts/{{account}}.json", self.fetch_account, "GET"),
            (f"{_PREFIX}/Balance.json", self.fetch_balance, "GET"),
            ("/v1/CustomerProfiles", self.list_profiles, "GET"),
            ("/v1/DialingPermissions/Countries", self.list_countries, "GET"),
            ("/v1/Webhooks/Rules", self.list_rules, "GET"),
        ]
        table = [(_PREFIX + path, handler, method) for path, handler, method in table] + elsewhere
        return [Route(path, self._guarded(handler), methods=[method]) for path, handler, method in table]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                self._authenticate(request)
                return await handler(request)
            except TwilioError as error:
                return JSONResponse(error.body(), error.status)

        return guarded

    def _authenticate(self, request: Request) -> None:
        settings = self._exchange.settings
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise errors.not_authenticated() from None
        right = secrets.compare_digest(password.encode(), self._exchange.auth_token.encode())
        if scheme.lower() != "basic" or user != settings.account_sid or not right:
            raise errors.not_authenticated()
        if request.path_params.get("account", settings.account_sid) != settings.account_sid:
            raise errors.not_found(request.url.path)

    async def create_call(self, request: Request) -> Response:
        """`POST Calls.json`."""
        params = parse_form(await request.body())
        dial = read_dial(params, self._exchange.callers())
        if (refused := refusal(self._exchange.people, dial.to)) is not None:
            raise refused
        faults = self._exchange.faults
        fault = faults.of_create_call()
        if fault == "http_429":
            raise TwilioError(HTTPStatus.TOO_MANY_REQUESTS, 20429, "Too Many Requests")
        if fault == "http_500":
            raise TwilioError(HTTPStatus.INTERNAL_SERVER_ERROR, 20500, "Internal Server Error")
        record = self._exchange.place(dial, params)
        body = record.to_twilio()
        await asyncio.sleep(faults.plan.create_call.delay_ms / 1000)
        if fault == "http_500_accepted":
            raise TwilioError(HTTPStatus.INTERNAL_SERVER_ERROR, 20500, "Internal Server Error")
        if fault == "accept_then_drop":
            self._drop(request)
        return JSONResponse(body, HTTPStatus.CREATED)

    async def list_calls(self, request: Request) -> Response:
        """`GET Calls.json`."""
        newest = time() - self._exchange.faults.plan.list_lag_ms / 1000
        known = [record for record in self._exchange.records() if record.created_at <= newest]
        query = _query(request)
        return JSONResponse(page_of(call_list(known, query), request.url.path, "calls", query))

    async def fetch_call(self, request: Request) -> Response:
        """`GET Calls/{sid}.json`."""
        seen_at = time() - self._exchange.faults.plan.fetch_lag_ms / 1000
        return _call_json(self._call(request).record.as_of(seen_at))

    async def list_notifications(self, request: Request) -> Response:
        """`GET Calls/{sid}/Notifications.json`."""
        query = _query(request)
        found = notifications(self._call(request).record, query)
        return JSONResponse(page_of(found, request.url.path, "notifications", query))

    async def update_call(self, request: Request) -> Response:
        """`POST Calls/{sid}.json`: end, redirect, or change limits and callbacks."""
        life = self._call(request)
        params = parse_form(await request.body())
        if life.record.ended:
            raise errors.invalid_state("Call is not in-progress. Cannot redirect.")
        status = one(params, "Status")
        if status:
            _set_status(life, status, self._exchange.faults.plan.carrier.last_word)
        else:
            _redirect(life, params)
        if one(params, "TimeLimit"):
            life.limit(number(params, "TimeLimit", 0, (1, 86400), 20001))
        if (report_to := target(params, "StatusCallback", "StatusCallbackMethod", 21609)) is not None:
            life.reports.status_target = report_to
        return _call_json(life.record)

    async def list_numbers(self, request: Request) -> Response:
        """`GET IncomingPhoneNumbers.json`."""
        query = _query(request)
        found = [record for record in self._exchange.numbers.values() if _part(query) in record.phone_number]
        return JSONResponse(page_of(found, request.url.path, "incoming_phone_numbers", query))

    async def list_caller_ids(self, request: Request) -> Response:
        """`GET OutgoingCallerIds.json`."""
        query = _query(request)
        found = [record for record in self._exchange.caller_ids.values() if _part(query) in record.phone_number]
        return JSONResponse(page_of(found, request.url.path, "outgoing_caller_ids", query))

    async def fetch_number(self, request: Request) -> Response:
        """`GET IncomingPhoneNumbers/{sid}.json`."""
        return JSONResponse(self._number(request).to_twilio())

    async def update_number(self, request: Request) -> Response:
        """`POST IncomingPhoneNumbers/{sid}.json`."""
        record = self._number(request)
        params = parse_form(await request.body())
        target(params, "VoiceUrl", "VoiceMethod", 21402)
        target(params, "VoiceFallbackUrl", "VoiceFallbackMethod", 21402)
        target(params, "StatusCallback", "StatusCallbackMethod", 21609)
        record.update({name: one(params, name) for name in NUMBER_SETTINGS if name in params})
        record.friendly_name = one(params, "FriendlyName") or record.friendly_name
        return JSONResponse(record.to_twilio())

    async def fetch_account(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """`GET Accounts/{sid}.json`."""
        return JSONResponse(account.account(self._exchange.settings.account_sid, trial=self._on_trial()))

    async def fetch_balance(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """`GET Balance.json`."""
        return JSONResponse(account.balance(self._exchange.settings.account_sid))

    async def list_profiles(self, request: Request) -> Response:
        """`GET CustomerProfiles` of Trust Hub."""
        sid = self._exchange.settings.account_sid
        return JSONResponse(account.profiles(sid, _query(request), trial=self._on_trial()))

    async def list_countries(self, request: Request) -> Response:
        """`GET DialingPermissions/Countries` of Voice."""
        return JSONResponse(account.countries(_query(request)))

    async def list_rules(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """`GET Webhooks/Rules` of the webhooks' configuration."""
        return JSONResponse(account.rules())

    def _on_trial(self) -> bool:
        return self._exchange.faults.plan.carrier.trial > 0

    def _call(self, request: Request) -> CallLife:
        life = self._exchange.calls.get(request.path_params["sid"])
        if life is None:
            raise errors.not_found(request.url.path)
        return life

    def _number(self, request: Request) -> NumberRecord:
        for record in self._exchange.numbers.values():
            if record.sid == request.path_params["sid"]:
                return record
        raise errors.not_found(request.url.path)


def _set_status(life: CallLife, status: str, last_word: str) -> None:
    unanswered = life.record.status in {"queued", "ringing"}
    if status not in {"canceled", "completed"}:
        raise errors.bad_request(21218, "Invalid Status: canceled or completed")
    if status == "canceled" and not unanswered:
        raise errors.invalid_state("Call is in-progress. Cannot cancel.")
    if unanswered:
        life.end("canceled" if status == "canceled" else last_word, TERMINATED)
    else:
        life.end("completed")


def _redirect(life: CallLife, params: Params) -> None:
    twiml, url = one(params, "Twiml"), target(params, "Url", "Method", 21205)
    if not twiml and url is None:
        return
    if life.record.status != "in-progress":
        raise errors.invalid_state("Call is not in-progress. Cannot redirect.")
    if len(twiml) > MAX_TWIML:
        raise errors.bad_request(20001, f"Twiml may have {MAX_TWIML} characters")
    life.redirect(url or twiml)


def _part(query: Params) -> str:
    """Twilio matches a part of a number, with * for any digit; we have no use for the star."""
    return one(query, "PhoneNumber").replace("*", "").replace(" ", "+")


def _query(request: Request) -> Params:
    return parse_qs(request.url.query, keep_blank_values=False)


def _call_json(record: CallRecord) -> Response:
    return JSONResponse(record.to_twilio())
