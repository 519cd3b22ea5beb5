"""The door of whoever watches: people, calls, inbound calls and faults, under `/_sim`, in JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.local.carrier.exchange import PLACEHOLDERS, Caller, Exchange
from infra.local.carrier.faults import FaultPlan
from infra.local.carrier.people import DEFAULT, E164, Person, explain

Handler = Callable[[Request], Awaitable[Response]]
Model = TypeVar("Model", bound=BaseModel)


class BadControl(Exception):
    """A control that cannot be followed; answered 400 with the reason."""


class Controls:
    """The routes under `/_sim` over an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[Route]:
        """All routes."""
        table: list[tuple[str, Handler, str]] = [
            ("/_sim/health", self.health, "GET"),
            ("/_sim/people", self.get_people, "GET"),
            ("/_sim/people", self.put_people, "PUT"),
            ("/_sim/people", self.delete_people, "DELETE"),
            ("/_sim/people/{number}", self.put_person, "PUT"),
            ("/_sim/people/{number}", self.delete_person, "DELETE"),
            ("/_sim/calls", self.get_calls, "GET"),
            ("/_sim/calls", self.delete_calls, "DELETE"),
            ("/_sim/calls/inbound", self.call_in, "POST"),
            ("/_sim/calls/{sid}/dtmf", self.press, "POST"),
            ("/_sim/account", self.get_account, "GET"),
            ("/_sim/faults", self.get_faults, "GET"),
            ("/_sim/faults", self.put_faults, "PUT"),
            ("/_sim/faults", self.delete_faults, "DELETE"),
        ]
        return [Route(path, _guarded(handler), methods=[method]) for path, handler, method in table]

    async def health(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """Ready."""
        return JSONResponse({"status": "ok"})

    async def get_people(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """The whole book."""
        return JSONResponse(
            {number: person.model_dump() for number, person in self._exchange.people.everyone().items()}
        )

    async def put_people(self, request: Request) -> Response:
        """Set many, each whole; all or none."""
        body = await _object(request)
        people = {_number_or_default(number): _person(fields, number) for number, fields in body.items()}
        self._exchange.people.put(people)
        return JSONResponse({number: person.model_dump() for number, person in people.items()})

    async def put_person(self, request: Request) -> Response:
        """Set one, whole."""
        number = _number_or_default(request.path_params["number"])
        person = _person(await _object(request), number)
        self._exchange.people.put({number: person})
        return JSONResponse(person.model_dump())

    async def delete_people(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """Forget all."""
        self._exchange.people.forget()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def delete_person(self, request: Request) -> Response:
        """Forget one."""
        self._exchange.people.forget(_number_or_default(request.path_params["number"]))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def get_calls(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """All calls, oldest first."""
        return JSONResponse([record.to_sim() for record in self._exchange.records()])

    async def delete_calls(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """Forget ended ones."""
        self._exchange.forget_ended()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def call_in(self, request: Request) -> Response:
        """Call one of our numbers."""
        body = await _object(request)
        if unknown := body.keys() - {"from", "to", "anonymous", "stir_verstat"}:
            raise BadControl("unknown field " + ", ".join(sorted(unknown)))
        to, caller = str(body.get("to", "")), _caller(body)
        if to not in self._exchange.numbers:
            raise BadControl("to: not a number of this account")
        return JSONResponse(self._exchange.call_in(caller, to).to_sim(), HTTPStatus.CREATED)

    async def press(self, request: Request) -> Response:
        """Press keys on the person's telephone."""
        body = await _object(request)
        life = self._exchange.calls.get(request.path_params["sid"])
        digits = str(body.get("digits", ""))
        if not digits or set(digits) - set("0123456789*#"):
            raise BadControl("digits: one or more of 0-9, * and #")
        if life is None or not life.press(digits):
            return JSONResponse({"error": "no stream is open on that call"}, HTTPStatus.CONFLICT)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def get_account(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """Whose carrier this is: the account's SID and the token it has now."""
        exchange = self._exchange
        return JSONResponse({"account_sid": exchange.settings.account_sid, "auth_token": exchange.auth_token})

    async def get_faults(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """The plan in force."""
        return JSONResponse(self._exchange.faults.plan.model_dump())

    async def put_faults(self, request: Request) -> Response:
        """Replace all faults."""
        plan = _model(FaultPlan, await _object(request), "")
        await self._put_faults(plan)
        return JSONResponse(plan.model_dump())

    async def delete_faults(self, request: Request) -> Response:  # noqa: ARG002  # a handler's shape
        """No faults."""
        await self._put_faults(FaultPlan())
        self._exchange.forget_rotation()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _put_faults(self, plan: FaultPlan) -> None:
        try:
            await self._exchange.put_faults(plan)
        except httpx.HTTPError as error:
            raise BadControl(f"the speech servers do not take their faults: {type(error).__name__}") from error


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except BadControl as error:
            return JSONResponse({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    return guarded


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise BadControl("the body is not JSON") from error
    if not isinstance(body, dict):
        raise BadControl("the body is not a JSON object")
    return body


def _caller(body: dict[str, Any]) -> Caller:
    """Who calls: the person `from`, whose number may be withheld; without `from`, whoever the placeholder is."""
    withheld = body.get("anonymous")
    if withheld is not None and withheld not in PLACEHOLDERS:
        raise BadControl("anonymous: one of " + ", ".join(PLACEHOLDERS))
    shown = PLACEHOLDERS[withheld] if withheld else str(body.get("from", ""))
    number = str(body.get("from", shown))
    if not E164.fullmatch(number):
        raise BadControl("from: not an E.164 number")
    return Caller(number, shown, None if body.get("stir_verstat") is None else str(body["stir_verstat"]))


def _number_or_default(number: str) -> str:
    if number != DEFAULT and not E164.fullmatch(number):
        raise BadControl("not an E.164 number, nor default")
    return number


def _person(fields: object, number: str) -> Person:
    return _model(Person, fields, "" if number == DEFAULT else f"{number}: ")


def _model(kind: type[Model], fields: object, where: str) -> Model:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise BadControl(where + explain(error)) from error
