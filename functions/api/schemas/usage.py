"""Usage as the API shows it."""

from typing import Annotated

from pydantic import Field

from api.schemas.common import Answer


class UsageOut(Answer):
    """What the account used since it was made, and this month."""

    total_calls: Annotated[int, Field(description="Calls that are over and that the carrier was asked for, or brought")]
    total_minutes: Annotated[int, Field(description="The sum of their charged_minutes")]
    total_cost: Annotated[float, Field(description="The sum of their cost in USD, as it was estimated at their end")]
    max_concurrent: Annotated[int, Field(description="max_concurrent_calls of the settings")]
    peak_concurrent_this_month: Annotated[int, Field(description="The most outbound calls that were live at once")]
    rejected_at_cap_this_month: Annotated[
        int, Field(description="Single calls that found the cap full: they waited and were not turned away")
    ]
    rate_limit_per_minute: Annotated[int, Field(description="Requests of a key; fewer of them may change something")]
