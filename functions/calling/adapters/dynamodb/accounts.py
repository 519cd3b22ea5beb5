"""Accounts and API keys in DynamoDB. A key's use is counted where the key is read, in one round trip."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.domain.account import Account, ApiKey
from calling.ports import AlreadyExists

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

    def put_key(self, key: ApiKey) -> None:
        """Store a key; see the port."""
        keyed = codec.texts(keys.api_key(key.account_id, key.key_id) | {"kind": "api_key"})
        self._client.put_item(TableName=self._table, Item=codec.encode(key) | keyed)

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
