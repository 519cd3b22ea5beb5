"""A recording at its own address. The address is the authority: no key is needed, so that a webhook can carry it."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from api.schemas.common import PROBLEMS
from api.services import Ports
from calling.domain import recording_link
from calling.domain.errors import NotFound

router = APIRouter(tags=["calls"], responses=PROBLEMS)
_LINK_SECONDS = 3600  # from the redirect on; a player asks S3 for more as it plays


@router.get(
    "/calls/{call_id}/recording",
    status_code=302,
    response_class=RedirectResponse,
    responses={302: {"description": "To the audio (stereo WAV), under a link that is good for an hour."}},
)
def get_recording(call_id: str, ports: Ports, t: str = "") -> RedirectResponse:
    """Redirect to a fresh link to the audio. `recording_url` of a call holds this address whole, with its token.

    Whatever is wrong, the answer is the same 404: nobody learns here which calls there are.
    """
    account_id = recording_link.account_of(ports.credentials.stream_secret(), call_id, t)
    call = ports.calls.get(account_id, call_id) if account_id else None
    key = call.recording_key if call else None
    if key is None or ports.blobs.size(key) is None:
        raise NotFound("There is no such recording, or not any more.", code="recording_not_found")
    url = ports.blobs.signed_url(key, seconds=_LINK_SECONDS)
    return RedirectResponse(url, status_code=302, headers={"Cache-Control": "no-store"})
