"""The carrier's secret while it is rotated: what signs, for how long, and how it may be spelt.

The dates are those of the secret's versions, so the clock of these tests begins when they do.
"""

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from calling.adapters import aws
from calling.adapters.secrets import SecretsCredentials
from calling.domain.agent import Number
from calling.domain.phone_number import PhoneNumber
from calling.usecases.find_signer import find_signer
from tests.fakes.clock import ManualClock
from tests.fakes.outside import MemoryVault

NUMBER = Number("acct_1", "agent_1", PhoneNumber("+15550100001"), 1)
SID = "AC1"


class Secret:
    """One carrier secret, and any number of processes that read it."""

    def __init__(self, **fields: str) -> None:
        self.manager = aws.client("secretsmanager")
        self.name, self.clock = uuid4().hex, ManualClock(time.time_ns() // 1_000_000)
        self.manager.create_secret(Name=self.name, SecretString=json.dumps(fields))

    def put(self, text: str = "", **fields: str) -> None:
        self.manager.put_secret_value(SecretId=self.name, SecretString=text or json.dumps(fields))

    def pend(self, **fields: str) -> None:
        text, token = json.dumps(fields), uuid4().hex
        self.manager.put_secret_value(
            SecretId=self.name, SecretString=text, VersionStages=["AWSPENDING"], ClientRequestToken=token
        )

    def process(self) -> SecretsCredentials:
        return SecretsCredentials(self.manager, vault=MemoryVault(), clock=self.clock, carrier_secret_arn=self.name)


@pytest.fixture
def secret(cloud: str) -> Secret:
    return Secret(account_sid=SID, auth_token="one")


def test_the_token_before_signs_for_an_hour_in_a_cold_process_too(secret: Secret) -> None:
    warm = secret.process()
    assert warm.of_number(NUMBER).other_tokens == ()
    secret.put(account_sid=SID, auth_token="two")
    assert warm.renew(NUMBER)
    for process in (warm, secret.process()):
        account = process.of_number(NUMBER)
        assert (account.auth_token, account.other_tokens) == ("two", ("one",))
    secret.clock.advance(3590)
    assert secret.process().of_number(NUMBER).other_tokens == ("one",)
    assert warm.of_number(NUMBER).other_tokens == ("one",)
    secret.clock.advance(20)
    assert secret.process().of_number(NUMBER).other_tokens == ()
    assert warm.of_number(NUMBER).other_tokens == ()


def test_the_token_to_come_signs_once_a_check_has_failed(secret: Secret) -> None:
    """Managed rotation waits a minute between Twilio's promotion and ours."""
    process = secret.process()
    process.of_number(NUMBER)
    secret.pend(accountSid=SID, authToken="two")
    assert secret.process().of_number(NUMBER).other_tokens == ()  # nobody has asked for it
    assert process.renew(NUMBER)
    account = process.of_number(NUMBER)
    assert (account.auth_token, account.other_tokens) == ("one", ("two",))
    secret.clock.advance(3700)
    process.renew(NUMBER)
    assert process.of_number(NUMBER).other_tokens == ()


def test_forged_requests_buy_no_reads(secret: Secret) -> None:
    """A hundred of them in a minute cost what one costs: the secret itself, and the version to come."""
    process, reads = secret.process(), []
    process.of_number(NUMBER)
    secret.manager.meta.events.register("before-call.secrets-manager.GetSecretValue", lambda **_: reads.append(1))
    secret.clock.advance(3700)  # the version before is of no interest any more
    process.of_number(NUMBER)
    del reads[:]
    for _ in range(100):
        assert find_signer(NUMBER, lambda _: False, credentials=process) is None
        secret.clock.advance(0.5)
    assert len(reads) == 2


def test_a_secret_without_a_version_before_or_to_come_is_read_all_the_same(secret: Secret) -> None:
    process = secret.process()
    assert process.of_number(NUMBER).other_tokens == ()
    assert not process.renew(NUMBER)


@pytest.mark.parametrize(
    "before", [{"account_sid": "AC2", "auth_token": "other"}, {"api_key": "of another secret"}, {"account_sid": SID}]
)
def test_another_accounts_token_never_signs(secret: Secret, before: dict[str, str]) -> None:
    secret.put(**before)
    secret.put(account_sid=SID, auth_token="two")
    assert secret.process().of_number(NUMBER).other_tokens == ()


@pytest.mark.parametrize("broken", ["{", "[]", '"text"'])
def test_a_version_that_cannot_be_read_harms_only_itself(secret: Secret, broken: str) -> None:
    """An operator who has put a wrong secret right must not wait an hour."""
    secret.put(broken)
    secret.put(account_sid=SID, auth_token="two")
    assert secret.process().of_number(NUMBER).auth_token == "two"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("us1", None, None, ())),
        ({"region": "ie1", "api_key_sid": "SK1", "api_key_secret": "s"}, ("ie1", "SK1", "s", ())),
        ({"apiKeySid": "SK1", "apiKeySecret": "s", "shared_key": "k"}, ("us1", "SK1", "s", ("k",))),
    ],
)
@pytest.mark.parametrize("names", [("account_sid", "auth_token"), ("accountSid", "authToken")])
def test_the_secret_is_spelt_as_we_do_or_as_secrets_manager_does(
    cloud: str, fields: dict[str, str], names: tuple[str, str], expected: Any
) -> None:
    account = Secret(**dict(zip(names, (SID, "one"), strict=True)), **fields).process().of_number(NUMBER)
    assert (account.sid, account.auth_token) == (SID, "one")
    assert (account.region, account.api_key_sid, account.api_key_secret, account.shared_keys) == expected
    assert "'one'" not in repr(account)
    assert "'s'" not in repr(account)
    assert "'k'" not in repr(account)


def test_a_shared_key_before_signs_beside_the_next(cloud: str) -> None:
    secret = Secret(account_sid=SID, auth_token="one", shared_key="k1")
    secret.put(account_sid=SID, auth_token="one", shared_key="k2")
    account = secret.process().of_number(NUMBER)
    assert (account.other_tokens, account.shared_keys) == ((), ("k2", "k1"))


@pytest.mark.parametrize("fields", [{"account_sid": SID}, {"auth_token": "1"}, {"account_sid": "", "auth_token": "1"}])
def test_half_a_secret_is_an_error_that_names_no_value(cloud: str, fields: dict[str, str]) -> None:
    with pytest.raises(KeyError, match="account_sid and auth_token"):
        Secret(**fields).process().of_number(NUMBER)
