"""Look at the deployment's Twilio account before the first call, and say what to do. Nothing is changed.

    python -m infra.check_twilio --stack redial --countries GB,IE

reads the carrier secret of the stack; with `--ask` it asks for SID and token instead and needs no AWS. Exit code 0:
calls can be made, 1: something stops them, 2: Twilio could not be asked.
"""

import argparse
import json
import sys
from collections.abc import Collection, Mapping
from getpass import getpass
from typing import Any

from calling.adapters.secrets import carrier_account
from calling.domain.routing import Region
from calling.ports import CarrierAccount
from infra.stack import Stack, deployed
from infra.twilio_account import Finding, NotAccepted, NotReached, Weight, judge, look


def check(
    account: CarrierAccount, *, api_url: str = "", countries: Collection[str] = (), base_url: str = ""
) -> tuple[Finding, ...]:
    """Look and judge. Raises NotAccepted, NotReached."""
    facts = look(account, base_url=base_url)
    return judge(facts, api_url=api_url, countries=countries, shared_key=bool(account.shared_keys))


def tell(findings: Collection[Finding]) -> int:
    """Print what was found, gravest first; give the exit code."""
    for finding in findings:
        print(f"{finding.weight}: {finding.words}")
    return int(any(finding.weight is Weight.STOPS for finding in findings))


def stored(stack: Stack) -> CarrierAccount:
    """Read the account out of the stack's secret; ends the script with a sentence where there is none."""
    manager, arn = stack.client("secretsmanager"), stack.outputs["CarrierSecretArn"]
    try:
        secret: Mapping[str, Any] = json.loads(manager.get_secret_value(SecretId=arn)["SecretString"])
        return carrier_account(dict(secret))
    except (manager.exceptions.ResourceNotFoundException, KeyError, ValueError):
        sys.exit("The carrier secret is not filled: python -m infra.put_secrets does that.")


def asked() -> CarrierAccount:
    """Ask for an account, without showing what is typed."""
    sid, token = (getpass(f"Twilio {what}: ").strip() for what in ("account SID (AC...)", "auth token"))
    return CarrierAccount(sid, token, Region(input(f"Region ({', '.join(Region)}) [us1]: ").strip() or Region.US1))


def run(account: CarrierAccount, *, api_url: str, countries: str) -> int:
    """Check and print; give the exit code."""
    try:
        return tell(check(account, api_url=api_url, countries=[c for c in countries.split(",") if c]))
    except NotAccepted as error:
        print(f"{Weight.STOPS}: {error}")
        return 1
    except NotReached as error:
        print(error, file=sys.stderr)
        return 2


def main() -> None:
    """Read the command line, look, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ask", action="store_true", help="ask for SID and token, and read no stack")
    parser.add_argument("--countries", default="", help="ISO codes of the countries to be called, such as GB,IE")
    if "--ask" in sys.argv:
        given = parser.parse_args()
        sys.exit(run(asked(), api_url="", countries=given.countries))
    with deployed(parser) as (stack, given):
        sys.exit(run(stored(stack), api_url=stack.outputs["ApiUrl"], countries=given.countries))


if __name__ == "__main__":
    main()
