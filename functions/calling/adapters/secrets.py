"""Secrets of Secrets Manager, each a small JSON object, kept for five minutes by the clock it is given.

carrier: `{"account_sid", "auth_token"}` · stream tokens: `{"secret"}` · language model: `{"api_key"}`.
"""

import json
from threading import Lock
from typing import TYPE_CHECKING

from calling.domain.agent import Number
from calling.ports import CarrierAccount, Clock, Vault

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEEP_MS = 5 * 60 * 1000
RENEW_MS = 60 * 1000  # between two reads that somebody else's request can cause


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
        self._kept: dict[str, tuple[int, dict[str, str]]] = {}
        self._renewed_at: int | None = None
        self._renewing = Lock()  # a media task asks from many threads

    def of_number(self, number: Number) -> CarrierAccount:
        """Give a number's carrier account; see the port."""
        if number.twilio_sid and number.twilio_token:
            return CarrierAccount(number.twilio_sid, self._vault.decrypt(number.account_id, number.twilio_token))
        secret = self._secret(self._carrier_arn)
        return CarrierAccount(secret["account_sid"], secret["auth_token"])

    def renew(self, number: Number) -> bool:
        """Read the deployment's carrier secret again; see the port."""
        if number.twilio_token:
            return False
        with self._renewing:
            now = self._clock.now()
            if self._renewed_at is not None and now < self._renewed_at + RENEW_MS:
                return False
            self._renewed_at = now
            was, found = self._kept.get(self._carrier_arn), _read(self._client, self._carrier_arn)
            self._kept[self._carrier_arn] = (now, found)
            return was is not None and found != was[1]

    def stream_secret(self) -> bytes:
        """Give the signing secret; see the port."""
        return self._secret(self._stream_arn)["secret"].encode()

    def llm_key(self) -> str:
        """Give the language model's key; see the port."""
        return self._secret(self._llm_arn)["api_key"]

    def _secret(self, arn: str) -> dict[str, str]:
        if not arn:
            raise LookupError("this door was not given that secret")
        kept = self._kept.get(arn)
        if kept is None or self._clock.now() >= kept[0] + KEEP_MS:
            kept = self._kept[arn] = (self._clock.now(), _read(self._client, arn))
        return kept[1]


def llm_key(client: "SecretsManagerClient", secret_arn: str) -> str:
    """Read the language model's key once, for doors that need no other secret."""
    return _read(client, secret_arn)["api_key"]


def _read(client: "SecretsManagerClient", arn: str) -> dict[str, str]:
    secret: dict[str, str] = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    return secret
