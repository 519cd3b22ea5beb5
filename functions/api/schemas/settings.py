"""An account's limits as the API takes and shows them."""

from typing import Annotated

import phonenumbers
from pydantic import AfterValidator, Field

from api.schemas.common import CHANGES, Answer, Body
from calling.domain.limits import MAX_CAP


def _country(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("must be an ISO 3166 code in capitals, like GB")
    return code


Country = Annotated[str, AfterValidator(_country)]
Rate = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class FrequencyCapFields(Body):
    """At most `calls` dials to one number by campaigns in `days` times 24 hours. What is left out is kept."""

    model_config = CHANGES

    calls: Annotated[int, Field(ge=1, le=50)] = 3
    days: Annotated[int, Field(ge=1, le=30)] = 1


class BreakerFields(Body):
    """A campaign pauses itself once so many of its calls failed. What is left out is kept."""

    model_config = CHANGES

    failure_rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    min_calls: Annotated[int, Field(ge=1, le=10_000)] = 20
    window_seconds: Annotated[int, Field(ge=10, le=3_600)] = 120


class SettingsChanges(Body):
    """What to change: the fields that are sent, and only those."""

    model_config = CHANGES

    max_concurrent_calls: Annotated[
        int, Field(ge=1, le=MAX_CAP, description="At most what the deployment carries (its parameter Capacity)")
    ] = 20
    single_call_reserve: Annotated[
        int, Field(ge=0, le=MAX_CAP, description="Places campaigns leave to single calls")
    ] = 2
    calls_per_second: Annotated[Rate, Field(description="0: no limit, where the deployment has none either")] = 1.0
    frequency_cap: Annotated[FrequencyCapFields | None, Field(description="null: no cap")] = None
    breaker: BreakerFields = BreakerFields()
    blocked_countries: Annotated[tuple[Country, ...], Field(max_length=250)] = ()


class FrequencyCapOut(Answer):
    """At most `calls` dials to one number by campaigns in `days` times 24 hours."""

    calls: int
    days: int


class BreakerOut(Answer):
    """When a campaign pauses itself."""

    failure_rate: float
    min_calls: int
    window_seconds: int


class SettingsOut(Answer):
    """What an account allows itself."""

    max_concurrent_calls: int
    single_call_reserve: int
    calls_per_second: float
    frequency_cap: FrequencyCapOut | None
    breaker: BreakerOut
    blocked_countries: list[str]
