"""What accounts allow themselves, in DynamoDB."""

from typing import TYPE_CHECKING

from calling.adapters.dynamodb import codec, keys, table
from calling.domain.limits import Limits

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoLimitsStore:
    """Fulfils LimitsStore. `defaults` are the deployment's, for accounts that have set nothing."""

    def __init__(self, client: "DynamoDBClient", table_name: str, defaults: Limits) -> None:
        self._client = client
        self._table = table_name
        self._defaults = defaults

    def get(self, account_id: str) -> Limits:
        """Read an account's limits; see the port."""
        item = table.get(self._client, self._table, keys.limits(account_id))
        return codec.decode(Limits, item) if item else self._defaults

    def put(self, account_id: str, limits: Limits) -> None:
        """Set an account's limits; see the port."""
        keyed = codec.texts(keys.limits(account_id) | {"kind": "limits"})
        self._client.put_item(TableName=self._table, Item=codec.encode(limits) | keyed)
