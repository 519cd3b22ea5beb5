"""What is known of people in DynamoDB. What past calls left is written by the call store, with the call's change."""

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from calling.adapters.dynamodb import codec, keys, table
from calling.domain.caller import FIELDS
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

    def forget(self, account_id: str, person: PhoneNumber, *, call_id: str | None = None) -> None:
        """Delete what past calls left behind; see the port."""
        request = table.partition(keys.person_pk(account_id, person.e164))
        request["KeyConditionExpression"] += " AND begins_with(sk, :past)"
        request["ExpressionAttributeValues"][":past"] = codec.text("past#")
        found = [table.key_of(item) for item in table.query(self._client, self._table, **request)]
        mine = [key for key in found if call_id is None or key["sk"].endswith(f"#{call_id}")]
        table.delete(self._client, self._table, mine)

    def caller(self, account_id: str, our_number: PhoneNumber, person: PhoneNumber) -> dict[str, str] | None:
        """Read what was told of a person; see the port."""
        item = table.get(self._client, self._table, keys.caller(account_id, person.e164, our_number.e164))
        return _told(item) if item else None

    def change_caller(
        self, account_id: str, our_number: PhoneNumber, person: PhoneNumber, changes: Mapping[str, str | None]
    ) -> dict[str, str]:
        """Change what is told of a person, in one write; see the port."""
        names = {"#kind": "kind"} | {f"#{name}": name for name in changes}
        sets = ["#kind = :kind", *(f"#{name} = :{name}" for name, value in changes.items() if value is not None)]
        removes = [f"#{name}" for name, value in changes.items() if value is None]
        values = {f":{name}": value for name, value in changes.items() if value is not None}
        answer = self._client.update_item(
            TableName=self._table,
            Key=codec.texts(keys.caller(account_id, person.e164, our_number.e164)),
            UpdateExpression=f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=codec.texts(values | {":kind": "caller"}),
            ReturnValues="ALL_NEW",
        )
        return _told(answer["Attributes"])

    def delete_caller(self, account_id: str, our_number: PhoneNumber, person: PhoneNumber) -> bool:
        """Delete what was told of a person; see the port."""
        answer = self._client.delete_item(
            TableName=self._table,
            Key=codec.texts(keys.caller(account_id, person.e164, our_number.e164)),
            ReturnValues="ALL_OLD",
        )
        return bool(answer.get("Attributes"))


def _told(item: Mapping[str, Any]) -> dict[str, str]:
    return {name: item[name]["S"] for name in FIELDS if name in item}
