"""Make an account with its first API key: in a deployment, and for the laptop's house.

    python -m infra.create_key --stack redial

prints the key and the webhook secret once; they cannot be read again. An account whose admin key is lost gets a new one
with `--account acct_...`; one whose admin key is stolen with `--revoke-all` as well: every other key stops in the same
moment. An account's id stands in its keys': key_0123456789ab_... is of acct_0123456789ab.
"""

import argparse
import sys

from calling.adapters.aws import client
from calling.adapters.clock import SystemClock, SystemIds
from calling.adapters.dynamodb.accounts import DynamoAccountStore
from calling.adapters.kms import KmsVault
from calling.domain.errors import NotFound
from calling.ports import StaleRecord
from calling.usecases.create_account import NewAccount, create_account
from calling.usecases.create_key import NewKey
from calling.usecases.recover_account import recover_account
from infra.stack import deployed


def create_key(table_name: str, key_arn: str, region: str | None = None) -> NewAccount:
    """Create the account in a table, its webhook secret encrypted with a key."""
    return create_account(
        accounts=DynamoAccountStore(client("dynamodb", region), table_name),
        vault=KmsVault(client("kms", region), key_arn),
        clock=SystemClock(),
        ids=SystemIds(),
    )


def recover(table_name: str, key_arn: str, account_id: str, *, revoke_all: bool, region: str | None = None) -> NewKey:
    """Make a new admin key for an account. Raises NotFound, StaleRecord; see the use case."""
    return recover_account(
        account_id,
        revoke_all=revoke_all,
        accounts=DynamoAccountStore(client("dynamodb", region), table_name),
        vault=KmsVault(client("kms", region), key_arn),
        clock=SystemClock(),
        ids=SystemIds(),
    )


def main() -> None:
    """Read the stack's outputs, create, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--account", help="an account that is there: it gets a new admin key")
    parser.add_argument("--revoke-all", action="store_true", help="with --account: stop all its other keys")
    with deployed(parser) as (stack, given):
        where = (stack.outputs["TableName"], stack.outputs["KeyArn"])
        if given.revoke_all and not given.account:
            sys.exit("--revoke-all needs --account: whose keys?")
        new: NewAccount | NewKey
        if given.account:
            try:
                new = recover(*where, given.account, revoke_all=given.revoke_all, region=stack.region)
            except NotFound as error:
                sys.exit(error.message)
            except StaleRecord:
                sys.exit("Somebody else changed the account's keys each time: run this again.")
        else:
            new = create_key(*where, stack.region)
        print(f"API            {stack.outputs['ApiUrl']}/v1")
        print(f"account        {new.account_id}")
        print(f"API key        {new.api_key}")
        print(f"webhook secret {new.webhook_secret}")
        print("Keep both: they are shown this once.")


if __name__ == "__main__":
    main()
