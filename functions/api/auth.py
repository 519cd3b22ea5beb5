"""Who asks, how often they may, and whether they asked before.

`AuthenticatedRoute` runs ahead of everything FastAPI does with a request, so that a stranger learns nothing: no field
is validated, no body parsed, before the key is known to be right.
"""

import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from api.services import Services
from calling.domain.account import ApiKey, account_of, hash_secret, secret_matches
from calling.domain.errors import Conflict, InvalidRequest, NotAuthenticated, NotPermitted, RateLimited
from calling.ports import Remembered

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_IDEMPOTENCY_KEY = 255
_MAX_REMEMBERED = 380_000  # bytes of an answer: DynamoDB takes 400 KB an item
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the X-RateLimit headers say: requests a minute, how many remain, when the minute ends (epoch s)."""

    limit: int
    remaining: int
    reset: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Write them as ASGI headers."""
        values = {"limit": self.limit, "remaining": self.remaining, "reset": self.reset}
        return [(f"x-ratelimit-{name}".encode(), str(value).encode()) for name, value in values.items()]


def untouched(services: Services, method: str) -> Allowance:
    """Give the allowance of a request that no key has made."""
    limit = services.reads_per_minute if method in _READS else services.writes_per_minute
    return Allowance(limit, limit, (services.clock.now() // 60_000 + 1) * 60)


def authenticate(services: Services, authorization: str | None, method: str) -> tuple[ApiKey, Allowance]:
    """Find the key, count the request, compare the secret: one round trip.

    Raises:
        NotAuthenticated: `invalid_api_key` whatever part is wrong, `key_secret_required` where it is missing.
    """
    scheme, _, credential = (authorization or "").partition(" ")
    key_id, colon, secret = credential.strip().partition(":")
    if scheme.lower() != "bearer" or not key_id:
        raise NotAuthenticated("Send your key as Authorization: Bearer KEY_ID:KEY_SECRET.")
    if not colon or not secret:
        raise NotAuthenticated("The key's secret is missing: Bearer KEY_ID:KEY_SECRET.", code="key_secret_required")
    account_id = account_of(key_id)
    write = method not in _READS
    window = services.clock.now() // 60_000
    key = (
        services.accounts.spend(account_id, key_id, secret_hash=hash_secret(secret), window=window, write=write)
        if account_id
        else None
    )
    if key is None or not secret_matches(key, secret):
        raise NotAuthenticated("There is no such key, or its secret is another.")
    limit = services.writes_per_minute if write else services.reads_per_minute
    used = key.writes if write else key.reads
    return key, Allowance(limit, max(0, limit - used), (window + 1) * 60)


def require_allowance(services: Services, key: ApiKey, method: str, allowance: Allowance) -> None:
    """Refuse a key that has used its minute up. Raises RateLimited."""
    used = key.reads if method in _READS else key.writes
    if used > allowance.limit:
        after = max(1, allowance.reset - services.clock.now() // 1000)
        raise RateLimited(f"More than {allowance.limit} requests in a minute: come back later.", retry_after=after)


def require_scope(key: ApiKey, scope: str) -> None:
    """Refuse a key without a scope; `admin` may do everything. Raises NotPermitted."""
    if scope not in key.scopes and "admin" not in key.scopes:
        raise NotPermitted(f"This needs a key with the scope {scope!r}.", scope=scope)


def require_text(body: bytes) -> None:
    """Refuse half a surrogate pair: JSON can write it, but no UTF-8 text, table or carrier can hold it."""
    if _SURROGATE.search(body) is None:
        return
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("The body holds half a surrogate pair.", code="invalid_json", field="body") from error
    except (ValueError, RecursionError):
        return  # no JSON at all: the route says so in its own words


class AuthenticatedRoute(APIRoute):
    """A route behind a key. POSTs with an Idempotency-Key are answered once and remembered for a day."""

    scope = "calls"
    remembers = True  # may a response of this route be kept under its Idempotency-Key?

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the key before the route's own work."""
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            services: Services = request.app.state.services
            header = request.headers.get("authorization")
            # Not in a thread: a Lambda serves one request at a time, nothing else waits for this loop.
            key, allowance = authenticate(services, header, request.method)
            request.state.key, request.state.allowance = key, allowance
            require_allowance(services, key, request.method, allowance)
            require_scope(key, self.scope)
            require_text(await request.body())
            once = request.headers.get("idempotency-key") if request.method == "POST" and self.remembers else None
            if once is None:
                return await answer(request)
            return await _answer_once(services, key.account_id, once, request, answer)

        return guarded


class SecretRoute(AuthenticatedRoute):
    """A route whose answers hold secrets: they are never stored, an Idempotency-Key changes nothing."""

    remembers = False


class AdminRoute(SecretRoute):
    """A route for keys that manage keys."""

    scope = "admin"


def meaning(body: bytes) -> bytes:
    """Write a body so that two that say the same are the same: neither its order of keys, nor its spaces, nor how a
    letter or a number is spelt makes another request of it. What is no JSON stays as it is.
    """
    try:
        return json.dumps(json.loads(body, parse_float=_number), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return body


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


async def _answer_once(
    services: Services,
    account_id: str,
    key: str,
    request: Request,
    answer: Callable[[Request], Coroutine[Any, Any, Response]],
) -> Response:
    """Answer a repeated request with the first answer. What failed is forgotten, so that it may be repeated."""
    if not 0 < len(key) <= _MAX_IDEMPOTENCY_KEY:
        raise InvalidRequest(
            f"Idempotency-Key must have 1 to {_MAX_IDEMPOTENCY_KEY} characters.", field="Idempotency-Key"
        )
    store = services.idempotency
    # With its query: a dry run is another request than the real one.
    query = urlencode(sorted(request.query_params.multi_items()))
    asked = f"{request.method} {request.url.path}" + (f"?{query}" if query else "")
    digest = sha256(f"{asked}\n".encode() + meaning(await request.body())).hexdigest()
    request.state.once = sha256(f"{account_id}\n{key}\n{digest}".encode()).hexdigest()[:24]
    first = store.begin(account_id, key, digest, services.clock.now())
    if first is not None:
        return _repeat(first, digest)
    done = False
    try:
        response = await answer(request)
        done = True
    finally:
        if not done:
            store.forget(account_id, key)
    body = bytes(response.body)
    if len(body) > _MAX_REMEMBERED:
        store.forget(account_id, key)  # no table holds it. Its id is made of the key: a repeat finds what was made
    else:
        store.finish(account_id, key, status=response.status_code, body=body.decode())
    return response


def _repeat(first: Remembered, digest: str) -> Response:
    if first.body_hash != digest:
        raise Conflict(
            "This Idempotency-Key was used with another request.",
            code="idempotency_key_reused",
            field="Idempotency-Key",
        )
    if first.status is None:
        raise Conflict(
            "The first request with this Idempotency-Key is still in flight.",
            code="idempotency_in_progress",
            field="Idempotency-Key",
        )
    return Response(
        first.body,
        status_code=first.status,
        media_type=JSONResponse.media_type,
        headers={"Idempotency-Replayed": "true"},
    )
