"""Secrets of Secrets Manager, each a small JSON object, kept for five minutes by the clock it is given.

carrier: `{"account_sid", "auth_token"}`, and as wanted `"region"`, `"api_key_sid"` with `"api_key_secret"`,
`"shared_key"`; Secrets Manager's own rotation of Twilio's secrets spells them `accountSid`, `authToken`, `apiKeySid`,
`apiKeySecret` · stream tokens: `{"secret"}` · language model: `{"api_key"}`.

While a carrier's token is being rotated two of them sign: Twilio may have begun with the new one before it is ours
(AWSPENDING), or still send what the old one signed (AWSPREVIOUS).
"""

import json
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from calling.domain.agent import Number
from calling.domain.routing import Region
from calling.ports import CarrierAccount, Clock, Vault

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

Secret = dict[str, str]
KEEP_MS = 5 * 60 * 1000
RENEW_MS = 60 * 1000  # between two reads that somebody else's request can cause
BESIDE_MS = int(timedelta(hours=1) / timedelta(milliseconds=1))  # how long a token signs beside the one after it
# That of Secrets Manager's managed rotation (types TwilioAuthToken and TwilioApiKey), by ours.
_SPELLINGS = {
    "account_sid": "accountSid",
    "auth_token": "authToken",
    "api_key_sid": "apiKeySid",
    "api_key_secret": "apiKeySecret",
}


class SecretsCredentials:
    """Fulfils Credentials. A door names the secrets it needs; asking for another raises LookupError."""

    def __init__(
        self,
        client: "SecretsManagerClient",
        *,
        vault: Vault,
        clock: Clock,
        carrier_secret_arn: str = "",
        stream_secret_arn: str = "",
        llm_secret_arn: str = "",
    ) -> None:
        self._client = client
        self._vault = vault
        self._clock = clock
        self._carrier_arn = carrier_secret_arn
        self._stream_arn = stream_secret_arn
        self._llm_arn = llm_secret_arn
        self._kept: dict[str, tuple[int, Secret]] = {}
        self._carrier: tuple[int, CarrierAccount] | None = None  # with when it must be read again
        self._renewed_at: int | None = None
        self._renewing = Lock()  # a media task asks from many threads

    def of_number(self, number: Number) -> CarrierAccount:
        """Give a number's carrier account; see the port."""
        now = self._clock.now()
        if (own := account_on_record(number, self._vault, now)) is not None:
            return own
        if self._carrier is None or now >= self._carrier[0]:
            self._carrier = self._read_carrier(now)
        return self._carrier[1]

    def renew(self, number: Number) -> bool:
        """Read the deployment's carrier secret again; see the port."""
        if number.twilio_token:
            return False
        with self._renewing:
            now = self._clock.now()
            if self._renewed_at is not None and now < self._renewed_at + RENEW_MS:
                return False
            self._renewed_at = now
            was, self._carrier = self._carrier, self._read_carrier(now, "AWSPENDING")
            return was is not None and self._carrier[1] != was[1]

    def stream_secret(self) -> bytes:
        """Give the signing secret; see the port."""
        return self._secret(self._stream_arn)["secret"].encode()

    def llm_key(self) -> str:
        """Give the language model's key; see the port."""
        return self._secret(self._llm_arn)["api_key"]

    def _secret(self, arn: str) -> Secret:
        if not arn:
            raise LookupError("this door was not given that secret")
        kept = self._kept.get(arn)
        if kept is None or self._clock.now() >= kept[0] + KEEP_MS:
            kept = self._kept[arn] = (self._clock.now(), _read(self._client, arn)[0])
        return kept[1]

    def _read_carrier(self, now: int, *stages: str) -> tuple[int, CarrierAccount]:
        """Read the account with what signs beside its token: each version does so for the first hour of the next."""
        if not self._carrier_arn:
            raise LookupError("this door was not given that secret")
        secret, since = _read(self._client, self._carrier_arn)
        account, until = carrier_account(secret), now + KEEP_MS
        tokens, keys = [account.auth_token], list(account.shared_keys)
        for stage in ("AWSPREVIOUS", *stages) if now < since + BESIDE_MS else stages:
            other, made = self._beside(stage)
            ends = (since if stage == "AWSPREVIOUS" else made) + BESIDE_MS
            if now < ends and _spelt(other, "account_sid") == account.sid:
                tokens, keys, until = [*tokens, _spelt(other, "auth_token")], [*keys, _shared(other)], min(until, ends)
        others, shared = (tuple(filter(None, dict.fromkeys(some))) for some in (tokens, keys))
        return until, replace(account, other_tokens=others[1:], shared_keys=shared)

    def _beside(self, stage: str) -> tuple[Secret, int]:
        """Read a version that need not be there, nor be of use: somebody may have put a wrong one right just now."""
        try:
            return _read(self._client, self._carrier_arn, stage)
        except ValueError:
            return {}, 0
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return {}, 0


def account_on_record(number: Number, vault: Vault, now: int) -> CarrierAccount | None:
    """Open the account that stands on a number's record; None where it has none."""
    if not (number.twilio_sid and number.twilio_token):
        return None

    def opened(ciphertext: str | None) -> str | None:
        return vault.decrypt(number.account_id, ciphertext) if ciphertext else None

    beside = number.twilio_token_since is not None and now < number.twilio_token_since + BESIDE_MS
    previous = opened(number.twilio_previous_token) if beside else None
    return CarrierAccount(
        number.twilio_sid,
        vault.decrypt(number.account_id, number.twilio_token),
        number.twilio_region or Region.US1,
        number.twilio_api_key_sid,
        opened(number.twilio_api_key_secret),
        other_tokens=(previous,) if previous else (),
    )


def llm_key(client: "SecretsManagerClient", secret_arn: str) -> str:
    """Read the language model's key once, for doors that need no other secret."""
    return _read(client, secret_arn)[0]["api_key"]


def carrier_account(secret: Secret) -> CarrierAccount:
    """Read an account out of the carrier secret's fields.

    Raises:
        KeyError: SID or token is missing.
        ValueError: Twilio has no such region.
    """
    sid, token = _spelt(secret, "account_sid"), _spelt(secret, "auth_token")
    if not sid or not token:
        raise KeyError("the carrier secret needs account_sid and auth_token")
    return CarrierAccount(
        sid,
        token,
        Region(secret.get("region") or Region.US1),
        _spelt(secret, "api_key_sid") or None,
        _spelt(secret, "api_key_secret") or None,
        shared_keys=(_shared(secret),) if _shared(secret) else (),
    )


def _shared(secret: Secret) -> str:
    return secret.get("shared_key") or ""


def _spelt(secret: Secret, name: str) -> str:
    return secret.get(name) or secret.get(_SPELLINGS[name]) or ""


def _read(client: "SecretsManagerClient", arn: str, stage: str = "AWSCURRENT") -> tuple[Secret, int]:
    """Read a version of a secret, and when it was made (epoch ms)."""
    found = client.get_secret_value(SecretId=arn, VersionStage=stage)
    secret = json.loads(found["SecretString"])
    if not isinstance(secret, dict):
        raise ValueError("a secret must be a JSON object")  # noqa: TRY004  like the JSON it may not be
    return secret, int(found["CreatedDate"].timestamp() * 1000)
