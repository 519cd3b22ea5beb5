"""Filling the two secrets: the shapes the adapters read, and nothing half-filled."""

import json

import pytest

from infra.put_secrets import put_secrets

OUTPUTS = {"CarrierSecretArn": "arn:carrier", "AnthropicSecretArn": "arn:anthropic"}
SID = "AC" + "0" * 32


class Manager:
    """Secrets Manager, as far as it is written to."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, str]] = {}

    def put_secret_value(self, *, SecretId: str, SecretString: str) -> None:  # noqa: N803  AWS's names
        self.secrets[SecretId] = json.loads(SecretString)


def test_answers_become_the_secrets_the_adapters_read() -> None:
    manager = Manager()
    answers = iter([SID, " token ", "sk-key"])
    assert put_secrets(OUTPUTS, manager, lambda _: next(answers)) == ["Twilio account", "Anthropic key"]
    assert manager.secrets == {
        "arn:carrier": {"account_sid": SID, "auth_token": "token"},
        "arn:anthropic": {"api_key": "sk-key"},
    }


@pytest.mark.parametrize("access", ["aws", "bedrock"])
def test_nobody_is_asked_for_a_key_that_iam_makes_needless(access: str) -> None:
    manager, answers = Manager(), iter([SID, "token"])
    assert put_secrets(OUTPUTS | {"LlmAccess": access}, manager, lambda _: next(answers)) == ["Twilio account"]


def test_an_empty_answer_leaves_a_secret_alone() -> None:
    manager = Manager()
    answers = iter(["", "sk-key"])
    assert put_secrets(OUTPUTS, manager, lambda _: next(answers)) == ["Anthropic key"]
    assert set(manager.secrets) == {"arn:anthropic"}


@pytest.mark.parametrize("answers", [["SK123"], [SID, ""]])
def test_half_an_account_is_refused(answers: list[str]) -> None:
    manager = Manager()
    given = iter(answers)
    with pytest.raises(ValueError, match="SID"):
        put_secrets(OUTPUTS, manager, lambda _: next(given))
    assert manager.secrets == {}
