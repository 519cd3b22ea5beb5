"""API keys as the API takes and shows them."""

from typing import Annotated, Literal

from pydantic import Field

from api.schemas.common import Answer, Body


class KeyRequest(Body):
    """What a new key may do."""

    scopes: Annotated[tuple[Literal["calls", "admin"], ...], Field(min_length=1, max_length=2)] = ("calls",)


class NewKey(Answer):
    """A key with its secret, which is shown this once."""

    key_id: str
    key_secret: str
    api_key: Annotated[str, Field(description="The bearer credential, KEY_ID:KEY_SECRET")]
    scopes: list[str]
