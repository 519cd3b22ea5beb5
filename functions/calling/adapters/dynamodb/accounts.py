"""Accounts and API keys in DynamoDB. A key's use is counted where the key is read, in one round trip."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.domain.account import Account, ApiKey
from calling.ports import AlreadyExists, StaleRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 4


class DynamoAccountStore:
    """Fulfils AccountStore."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def add_account(self, account: Account) -> None:
        """Store a new account; see the port."""
        keyed = codec.texts(keys.account(account.account_id) | {"kind": "account"})
        if not table.add(self._client, self._table, codec.encode(account) | keyed):
            raise AlreadyExists(account.account_id)

    def get_account(self, account_id: str) -> Account | None:
        """Read an account; see the port."""
        item = table.get(self._client, self._table, keys.account(account_id))
        return codec.decode(Account, item) if item else None

    def keys(self, account_id: str) -> tuple[ApiKey, ...]:
        """List keys; see the port."""
        request = table.partition(keys.account(account_id)["pk"])
        request["KeyConditionExpression"] += " AND begins_with(sk, :keys)"
        request["ExpressionAttributeValues"] |= codec.texts({":keys": keys.api_key(account_id, "")["sk"]})
        found = [codec.decode(ApiKey, item) for item in table.query(self._client, self._table, **request)]
        return tuple(sorted(found, key=lambda k: (k.created_at, k.key_id)))

    def change_keys(self, account: Account, *, add: ApiKey | None = None, remove: Sequence[ApiKey] = ()) -> None:
        """Add and remove keys; see the port. An account of before they were counted has no version yet."""
        uncounted = "" if account.keys_version else " OR attribute_not_exists(keys_version)"
        counted = {
            "TableName": self._table,
            "Key": codec.texts(keys.account(account.account_id)),
            "UpdateExpression": "SET keys_version = :next",
            "ConditionExpression": f"attribute_exists(pk) AND (keys_version = :was{uncounted})",
            "ExpressionAttributeValues": {
                ":was": codec.number(account.keys_version),
                ":next": codec.number(account.keys_version + 1),
            },
        }
        writes: list[dict[str, Any]] = [{"Update": counted}]
        if add is not None:
            keyed = codec.texts(keys.api_key(add.account_id, add.key_id) | {"kind": "api_key"})
            writes.append({"Put": table.put_if_new(self._table, codec.encode(add) | keyed)})
        for key in remove:
            gone = codec.texts(keys.api_key(key.account_id, key.key_id))
            writes.append({"Delete": {"TableName": self._table, "Key": gone}})
        try:
            table.transact(self._client, writes)
        except ClientError as error:
            if table.transaction_failed(error):
                raise StaleRecord(account.account_id) from None
            raise

    def rotate_key(self, key: ApiKey, secret_hash: str) -> None:
        """Give a key another secret; see the port."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=codec.texts(keys.api_key(key.account_id, key.key_id)),
                UpdateExpression="SET secret_hash = :new",
                ConditionExpression="secret_hash = :was",
                ExpressionAttributeValues=codec.texts({":new": secret_hash, ":was": key.secret_hash}),
            )
        except ClientError as error:
            if table.condition_failed(error):
                raise StaleRecord(key.key_id) from None
            raise

    def spend(self, account_id: str, key_id: str, *, secret_hash: str, window: int, write: bool) -> ApiKey | None:
        """Count a request; see the port. The first request of a minute takes a second round trip.

        Windows only move on: a host whose clock is behind counts into the newer minute.
        """
        key = keys.api_key(account_id, key_id)
        write_in = (self._count, self._begin)
        for attempt in range(_TRIES):
            try:
                return write_in[attempt % 2](key, secret_hash, window, write=write)
            except ClientError as error:
                if not table.condition_failed(error):
                    raise
                old = table.old_item(error)
                if old is None or codec.decode(ApiKey, old).secret_hash != secret_hash:
                    return None
        raise RuntimeError("an API key's counters changed under every attempt to count")

    def _count(self, key: dict[str, str], secret_hash: str, window: int, *, write: bool) -> ApiKey:
        answer = self._client.update_item(
            TableName=self._table,
            Key=codec.texts(key),
            UpdateExpression="ADD #count :one",
            ConditionExpression="#window >= :window AND #secret = :secret",
            ExpressionAttributeNames={
                "#count": "writes" if write else "reads",
                "#window": "window",
                "#secret": "secret_hash",
            },
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":window": codec.number(window),
                ":secret": codec.text(secret_hash),
            },
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return codec.decode(ApiKey, answer["Attributes"])

    def _begin(self, key: dict[str, str], secret_hash: str, window: int, *, write: bool) -> ApiKey:
        answer = self._client.update_item(
            TableName=self._table,
            Key=codec.texts(key),
            UpdateExpression="SET #window = :window, #reads = :reads, #writes = :writes",
            ConditionExpression="#window < :window AND #secret = :secret",
            ExpressionAttributeNames={
                "#window": "window",
                "#reads": "reads",
                "#writes": "writes",
                "#secret": "secret_hash",
            },
            ExpressionAttributeValues={
                ":window": codec.number(window),
                ":reads": codec.number(int(not write)),
                ":writes": codec.number(int(write)),
                ":secret": codec.text(secret_hash),
            },
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return codec.decode(ApiKey, answer["Attributes"])
