"""Agents and their numbers in DynamoDB.

A number is written twice in one transaction: beside its agent, so that one query reads both, and under the account's
numbers, so that it is there once and found by itself. The same transaction writes its claim, which all accounts share:
`until` (epoch ms) stands in a claim whose number is not stored yet, `given` in one that the operator made.
"""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from calling.adapters.dynamodb import codec, keys, table
from calling.adapters.dynamodb.codec import Item
from calling.domain.agent import Agent, Number
from calling.domain.phone_number import PhoneNumber
from calling.ports import AlreadyExists, StaleRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ABSENT = "attribute_not_exists(pk)"


class DynamoAgentStore:
    """Fulfils AgentStore."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def add_agent(self, agent: Agent) -> None:
        """Store a new agent; see the port."""
        if not table.add(self._client, self._table, _agent_item(agent)):
            raise AlreadyExists(agent.agent_id)

    def put_agent(self, agent: Agent) -> None:
        """Replace an agent; raises StaleRecord where it is gone."""
        try:
            self._client.put_item(
                TableName=self._table, Item=_agent_item(agent), ConditionExpression="attribute_exists(pk)"
            )
        except ClientError as error:
            if table.condition_failed(error):
                raise StaleRecord(agent.agent_id) from None
            raise

    def get_agent(self, account_id: str, agent_id: str) -> tuple[Agent, tuple[Number, ...]] | None:
        """Read an agent and its numbers with one query; see the port."""
        request = table.partition(keys.agents_pk(account_id))
        request["KeyConditionExpression"] += " AND sk BETWEEN :agent AND :last"
        # From the agent itself to the last of its numbers; an id that merely begins like this one sorts outside.
        request["ExpressionAttributeValues"] |= codec.texts({":agent": agent_id, ":last": f"{agent_id}#number#~"})
        items = list(table.query(self._client, self._table, **request))
        if not items or items[0]["sk"]["S"] != agent_id:
            return None
        return codec.decode(Agent, items[0]), _oldest_first([codec.decode(Number, item) for item in items[1:]])

    def agents(self, account_id: str) -> tuple[Agent, ...]:
        """List agents; see the port."""
        request = table.partition(keys.agents_pk(account_id))
        request["FilterExpression"] = "kind = :kind"
        request["ExpressionAttributeValues"][":kind"] = codec.text("agent")
        found = [codec.decode(Agent, item) for item in table.query(self._client, self._table, **request)]
        return tuple(sorted(found, key=lambda a: (a.created_at, a.agent_id)))

    def delete_agent(self, account_id: str, agent_id: str) -> None:
        """Forget an agent; see the port."""
        self._client.delete_item(TableName=self._table, Key=codec.texts(keys.agent(account_id, agent_id)))

    def claim_number(self, account_id: str, phone_number: PhoneNumber, *, now: int, until: int) -> bool:
        """Claim a number; see the port. A claim that was made for good is left as it is."""
        key = keys.number_claim(phone_number.e164)
        try:
            self._client.update_item(
                TableName=self._table,
                Key=codec.texts(key),
                UpdateExpression="SET kind = :kind, account_id = :account, #until = :until, #ttl = :ttl",
                ConditionExpression=f"{_ABSENT} OR (account_id = :account AND attribute_exists(#until))"
                " OR #until <= :now",
                ExpressionAttributeNames={"#until": "until", "#ttl": "ttl"},
                ExpressionAttributeValues={
                    **codec.texts({":kind": "number_claim", ":account": account_id}),
                    ":until": codec.number(until),
                    ":ttl": codec.number(until // 1000),
                    ":now": codec.number(now),
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if table.condition_failed(error):
                return _is_of(table.old_item(error) or table.get(self._client, self._table, key), account_id)
            raise
        return True

    def drop_claim(self, account_id: str, phone_number: PhoneNumber, *, until: int) -> None:
        """Give up a claim; see the port."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=codec.texts(keys.number_claim(phone_number.e164)),
                ConditionExpression="account_id = :account AND #until = :until",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":account": codec.text(account_id), ":until": codec.number(until)},
            )
        except ClientError as error:
            if not table.condition_failed(error):
                raise

    def give_number(self, account_id: str, phone_number: PhoneNumber) -> None:
        """Claim a number for good; see the port."""
        try:
            self._client.update_item(**self._claim(account_id, phone_number, given=True))
        except ClientError as error:
            if table.condition_failed(error):
                raise AlreadyExists(str(phone_number)) from None
            raise

    def add_number(self, number: Number) -> None:
        """Store a new number; see the port."""
        writes = [self._put_owner(number, {"ConditionExpression": _ABSENT}), self._put_beside_agent(number)]
        writes.append({"Update": self._claim(number.account_id, number.phone_number)})
        if not self._transact(writes):
            raise AlreadyExists(str(number.phone_number))

    def get_number(self, account_id: str, phone_number: PhoneNumber) -> Number | None:
        """Read a number; see the port."""
        item = table.get(self._client, self._table, keys.number_owner(account_id, phone_number.e164))
        return codec.decode(Number, item) if item else None

    def numbers(self, account_id: str) -> tuple[Number, ...]:
        """List numbers; see the port."""
        request = table.partition(keys.number_owner(account_id, "")["pk"])
        return _oldest_first([codec.decode(Number, i) for i in table.query(self._client, self._table, **request)])

    def put_number(self, number: Number, *, was: Number) -> None:
        """Replace a number; see the port."""
        still = {
            "ConditionExpression": "agent_id = :was",
            "ExpressionAttributeValues": {":was": codec.text(was.agent_id)},
        }
        writes = [self._put_owner(number, still), self._put_beside_agent(number)]
        writes.append({"Update": self._claim(number.account_id, number.phone_number)})
        if number.agent_id != was.agent_id:
            writes.append(self._delete(keys.number(was.account_id, was.agent_id, was.phone_number.e164)))
        if not self._transact(writes):
            claim = table.get(self._client, self._table, keys.number_claim(number.phone_number.e164))
            gone = claim is not None and not _is_of(claim, number.account_id)
            raise (AlreadyExists if gone else StaleRecord)(str(number.phone_number))

    def delete_number(self, number: Number) -> None:
        """Forget a number; see the port."""
        e164 = number.phone_number.e164
        owner, beside = (
            keys.number_owner(number.account_id, e164),
            keys.number(number.account_id, number.agent_id, e164),
        )
        writes = [self._delete(owner), self._delete(beside)]
        key = keys.number_claim(e164)
        claim = table.get(self._client, self._table, key)
        if claim is not None and _is_of(claim, number.account_id) and "given" not in claim:
            mine = {":account": codec.text(number.account_id)}
            only_mine = "account_id = :account AND attribute_not_exists(given)"
            writes.append(self._delete(key, ConditionExpression=only_mine, ExpressionAttributeValues=mine))
        table.transact(self._client, writes)

    def _put_owner(self, number: Number, condition: dict[str, Any]) -> dict[str, Any]:
        key = keys.number_owner(number.account_id, number.phone_number.e164)
        item = codec.encode(number) | codec.texts(key | {"kind": "number_owner"})
        return {"Put": {"TableName": self._table, "Item": item, **condition}}

    def _put_beside_agent(self, number: Number) -> dict[str, Any]:
        key = keys.number(number.account_id, number.agent_id, number.phone_number.e164)
        item = codec.encode(number) | codec.texts(key | {"kind": "number"})
        return {"Put": {"TableName": self._table, "Item": item}}

    def _claim(self, account_id: str, phone_number: PhoneNumber, *, given: bool = False) -> dict[str, Any]:
        """Say 'claim this for good where nobody else has it' to an update or a transaction."""
        values = codec.texts({":kind": "number_claim", ":account": account_id})
        return {
            "TableName": self._table,
            "Key": codec.texts(keys.number_claim(phone_number.e164)),
            "UpdateExpression": f"SET kind = :kind, account_id = :account{', given = :given' if given else ''}"
            " REMOVE #until, #ttl",
            "ConditionExpression": f"{_ABSENT} OR account_id = :account",
            "ExpressionAttributeNames": {"#until": "until", "#ttl": "ttl"},
            "ExpressionAttributeValues": values | ({":given": {"BOOL": True}} if given else {}),
        }

    def _delete(self, key: dict[str, str], **condition: Any) -> dict[str, Any]:  # noqa: ANN401  DynamoDB's own
        return {"Delete": {"TableName": self._table, "Key": codec.texts(key), **condition}}

    def _transact(self, writes: list[dict[str, Any]]) -> bool:
        try:
            table.transact(self._client, writes)
        except ClientError as error:
            if table.transaction_failed(error):
                return False
            raise
        return True


def _agent_item(agent: Agent) -> Item:
    return codec.encode(agent) | codec.texts(keys.agent(agent.account_id, agent.agent_id) | {"kind": "agent"})


def _is_of(claim: Item | None, account_id: str) -> bool:
    return claim is not None and claim["account_id"]["S"] == account_id


def _oldest_first(numbers: list[Number]) -> tuple[Number, ...]:
    return tuple(sorted(numbers, key=lambda n: (n.created_at, n.phone_number.e164)))
