"""The API as a FastAPI app over any ports: it is built here and knows neither AWS nor the environment."""

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problems
from api.door import Door
from api.routers import (
    agents,
    callers,
    calls,
    campaigns,
    health,
    keys,
    not_served,
    phone_numbers,
    recordings,
    settings,
    suppressions,
    uploads,
    usage,
    webhooks,
)
from api.services import Services

_DESCRIPTION = (
    "Phone calls by an AI agent that remembers whom it is calling. "
    "Send your key with every request: `Authorization: Bearer KEY_ID:KEY_SECRET`. "
    'Every error is `{"error": {type, code, message, doc_url, details}}`; unknown fields are refused. '
    "A POST with an `Idempotency-Key` is carried out once in 24 hours."
)
_ROUTERS = (
    health.router,
    campaigns.router,  # before the calls: /calls/batch is no call's id
    uploads.router,
    calls.router,
    recordings.router,
    agents.router,
    phone_numbers.router,
    callers.router,
    suppressions.router,
    settings.router,
    usage.router,
    webhooks.router,
    keys.router,
    keys.own,
    not_served.router,
)
_OPEN = frozenset({"/v1/health", "/v1/calls/{call_id}/recording"})


def create_app(services: Services, log: logging.Logger | None = None) -> FastAPI:
    """Build the app over these ports. What nobody foresaw is written to `log`."""
    docs = f"{services.public_base_url}/v1/docs"
    app = FastAPI(
        title="Redial",
        version="1",
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url="/v1/docs",
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = services
    problems.install(app, docs=docs)
    for router in _ROUTERS:
        app.include_router(router, prefix="/v1")
    app.add_middleware(Door, services=services, docs=docs, log=log or logging.getLogger("redial.api"))
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's own way to extend the document
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Write the OpenAPI document once: FastAPI's, with the key that every operation needs but those of _OPEN."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        document["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "bearerFormat": "KEY_ID:KEY_SECRET"}
        }
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if path not in _OPEN:
                    operation["security"] = [{"key": []}]
                if method == "post" and not path.startswith("/v1/keys"):
                    operation.setdefault("parameters", []).append(_IDEMPOTENCY)
        app.openapi_schema = document
    return app.openapi_schema


_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key with the same request within 24 hours answers with the first response.",
}
