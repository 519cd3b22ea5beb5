"""What accounts allow themselves, in DynamoDB: only what was set, so that the rest follows the deployment."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb.codec import Item
from calling.domain.limits import Limits

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NONE = {"NULL": True}  # set to 'none', where an absent attribute is not set


class DynamoLimitsStore:
    """Fulfils LimitsStore. `defaults` are the deployment's, for what an account has not set; their cap is the most."""

    def __init__(self, client: "DynamoDBClient", table_name: str, defaults: Limits) -> None:
        self._client = client
        self._table = table_name
        self._defaults = defaults

    @property
    def capacity(self) -> int:
        """See the port."""
        return self._defaults.max_concurrent_calls

    def get(self, account_id: str) -> Limits:
        """Read an account's limits; see the port."""
        return self._merged(table.get(self._client, self._table, keys.limits(account_id)) or {})

    def change(self, account_id: str, changes: Mapping[str, Any]) -> Limits:
        """Set some of an account's limits; see the port."""
        if not changes:
            return self.get(account_id)
        written = {name: codec.encode_field(Limits, name, value) or _NONE for name, value in changes.items()}
        written["kind"] = codec.text("limits")
        after = self._client.update_item(
            TableName=self._table,
            Key=codec.texts(keys.limits(account_id)),
            UpdateExpression="SET " + ", ".join(f"#f{n} = :f{n}" for n in range(len(written))),
            ExpressionAttributeNames={f"#f{n}": name for n, name in enumerate(written)},
            ExpressionAttributeValues={f":f{n}": value for n, value in enumerate(written.values())},
            ReturnValues="ALL_NEW",
        )
        return self._merged(after["Attributes"])  # type: ignore[arg-type]  # the stubs' union of attribute values

    def _merged(self, item: Item) -> Limits:
        known = codec.encode(self._defaults) | item
        limits = codec.decode(Limits, {name: value for name, value in known.items() if value != _NONE})
        return limits.within(self.capacity)
