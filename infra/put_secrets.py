"""Fill a deployment's two secrets: the Twilio account and, where Claude is reached by key (LlmAccess), Claude's key.

    python -m infra.put_secrets --stack redial

asks for them without showing them. They stand in no shell history, no process list and no file; an empty answer
leaves a secret as it is. `--more` asks for what few Twilio accounts need as well: a region, an API key, a shared key.

A Twilio account that Twilio refuses is not stored; of one that is, what infra.check_twilio finds is printed.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from getpass import getpass
from typing import Any

from calling.adapters.secrets import carrier_account
from calling.domain.language_model import LlmAccess
from calling.domain.routing import Region
from calling.ports import CarrierAccount
from infra.check_twilio import check as check_account
from infra.check_twilio import tell
from infra.stack import deployed
from infra.twilio_account import Finding, NotAccepted, NotReached, Weight

Ask = Callable[[str], str]
Check = Callable[[CarrierAccount], None]  # raises ValueError for an account that must not be stored
_MORE = {
    "region": f"Twilio region ({', '.join(Region)}; none: {Region.US1}): ",
    "api_key_sid": "Twilio API key SID (SK...; none: requests go out under the token): ",
    "api_key_secret": "Twilio API key secret: ",
    "shared_key": "Twilio shared key that signs webhooks (none: the token does): ",
}


def put_secrets(
    outputs: Mapping[str, str],
    manager: Any,  # noqa: ANN401  a botocore client
    ask: Ask,
    check: Check = lambda _: None,
    *,
    more: bool = False,
) -> list[str]:
    """Ask and store; return what was stored.

    Raises:
        ValueError: an answer cannot be what was asked for; nothing of that secret is stored.
    """
    stored: list[str] = []
    if sid := ask("Twilio account SID (AC...): ").strip():
        if not re.fullmatch(r"AC[0-9a-f]{32}", sid):
            raise ValueError("An account SID is AC and 32 hexadecimal digits.")
        token = _needed(ask, "Twilio auth token: ")
        given = {name: ask(question).strip() for name, question in _MORE.items()} if more else {}
        secret = {"account_sid": sid, "auth_token": token, **{name: text for name, text in given.items() if text}}
        check(carrier_account(secret))
        _put(manager, outputs["CarrierSecretArn"], secret)
        stored.append("Twilio account")
    if _claude_by_key(outputs) and (key := ask("Anthropic API key: ").strip()):
        _put(manager, outputs["AnthropicSecretArn"], {"api_key": key})
        stored.append("Anthropic key")
    return stored


def _claude_by_key(outputs: Mapping[str, str]) -> bool:
    """Tell it of deployments that do not say how they reach Claude, too: those know one way."""
    return outputs.get("LlmAccess", LlmAccess.ANTHROPIC) == LlmAccess.ANTHROPIC


def _needed(ask: Ask, question: str) -> str:
    answer = ask(question).strip()
    if not answer:
        raise ValueError("The account SID alone is of no use: its auth token is needed too.")
    return answer


def _put(manager: Any, arn: str, secret: dict[str, str]) -> None:  # noqa: ANN401  a botocore client
    manager.put_secret_value(SecretId=arn, SecretString=json.dumps(secret))


def main() -> None:
    """Read the stack's outputs, ask, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--more", action="store_true", help="ask for Twilio's region, API key and shared key, too")
    findings: list[Finding] = []
    with deployed(parser) as (stack, given):

        def look_at(account: CarrierAccount) -> None:
            findings.extend(checked(account, stack.outputs["ApiUrl"]))

        try:
            stored = put_secrets(stack.outputs, stack.client("secretsmanager"), getpass, look_at, more=given.more)
        except ValueError as error:
            sys.exit(str(error))
        print(f"Stored: {', '.join(stored) or 'nothing'}.")
        tell(findings)


def checked(account: CarrierAccount, api_url: str, *, base_url: str = "") -> tuple[Finding, ...]:
    """Look at an account before it is stored; one that cannot be asked about is stored with a word.

    Raises:
        ValueError: Twilio does not accept it.
    """
    try:
        return check_account(account, api_url=api_url, base_url=base_url)
    except NotAccepted as error:
        raise ValueError(f"{error} Nothing was stored.") from error
    except NotReached as error:
        words = f"{error} The account is stored unseen: python -m infra.check_twilio looks at it."
        return (Finding(Weight.HURTS, words),)


if __name__ == "__main__":
    main()
