"""What clients of the published contract may ask for and this product does not do: it says so."""

from typing import NoReturn

from fastapi import APIRouter

from calling.domain.errors import NotFound

router = APIRouter(include_in_schema=False)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_AREAS = {
    "/sms": "Text messages",
    "/account/storage": "Storage of one's own",
    "/account/llm": "A language model of one's own",
    "/account/tts": "A voice provider of one's own",
    "/integrations/monitor": "Live monitoring",
    "/integrations/web-calls": "Calls from a browser",
}


def _refuse(path: str, what: str) -> None:
    async def not_served() -> NoReturn:
        raise NotFound(f"{what}: not part of this product.")

    for pattern in (path, path + "/{rest:path}"):
        router.add_api_route(pattern, not_served, methods=_METHODS, response_model=None)


for _path, _what in _AREAS.items():
    _refuse(_path, _what)
