"""What a call tells the outside: the parameters of its callbacks, numbered, for the events that were asked for."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from email.utils import formatdate
from time import time
from typing import Final

from infra.local.carrier.callbacks import CallbackQueue, Outgoing
from infra.local.carrier.params import Detection, Dial, Target
from infra.local.carrier.resources import API_VERSION, CallRecord
from infra.local.carrier.stream import Identity
from infra.local.carrier.twiml import Connect

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues of one call's callbacks."""

    progress: CallbackQueue
    detection: CallbackQueue
    streams: CallbackQueue

    async def run(self) -> None:
        """Send until closed."""
        await asyncio.gather(self.progress.run(), self.detection.run(), self.streams.run())

    def close(self) -> None:
        """No more will come."""
        for queue in (self.progress, self.detection, self.streams):
            queue.close()


class Reports:
    """The callbacks of one call; `status_target` may be changed while it lives.

    Those of its progress, of machine detection and of streams are three queues: none waits for another's answer.
    """

    def __init__(self, record: CallRecord, dial: Dial, queues: Queues) -> None:
        self.status_target = dial.status_callback
        self._events = dial.events
        self._record = record
        self._queues = queues
        self._sequence = 0

    def parameters(self, status: str) -> dict[str, str]:
        """What every request about this call says."""
        record = self._record
        common = {
            "AccountSid": record.account_sid,
            "ApiVersion": API_VERSION,
            "CallSid": record.sid,
            "CallStatus": status,
            "Called": record.to,
            "Caller": record.from_,
            "Direction": record.direction,
            "From": record.from_,
            "To": record.to,
        }
        known = {"AnsweredBy": record.answered_by, "StirVerstat": record.stir_verstat}
        return common | {name: value for name, value in known.items() if value}

    def progress(self, event: str, status: str) -> None:
        """Report a step of the call's life, if its callback was asked for."""
        if self.status_target is None or event not in self._events:
            return
        params = self.parameters(status) | {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._sequence),
            "Timestamp": _now(),
        }
        if event == "completed":
            seconds = self._record.duration
            params["CallDuration"] = str(seconds)
            params["Duration"] = str(-(-seconds // 60))  # Twilio bills begun minutes
            params["SipResponseCode"] = str(self._record.sip_code)
        if self._record.direction != "inbound" and all(n.startswith("+1") for n in (params["From"], params["To"])):
            params["StirStatus"] = "B"  # of an account without an approved profile, where numbers are vouched for
        self._queues.progress.put(Outgoing(self.status_target, params, event, self._sequence, self._record.callbacks))
        self._sequence += 1

    def detection(self, detection: Detection, answered_by: str, milliseconds: int) -> None:
        """Report an asynchronous verdict on who answered."""
        if not detection.asynchronous:
            return
        if detection.callback is None:
            log.warning("21262: call %s has AsyncAmd without AsyncAmdStatusCallback", self._record.sid)
            return
        params = {
            "AccountSid": self._record.account_sid,
            "AnsweredBy": answered_by,
            "CallSid": self._record.sid,
            "MachineDetectionDuration": str(milliseconds),
        }
        self._queues.detection.put(Outgoing(detection.callback, params, "amd", None, self._record.other_callbacks))

    def stream(self, verb: Connect, identity: Identity, event: str, error: str = "") -> None:
        """Report a step of a media stream's life."""
        if not verb.status_callback:
            return
        params = {
            "AccountSid": identity.account_sid,
            "CallSid": identity.call_sid,
            "StreamEvent": event,
            "StreamName": verb.name or identity.stream_sid,
            "StreamSid": identity.stream_sid,
            "Timestamp": _now(),
        }
        if error:
            params["StreamError"] = error
        target = Target(verb.status_callback, verb.status_callback_method)
        self._queues.streams.put(Outgoing(target, params, event, None, self._record.other_callbacks))


def _now() -> str:
    return formatdate(time(), usegmt=False).replace("-0000", "+0000")
