"""Take what a dial needs before it may happen: a place in each pool that counts it, and the person's line to itself."""

from calling.domain.call import Call, EndedReason
from calling.domain.campaign import Campaign, Ticket
from calling.domain.ceiling import Ceiling
from calling.domain.lease import ACCOUNT_POOL, CAP_IS_FULL, CARRIERS, UNCOUNTED, Place, holder_in, places_of
from calling.domain.limits import Limits
from calling.domain.recipient import Recipient, attempt_id
from calling.ports import CallStore, LeasePool, LineLock

# The first expiry of a lease covers what comes before media renews it: pace, ringing, the first stream frames.
LEASE_SECONDS = 150
_OWN_MS = 60_000  # longer than two Lambdas with copies of one message are apart


def take_places(
    call: Call,
    campaign: Campaign | None,
    limits: Limits,
    ceiling: Ceiling | None = None,
    *,
    leases: LeasePool,
    lines: LineLock,
    now: int,
) -> str | None:
    """Take all that the call needs, or nothing; None when it is held, else the reason of the wait.

    A call of a campaign takes a place in its campaign's pool first, which is most often the fuller one, and in the
    account's only below what is kept for single calls. In the carrier account's it takes one here where that has a
    ceiling; else just before its request, so that the pool counts what was asked for.
    """
    expires_at = now + LEASE_SECONDS * 1000 - _OWN_MS  # for the time it takes to get all of them
    held: list[Place] = []
    for place in reversed(places_of(call)):
        owner, pool, _ = place
        if owner == CARRIERS and ceiling is None:
            continue
        cap = carrier_places(call, limits, ceiling) if owner == CARRIERS else places(pool, call, campaign, limits)
        if not leases.take(*place, cap=cap, expires_at=expires_at):
            _take_back(held, expires_at, leases)
            return ceiling.words if ceiling and owner == CARRIERS else _full(pool, call, cap)
        held.append(place)
    if not lines.acquire(call.account_id, call.person, call.call_id):
        _take_back(held, expires_at, leases)
        return EndedReason.IN_A_CALL.value
    # A copy of the same message takes the same places, and gives them back where it finds the line taken. What is
    # renewed here it leaves alone; what it gave back before is missed here.
    own_until = expires_at + _OWN_MS
    if not all(leases.renew(*place, expires_at=own_until) for place in held):
        lines.release(call.account_id, call.person, call.call_id)
        _take_back(held, own_until, leases)
        return "a copy of its message has given its place back"
    return None


def give_places_back(call: Call, *, leases: LeasePool, lines: LineLock) -> None:
    """Give back all that the call held; what it does not hold stays as it is."""
    give_slots_back(call, leases=leases)
    lines.release(call.account_id, call.person, call.call_id)


def give_slots_back(call: Call, *, leases: LeasePool) -> None:
    """Give back the call's places under the caps, and not yet its line."""
    for place in places_of(call):
        leases.release(*place)


def drop_places(call: Call, *, leases: LeasePool, lines: LineLock, now: int) -> None:
    """Give back what `take_places` took at `now` for a call that does not go on.

    Comes after a write of the recipient's record: no copy of its message that took the same before gets through any
    more, and what one takes after it has a later expiry and stays.
    """
    own_until = now + LEASE_SECONDS * 1000
    taken = {place for place in places_of(call) if leases.reap(*place, now=own_until + 1)}
    if taken >= {place for place in places_of(call) if place[0] != CARRIERS}:  # there it takes one only under a ceiling
        lines.release(call.account_id, call.person, call.call_id)


def leave_places(
    ticket: Ticket,
    recipient: Recipient,
    *,
    calls: CallStore,
    leases: LeasePool,
    lines: LineLock,
) -> None:
    """Give back what a copy of a ticket took before it died, or took too late; nothing where this try's call lives.

    Comes after a write of the recipient's record, or a look at one that moved on: no other copy gets through any more.
    """
    call_id = attempt_id(ticket.campaign_id, ticket.index, ticket.number)
    call = calls.get(ticket.account_id, call_id)
    if call is not None and call.settled_at is None:
        return
    for pool in (ACCOUNT_POOL, ticket.campaign_id):
        leases.release(ticket.account_id, pool, call_id)
    lines.release(ticket.account_id, recipient.phone_number, call_id)


def take_at_carrier(
    call: Call, carrier: str, limits: Limits, ceiling: Ceiling | None, *, leases: LeasePool, now: int
) -> bool:
    """Take, or keep, a place in the carrier account's pool just before the request; False where its ceiling is met."""
    holder = holder_in(CARRIERS, call.account_id, call.call_id)
    cap = carrier_places(call, limits, ceiling)
    return leases.take(CARRIERS, carrier, holder, cap=cap, expires_at=now + LEASE_SECONDS * 1000)


def carrier_places(call: Call, limits: Limits, ceiling: Ceiling | None) -> int:
    """Say how many places a carrier account has for this call, all accounts of the deployment together."""
    if ceiling is None:
        return UNCOUNTED
    return ceiling.calls if call.recipient is None else limits.campaign_places_at_carrier(ceiling)


def places(pool: str, call: Call, campaign: Campaign | None, limits: Limits) -> int:
    """Say how many places a pool has for this call."""
    if call.recipient is None:
        return limits.max_concurrent_calls
    if pool == ACCOUNT_POOL or campaign is None:
        return limits.campaign_places
    return campaign.places(limits.campaign_places)


def _take_back(places: list[Place], expires_at: int, leases: LeasePool) -> None:
    """Give back what was taken until `expires_at`; what a copy has renewed meanwhile is that one's."""
    for place in places:
        leases.reap(*place, now=expires_at + 1)


def _full(pool: str, call: Call, cap: int) -> str:
    if pool != ACCOUNT_POOL:
        return f"all {cap} places of the campaign are taken"
    reserve = ", less those kept for single calls," if call.recipient is not None else ""
    return f"all {cap} {CAP_IS_FULL}{reserve} are taken"
