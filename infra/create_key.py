"""Make an account with its first API key: in a deployment, and for the laptop's house.

    python -m infra.create_key --stack redial

prints the key and the webhook secret once; they cannot be read again.
"""

import argparse

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock, SystemIds
from calling.adapters.dynamodb.accounts import DynamoAccountStore
from calling.adapters.kms import KmsVault
from calling.usecases.create_account import NewAccount, create_account
from infra.stack import deployed


def create_key(table_name: str, key_arn: str, region: str | None = None) -> NewAccount:
    """Create the account in a table, its webhook secret encrypted with a key."""
    return create_account(
        accounts=DynamoAccountStore(client("dynamodb", region), table_name),
        vault=KmsVault(client("kms", region), key_arn),
        clock=SystemClock(),
        ids=SystemIds(),
    )


def main() -> None:
    """Read the stack's outputs, create, print."""
    with deployed(argparse.ArgumentParser(description=__doc__)) as (stack, _):
        new = create_key(stack.outputs["TableName"], stack.outputs["KeyArn"], stack.region)
        print(f"API            {stack.outputs['ApiUrl']}/v1")
        print(f"account        {new.account_id}")
        print(f"API key        {new.api_key}")
        print(f"webhook secret {new.webhook_secret}")
        print("Keep both: they are shown this once.")


if __name__ == "__main__":
    main()
