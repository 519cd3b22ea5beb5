"""The deployed stack that an operator's script works on: which region it is in, and what it says of itself.

AWS's tools disagree about the region's variable: the AWS CLI v2 reads AWS_REGION before AWS_DEFAULT_REGION, SAM and
botocore read AWS_DEFAULT_REGION alone. The scripts take what the AWS CLI v2 takes, and say which it was.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from calling.adapters.aws import client

_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_NO_REGION = "No region is set: export AWS_REGION and AWS_DEFAULT_REGION, or give --region."
# What the scripts read of a stack; one that lacks any of it is not a deployment's root, but a nested or a foreign one.
READ = frozenset({"AnthropicSecretArn", "ApiUrl", "CarrierSecretArn", "KeyArn", "TableName"})
_NO_CREDENTIALS = "No AWS credentials were found: `aws sts get-caller-identity` must answer in this shell."


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployment: its stack's name, its region, and the stack's outputs."""

    name: str
    region: str
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:  # noqa: ANN401  as calling.adapters.aws has it
        """Make a client in the stack's region."""
        return client(service, self.region)


@contextmanager
def deployed(parser: argparse.ArgumentParser) -> Iterator[tuple[Stack, argparse.Namespace]]:
    """Read the command line, with `--stack` and `--region`, and find the stack; say on stderr where it was looked for.

    Whatever AWS refuses, here or in the body, ends the script with a sentence and exit code 1.
    """
    parser.add_argument("--stack", default="redial", help="the stack's name (default: redial)")
    parser.add_argument("--region", help="default: AWS_REGION, else AWS_DEFAULT_REGION, else the profile's")
    given = parser.parse_args()
    try:
        region, source = find_region(given.region, os.environ, _of_the_profile)
        if region is None:
            sys.exit(_NO_REGION)
        print(f"Stack {given.stack} in {region} ({source}).", file=sys.stderr)
        stacks = client("cloudformation", region).describe_stacks(StackName=given.stack)["Stacks"]
        outputs = {o["OutputKey"]: o["OutputValue"] for o in stacks[0].get("Outputs", ())}
        if not outputs:
            sys.exit(f"The stack {given.stack} is {stacks[0]['StackStatus']}: nothing of it is in use yet.")
        if missing := sorted(READ - outputs.keys()):
            sys.exit(f"The stack {given.stack} is no deployment of Redial: it has no output {', '.join(missing)}.")
        yield Stack(given.stack, region, outputs), given
    except (NoCredentialsError, PartialCredentialsError):
        sys.exit(_NO_CREDENTIALS)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"AWS refused: {error}")


def find_region(
    given: str | None, environ: Mapping[str, str], of_the_profile: Callable[[], str | None]
) -> tuple[str | None, str]:
    """Choose the region, and say where it was found. AWS_REGION wins over AWS_DEFAULT_REGION."""
    if given:
        return given, "--region"
    first, second = (environ.get(name, "").strip() for name in _VARIABLES)
    if first and second and first != second:
        return first, f"AWS_REGION; AWS_DEFAULT_REGION, which sam reads, says {second}"
    if found := first or second:
        return found, _VARIABLES[0] if first else _VARIABLES[1]
    return of_the_profile(), "the AWS profile"


def _of_the_profile() -> str | None:
    region: str | None = botocore.session.get_session().get_config_variable("region")
    return region
