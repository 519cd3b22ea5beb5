"""Say what becomes of a call whose media stream is over, when the carrier asks: `<Connect action>`.

Where our own conversation ended the call the carrier is told to hang up, which it has mostly done before it could ask.
Where the stream was lost, the person hears one true sentence instead of a click.
"""

from calling.domain import twiml
from calling.domain.call import Call, TimelineEntry
from calling.domain.revision import Revision
from calling.ports import CallStore, Clock
from calling.usecases.revise_call import revise_call

_EVENT = "connection_lost"


def after_stream(account_id: str, call_id: str, *, lives: bool, calls: CallStore, clock: Clock) -> str:
    """Give the TwiML that follows a call's stream. Safe to ask again.

    `lives`: the carrier says that somebody is on the line. It may ask of a call that is over as well, before our own
    record knows that it ended.

    Raises:
        NotFound: `call_not_found`.
    """
    if not lives:
        return twiml.hang_up()
    note = TimelineEntry(clock.now(), _EVENT, "the media stream was lost; the person is told, and the call ended")

    def decide(call: Call) -> Revision | None:
        told = any(entry.event == _EVENT for entry in call.timeline)
        return Revision({}, note=note) if twiml.is_stream_lost(call) and not told else None

    call, _ = revise_call(account_id, call_id, decide, calls=calls)
    return twiml.stream_lost(call) if twiml.is_stream_lost(call) else twiml.hang_up()
