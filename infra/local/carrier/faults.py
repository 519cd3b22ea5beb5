"""What goes wrong on purpose: probabilities, delays and losses, drawn from one seeded generator.

Two groups are for the house's speech and model servers and are passed on to them: `speech`
(infra.local.speech.faults) and `model` (infra.local.claude.faults).
"""

from __future__ import annotations

from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from infra.local.claude.faults import ModelFaults
from infra.local.speech.faults import SpeechFaults

Probability = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CreateCallFaults(_Part):
    """Of `POST Calls.json`; the delay is that of the answer, the call is placed at once."""

    accept_then_drop: Probability = 0.0
    http_500: Probability = 0.0
    http_500_accepted: Probability = 0.0
    http_429: Probability = 0.0
    delay_ms: Milliseconds = 0.0


class CallbackFaults(_Part):
    """Of every callback; delay_ms is a range."""

    drop: Probability = 0.0
    duplicate: Probability = 0.0
    reorder: Probability = 0.0
    delay_ms: Annotated[list[Milliseconds], Field(min_length=2, max_length=2)] | None = None


class MediaFaults(_Part):
    """Of every media stream: its connection is lost so long after it began, and its frames do not come evenly.

    A frame is late by up to `jitter_ms`; `bunch` frames come at once; the first one's timestamp need not be 0.
    """

    drop_after_ms: Milliseconds | None = None
    jitter_ms: Milliseconds = 0.0
    bunch: Annotated[int, Field(ge=1, le=50)] = 1
    first_timestamp_ms: Annotated[int, Field(ge=0)] = 0


class CarrierFaults(_Part):
    """The carrier account and its habits.

    `trial`: seconds of preamble between the answer and the call's TwiML, as on a trial account. `last_word`: what a
    call becomes that is told to complete before anybody answered; Twilio does not say which. `price_after_ms`: how
    long after its end a call is billed. `rotate_token`: the account has a new auth token from now on; the one before
    it is refused and signs nothing any more, as after a promotion at Twilio. `GET /_sim/account` tells it, and `DELETE`
    of the faults brings the first one back. `concurrency`: so many calls may live at once, in and out together (0: any
    number); what is asked for above it is refused with 10004. `concurrency_late`: it is accepted all the same, and
    fails before it rings, with that code among its notifications alone, for callbacks have no field for it; true means
    above `concurrency`, a number is a limit of its own.
    """

    trial: Seconds = 0.0
    last_word: Literal["canceled", "completed"] = "canceled"
    price_after_ms: Milliseconds = 30_000.0
    rotate_token: bool = False
    concurrency: Count = 0
    concurrency_late: bool | Count = False

    def too_many(self, live: int) -> bool:
        """Whether one more call than these is refused at once."""
        return self.concurrency_late is not True and 0 < self.concurrency <= live

    def too_many_late(self, live: int) -> bool:
        """Whether one more call than these is accepted, and fails."""
        limit = self.concurrency if self.concurrency_late is True else int(self.concurrency_late)
        return 0 < limit <= live


class FaultPlan(_Part):
    """All faults; `cps` None means what the carrier was started with.

    `list_lag_ms`: a new call is missing from lists so long. `fetch_lag_ms`: a call is shown as it was so long ago.
    """

    seed: int = 0
    create_call: CreateCallFaults = CreateCallFaults()
    callbacks: CallbackFaults = CallbackFaults()
    list_lag_ms: Milliseconds = 0.0
    fetch_lag_ms: Milliseconds = 0.0
    carrier: CarrierFaults = CarrierFaults()
    media: MediaFaults = MediaFaults()
    cps: Annotated[float, Field(ge=0)] | None = None
    speech: SpeechFaults = SpeechFaults()
    model: ModelFaults = ModelFaults()


PASSED_ON = {"speech", "model"}  # groups of the plan that other servers obey


class Faults:
    """The plan in force and its dice. Every question draws in a fixed order, so a seed repeats a run."""

    def __init__(self, cps: float = 0.0) -> None:
        self._own_cps = cps
        self.plan = FaultPlan()
        self._random = Random(0)

    def put(self, plan: FaultPlan) -> None:
        """Replace the plan and start its dice anew."""
        self.plan = plan
        self._random = Random(plan.seed)

    @property
    def cps(self) -> float:
        """Calls a second before they queue; 0 is no limit."""
        return self._own_cps if self.plan.cps is None else self.plan.cps

    def of_create_call(self) -> str | None:
        """The fault of this request, if it has one: the first drawn in the order of the fields."""
        plan = self.plan.create_call
        names = ("accept_then_drop", "http_500", "http_500_accepted", "http_429")
        drawn = [name for name in names if self._draw(getattr(plan, name))]
        return drawn[0] if drawn else None

    def of_callback(self) -> tuple[bool, bool, bool, float]:
        """Of this callback: drop, duplicate, reorder, and its delay in seconds."""
        plan = self.plan.callbacks
        drop, duplicate, reorder = self._draw(plan.drop), self._draw(plan.duplicate), self._draw(plan.reorder)
        delay = self._random.uniform(*plan.delay_ms) / 1000 if plan.delay_ms else 0.0
        return drop, duplicate, reorder, delay

    def of_frame(self) -> float:
        """How late this frame of sound is, in seconds."""
        jitter = self.plan.media.jitter_ms
        return self._random.uniform(0, jitter) / 1000 if jitter else 0.0

    def _draw(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability
