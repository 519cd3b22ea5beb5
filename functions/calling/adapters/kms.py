"""Encryption of what must be read again, by KMS. What is encrypted for one account cannot be read for another."""

import base64
from typing import Any


class KmsVault:
    """Fulfils Vault."""

    def __init__(self, client: Any, key_id: str) -> None:  # noqa: ANN401  KMS has no stubs here
        self._client = client
        self._key = key_id

    def encrypt(self, account_id: str, plaintext: str) -> str:
        """Encrypt up to 4,096 bytes; see the port."""
        answer = self._client.encrypt(
            KeyId=self._key, Plaintext=plaintext.encode(), EncryptionContext=_context(account_id)
        )
        return base64.b64encode(answer["CiphertextBlob"]).decode()

    def decrypt(self, account_id: str, ciphertext: str) -> str:
        """Decrypt; see the port. A foreign or broken ciphertext raises KMS's ClientError."""
        answer = self._client.decrypt(
            KeyId=self._key, CiphertextBlob=base64.b64decode(ciphertext), EncryptionContext=_context(account_id)
        )
        plaintext: bytes = answer["Plaintext"]
        return plaintext.decode()


def _context(account_id: str) -> dict[str, str]:
    return {"account": account_id}
