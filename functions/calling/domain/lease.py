"""A held place under the cap: a map of holders with expiries, in shards small enough for one conditional write."""

SHARD_PLACES = 50  # holders a shard item may have: far below DynamoDB's 400 KB item, spread over several items
ACCOUNT_POOL = "all"  # the pool every call of an account holds a place in


def shards(cap: int) -> tuple[int, ...]:
    """Divide a cap over shards; their places add up to exactly the cap."""
    full, rest = divmod(max(0, cap), SHARD_PLACES)
    return (SHARD_PLACES,) * full + ((rest,) if rest else ())
