"""The operator's way back into an account, on the deployment's own table and key."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from calling.adapters.aws import client
from calling.adapters.dynamodb.accounts import DynamoAccountStore
from calling.domain.account import hash_secret
from infra.create_key import create_key, recover
from tests.infra.account import deploy_data

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse")  # tests/infra/account.py
REGION = "eu-west-2"


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield deploy_data(client("cloudformation", REGION), "redial")


@pytest.mark.parametrize("revoke_all", [False, True])
def test_a_new_admin_key_with_or_without_the_old_ones(outputs: dict[str, str], *, revoke_all: bool) -> None:
    where = (outputs["TableName"], outputs["KeyArn"])
    owner, neighbour = create_key(*where, REGION), create_key(*where, REGION)
    new = recover(*where, owner.account_id, revoke_all=revoke_all, region=REGION)
    assert new.webhook_secret == owner.webhook_secret
    store = DynamoAccountStore(client("dynamodb", REGION), outputs["TableName"])
    kept = [] if revoke_all else [owner.key_id]
    assert {key.key_id for key in store.keys(owner.account_id)} == {*kept, new.key.key_id}
    assert [key.key_id for key in store.keys(neighbour.account_id)] == [neighbour.key_id]
    spent = store.spend(owner.account_id, new.key.key_id, secret_hash=hash_secret(new.secret), window=1, write=True)
    assert spent is not None
    assert spent.scopes == ("calls", "admin")
