"""A held place under the cap: a map of holders with expiries, in shards small enough for one conditional write."""

from calling.domain.call import Call

SHARD_PLACES = 50  # holders a shard item may have: far below DynamoDB's 400 KB item, spread over several items
CAP_IS_FULL = "places under the concurrency cap"  # in the words of a wait: the account's own cap was met
ACCOUNT_POOL = "all"  # the pool every call of an account holds a place in
# Whose the pools of carrier accounts are: a deployment's accounts share them. They count what lives at the carrier.
CARRIERS = "carriers"
UNCOUNTED = 5_000  # the cap where none is known
Place = tuple[str, str, str]  # whose pool, which pool, and as which holder


def holder_in(owner: str, account_id: str, call_id: str) -> str:
    """Name the holder of a call's place: where accounts share a pool, with whose call it is."""
    return f"{account_id}/{call_id}" if owner == CARRIERS else call_id


def places_of(call: Call) -> tuple[Place, ...]:
    """Give the places a call holds while it lives.

    In the carrier account's pool, which counts what lives there, in the account's, and in its campaign's own.
    """
    carrier = ((CARRIERS, call.carrier_account),) if call.carrier_account else ()
    campaign = ((call.account_id, call.campaign_id),) if call.recipient is not None and call.campaign_id else ()
    pools = (*carrier, (call.account_id, ACCOUNT_POOL), *campaign)
    return tuple((owner, pool, holder_in(owner, call.account_id, call.call_id)) for owner, pool in pools)


def call_of(owner: str, holder: str) -> tuple[str, str]:
    """Say whose call holds a place, and which: (account_id, call_id)."""
    account_id, _, call_id = holder.partition("/") if owner == CARRIERS else (owner, "", holder)
    return account_id, call_id


def shards(cap: int) -> tuple[int, ...]:
    """Divide a cap over shards; their places add up to exactly the cap."""
    full, rest = divmod(max(0, cap), SHARD_PLACES)
    return (SHARD_PLACES,) * full + ((rest,) if rest else ())
