"""Says that the API is up. Needs no key and asks nobody."""

from typing import Literal

from fastapi import APIRouter

from api.schemas.common import Answer

router = APIRouter(tags=["health"])


class Health(Answer):
    """The API is up."""

    status: Literal["ok"] = "ok"


@router.get("/health")
async def get_health() -> Health:
    """Answer that the API is up."""
    return Health()
