"""One of the operator's scripts as its own process, in an account that has the stack `redial` in one region alone.

    python -m tests.infra.operated REGION SCRIPT [ARGUMENT ...]

The account is moto's, inside the process; the script's environment is the process's own.
"""

import runpy
import sys

from moto import mock_aws

from calling.adapters.aws import client
from tests.infra.plan import ROOT

# What the root template says to an operator, as far as these scripts read it.
_OUTPUTS = "  ApiUrl: { Value: https://api.example }\n"


def main() -> None:
    """Make the stack, then be the script."""
    region, script, *arguments = sys.argv[1:]
    with mock_aws():
        client("cloudformation", region).create_stack(
            StackName="redial",
            TemplateBody=(ROOT / "infra" / "data.yaml").read_text() + _OUTPUTS,
            Parameters=[
                {"ParameterKey": "Stage", "ParameterValue": "prod"},
                {"ParameterKey": "RetentionDays", "ParameterValue": "90"},
            ],
        )
        sys.argv = [script, *arguments]
        runpy.run_module(script, run_name="__main__")


if __name__ == "__main__":
    main()
