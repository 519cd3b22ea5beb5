"""Fill a deployment's two secrets: the Twilio account and, where Claude is reached by key (LlmAccess), Claude's key.

    python -m infra.put_secrets --stack redial

asks for them without showing them. They stand in no shell history, no process list and no file; an empty answer
leaves a secret as it is.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from getpass import getpass
from typing import Any

from calling.domain.language_model import LlmAccess
from infra.stack import deployed

Ask = Callable[[str], str]


def put_secrets(outputs: Mapping[str, str], manager: Any, ask: Ask) -> list[str]:  # noqa: ANN401  a botocore client
    """Ask and store; return what was stored.

    Raises:
        ValueError: an answer cannot be what was asked for; nothing of that secret is stored.
    """
    stored: list[str] = []
    if sid := ask("Twilio account SID (AC...): ").strip():
        if not re.fullmatch(r"AC[0-9a-f]{32}", sid):
            raise ValueError("An account SID is AC and 32 hexadecimal digits.")
        token = _needed(ask, "Twilio auth token: ")
        _put(manager, outputs["CarrierSecretArn"], {"account_sid": sid, "auth_token": token})
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
    with deployed(argparse.ArgumentParser(description=__doc__)) as (stack, _):
        try:
            stored = put_secrets(stack.outputs, stack.client("secretsmanager"), getpass)
        except ValueError as error:
            sys.exit(str(error))
        print(f"Stored: {', '.join(stored) or 'nothing'}.")


if __name__ == "__main__":
    main()
