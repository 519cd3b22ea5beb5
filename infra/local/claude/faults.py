"""What goes wrong on purpose at the model: the group `model` of the house's `PUT /_sim/faults`."""

from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class ModelFaults(BaseModel):
    """`delay_ms` before each first token, `fail` the share of requests answered 529, `stop_reason` how answers end.

    `refusal` stops an answer in its middle; so do `max_tokens` and `model_context_window_exceeded`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    delay_ms: Annotated[float, Field(ge=0)] = 0.0
    fail: Annotated[float, Field(ge=0, le=1)] = 0.0
    stop_reason: Literal["refusal", "max_tokens", "model_context_window_exceeded"] | None = None


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
