"""How many calls carrier accounts allow at once, in DynamoDB: one small item each, forgotten by itself."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.domain.ceiling import Ceiling, learnt

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 8  # of calls that are refused at once each may lower it


class DynamoCeilingStore:
    """Fulfils CeilingStore."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def get(self, carrier_account: str, *, now: int) -> Ceiling | None:
        """Read what is known; see the port."""
        known = self._read(carrier_account)
        return known if known is not None and known.until > now else None

    def learn(self, carrier_account: str, live: int, *, now: int) -> Ceiling | None:
        """Note a refusal; see the port. Contested to the last it is left to the next refusal."""
        known = None
        for _ in range(_TRIES):
            was = self._read(carrier_account)
            known = learnt(was, live, now)
            if known is None or known == was or self._put(carrier_account, was, known):
                break
        return known

    def _read(self, carrier_account: str) -> Ceiling | None:
        item = table.get(self._client, self._table, keys.ceiling(carrier_account))
        return codec.decode(Ceiling, item) if item else None

    def _put(self, carrier_account: str, was: Ceiling | None, now: Ceiling) -> bool:
        keyed = codec.texts(keys.ceiling(carrier_account) | {"kind": "ceiling"})
        item = codec.encode(now) | keyed | {"ttl": codec.number(now.until // 1000)}
        if was is None:
            return table.add(self._client, self._table, item)
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="calls = :calls AND #until = :until",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":calls": codec.number(was.calls), ":until": codec.number(was.until)},
            )
        except ClientError as error:
            if table.condition_failed(error):
                return False
            raise
        return True
