"""Uploads of long lists as the API takes and shows them."""

from typing import Literal

from api.schemas.common import Answer, Body


class UploadRequest(Body):
    """Nothing need be said of an upload."""


class UploadOut(Answer):
    """Where to PUT a list; its id goes into `recipients_upload_id`."""

    upload_id: str
    upload_url: str
    method: Literal["PUT"] = "PUT"
    expires_at: str
    max_rows: int
    formats: list[str]
