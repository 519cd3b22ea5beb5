"""What the account used."""

from fastapi import APIRouter

from api.auth import AuthenticatedRoute
from api.schemas.common import PROBLEMS
from api.schemas.usage import UsageOut
from api.services import Key, Ports
from calling.domain.cost import MILLION
from calling.domain.usage import Usage, month_of

router = APIRouter(route_class=AuthenticatedRoute, tags=["usage"], responses=PROBLEMS)


@router.get("/usage")
def get_usage(ports: Ports, key: Key) -> UsageOut:
    """Read what was used, counted as calls end and kept when their records are erased. A month is one of UTC."""
    this_month = Usage(month_of(ports.clock.now()))
    total = Usage("")
    for month in ports.usage.months(key.account_id):
        total += month
        this_month = this_month + month if month.month == this_month.month else this_month
    return UsageOut(
        total_calls=total.calls,
        total_minutes=total.minutes,
        total_cost=total.micro_dollars / MILLION,
        max_concurrent=ports.limits.get(key.account_id).max_concurrent_calls,
        peak_concurrent_this_month=this_month.peak,
        rejected_at_cap_this_month=this_month.waited,
        rate_limit_per_minute=ports.reads_per_minute,
    )
