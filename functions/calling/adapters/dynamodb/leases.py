"""Lease pools in DynamoDB: shard items of at most 50 places, each a map of holders with their expiries.

Every change is one conditional UpdateItem on one shard: nothing is counted, so nothing can drift. To take a place the
pool is read first: one's own place may be in any shard, and a pool that is full costs no write, however many wait at
it. A holder starts at a shard chosen by its name and goes on to the next where that is full.

Shards are those of the cap that `take` is given, and caps differ: campaigns take places only below what is kept for
single calls, and a cap may be lowered. A shard may then hold more than its places under this cap. What it holds beyond
them is taken off the places of the others, so that all together never get more than the cap.
"""

from typing import TYPE_CHECKING
from zlib import crc32

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb.codec import Item
from calling.domain import lease

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_HELD = "attribute_exists(holders.#holder)"
_TRIES = 3  # a shard's item may be created, or the holder's own place given back, between two looks


class DynamoLeasePool:
    """Fulfils LeasePool."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def take(self, account_id: str, pool: str, holder: str, *, cap: int, expires_at: int) -> bool:
        """Take or keep a place; see the port."""
        for _ in range(_TRIES):
            held = {_shard_number(item): _holders(item) for item in self._items(account_id, pool)}
            own = next((n for n, holders in held.items() if holder in holders), None)
            if own is not None:
                if self._take(keys.lease_shard(account_id, pool, own), holder, 0, expires_at):
                    return True
                continue  # it was given back between the look and the write
            places = _open_places({n: len(holders) for n, holders in held.items()}, cap)
            if not places:
                return False
            if any(
                self._take(keys.lease_shard(account_id, pool, n), holder, places[n], expires_at)
                for n in _from(holder, sorted(places))
            ):
                return True
        return False

    def renew(self, account_id: str, pool: str, holder: str, *, expires_at: int) -> bool:
        """Move an expiry; see the port."""
        return self._on_held(account_id, pool, holder, "SET holders.#holder = :expiry", {":expiry": expires_at})

    def release(self, account_id: str, pool: str, holder: str) -> bool:
        """Give a place back; see the port."""
        return self._on_held(account_id, pool, holder, "REMOVE holders.#holder", {})

    def reap(self, account_id: str, pool: str, holder: str, *, now: int) -> bool:
        """Give back an expired place; see the port."""
        expired = "attribute_exists(holders.#holder) AND holders.#holder < :now"
        return self._on_held(account_id, pool, holder, "REMOVE holders.#holder", {":now": now}, expired)

    def pools(self) -> tuple[tuple[str, str], ...]:
        """List all pools; see the port."""
        shards = table.query(
            self._client,
            self._table,
            IndexName="gsi2",
            KeyConditionExpression="gsi2pk = :pools",
            ExpressionAttributeValues=codec.texts({":pools": keys.POOLS}),
        )
        names = [shard["gsi2sk"]["S"].split("#") for shard in shards]
        return tuple(dict.fromkeys((account_id, pool) for account_id, pool, _ in names))

    def holders(self, account_id: str, pool: str) -> dict[str, int]:
        """Read all holders; see the port."""
        return {holder: expiry for item in self._items(account_id, pool) for holder, expiry in _holders(item).items()}

    def forget(self, account_id: str, pool: str) -> None:
        """Drop the shards in which nobody is; see the port."""
        for item in self._items(account_id, pool):
            if not _holders(item):
                self._delete_empty(table.key_of(item))

    def _take(self, key: dict[str, str], holder: str, places: int, expires_at: int) -> bool:
        """Take a place in one shard, or keep the one held there (also with `places` 0)."""
        for _ in range(_TRIES):
            there = self._add(key, holder, places, expires_at)
            if there is None:
                return True
            held = _holders(there).get(holder)
            if held is not None:
                if held >= expires_at or self._prolong(key, holder, expires_at):
                    return True
            elif there or places == 0:
                return False
            elif self._create(key, holder, expires_at):
                return True
        return False

    def _add(self, key: dict[str, str], holder: str, places: int, expires_at: int) -> Item | None:
        """Add a holder and return None; where that is refused return the shard as it is, empty if it is not there."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=codec.texts(key),
                UpdateExpression="SET holders.#holder = :expiry",
                ConditionExpression=(
                    "attribute_exists(holders) AND attribute_not_exists(holders.#holder) AND size(holders) < :places"
                ),
                ExpressionAttributeNames={"#holder": holder},
                ExpressionAttributeValues={":expiry": codec.number(expires_at), ":places": codec.number(places)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if table.condition_failed(error):
                return table.old_item(error) or {}
            raise
        return None

    def _prolong(self, key: dict[str, str], holder: str, expires_at: int) -> bool:
        """Move a held place's expiry on, never back; False where the place is gone or was moved further meanwhile."""
        return self._conditional(
            key,
            holder,
            "SET holders.#holder = :expiry",
            "attribute_exists(holders.#holder) AND holders.#holder < :expiry",
            {":expiry": expires_at},
        )

    def _create(self, key: dict[str, str], holder: str, expires_at: int) -> bool:
        """Create a shard with its first holder; False where another was first."""
        shard: Item = {"kind": codec.text("lease"), "holders": {"M": {holder: codec.number(expires_at)}}}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=codec.texts(key | _pools_index(key)) | shard,
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            if table.condition_failed(error):
                return False
            raise
        return True

    def _on_held(
        self, account_id: str, pool: str, holder: str, update: str, values: dict[str, int], held: str = _HELD
    ) -> bool:
        """Update a held place wherever it is: shard 0 is tried unread, for most pools have no other."""
        if self._conditional(keys.lease_shard(account_id, pool, 0), holder, update, held, values):
            return True
        done = [
            self._conditional(keys.lease_shard(account_id, pool, n), holder, update, held, values)
            for n in self._shards_with(account_id, pool, holder)
        ]
        return any(done)

    def _conditional(
        self, key: dict[str, str], holder: str, update: str, condition: str, values: dict[str, int]
    ) -> bool:
        given = {"ExpressionAttributeValues": {n: codec.number(v) for n, v in values.items()}} if values else {}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=codec.texts(key),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#holder": holder},
                **given,  # type: ignore[arg-type]  # an optional argument
            )
        except ClientError as error:
            if table.condition_failed(error):
                return False
            raise
        return True

    def _delete_empty(self, key: dict[str, str]) -> None:
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=codec.texts(key),
                ConditionExpression="size(holders) = :none",
                ExpressionAttributeValues={":none": codec.number(0)},
            )
        except ClientError as error:
            if not table.condition_failed(error):  # else somebody has just come in, or it is gone
                raise

    def _shards_with(self, account_id: str, pool: str, holder: str) -> list[int]:
        return [_shard_number(item) for item in self._items(account_id, pool) if holder in _holders(item)]

    def _items(self, account_id: str, pool: str) -> list[Item]:
        return list(table.query(self._client, self._table, **table.partition(keys.lease_pk(account_id, pool))))


def _open_places(held: dict[int, int], cap: int) -> dict[int, int]:
    """Give the shards that may take somebody, with how many they may hold. Together they stay within the cap."""
    places = dict(enumerate(lease.shards(cap)))
    beyond = sum(max(0, n - places.get(shard, 0)) for shard, n in held.items())
    for shard in reversed(places):
        free = max(0, places[shard] - held.get(shard, 0))
        cut = min(free, beyond)
        places[shard], beyond = places[shard] - cut, beyond - cut
    return {shard: n for shard, n in places.items() if n > held.get(shard, 0)}


def _from(holder: str, shards: list[int]) -> list[int]:
    """Begin with a shard chosen by the holder's name, so that they spread."""
    first = crc32(holder.encode()) % len(shards)
    return shards[first:] + shards[:first]


def _shard_number(item: Item) -> int:
    return int(item["sk"]["S"].partition("#")[2])


def _pools_index(key: dict[str, str]) -> dict[str, str]:
    account_id, _, pool = key["pk"].split("#")
    return keys.pools_index(account_id, pool, int(key["sk"].partition("#")[2]))


def _holders(shard: Item) -> dict[str, int]:
    held = shard.get("holders", {"M": {}})["M"]
    return {holder: int(expiry["N"]) for holder, expiry in held.items()}
