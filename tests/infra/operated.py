"""One of the operator's scripts as its own process, in an account that has two stacks in one region alone: `redial`,
and beside it one that is nested in such a deployment, `redial-Data`.

    python -m tests.infra.operated REGION SCRIPT [ARGUMENT ...]

The account is moto's, inside the process; the script's environment is the process's own.
"""

import runpy
import sys

from moto import mock_aws

from calling.adapters.aws import client
from tests.infra.account import deploy_data


def main() -> None:
    """Make the stacks, then be the script."""
    region, script, *arguments = sys.argv[1:]
    with mock_aws():
        cloudformation, secrets = client("cloudformation", region), client("secretsmanager", region)
        empty = {f"{name}SecretArn": secrets.create_secret(Name=name)["ARN"] for name in ("Carrier", "Anthropic")}
        deploy_data(cloudformation, "redial", outputs=empty | {"ApiUrl": "https://api.example"})
        deploy_data(cloudformation, "redial-Data")
        sys.argv = [script, *arguments]
        runpy.run_module(script, run_name="__main__")


if __name__ == "__main__":
    main()
