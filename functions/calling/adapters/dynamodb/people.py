"""What is remembered of people, read from DynamoDB. It is written by the call store, with the call's own change."""

from itertools import islice
from typing import TYPE_CHECKING

from calling.adapters.dynamodb import codec, keys, table
from calling.domain.history import CallSummary
from calling.domain.phone_number import PhoneNumber

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoPeopleStore:
    """Fulfils PeopleStore."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def summaries(self, account_id: str, person: PhoneNumber, *, limit: int) -> tuple[CallSummary, ...]:
        """Read a person's last calls; see the port."""
        request = table.partition(keys.person_pk(account_id, person.e164), newest_first=True)
        request["KeyConditionExpression"] += " AND begins_with(sk, :past)"
        request["ExpressionAttributeValues"][":past"] = codec.text("past#")
        items = table.query(self._client, self._table, **request, Limit=limit)
        return tuple(codec.decode(CallSummary, item) for item in islice(items, limit))
