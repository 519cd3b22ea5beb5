"""One emulator and one table for all contract suites; each test has an account of its own."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from calling.adapters import aws
from tests.flows.conftest import REGION, Emulator, emulator

__all__ = ["emulator"]
TABLE = "contracts"


@pytest.fixture(scope="session")
def cloud(emulator: Emulator) -> Iterator[str]:
    """Point botocore's own chain at the emulator, as the laptop's Lambdas have it; gives the endpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        yield emulator.endpoint_url


@pytest.fixture(scope="session")
def dynamodb(cloud: str) -> Any:
    """A client of a DynamoDB that has the table `contracts`."""
    client = aws.client("dynamodb", REGION)
    create_table(client, TABLE)
    return client


@pytest.fixture
def account_id() -> str:
    return f"acct_{uuid4().hex[:12]}"


def create_table(client: Any, name: str) -> None:
    """Make a table with the keys, index, stream and TTL that the template gives it."""
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": f"{index}{name}", "AttributeType": "S"}
            for index in ("", "gsi1", "gsi2")
            for name in ("pk", "sk")
        ],
        KeySchema=_schema("pk", "sk"),
        GlobalSecondaryIndexes=[
            {"IndexName": "gsi1", "KeySchema": _schema("gsi1pk", "gsi1sk"), "Projection": {"ProjectionType": "ALL"}},
            {
                "IndexName": "gsi2",
                "KeySchema": _schema("gsi2pk", "gsi2sk"),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})


def _schema(hash_key: str, range_key: str) -> list[dict[str, str]]:
    return [{"AttributeName": hash_key, "KeyType": "HASH"}, {"AttributeName": range_key, "KeyType": "RANGE"}]
