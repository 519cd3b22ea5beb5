"""One of the operator's scripts as its own process, in an account that has the stack `redial` in one region alone.

    python -m tests.infra.operated REGION SCRIPT [ARGUMENT ...]

The account is moto's, inside the process; the script's environment is the process's own.
"""

import runpy
import sys

from moto import mock_aws

from calling.adapters.aws import client
from tests.infra.account import deploy_data


def main() -> None:
    """Make the stack, then be the script."""
    region, script, *arguments = sys.argv[1:]
    with mock_aws():
        deploy_data(client("cloudformation", region), "redial", outputs={"ApiUrl": "https://api.example"})
        sys.argv = [script, *arguments]
        runpy.run_module(script, run_name="__main__")


if __name__ == "__main__":
    main()
