"""What goes wrong on purpose at the model: the group `model` of the house's `PUT /_sim/faults`."""

from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

StopReason = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"
]


class ModelFaults(BaseModel):
    """`delay_ms` before each first token, `fail` the share of requests answered 529, `stop_reason` how answers end.

    `refusal`, `max_tokens` and `model_context_window_exceeded` stop an answer in its middle; the others are only said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    delay_ms: Annotated[float, Field(ge=0)] = 0.0
    fail: Annotated[float, Field(ge=0, le=1)] = 0.0
    stop_reason: StopReason | None = None


class Faults:
    """The faults in force and their dice."""

    def __init__(self) -> None:
        self.plan = ModelFaults()
        self._random = Random(0)

    def put(self, plan: ModelFaults, seed: int = 0) -> None:
        """Replace them and start the dice anew."""
        self.plan, self._random = plan, Random(seed)

    def overloaded(self) -> bool:
        """Draw for one request."""
        return self.plan.fail > 0 and self._random.random() < self.plan.fail
