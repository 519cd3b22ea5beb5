"""What goes wrong on purpose at the speech services: the group `speech` of the house's `PUT /_sim/faults`."""

from __future__ import annotations

from random import Random
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0)]


class SpeechFaults(BaseModel):
    """Of Transcribe's streams, and `tts_fail` of Polly's requests. A field that is None leaves things as they are.

    `streams`: how many may live at once at each of the service's two doors (the service's quota: 25). `ramp`: how many
    may begin within a second. `refuse`: the share of streams begun that are refused all the same. Each of these
    answers LimitExceededException. `drop_after_ms`: a stream's connection is lost so long after it began;
    `reset_after_ms` and `go_away_after_ms` do it in HTTP/2's own words (the other door then loses it too, or nothing
    happens to it). `final_ms`, `partial_ms`: so long after the sound it covers a result is told at the soonest.
    `tts_fail`: the share of the product's requests to Polly that are throttled.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    streams: Annotated[int, Field(ge=0)] | None = None
    ramp: Annotated[int, Field(ge=0)] | None = None
    refuse: Share = 0.0
    drop_after_ms: Milliseconds | None = None
    reset_after_ms: Milliseconds | None = None
    go_away_after_ms: Milliseconds | None = None
    final_ms: Milliseconds | None = None
    partial_ms: Milliseconds | None = None
    tts_fail: Share = 0.0


class Faults:
    """The faults in force and their dice."""

    def __init__(self) -> None:
        self.plan = SpeechFaults()
        self._random = Random(0)

    def put(self, plan: SpeechFaults, seed: int = 0) -> None:
        """Replace them and start the dice anew."""
        self.plan, self._random = plan, Random(seed)

    def draw(self, share: float) -> bool:
        """Decide over one stream or request."""
        return share > 0 and self._random.random() < share
