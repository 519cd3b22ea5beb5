"""API keys as the API takes and shows them."""

from typing import Annotated, Literal

from pydantic import Field

from api.schemas.common import Answer, Body


class KeyRequest(Body):
    """What a new key may do, and what it is for."""

    scopes: Annotated[tuple[Literal["calls", "admin"], ...], Field(min_length=1, max_length=2)] = ("calls",)
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class KeyOut(Answer):
    """A key without its secret."""

    key_id: str
    name: str | None
    scopes: list[str]
    created_at: str
    last_used_at: Annotated[str | None, Field(description="To the minute; null: never")]


class NewKeyOut(Answer):
    """A key with its secret, which is shown this once, as is the secret that signs the account's webhooks."""

    key_id: str
    name: str | None
    key_secret: str
    api_key: Annotated[str, Field(description="The bearer credential, KEY_ID:KEY_SECRET")]
    scopes: list[str]
    webhook_secret: Annotated[str, Field(description="`whsec_` and base64, as Standard Webhooks writes it")]


class KeyRevoked(Answer):
    """What is left of a revoked key."""

    key_id: str
    deleted: Literal[True] = True
