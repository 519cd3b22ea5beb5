"""From what went wrong to the contract's error envelope. The only file that knows which code has which HTTP status."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from calling.domain.errors import (
    CarrierError,
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    RateLimited,
    RedialError,
)
from calling.ports import StaleRecord

_BY_CLASS: tuple[tuple[type[RedialError], str, int], ...] = (
    (NotAuthenticated, "authentication_error", 401),
    (NotPermitted, "permission_error", 403),
    (InvalidRequest, "invalid_request", 400),
    (NotFound, "not_found", 404),
    (Conflict, "conflict", 409),
    (RateLimited, "rate_limit_error", 429),
    (CarrierError, "provider_error", 502),
)
_BY_CODE = {"body_too_large": 413, "idempotency_key_reused": 422, "twilio_auth_failed": 401, "unavailable": 503}
_PYDANTIC = {"missing": "missing_field", "extra_forbidden": "unknown_field", "json_invalid": "invalid_json"}
_MAX_FINDINGS = 100  # a list of thousands of rows may have one in each
_NOT_JSON = "The body must be a JSON object, sent with Content-Type: application/json."


def envelope(
    status: int,
    kind: str,
    code: str,
    message: str,
    *,
    docs: str,
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Write an error. `docs` is the URL of the API's pages."""
    body = {"type": kind, "code": code, "message": message, "doc_url": docs, "details": dict(details or {})}
    return JSONResponse({"error": body}, status_code=status, headers=dict(headers) if headers else None)


def from_error(error: RedialError, *, docs: str) -> JSONResponse:
    """Write one of this product's own errors; those without a place in the contract say only `internal_error`."""
    for kind, name, status in _BY_CLASS:
        if isinstance(error, kind):
            details = {k: v for k, v in error.details.items() if v is not None}
            after = details.get("retry_after")
            return envelope(
                _BY_CODE.get(error.code, status),
                name,
                error.code,
                error.message,
                docs=docs,
                details=details,
                headers={"Retry-After": str(after)} if after is not None else None,
            )
    return unexpected(docs=docs)


def unexpected(*, docs: str) -> JSONResponse:
    """Write what nobody foresaw, and nothing of what it was."""
    return envelope(
        500, "server_error", "internal_error", "Something went wrong on our side; the request id names it.", docs=docs
    )


def from_validation(errors: Sequence[Mapping[str, Any]], *, docs: str) -> JSONResponse:
    """Write what pydantic refused: the first finding's code, the findings in `details`. Values are never echoed."""
    found = [_finding(e) for e in errors[:_MAX_FINDINGS]]
    first = found[0]
    details: dict[str, object] = {"field": first["field"], "errors": found}
    return envelope(400, "invalid_request", first["code"], first["message"], docs=docs, details=details)


def _finding(error: Mapping[str, Any]) -> dict[str, str]:
    where = [str(part) for part in error["loc"]]
    kind = str(error["type"])
    if kind == "json_invalid" or (where == ["body"] and kind != "missing"):
        return {"field": "body", "code": "invalid_json", "message": _NOT_JSON}
    name = ".".join(where[1:]) or where[0]
    code = _PYDANTIC.get(kind, "invalid_field")
    said = {"missing_field": "is required", "unknown_field": "is not a field of this request"}
    message = said.get(code) or str(error["msg"]).removeprefix("Value error, ")
    return {
        "field": name,
        "code": code,
        "message": f"{name}: {message}" if code == "invalid_field" else f"{name} {message}.",
    }


def install(app: FastAPI, *, docs: str) -> None:
    """Teach an app to answer every foreseen error in the envelope."""

    async def redial_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RedialError)  # noqa: S101  # registered for it
        return from_error(error, docs=docs)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for it
        return from_validation(error.errors(), docs=docs)

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101  # registered for it
        if error.status_code == 400:
            return envelope(400, "invalid_request", "invalid_json", _NOT_JSON, docs=docs, details={"field": "body"})
        message = (
            f"{request.method} is not served at this path."
            if error.status_code == 405
            else "There is nothing at this path."
        )
        return envelope(error.status_code, "not_found", "not_found", message, docs=docs, headers=error.headers)

    async def stale(_: Request, __: Exception) -> JSONResponse:
        return envelope(
            503,
            "server_error",
            "unavailable",
            "Something else changed this at the same time: try again.",
            docs=docs,
            headers={"Retry-After": "1"},
        )

    app.add_exception_handler(RedialError, redial_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(StaleRecord, stale)
