"""Uploads: where to put a list that is too long for a request."""

from fastapi import APIRouter, Request

from api.auth import AuthenticatedRoute
from api.schemas.common import PROBLEMS, iso
from api.schemas.uploads import UploadOut, UploadRequest
from api.services import Key, Ports
from calling.domain.campaign import MAX_UPLOADED
from calling.usecases.create_campaign import upload_key

router = APIRouter(route_class=AuthenticatedRoute, tags=["campaigns"], responses=PROBLEMS)
UPLOAD_SECONDS = 3600


@router.post("/uploads", status_code=201)
def create_upload(http: Request, ports: Ports, key: Key, body: UploadRequest | None = None) -> UploadOut:  # noqa: ARG001  refuses what it does not know
    """Give a URL that takes a list by PUT for an hour: CSV as spreadsheets save it, or JSON Lines with the fields of a
    recipient.

    A CSV list may be separated by `,` `;` or tab, in UTF-8, UTF-16 or Windows-1252. Its first line names the columns:
    one is the phone's (`phone_column` names it where the header leaves it open); `prompt`, `not_after`, `timezone` and
    `metadata` (a JSON object) mean what they mean in a request; all others are variables.
    """
    once = getattr(http.state, "once", None)
    upload_id = f"upl_{once}" if once else ports.ids.new("upl")
    return UploadOut(
        upload_id=upload_id,
        upload_url=ports.blobs.upload_url(upload_key(key.account_id, upload_id), seconds=UPLOAD_SECONDS),
        expires_at=iso(ports.clock.now() + UPLOAD_SECONDS * 1000),
        max_rows=MAX_UPLOADED,
        formats=["csv", "jsonl"],
    )
