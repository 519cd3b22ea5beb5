"""A call: one conversation, one attempt, at most one request to the carrier. A redial is a new call.

A call's record holds three kinds of things, each written by its own door: what was asked (place_call), facts of the
carrier and of the media session (record_progress, media), and the outcome (settle_call, the only exit of a call).
The decisions over it are plain functions here; writes are conditional on `version`, so a decision never overwrites
a fact it has not seen.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from calling.domain import carrier_codes
from calling.domain.agent import SPEECH_THRESHOLD_MS, VoicemailAction
from calling.domain.carrier_codes import Fault
from calling.domain.model_usage import ModelUsage
from calling.domain.phone_number import PLACEHOLDERS, PhoneNumber

RING_SECONDS = 45  # Twilio's Timeout; it may add up to 5 s of its own (twilio.com/docs/voice/api/call-resource)
RING_BUFFER_SECONDS = 5  # those
RING_MARGIN_SECONDS = 15  # without a word from the carrier this long after the ring timeout, it is asked
# Twilio's MachineDetectionTimeout: its default, and its highest. Some greetings take more than half a minute, and what
# is not decided in time counts as a person. https://www.twilio.com/docs/voice/answering-machine-detection
DETECTION_SECONDS, LONGEST_DETECTION_SECONDS = 30, 59
END_MARGIN_SECONDS = 60  # past ring timeout + time limit by this much a call is over, whatever was heard of it
# Twilio's StirVerstat of callers whose network knows them; with C, a failed or no check it does not.
# https://www.twilio.com/docs/voice/trusted-calling-with-shakenstir
ATTESTED = ("TN-Validation-Passed-A", "TN-Validation-Passed-B")
LOOK_MS = 300_000  # how long a call that nobody moves may stand before the reaper looks at it (again)


class Direction(StrEnum):
    """Who called whom."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class CallStatus(StrEnum):
    """Where a call stands. The words are the HTTP contract's (and, from `ringing` on, Twilio's)."""

    QUEUED = "queued"
    DIALING = "dialing"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @property
    def is_terminal(self) -> bool:
        """True once nothing more can happen to the call."""
        return not TRANSITIONS[self]


_ENDS = frozenset(
    {
        CallStatus.COMPLETED,
        CallStatus.BUSY,
        CallStatus.NO_ANSWER,
        CallStatus.FAILED,
        CallStatus.CANCELED,
        CallStatus.UNKNOWN,
    }
)
# What may follow what. `dialing → queued` is a request the carrier refused untouched (429): nothing was placed.
TRANSITIONS: dict[CallStatus, frozenset[CallStatus]] = {
    CallStatus.QUEUED: frozenset({CallStatus.DIALING, CallStatus.FAILED, CallStatus.CANCELED}),
    CallStatus.DIALING: frozenset({CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS}) | _ENDS,
    CallStatus.RINGING: frozenset({CallStatus.IN_PROGRESS}) | _ENDS,
    CallStatus.IN_PROGRESS: _ENDS,
    **{end: frozenset() for end in _ENDS},
}


class EndedReason(StrEnum):
    """Why a call ended, in the HTTP contract's words."""

    COMPLETED = "completed"
    CALLEE_HANGUP = "callee_hangup"
    CALLER_HANGUP = "caller_hangup"
    VOICEMAIL_DETECTED = "voicemail_detected"
    VOICEMAIL_LEFT = "voicemail_left"
    SILENCE_TIMEOUT = "silence_timeout"
    MAX_DURATION_REACHED = "max_duration_reached"
    TRANSFERRED = "transferred"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    OUTSIDE_WINDOW = "outside_window"
    IN_A_CALL = "in_a_call"
    ERROR = "error"


class CarrierStatus(StrEnum):
    """What the carrier says of a call, in Twilio's words."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def rank(self) -> int:
        """How far along; facts of a lower rank never undo those of a higher one."""
        order = {"queued": 0, "initiated": 1, "ringing": 2, "in-progress": 3}
        return order.get(self.value, 4)

    @property
    def is_terminal(self) -> bool:
        """True for Twilio's five last words; they absorb whatever arrives later."""
        return self.rank == 4


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One state, wait or verdict of a call: when (epoch ms), what, and why in words."""

    at: int
    event: str
    reason: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One call's record. Times are epoch milliseconds; None is 'has not happened'."""

    account_id: str
    call_id: str
    agent_id: str
    direction: Direction
    from_number: PhoneNumber
    to_number: PhoneNumber
    created_at: int
    prompt: str = field(default="", repr=False)
    version: int = 0
    status: CallStatus = CallStatus.QUEUED
    due_at: int | None = 0  # when the reaper looks whether it is stuck; None once nothing of it is left to be done
    # what was asked
    dynamic_vars: dict[str, str] = field(default_factory=dict, repr=False)
    metadata: dict[str, Any] | None = field(default=None, repr=False)
    campaign_id: str | None = None
    recipient: int | None = None  # the campaign's row this is an attempt of; None: a call by itself
    voicemail_action: VoicemailAction = VoicemailAction.HANGUP
    voicemail_message: str | None = field(default=None, repr=False)
    amd_enabled: bool = True
    amd_speech_threshold_ms: int = SPEECH_THRESHOLD_MS
    not_after: int | None = None
    voice_id: str = ""
    ring_seconds: int = RING_SECONDS
    max_duration_seconds: int = 600
    # the dial
    execution_started_at: int | None = None
    task_token: str | None = field(default=None, repr=False)
    dial_failures: int = 0  # entries of the dial that failed before any request
    dial_slot_at: int | None = None  # this call's own moment under the carrier's calls per second
    dial_started_at: int | None = None  # the intent, just before the one request; inbound: when the carrier told of it
    live_at_dial: int | None = None  # calls of the account that held a place just before its request, it among them
    dial_ambiguous: bool = False  # the request's answer was lost
    carrier_account: str | None = None  # the SID of the carrier account it is dialled from
    dial_error_code: int | None = None  # Twilio's code for a refused request
    twilio_call_sid: str | None = None
    queue_time_ms: int | None = None
    taken_from_queue_at: int | None = None  # we ended it before the carrier dialled it: its queue was too long
    cancel_requested_at: int | None = None
    never_dialled: EndedReason | None = None  # decided before any request
    never_dialled_why: str | None = None  # the same in words
    put_back: bool = False  # called off before the request for a reason that passes: its recipient waits again
    # the carrier's facts
    carrier_status: CarrierStatus | None = None
    ringing_at: int | None = None
    answered_at: int | None = None
    carrier_ended_at: int | None = None
    carrier_duration_seconds: int | None = None
    sip_response_code: int | None = None
    carrier_error_code: int | None = None  # Twilio's code for a call it accepted and then failed
    carrier_price: float | None = None  # USD, as the carrier billed it; known some time after the end
    amd_result: str | None = None
    stir_status: str | None = None  # outbound, A, B or C: how far the network vouched for our number
    stir_verstat: str | None = None  # inbound: what the network's check of the caller's number gave; None: no check
    stream_error: str | None = None  # what the carrier said went wrong with the media stream, in its own words
    # the media session's facts
    stream_sid: str | None = None
    media_opened_at: int | None = None
    media_alive_at: int | None = None
    media_closed_at: int | None = None
    media_reason: EndedReason | None = None
    voicemail_method: str | None = None  # carrier | speech: whichever machine verdict was stored first
    voicemail_left: bool = False
    recording_key: str | None = None
    first_audio_ms: int | None = None  # answer to the agent's first audio
    voice_to_voice_ms: tuple[int, ...] = ()  # callee's last voice to agent's first audio, a value a turn
    model_usage: tuple[ModelUsage, ...] = ()  # of the conversation and of its summary, an entry a model
    # the outcome
    settled_at: int | None = None
    ended_reason: EndedReason | None = None
    charged_minutes: int | None = None
    terminal_event_at: int | None = None
    summary: str | None = field(default=None, repr=False)
    sentiment: str | None = None
    successful: bool | None = None
    extracted_data: dict[str, Any] | None = field(default=None, repr=False)
    timeline: tuple[TimelineEntry, ...] = ()

    @property
    def person(self) -> PhoneNumber:
        """The human's number: whom we call, or who called us."""
        return self.to_number if self.direction is Direction.OUTBOUND else self.from_number

    @property
    def person_is_known(self) -> bool:
        """False where nobody knows who it is: nothing may be remembered of them, and they go on no list.

        A number that was withheld is shared by strangers, and one that the network does not vouch for may be anybody's
        invention. Where the network has no such check (`stir_verstat` None) the number is taken for theirs.
        """
        return self.person not in PLACEHOLDERS and self.stir_verstat in (None, *ATTESTED)

    @property
    def our_number(self) -> PhoneNumber:
        """The agent's number on this call."""
        return self.from_number if self.direction is Direction.OUTBOUND else self.to_number

    @property
    def voicemail_detected(self) -> bool:
        """True once a machine verdict, the carrier's or the speech matcher's, was stored."""
        return self.voicemail_method is not None

    @property
    def voicemail_disagreement(self) -> bool:
        """True where the carrier's verdict and ours differ: its machine was a person, or its human a machine."""
        if machine(self.amd_result):
            return self.voicemail_method is None
        return self.amd_result == "human" and self.voicemail_method == "speech"

    @property
    def was_asked_of_carrier(self) -> bool:
        """True once the one request may have left this house; always for an inbound call, which is the carrier's."""
        return self.dial_started_at is not None

    @property
    def refusal(self) -> Fault | None:
        """Whose fault it is that the carrier refused it; None where it did not, or placed it all the same."""
        if self.twilio_call_sid is not None or self.dial_error_code is None:
            return None
        return carrier_codes.fault(self.dial_error_code)

    @property
    def is_to_leave_queue(self) -> bool:
        """True where it was to be ended in the carrier's own queue, which may have failed: nobody answered it yet."""
        return self.taken_from_queue_at is not None and self.answered_at is None

    @property
    def detection_seconds(self) -> int:
        """How long the carrier listens for a machine: to the end of its greeting where a message is to be left."""
        leaves = self.voicemail_action is VoicemailAction.LEAVE_MESSAGE
        return LONGEST_DETECTION_SECONDS if leaves else DETECTION_SECONDS

    @property
    def was_answered(self) -> bool:
        """True once somebody has answered, as far as the record knows: no media stream comes up before it."""
        return self.answered_at is not None or self.media_opened_at is not None

    @property
    def carrier_is_done(self) -> bool:
        """True once the carrier said the call is over."""
        return self.carrier_status is not None and self.carrier_status.is_terminal

    def due_after_dispatch(self, now: int) -> int:
        """Epoch ms by which a call dispatched now is over, if nothing goes wrong and nothing is waited for."""
        return now + (self.ring_seconds + self.max_duration_seconds + END_MARGIN_SECONDS) * 1000 + LOOK_MS

    @property
    def deadline_at(self) -> int | None:
        """Epoch ms after which the call is over whatever was heard of it; None before it was dialled."""
        if self.dial_started_at is None:
            return None
        queued = self.queue_time_ms or 0
        seconds = self.ring_seconds + self.max_duration_seconds + END_MARGIN_SECONDS
        return self.dial_started_at + queued + seconds * 1000


def machine(answered_by: str | None) -> bool:
    """Tell whether an AMD verdict means a machine. `unknown` counts as a person (Twilio's own advice)."""
    return answered_by is not None and (answered_by.startswith("machine") or answered_by == "fax")
